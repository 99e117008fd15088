"""When things happen: warped, cut and stretched, permuted and reversed time.

All channels of a row share a clock and are moved together. Samples behind the last observed one are padding: they stay
at the end and never enter the signal.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.clock import extents, samples_in, share_of_window
from sig2lm.pretraining.augmentations.rng import Noise, smooth_curves, uniform
from sig2lm.signals import Contract


@dataclass(frozen=True)
class TimeWarp(Augmentation):
    """Speed up here, slow down there (Um et al. 2017, doi 10.1145/3136755.3136817).

    Speed is log-normal and smooth, so it is positive and time keeps its order; begin and end stay where they are.

    Attributes
    ----------
    sampling_rate
        Hz; None counts in rows.
    std
        Of the natural logarithm of the speed: 0.2 is about 20 %.
    knot_interval
        s (or rows) between the knots of the curve.
    """

    sampling_rate: float | None
    std: float = 0.2
    knot_interval: float = 1.0

    def __post_init__(self) -> None:
        check_parameter("std", self.std, 0.0)
        check_parameter("knot_interval (s, or rows)", self.knot_interval, 1e-9)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Place knots a quarter of the window apart."""
        defaults = {"sampling_rate": contract.sampling_rate, "knot_interval": share_of_window(contract, 0.25)}
        return cls(**{**defaults, **parameters})

    def positions(self, values: Tensor, length: Tensor, generator: Noise) -> Tensor:
        """Return (B, T): which place each sample is read from, rising; ``length`` (B, 1) in samples."""
        knots = 1 + round(values.shape[-1] / samples_in(self.knot_interval, self.sampling_rate))
        speed = (self.std * smooth_curves(values, 1, knots, generator)[:, 0]).exp()
        passed = torch.cumsum(speed, -1) - speed[:, :1]
        place = torch.arange(values.shape[-1], device=values.device, dtype=values.dtype)
        last = length - 1
        scale = last / passed.gather(-1, last).clamp(min=1e-9)
        return torch.where(place <= last, (passed * scale).clamp(max=last), place)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        length = extents(sample_mask)[:, None]
        return read_at(values, sample_mask, self.positions(values, length, generator))


@dataclass(frozen=True)
class CropResize(Augmentation):
    """Take a part of the signal and stretch it to the length of the whole (Le Guennec et al. 2016, window slicing).

    Attributes
    ----------
    sampling_rate
        Hz; None counts in rows.
    shortest
        s (or rows): the part is at least this long, at most everything.
    """

    sampling_rate: float | None
    shortest: float

    def __post_init__(self) -> None:
        check_parameter("shortest (s, or rows)", self.shortest, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Keep at least three quarters of the window."""
        return cls(
            **{"sampling_rate": contract.sampling_rate, "shortest": share_of_window(contract, 0.75), **parameters}
        )

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        length = extents(sample_mask)[:, None]
        last = (length - 1).to(values.dtype)
        shortest = max(0.0, samples_in(self.shortest, self.sampling_rate) - 1.0)
        least = last.clamp(max=shortest)
        kept = least + (last - least) * uniform(values, len(values), 1, generator=generator)
        start = (last - kept) * uniform(values, len(values), 1, generator=generator)
        place = torch.arange(values.shape[-1], device=values.device, dtype=values.dtype)
        positions = start + place * (kept / last.clamp(min=1.0))
        return read_at(values, sample_mask, torch.where(place <= last, positions.minimum(last), place))


@dataclass(frozen=True)
class Permutation(Augmentation):
    """Cut the signal at random places and put the parts together in another order (Um et al. 2017).

    The order within a part stays. Every value is kept, so this tells an encoder that order matters when it must say
    whether a signal was permuted, and that it does not when permuted signals must look alike.

    Attributes
    ----------
    segments
        Number of parts; 1 changes nothing.
    """

    segments: int = 4

    def __post_init__(self) -> None:
        check_parameter("segments", self.segments, 1)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take no part of the contract."""
        return cls(**parameters)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        batch, _, samples = values.shape
        length = extents(sample_mask)[:, None]
        cuts = uniform(values, batch, self.segments - 1, generator=generator) * length
        keys = uniform(values, batch, self.segments, generator=generator)
        place = torch.arange(samples, device=values.device)
        segment = (place[None, :, None] >= cuts[:, None]).sum(-1)
        key = torch.where(place < length, keys.gather(-1, segment), 2.0)
        return reorder(values, sample_mask, key.argsort(dim=-1, stable=True))


@dataclass(frozen=True)
class TimeReversal(Augmentation):
    """Let time run backwards; missing samples move with it."""

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take no part of the contract."""
        return cls(**parameters)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        length = extents(sample_mask)[:, None]
        place = torch.arange(values.shape[-1], device=values.device)
        return reorder(values, sample_mask, torch.where(place < length, length - 1 - place, place))


def reorder(values: Tensor, sample_mask: Tensor, order: Tensor) -> Augmented:
    """Read samples in another order (B, T), the same for all channels."""
    index = order[:, None].expand(-1, values.shape[1], -1)
    return values.gather(-1, index), sample_mask.gather(-1, index)


def read_at(values: Tensor, sample_mask: Tensor, positions: Tensor) -> Augmented:
    """Read signals at fractional positions (B, T), linearly between neighbours.

    A sample is missing where the nearest one is, as in ``Signal.resample``; a missing neighbour has no weight.
    """
    last = values.shape[-1] - 1
    lower = positions.floor().clamp(0, last)
    share = (positions - lower)[:, None]
    before = lower.long()
    low, low_mask = reorder(values, sample_mask, before)
    high, high_mask = reorder(values, sample_mask, (before + 1).clamp(max=last))
    mask = torch.where(share < 0.5, low_mask, high_mask)
    both = torch.lerp(low, high, share)
    return torch.where(low_mask & high_mask, both, torch.where(low_mask, low, high)), mask
