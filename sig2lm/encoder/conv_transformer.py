"""``conv_transformer``: strided residual convolutions over each channel group, then a transformer over their tokens."""

import math
from dataclasses import dataclass

from torch import nn

from sig2lm.encoder.attention import TransformerBlocks
from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.convolution import GroupStems


@dataclass(frozen=True)
class ConvTransformerConfig(EncoderConfig):
    """What a ``conv_transformer`` is made of, besides what :class:`EncoderConfig` says.

    Attributes
    ----------
    strides
        By how much each stage of convolutions shortens time; their product is what a token stands for, in samples.
    width, depth, heads
        E, number of transformer layers, number of attention heads.
    kernel
        Samples that the first convolution sees.
    stem_depth
        Residual blocks in each stage of convolutions.
    attention_span
        Tokens that all see one another.
    """

    strides: tuple[int, ...]
    width: int = 128
    depth: int = 4
    heads: int = 4
    kernel: int = 15
    stem_depth: int = 1
    attention_span: int = 512

    architecture = "conv_transformer"
    hides_level = True

    @property
    def patch_size(self) -> int:
        """Samples that a token stands for."""
        return math.prod(self.strides)

    patch_stride = patch_size

    def build_embedding(self) -> nn.Module:
        """Return the convolutions."""
        return GroupStems(self.channel_groups, self.width, self.strides, self.kernel, self.stem_depth)

    def build_blocks(self) -> nn.Module:
        """Return the transformer."""
        return TransformerBlocks(self.width, self.depth, self.heads, self.attention_span, self.dropout)
