"""Augmentations made of augmentations: one after the other, sometimes, one of several."""

from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.rng import Noise, RowNoise, uniform
from sig2lm.signals import Contract


@dataclass(frozen=True)
class _Combination(Augmentation):
    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Combine augmentations that were built for the contract."""
        return cls(**parameters)


@dataclass(frozen=True)
class Compose(_Combination):
    """Apply augmentations one after the other."""

    augmentations: tuple[Augmentation, ...]

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        for augmentation in self.augmentations:
            values, sample_mask = augmentation(values, sample_mask, generator)
        return values, sample_mask


@dataclass(frozen=True)
class Sometimes(_Combination):
    """Apply an augmentation to some rows, each with a probability."""

    augmentation: Augmentation
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_parameter("probability", self.probability, 0.0, 1.0)

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        chosen = uniform(values, len(values), generator=generator) < self.probability
        return augment_rows(self.augmentation, chosen, values, sample_mask, generator)


@dataclass(frozen=True)
class RandomChoice(_Combination):
    """Apply to each row one of several augmentations."""

    augmentations: tuple[Augmentation, ...]

    def __post_init__(self) -> None:
        if not self.augmentations:
            raise Sig2LMError("a random choice needs at least one augmentation, found none; pass some")

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        count = len(self.augmentations)
        choice = (uniform(values, len(values), generator=generator) * count).long()
        for number, augmentation in enumerate(self.augmentations):
            values, sample_mask = augment_rows(augmentation, choice == number, values, sample_mask, generator)
        return values, sample_mask


def augment_rows(
    augmentation: Augmentation, chosen: Tensor, values: Tensor, sample_mask: Tensor, generator: Noise = None
) -> Augmented:
    """Apply an augmentation to the rows where ``chosen`` (B,) is True; the others stay as they are."""
    rows = chosen.nonzero()[:, 0]
    noise = generator.of(rows) if isinstance(generator, RowNoise) else generator
    changed, mask = augmentation(values[rows], sample_mask[rows], noise)
    return values.index_copy(0, rows, changed), sample_mask.index_copy(0, rows, mask)
