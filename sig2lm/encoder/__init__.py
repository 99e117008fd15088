"""The signal encoder: patches from a signal, pretrained without labels.

``values (B, C, T), sample_mask (B, C, T) -> patches (B, P, E), patch_mask (B, P)``
"""

from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.checkpoint import encoder_fingerprint, load_encoder, save_encoder
from sig2lm.encoder.loading import load_any_encoder
from sig2lm.encoder.patch_transformer import EncoderConfig, SignalEncoder, default_patch_size
from sig2lm.encoder.protocol import PatchEncoder

__all__ = [
    "EncoderConfig",
    "PatchEncoder",
    "SignalEncoder",
    "default_patch_size",
    "encoder_fingerprint",
    "load_any_encoder",
    "load_encoder",
    "save_encoder",
    "stack_values",
]
