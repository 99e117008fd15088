"""Heads that objectives share: projectors, and layers over patches."""

from torch import Tensor, nn

from sig2lm.encoder.attention import TransformerBlocks
from sig2lm.encoder.pooling import mean_patch
from sig2lm.encoder.signal_encoder import SignalEncoder, by_group
from sig2lm.pretraining.objectives.distributed import gathered


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
        embedding: Tensor = self.projector(gathered(mean_patch(*self.encoder(values, sample_mask))))
        return embedding


_SPAN = 512  # patches that see one another in an objective's own layers


class PatchLayers(nn.Module):
    """Transformer layers over patches (B, P, E) in the encoder's order, whatever the encoder's own layers are."""

    def __init__(self, encoder: SignalEncoder, depth: int) -> None:
        super().__init__()
        width = encoder.width
        heads = next(heads for heads in (4, 2, 1) if width % (2 * heads) == 0)
        self.groups = len(encoder.config.channel_groups)
        self.blocks = TransformerBlocks(width, depth, heads, _SPAN, encoder.config.dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """Refine patches; only those inside ``mask`` (B, P) are seen."""
        refined = self.blocks(by_group(patches, self.groups), by_group(mask, self.groups))
        normed: Tensor = self.norm(refined.flatten(1, 2))
        return normed
