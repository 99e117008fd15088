"""The signal encoder: patches from a signal, pretrained without labels.

``values (B, C, T), sample_mask (B, C, T) -> patches (B, P, E), patch_mask (B, P)``
"""

from sig2lm.encoder.architectures import ARCHITECTURES, SIZES, build_encoder, default_patch_size
from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.checkpoint import encoder_fingerprint, load_encoder, save_encoder
from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.conv_transformer import ConvTransformerConfig
from sig2lm.encoder.loading import load_any_encoder
from sig2lm.encoder.patch_transformer import PatchTransformerConfig
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.resnet1d import ResNet1dConfig
from sig2lm.encoder.signal_encoder import SignalEncoder

__all__ = [
    "ARCHITECTURES",
    "SIZES",
    "ConvTransformerConfig",
    "EncoderConfig",
    "PatchEncoder",
    "PatchTransformerConfig",
    "ResNet1dConfig",
    "SignalEncoder",
    "build_encoder",
    "default_patch_size",
    "encoder_fingerprint",
    "load_any_encoder",
    "load_encoder",
    "save_encoder",
    "stack_values",
]
