"""What goes wrong between a heart and its series of RR intervals: missed beats, beats found too early or too late.

An error of a beat changes the intervals on both sides of it, so the time from the first to the last beat stays: that is
what tells these from noise on the intervals (Lipponen and Tarvainen 2019, doi 10.1080/03091902.2019.1640306).
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.channels import amount, is_interval_series, refuse
from sig2lm.pretraining.augmentations.rng import Noise, normal, uniform
from sig2lm.signals import Contract

_NEEDS = "a series of RR intervals: one channel in a unit of time, without a clock"


@dataclass(frozen=True)
class DroppedBeats(Augmentation):
    """Miss beats: the intervals on both sides of a missed beat become one, their sum.

    The series gets shorter; the places that are left over at its end become missing. A beat beside a missing interval
    is never missed, for nobody knows the sum.

    Attributes
    ----------
    probability
        That a beat is missed.
    """

    probability: float = 0.05

    def __post_init__(self) -> None:
        check_parameter("probability", self.probability, 0.0, 1.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Ask for RR intervals."""
        if not is_interval_series(contract):
            raise refuse("dropped_beats", contract, _NEEDS)
        return cls(**parameters)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        missed = inner_beats(sample_mask)
        missed &= uniform(values, *missed.shape, generator=generator) < self.probability
        starts = torch.cat([torch.ones_like(missed[..., :1]), ~missed], dim=-1)
        place = starts.cumsum(-1) - 1
        merged = torch.zeros_like(values).scatter_add_(-1, place, values)
        mask = torch.zeros_like(values).scatter_add_(-1, place, sample_mask.to(values.dtype)) > 0
        return merged, mask


@dataclass(frozen=True)
class BeatJitter(Augmentation):
    """Find beats a little early or late: what one interval gains its neighbour loses. The outermost beats stay.

    Attributes
    ----------
    std
        Standard deviation of the time of a beat, in the unit of the intervals.
    """

    std: float

    def __post_init__(self) -> None:
        check_parameter("std (in the unit of the intervals)", self.std, 0.0)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Move beats by 4 ms: one sample of a recorder of 250 Hz."""
        if not is_interval_series(contract):
            raise refuse("beat_jitter", contract, _NEEDS)
        return cls(**{"std": amount(4.0, "ms", contract.units[0]), **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        inner = inner_beats(sample_mask)
        late = self.std * normal(values, *inner.shape, generator=generator) * inner
        edge = torch.zeros_like(values[..., :1])
        return values + torch.cat([late, edge], dim=-1) - torch.cat([edge, late], dim=-1), sample_mask


def inner_beats(sample_mask: Tensor) -> Tensor:
    """(B, C, T - 1): beats with an observed interval on both sides."""
    return sample_mask[..., :-1] & sample_mask[..., 1:]
