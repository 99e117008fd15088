"""What textbooks list of a window, as an encoder reads it: level, size, shape, change over time, agreement of channels.

Convolutions behind a normalisation see shapes of a second; of the window as a whole they know a mean of these at best.
All of these numbers are means over the observed samples of one signal, so padding and what is missing have no part in
them, and all but level and size are free of scale.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

QUANTILES = {0.05: -1.645, 0.25: -0.674, 0.5: 0.0, 0.75: 0.674, 0.95: 1.645}  # and those of a normal distribution
LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # samples
_QUIETEST = 0.05  # deviations of the training set; quieter than that is not blown up


class StatisticsEmbedding(nn.ModuleList):
    """Statistics of each channel group, through a layer of twice the width: (B, groups, E).

    Parameters
    ----------
    groups
        Channel numbers of each.
    width
        E.
    """

    def __init__(self, groups: tuple[tuple[int, ...], ...], width: int) -> None:
        super().__init__(
            nn.Sequential(nn.Linear(num_statistics(len(group)), 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for group in groups
        )
        self.groups = groups

    def forward(self, values: Tensor, sample_mask: Tensor, usual: Tensor) -> Tensor:
        """Embed values (B, C, T); ``usual`` (C, 1) is the level of each channel that counts as none."""
        found = [
            layers(window_statistics(*(x[:, list(group)] for x in (values, sample_mask, usual[None]))))
            for layers, group in zip(self, self.groups, strict=True)
        ]
        return torch.stack(found, dim=1)


def num_statistics(channels: int) -> int:
    """How many numbers :func:`window_statistics` returns for so many channels.

    Examples
    --------
    >>> num_statistics(1), num_statistics(3)
    (19, 78)
    """
    series = channels + (channels > 1)
    return series * (4 + len(QUANTILES) + len(LAGS)) + channels - 1


def window_statistics(values: Tensor, sample_mask: Tensor, usual: Tensor) -> Tensor:
    """Describe each signal of a batch as a whole.

    Parameters
    ----------
    values, sample_mask
        (B, C, T) of channels that share a unit, in deviations of the training set; any finite number where masked.
    usual
        (1, C, 1), the level that counts as none.

    Returns
    -------
    Tensor
        (B, S): of each channel, and of the root of the mean square of several, mean and deviation (compressed),
        skewness, kurtosis, quantiles, and the change over lags of 1 to 32 samples against that of unrelated samples;
        then the correlations of neighbouring channels. 0 of what was not observed.
    """
    seen, channels = sample_mask.to(values.dtype), values.shape[1]
    values = values * seen
    if channels > 1:
        values = torch.cat([values, _together(values, seen.sum(1, keepdim=True).clamp(min=1.0))], dim=1)
        usual = torch.cat([usual, _together(usual, usual.new_tensor(channels))], dim=1)
        seen = torch.cat([seen, seen.amax(1, keepdim=True)], dim=1)
    count = seen.sum(-1, keepdim=True).clamp(min=1.0)
    mean = values.sum(-1, keepdim=True) / count
    deviation = ((values - mean).square() * seen).sum(-1, keepdim=True).div(count).sqrt()
    standard = (values - mean) * seen / deviation.clamp(min=_QUIETEST)
    skewness, kurtosis = ((standard**power).sum(-1, keepdim=True).div(count).asinh() for power in (3, 4))
    sizes = [(mean - usual).asinh(), deviation.clamp(min=_QUIETEST).log(), skewness, kurtosis - math.asinh(3.0)]
    found = torch.cat([*sizes, _quantiles(standard, seen), _changes(standard, seen)], dim=-1)
    both = seen[:, 1:channels] * seen[:, : channels - 1]
    agreement = (standard[:, 1:channels] * standard[:, : channels - 1]).sum(-1) / both.sum(-1).clamp(min=1.0)
    observed = seen.amax(-1, keepdim=True)
    return torch.cat([(found * observed).flatten(1), agreement], dim=-1)


def _together(values: Tensor, channels: Tensor) -> Tensor:
    """(B, 1, T): the length of the vector of several channels, over the root of their number."""
    return (values.square().sum(1, keepdim=True) / channels).sqrt()


def _quantiles(standard: Tensor, seen: Tensor) -> Tensor:
    """(B, C, quantiles) of the observed samples, the nearest of them."""
    ordered = standard.masked_fill(seen == 0.0, torch.inf).sort(-1).values
    last = (seen.sum(-1, keepdim=True) - 1.0).clamp(min=0.0)
    places = (last * last.new_tensor(list(QUANTILES))).round().long()
    found = ordered.gather(-1, places) - ordered.new_tensor(list(QUANTILES.values()))
    return 2.0 * found.masked_fill(found.isinf(), 0.0)


def _changes(standard: Tensor, seen: Tensor) -> Tensor:
    """(B, C, lags): logarithm of the mean squared change over each lag, between samples that were both observed."""
    found = []
    for lag in LAGS:
        later, earlier = pad(standard, (0, lag))[..., lag:], standard
        both = pad(seen, (0, lag))[..., lag:] * seen
        change = ((later - earlier).square() * both).sum(-1) / both.sum(-1).clamp(min=1.0)
        found.append((change / 2.0 + 1e-3).log() / 2.0 * (both.amax(-1)))
    return torch.stack(found, dim=-1)
