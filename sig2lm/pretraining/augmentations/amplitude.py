"""How large a signal is: noise, gain, gain that drifts, and stretches that were not recorded."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.channels import noise_levels, refuse, sensors
from sig2lm.pretraining.augmentations.clock import extents, samples_in, share_of_window
from sig2lm.pretraining.augmentations.rng import Noise, normal, smooth_curves, uniform
from sig2lm.signals import Contract


@dataclass(frozen=True)
class Jitter(Augmentation):
    """Add white sensor noise (Um et al. 2017, doi 10.1145/3136755.3136817).

    Attributes
    ----------
    std
        Standard deviation for each channel, in the channel's unit.
    """

    std: tuple[float, ...]

    def __post_init__(self) -> None:
        for level in self.std:
            check_parameter("std (in the channel's unit)", level, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take the noise that is typical of each channel's unit; a channel of unknown noise is left alone."""
        std = noise_levels(contract)
        if not any(std) and "std" not in parameters:
            raise refuse("jitter", contract, "a unit whose sensor noise is known, or std in the channels' units")
        return cls(**{"std": std, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        return values + normal(values, *values.shape, generator=generator) * per_channel(self.std, values), sample_mask


@dataclass(frozen=True)
class Scaling(Augmentation):
    """Change the gain of each sensor: another amplifier, another strength of the same movement (Um et al. 2017).

    The gain is log-normal, so that halving is as likely as doubling and the sign stays. Channels of one sensor share
    it, so a vector keeps its direction.

    Attributes
    ----------
    std
        Of the natural logarithm of the gain: 0.1 is about 10 %.
    sensors
        Channel numbers of each sensor.
    """

    sensors: tuple[tuple[int, ...], ...]
    std: float = 0.1

    def __post_init__(self) -> None:
        check_parameter("std", self.std, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Let neighbours that share a unit share a gain."""
        return cls(**{"sensors": sensors(contract), **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        gains = (self.std * normal(values, len(values), len(self.sensors), 1, generator=generator)).exp()
        return values * gains[:, owners(self.sensors, values)], sample_mask


@dataclass(frozen=True)
class MagnitudeWarp(Augmentation):
    """Let the gain of each sensor drift smoothly (Um et al. 2017, doi 10.1145/3136755.3136817).

    Attributes
    ----------
    sensors
        Channel numbers of each sensor; they share a gain.
    sampling_rate
        Hz; None counts in rows.
    std
        Of the natural logarithm of the gain.
    knot_interval
        s (or rows) between the knots of the curve.
    """

    sensors: tuple[tuple[int, ...], ...]
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
        return cls(**{"sensors": sensors(contract), **defaults, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        knots = 1 + round(values.shape[-1] / samples_in(self.knot_interval, self.sampling_rate))
        gains = (self.std * smooth_curves(values, len(self.sensors), knots, generator)).exp()
        return values * gains[:, owners(self.sensors, values)], sample_mask


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Take away one stretch of each signal (DeVries and Taylor 2017, arXiv 1708.04552).

    What is cut is missing, not zero. At most half of a signal is cut.

    Attributes
    ----------
    sampling_rate
        Hz; None counts in rows.
    duration
        s (or rows) that are cut.
    separate
        Whether each channel loses a stretch of its own; else all lose the same.
    """

    sampling_rate: float | None
    duration: float
    separate: bool = False

    def __post_init__(self) -> None:
        check_parameter("duration (s, or rows)", self.duration, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Cut a fifth of the window; in slow series, such as days, a stretch of each channel's own."""
        defaults = {"duration": share_of_window(contract, 0.2), "separate": contract.period is not None}
        return cls(**{"sampling_rate": contract.sampling_rate, **defaults, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        batch, channels, samples = values.shape
        length = extents(sample_mask)[:, None]
        cut = (length // 2).clamp(max=round(samples_in(self.duration, self.sampling_rate)))
        draws = uniform(values, batch, channels if self.separate else 1, generator=generator)
        start = (draws * (length - cut + 1)).long()
        place = torch.arange(samples, device=values.device)
        inside = (place >= start[..., None]) & (place < (start + cut)[..., None])
        return values, sample_mask & ~inside


def per_channel(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    """(C, 1) of one number for each channel."""
    return torch.tensor(numbers, device=like.device, dtype=like.dtype)[:, None]


def owners(groups: tuple[tuple[int, ...], ...], like: Tensor) -> Tensor:
    """(C,): the number of the group that each channel belongs to."""
    owner = {channel: number for number, group in enumerate(groups) for channel in group}
    return torch.tensor([owner[channel] for channel in range(len(owner))], device=like.device)
