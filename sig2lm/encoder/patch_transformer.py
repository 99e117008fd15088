"""``patch_transformer``: a linear map of each patch, then a transformer; for slow regular data and for events."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sig2lm.encoder.attention import TransformerBlocks
from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.patching import in_patches
from sig2lm.schema import Count, Depth


@dataclass(frozen=True)
class PatchTransformerConfig(EncoderConfig):
    """What a ``patch_transformer`` is made of, besides what :class:`EncoderConfig` says.

    Attributes
    ----------
    patch_size, patch_stride
        Samples in a patch and between the starts of patches.
    width, depth, heads
        E, number of layers, number of attention heads.
    attention_span
        Patches that all see one another.
    """

    patch_size: Count
    patch_stride: Count
    width: Count = 128
    depth: Depth = 4
    heads: Count = 4
    attention_span: Count = 512

    architecture = "patch_transformer"

    def build_embedding(self) -> nn.Module:
        """Return the linear maps."""
        return LinearPatches(self.channel_groups, self.width, self.patch_size, self.patch_stride)

    def build_blocks(self) -> nn.Module:
        """Return the transformer."""
        return TransformerBlocks(self.width, self.depth, self.heads, self.attention_span, self.dropout)


class LinearPatches(nn.ModuleList):
    """A linear map of each group's patches and their masks: values (B, C, T) become (B, times, groups, width)."""

    def __init__(self, groups: tuple[tuple[int, ...], ...], width: int, size: int, stride: int) -> None:
        super().__init__(nn.Linear(2 * len(group) * size, width) for group in groups)
        self.groups, self.size, self.stride = groups, size, stride

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Embed values that are 0 where missing."""
        times = 1 + max(0, -(-(values.shape[-1] - self.size) // self.stride))
        embedded = [
            layer(
                torch.cat(
                    [
                        in_patches(x[:, list(group)].to(values.dtype), times, self.size, self.stride)
                        for x in (values, sample_mask)
                    ],
                    dim=-1,
                )
            )
            for layer, group in zip(self, self.groups, strict=True)
        ]
        return torch.stack(embedded, dim=2)
