"""Heads that objectives share: pooling, projectors, and layers over patches."""

import torch
from torch import Tensor, nn

from sig2lm.encoder.attention import Block, rotary_angles
from sig2lm.encoder.patch_transformer import SignalEncoder
from sig2lm.pretraining.objectives.distributed import gathered


def pool(patches: Tensor, mask: Tensor) -> Tensor:
    """Mean (B, E) of the patches (B, P, E) inside ``mask`` (B, P); zero where there is none."""
    seen = mask[..., None].to(patches.dtype)
    return (patches * seen).sum(1) / seen.sum(1).clamp(min=1.0)


def projector(width: int, out: int) -> nn.Sequential:
    """A perceptron with one hidden layer of twice the width; rows do not see each other."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, out))


class Embedder(nn.Module):
    """An encoder with a projector behind its mean patch: an embedding (N, D) of each window of all processes.

    All are projected in each process, so that a normalisation over the batch is over the whole of it.
    """

    def __init__(self, encoder: SignalEncoder, projector: nn.Module) -> None:
        super().__init__()
        self.encoder, self.projector = encoder, projector

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Embed values (B, C, T) with their mask."""
        embedding: Tensor = self.projector(gathered(pool(*self.encoder(values, sample_mask))))
        return embedding


class PatchLayers(nn.Module):
    """Transformer layers as the encoder's, over patches (B, P, E) in the encoder's order."""

    def __init__(self, encoder: SignalEncoder, depth: int) -> None:
        super().__init__()
        config = encoder.config
        self.groups, self.head_width = len(config.channel_groups), config.width // config.heads
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.attention_span, bool(layer % 2), config.dropout)
            for layer in range(depth)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """Refine patches; only those inside ``mask`` (B, P) are seen."""
        times = torch.arange(patches.shape[1], device=patches.device) // self.groups
        angles = rotary_angles(times, self.head_width)
        for block in self.blocks:
            patches = block(patches, mask, angles)
        normed: Tensor = self.norm(patches)
        return normed
