"""Which frequencies a signal has: bands louder or softer, and surrogates that keep one half of the spectrum.

Gaps have no spectrum: they are filled with the mean of what was observed for the transform and are missing again after
it. All channels of a row share the change, so that what they say together stays.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.channels import refuse
from sig2lm.pretraining.augmentations.rng import Noise, normal, uniform
from sig2lm.signals import Contract


@dataclass(frozen=True)
class BandPerturbation(Augmentation):
    """Make one random band of frequencies louder or softer; the mean stays.

    As the frequency component perturbations of TF-C (Zhang et al. 2022, arXiv 2206.08496), with a band in Hz.

    Attributes
    ----------
    sampling_rate
        Hz.
    width
        Hz from the lower to the upper edge of the band; its centre is uniform up to the Nyquist frequency.
    std
        dB, standard deviation of the gain.
    """

    sampling_rate: float
    width: float
    std: float = 6.0

    def __post_init__(self) -> None:
        check_parameter("width (Hz)", self.width, 0.0)
        check_parameter("std (dB)", self.std, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take a band of an eighth of the sampling rate."""
        if contract.sampling_rate is None:
            raise refuse("band_perturbation", contract, "a sampling rate")
        rate = contract.sampling_rate
        return cls(**{"sampling_rate": rate, "width": rate / 8, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        spectrum, mean = to_spectrum(values, sample_mask)
        frequency = torch.fft.rfftfreq(values.shape[-1], 1 / self.sampling_rate, device=values.device)
        centre = uniform(values, len(values), 1, 1, high=self.sampling_rate / 2, generator=generator)
        gain = 10.0 ** (self.std / 20 * normal(values, len(values), 1, 1, generator=generator))
        inside = (frequency - centre).abs() <= self.width / 2
        return from_spectrum(spectrum * torch.where(inside, gain, 1.0), mean, values), sample_mask


@dataclass(frozen=True)
class PhasePreservingSurrogate(Augmentation):
    """Randomise the amplitude of each frequency and keep its phase, mean and total power.

    Phase says when things happen, amplitude how much of each rhythm there is (Oppenheim and Lim 1981, doi
    10.1109/PROC.1981.12022): beats and steps stay where they are and change their shape. It is the random amplitude
    surrogate, or the amplitude perturbation of Qian et al. 2022 (arXiv 2202.05998), with a factor where
    they add, so that empty frequencies stay empty.

    Attributes
    ----------
    std
        Of the natural logarithm of the amplitude; 0 changes nothing.
    """

    std: float = 0.5

    def __post_init__(self) -> None:
        check_parameter("std", self.std, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take no part of the contract."""
        return cls(**parameters)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        spectrum, mean = to_spectrum(values, sample_mask)
        gain = (self.std * normal(values, len(values), 1, spectrum.shape[-1], generator=generator)).exp()
        changed = spectrum * gain
        power, changed_power = power_of(spectrum, values.shape[-1]), power_of(changed, values.shape[-1])
        ratio = (power / changed_power.clamp(min=torch.finfo(values.dtype).tiny)).sqrt()
        return from_spectrum(changed * ratio, mean, values), sample_mask


@dataclass(frozen=True)
class PhaseRandomisation(Augmentation):
    """Randomise the phase of each frequency and keep its amplitude: the Fourier surrogate of Theiler et al. 1992.

    With ``max_shift`` pi the signal is linear Gaussian noise of the same spectrum (doi 10.1016/0167-2789(92)90102-S).
    Channels shift alike, so that their cross-spectra stay (Prichard and Theiler 1994, doi 10.1103/PhysRevLett.73.951).

    Attributes
    ----------
    max_shift
        rad; shifts are uniform within it on either side.
    """

    max_shift: float = math.pi

    def __post_init__(self) -> None:
        check_parameter("max_shift (rad)", self.max_shift, 0.0, math.pi)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Take no part of the contract."""
        return cls(**parameters)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        spectrum, mean = to_spectrum(values, sample_mask)
        shift = uniform(
            values, len(values), 1, spectrum.shape[-1], low=-self.max_shift, high=self.max_shift, generator=generator
        )
        if values.shape[-1] % 2 == 0:
            shift[..., -1] = 0.0  # the Nyquist frequency has no phase
        turned = spectrum * torch.polar(torch.ones_like(shift), shift)
        return from_spectrum(turned, mean, values), sample_mask


def to_spectrum(values: Tensor, sample_mask: Tensor) -> Augmented:
    """Return the spectrum (B, C, T // 2 + 1) without the mean, and the mean (B, C, 1) of what was observed."""
    mean = values.sum(-1, keepdim=True) / sample_mask.sum(-1, keepdim=True).clamp(min=1)
    centred = (values - mean) * sample_mask
    if not len(values):  # MKL refuses an empty batch, which is what is left where chance chose no row
        return torch.complex(centred, centred)[..., : values.shape[-1] // 2 + 1], mean
    return torch.fft.rfft(centred), mean


def from_spectrum(spectrum: Tensor, mean: Tensor, like: Tensor) -> Tensor:
    """Return values (B, C, T) of a spectrum and a mean."""
    if not len(like):
        return like
    values: Tensor = torch.fft.irfft(spectrum, n=like.shape[-1])
    return values + mean


def power_of(spectrum: Tensor, samples: int) -> Tensor:
    """Power (B, C, 1) of a one-sided spectrum, up to a constant; every frequency counts twice but 0 and Nyquist."""
    power = spectrum.abs().square()
    edge = power[..., :1] + power[..., -1:] if samples % 2 == 0 else power[..., :1]
    return 2 * power.sum(-1, keepdim=True) - edge
