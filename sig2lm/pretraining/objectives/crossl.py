"""Cross-modal latent masking, CroSSL (Deldari et al. 2024, arXiv 2307.16847).

Each channel group is encoded alone, some of its latents are hidden, an aggregator makes one embedding of what is left,
and VICReg asks that two such views of a window agree. What differs from the paper:

- channel groups share the encoder's layers and differ in their embedding, where the paper has an encoder for each;
- the two views hide opposite parts: of two sensors, one view keeps the one and the other view the other;
- a third view is the encoding in which all channel groups see each other, for these are the patches that are used
  later;
- the aggregator is thrown away after pretraining, where the paper hands its embedding on.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from sig2lm.encoder.pooling import mean_patch
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.pretraining.objectives.distributed import gathered, uniform
from sig2lm.pretraining.objectives.heads import PatchLayers, projector
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.pretraining.objectives.vicreg import vicreg

LatentMask = Literal["random", "spatial"]


class CrossModalLatents(Objective):
    """VICReg between views of a window with different latents hidden.

    Parameters
    ----------
    encoder
        The encoder to train; two channel groups or more.
    latent_mask
        ``spatial`` hides whole groups, one at least and never all; ``random`` hides latents wherever they are.
    mask_ratio
        Share that ``random`` hides.
    joint
        Whether the third view takes part.
    projection
        Width of the embeddings that are compared.

    Raises
    ------
    DatasetError
        When there is one channel group only.
    Sig2LMError
        When ``latent_mask`` is unknown.
    """

    smallest_batch = 2

    def __init__(
        self,
        encoder: SignalEncoder,
        latent_mask: LatentMask = "spatial",
        mask_ratio: float = 0.5,
        joint: bool = True,
        projection: int = 256,
    ) -> None:
        super().__init__(encoder)
        if latent_mask not in get_args(LatentMask):
            raise Sig2LMError(f"latent_mask is '{latent_mask}', but there are {', '.join(get_args(LatentMask))}")
        check_channel_groups(encoder, "crossl")
        self.latent_mask, self.mask_ratio, self.joint = latent_mask, mask_ratio, joint
        self.aggregator = PatchLayers(encoder, depth=1)
        self.projector = projector(encoder.width, projection)

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        encoder = self.encoder
        mask, tokens = encoder.patch_mask(sample_mask), encoder.tokens(values, sample_mask)
        alone = encoder.encode_alone(tokens, mask)
        views = [self._aggregate(alone, mask & ~hidden) for hidden in self.hide(mask)]
        if self.joint:
            views.append(self._aggregate(encoder.encode(tokens, mask), mask))
        return vicreg(torch.stack([gathered(view) for view in views]))

    def hide(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Draw which latents (B, P) each of the two views hides."""
        groups = len(self.encoder.config.channel_groups)
        if self.latent_mask == "spatial":
            return _hide_channel_groups(mask, groups)
        noise = uniform(*mask.shape, device=mask.device)
        return noise < self.mask_ratio, noise >= 1.0 - self.mask_ratio

    def _aggregate(self, latents: Tensor, mask: Tensor) -> Tensor:
        """One embedding (B, D) of the latents (B, P, E) inside ``mask`` (B, P)."""
        embedding: Tensor = self.projector(mean_patch(self.aggregator(latents, mask), mask))
        return embedding


def check_channel_groups(encoder: SignalEncoder, objective: str) -> None:
    """Refuse an encoder of one channel group.

    Raises
    ------
    DatasetError
        Naming it.
    """
    contract = encoder.contract
    if len(encoder.config.channel_groups) < 2:
        raise DatasetError(
            f"expected two channel groups or more for '{objective}' (channels of different units), found one: "
            f"{', '.join(contract.channels)} in {contract.units[0]}; choose another objective"
        )


def _hide_channel_groups(mask: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Hide the first k of the present channel groups in a random order, and the last k; k is drawn for each row."""
    batch, count = mask.shape
    present = mask.view(batch, -1, groups).any(1)
    order = uniform(batch, groups, device=mask.device).masked_fill(~present, torch.inf)
    rank = order.argsort(dim=1).argsort(dim=1)
    number = present.sum(1, keepdim=True)
    hidden = (1 + (uniform(batch, 1, device=mask.device) * (number - 1)).long()).clamp(max=number - 1)
    views = rank < hidden, (rank >= number - hidden) & present
    first, second = (view[:, None].expand(-1, count // groups, -1).reshape(batch, count) for view in views)
    return first, second
