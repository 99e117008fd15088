"""What architectures that begin with strided convolutions are configured by."""

import math
from dataclasses import dataclass

from torch import nn

from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.convolution import GroupStems
from sig2lm.schema import Count, Depth


@dataclass(frozen=True)
class ConvolutionalConfig(EncoderConfig):
    """The base of configs whose embedding is :class:`sig2lm.encoder.convolution.GroupStems`.

    Attributes
    ----------
    strides
        By how much each stage of convolutions shortens time; their product is what a patch stands for, in samples.
    width, depth
        E, and number of blocks over patches.
    kernel
        Samples that the first convolution sees.
    stem_depth
        Residual blocks in each stage of convolutions.
    """

    strides: tuple[Count, ...]
    width: Count = 128
    depth: Depth = 4
    kernel: Count = 15
    stem_depth: Depth = 1

    hides_level = True

    @property
    def patch_size(self) -> int:
        """Samples that a patch stands for."""
        return math.prod(self.strides)

    patch_stride = patch_size

    def build_embedding(self) -> nn.Module:
        """Return the strided convolutions."""
        return GroupStems(self.channel_groups, self.width, self.strides, self.kernel, self.stem_depth)
