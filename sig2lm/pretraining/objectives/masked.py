"""Masked patch reconstruction: hide part of a signal, predict it from the rest.

As masked autoencoders (He et al. 2022, doi 10.1109/CVPR52688.2022.01553) and PatchTST (Nie et al. 2023, arXiv
2211.14730). The samples of hidden patches are read as missing, so convolutions cannot carry them to their neighbours,
and their tokens are replaced by a learned one.
"""

import torch
from torch import Tensor, nn

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.objectives.distributed import process_mean
from sig2lm.pretraining.objectives.masking import hide, put_tokens
from sig2lm.pretraining.objectives.objective import Objective


class MaskedPatches(Objective):
    """Mean squared error of hidden samples, in normalised units.

    Parameters
    ----------
    encoder
        The encoder to train.
    mask_ratio
        Share of the time steps that are hidden in all channel groups.
    group_ratio
        Share of the other patches that are hidden alone.
    """

    def __init__(self, encoder: SignalEncoder, mask_ratio: float = 0.4, group_ratio: float = 0.2) -> None:
        super().__init__(encoder)
        self.mask_ratio, self.group_ratio = mask_ratio, group_ratio
        config = encoder.config
        self.mask_token = nn.Parameter(0.02 * torch.randn(config.width))
        self.heads = nn.ModuleList(
            nn.Linear(config.width, len(group) * config.patch_size) for group in config.channel_groups
        )

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        encoder = self.encoder
        raw, observed = encoder.patchify(encoder.normalise(values, sample_mask)), encoder.patchify(sample_mask)
        mask = encoder.patch_mask(sample_mask)
        hidden = hide(mask, len(raw), self.mask_ratio, self.group_ratio)
        tokens = put_tokens(encoder, encoder.tokens(values, sample_mask, hidden), hidden, self.mask_token)
        latent = encoder.encode(tokens, mask)
        error, count = latent.new_zeros(()), latent.new_zeros(())
        for number, (head, target, seen) in enumerate(zip(self.heads, raw, observed, strict=True)):
            counted = seen & hidden[:, number :: len(raw), None]
            error = error + ((head(latent[:, number :: len(raw)]) - target).square() * counted).sum()
            count = count + counted.sum()
        return error / process_mean(count).clamp(min=1)
