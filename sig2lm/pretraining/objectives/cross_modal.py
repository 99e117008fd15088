"""Cross-modal prediction: one channel group of a window is hidden whole and predicted from the others.

With a target and quantiles it is Step2Heart, movement -> heart rate (Spathis et al. 2021, doi 10.1145/3450439.3451863);
with part of the source hidden too it is masked cross-modal reconstruction as in xMAE (Zhou et al. 2026, arXiv
2605.00973), here with one encoder for both signals. The quantile loss is that of Koenker and Bassett (1978, doi
10.2307/1913643).
"""

import torch
from torch import Tensor, nn

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import DatasetError
from sig2lm.pretraining.objectives.crossl import check_channel_groups
from sig2lm.pretraining.objectives.distributed import process_mean, uniform
from sig2lm.pretraining.objectives.masking import put_tokens
from sig2lm.pretraining.objectives.objective import Objective


class CrossModalPrediction(Objective):
    """Quantile loss of the hidden channel group's samples, in normalised units.

    Parameters
    ----------
    encoder
        The encoder to train; two channel groups or more.
    target
        A channel of the channel group that is hidden in every window; by default each window hides one of its own,
        drawn again. A target's own patches are never read in training: use an encoder with a target on the other
        signals.
    source_ratio
        Share of the other channel groups' patches that are hidden too, and not predicted.
    quantiles
        Which quantiles of each sample are predicted, in (0, 1).

    Raises
    ------
    DatasetError
        When there is one channel group only, or no channel of that name.
    """

    quantiles: Tensor

    def __init__(
        self,
        encoder: SignalEncoder,
        target: str | None = None,
        source_ratio: float = 0.0,
        quantiles: tuple[float, ...] = (0.01, 0.05, 0.5, 0.95, 0.99),
    ) -> None:
        super().__init__(encoder)
        check_channel_groups(encoder, "cross_modal")
        config, channels = encoder.config, encoder.contract.channels
        if target is not None and target not in channels:
            raise DatasetError(f"expected a target among the channels {', '.join(channels)}, found '{target}'")
        self.target = next(
            (number for number, group in enumerate(config.channel_groups) if target in [channels[c] for c in group]),
            None,
        )
        self.source_ratio = source_ratio
        self.register_buffer("quantiles", torch.tensor(quantiles), persistent=False)
        self.mask_token = nn.Parameter(0.02 * torch.randn(config.width))
        self.heads = nn.ModuleList(
            nn.Linear(config.width, len(group) * config.patch_size * len(quantiles)) for group in config.channel_groups
        )

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        encoder = self.encoder
        raw, observed = encoder.patchify(encoder.normalise(values, sample_mask)), encoder.patchify(sample_mask)
        mask = encoder.patch_mask(sample_mask)
        predicted, hidden = self.hide(mask)
        tokens = put_tokens(encoder, encoder.tokens(values, sample_mask, hidden), hidden, self.mask_token)
        latent = encoder.encode(tokens, mask)
        error, count = latent.new_zeros(()), latent.new_zeros(())
        for number, (head, target, seen) in enumerate(zip(self.heads, raw, observed, strict=True)):
            counted = seen & predicted[:, number :: len(raw), None]
            guess = head(latent[:, number :: len(raw)]).unflatten(-1, (target.shape[-1], -1))
            error = error + (quantile_loss(guess, target, self.quantiles) * counted).sum()
            count = count + counted.sum()
        return error / process_mean(count).clamp(min=1)

    def hide(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Draw which patches (B, P) are predicted, and which are hidden (those and part of the source).

        A window in which only one channel group was observed is left as it is.
        """
        batch, count = mask.shape
        groups = len(self.encoder.config.channel_groups)
        present = mask.view(batch, -1, groups).any(1)
        noise = uniform(batch, groups, device=mask.device)
        if self.target is not None:
            noise[:, self.target] = 2.0
        chosen = noise.masked_fill(~present, -1.0).argmax(1, keepdim=True)
        chosen = chosen == torch.arange(groups, device=mask.device)
        chosen &= (present.sum(1, keepdim=True) > 1) & present
        if self.target is not None:
            chosen &= torch.arange(groups, device=mask.device) == self.target
        predicted = chosen[:, None].expand(-1, count // groups, -1).reshape(batch, count) & mask
        source = uniform(batch, count, device=mask.device) < self.source_ratio
        return predicted, (predicted | source) & mask


def quantile_loss(guess: Tensor, target: Tensor, quantiles: Tensor) -> Tensor:
    """Pinball loss (...), mean over Q quantiles, of ``guess`` (..., Q) for ``target`` (...)."""
    error = target[..., None] - guess
    return torch.maximum(quantiles * error, (quantiles - 1.0) * error).mean(-1)
