"""Masked patch reconstruction: hide part of a signal, predict it from the rest.

As masked autoencoders (He et al. 2022, doi 10.1109/CVPR52688.2022.01553) and PatchTST (Nie et al. 2023, arXiv
2211.14730), with hidden patches replaced by a learned token. Hidden time steps hide all modalities at once, else
a sensor would be copied from its neighbour; some patches are hidden alone, so that sensors learn of each other.
"""

import torch
from torch import Tensor, nn

from sig2lm.encoder.patch_transformer import SignalEncoder


class MaskedPatches(nn.Module):
    """Mean squared error of hidden samples, in normalised units.

    Parameters
    ----------
    encoder
        The encoder to train.
    mask_ratio
        Share of the time steps that are hidden in all modalities.
    modality_ratio
        Share of the other patches that are hidden alone.
    """

    def __init__(self, encoder: SignalEncoder, mask_ratio: float = 0.4, modality_ratio: float = 0.2) -> None:
        super().__init__()
        self.encoder = encoder
        self.mask_ratio, self.modality_ratio = mask_ratio, modality_ratio
        config = encoder.config
        self.mask_token = nn.Parameter(0.02 * torch.randn(config.width))
        self.heads = nn.ModuleList(
            nn.Linear(config.width, len(group) * config.patch_size) for group in config.modalities
        )

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        encoder = self.encoder
        raw, observed = encoder.patchify(encoder.normalise(values, sample_mask), sample_mask)
        mask = encoder.patch_mask(observed)
        hidden = self._hide(mask, len(raw))
        embedded = encoder.embed_patches(raw, observed)
        token = self.mask_token + encoder.modality.repeat(embedded.shape[1] // len(raw), 1)
        latent = encoder.encode(torch.where(hidden[..., None], token, embedded), mask)
        error, count = latent.new_zeros(()), latent.new_zeros(())
        for number, (head, target, seen) in enumerate(zip(self.heads, raw, observed, strict=True)):
            counted = seen & hidden[:, number :: len(raw), None]
            error = error + ((head(latent[:, number :: len(raw)]) - target).square() * counted).sum()
            count = count + counted.sum()
        return error / count.clamp(min=1)

    def _hide(self, mask: Tensor, modalities: int) -> Tensor:
        """Draw which patches (B, P) are hidden."""
        batch, count = mask.shape
        noise = torch.rand(batch, count // modalities, 1, device=mask.device)
        whole = (noise < self.mask_ratio).expand(-1, -1, modalities).reshape(batch, count)
        alone = torch.rand(batch, count, device=mask.device) < (self.modality_ratio if modalities > 1 else 0.0)
        return (whole | alone) & mask
