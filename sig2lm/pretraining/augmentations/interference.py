"""What an electrode picks up beside the heart: breathing and the mains."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.errors import SignalError
from sig2lm.pretraining.augmentations.amplitude import per_channel
from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.channels import refuse, sizes_in
from sig2lm.pretraining.augmentations.rng import Noise, uniform
from sig2lm.signals import Contract

_COMPONENTS = 3


@dataclass(frozen=True)
class BaselineWander(Augmentation):
    """Let the baseline drift: breathing and movement of the electrode (Friesen et al. 1990, doi 10.1109/10.43620).

    The drift is a sum of three slow sines of random frequency and phase, with the same course in all channels and a
    size of its own in each.

    Attributes
    ----------
    amplitude
        Largest drift of each channel, in its unit; the size drawn is uniform up to it.
    sampling_rate
        Hz.
    low, high
        Hz, between which the frequencies lie.
    """

    amplitude: tuple[float, ...]
    sampling_rate: float
    low: float = 0.05
    high: float = 0.5

    def __post_init__(self) -> None:
        for size in self.amplitude:
            check_parameter("amplitude (in the channel's unit)", size, 0.0)
        check_parameter("low (Hz)", self.low, 0.0)
        check_parameter("high (Hz)", self.high, self.low, self.sampling_rate / 2)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Let voltages wander by 0.3 mV and skin conductance by 0.1 µS."""
        if contract.sampling_rate is None:
            raise refuse("baseline_wander", contract, "a sampling rate")
        volts, siemens = sizes_in(contract, 0.3, "mV"), sizes_in(contract, 0.1, "uS")
        amplitude = tuple(first or second for first, second in zip(volts, siemens, strict=True))
        if not any(amplitude) and "amplitude" not in parameters:
            raise refuse(
                "baseline_wander", contract, "a voltage or skin conductance, or amplitude in the channels' units"
            )
        return cls(**{"amplitude": amplitude, "sampling_rate": contract.sampling_rate, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        batch, channels, _ = values.shape
        frequency = uniform(values, batch, _COMPONENTS, 1, low=self.low, high=self.high, generator=generator)
        drift = sines(values, frequency, self.sampling_rate, generator).mean(1, keepdim=True)
        return values + drift * drawn_sizes(self.amplitude, values, channels, generator), sample_mask


@dataclass(frozen=True)
class PowerlineNoise(Augmentation):
    """Add the hum of the mains: one sine (Friesen et al. 1990, doi 10.1109/10.43620).

    Attributes
    ----------
    amplitude
        Largest hum of each channel, in its unit; the size drawn is uniform up to it.
    sampling_rate
        Hz; more than twice the frequency, else the hum would appear as another one.
    frequency
        Hz: 50, in the Americas 60.
    """

    amplitude: tuple[float, ...]
    sampling_rate: float
    frequency: float = 50.0

    def __post_init__(self) -> None:
        for size in self.amplitude:
            check_parameter("amplitude (in the channel's unit)", size, 0.0)
        if self.sampling_rate <= 2 * self.frequency:
            raise SignalError(
                f"powerline noise of {self.frequency:g} Hz needs a sampling rate above {2 * self.frequency:g} Hz, "
                f"found {self.sampling_rate:g} Hz; leave it out for this signal"
            )

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Let voltages hum by 0.1 mV."""
        if contract.sampling_rate is None:
            raise refuse("powerline_noise", contract, "a sampling rate")
        amplitude = sizes_in(contract, 0.1, "mV")
        if not any(amplitude) and "amplitude" not in parameters:
            raise refuse("powerline_noise", contract, "a voltage, or amplitude in the channels' units")
        return cls(**{"amplitude": amplitude, "sampling_rate": contract.sampling_rate, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        frequency = values.new_full((len(values), 1, 1), self.frequency)
        hum = sines(values, frequency, self.sampling_rate, generator)
        return values + hum * drawn_sizes(self.amplitude, values, values.shape[1], generator), sample_mask


def sines(like: Tensor, frequency: Tensor, sampling_rate: float, generator: Noise) -> Tensor:
    """Sines (B, N, T) of amplitude 1 and random phase, for frequencies (B, N, 1) in Hz."""
    phase = uniform(like, *frequency.shape, high=2 * math.pi, generator=generator)
    seconds = torch.arange(like.shape[-1], device=like.device, dtype=like.dtype) / sampling_rate
    return (2 * math.pi * frequency * seconds + phase).sin()


def drawn_sizes(amplitude: tuple[float, ...], like: Tensor, channels: int, generator: Noise) -> Tensor:
    """Sizes (B, C, 1), uniform up to each channel's amplitude."""
    return uniform(like, len(like), channels, 1, generator=generator) * per_channel(amplitude, like)
