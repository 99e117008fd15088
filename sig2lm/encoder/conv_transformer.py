"""``conv_transformer``: strided residual convolutions over each channel group, then a transformer over their tokens."""

from dataclasses import dataclass

from torch import nn

from sig2lm.encoder.attention import TransformerBlocks
from sig2lm.encoder.convolutional import ConvolutionalConfig
from sig2lm.schema import Count


@dataclass(frozen=True)
class ConvTransformerConfig(ConvolutionalConfig):
    """What a ``conv_transformer`` is made of, besides what :class:`.ConvolutionalConfig` says; blocks are its layers.

    Attributes
    ----------
    heads
        Of attention.
    attention_span
        Tokens that all see one another.
    """

    heads: Count = 4
    attention_span: Count = 512

    architecture = "conv_transformer"

    def build_blocks(self) -> nn.Module:
        """Return the transformer."""
        return TransformerBlocks(self.width, self.depth, self.heads, self.attention_span, self.dropout)
