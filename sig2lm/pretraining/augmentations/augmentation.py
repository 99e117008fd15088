"""What every augmentation is, and what it promises.

Shapes: B batch, C channels, T samples. An augmentation is a frozen dataclass; its parameters carry physical units. Time
is in s for sampled signals and in rows for all others, as in ``Contract.window``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.augmentations.rng import Noise
from sig2lm.signals import Contract

Augmented = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Augmentation(ABC):
    """A random change of signals that keeps their meaning.

    Promises of every subclass: the inputs are left as they are; a missing sample is never made up (it stays missing, or
    moves with its neighbours), and values are 0 where the mask is False, so that no NaN ever leaves; rows are drawn
    independently; the same generator state gives the same result; the shape, dtype and device stay; a row never loses
    its last observed sample (it is returned as it came instead); no gradient flows back.
    """

    def __call__(self, values: Tensor, sample_mask: Tensor, generator: Noise = None) -> Augmented:
        """Augment a batch.

        Parameters
        ----------
        values
            (B, C, T) float, in the contract's units; anything, also NaN, where ``sample_mask`` is False.
        sample_mask
            (B, C, T) bool, True where a sample was observed.
        generator
            On the device of ``values``; by default torch's global one. A :class:`RowNoise` gives each row the numbers
            that it has in a larger batch.

        Returns
        -------
        tuple of Tensor
            New values and sample_mask of the same shape.
        """
        with torch.no_grad(), torch.autocast(values.device.type, enabled=False):
            clean = values.masked_fill(~sample_mask, 0.0)
            changed, mask = self._apply(
                clean.to(torch.promote_types(clean.dtype, torch.float32)), sample_mask, generator
            )
            if mask is not sample_mask:
                kept = mask.flatten(1).any(1)[:, None, None]
                changed, mask = torch.where(kept, changed, clean), torch.where(kept, mask, sample_mask)
            return changed.masked_fill(~mask, 0.0).to(values.dtype), mask

    @classmethod
    @abstractmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Build the augmentation for signals of a contract; ``parameters`` overrule what the contract suggests.

        Raises
        ------
        SignalError
            When it makes no sense for such signals.
        """

    @abstractmethod
    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        """Augment values that are 0 where missing; may work in place on values, never on the mask."""


def check_parameter(name: str, value: float, low: float, high: float = float("inf")) -> None:
    """Refuse a parameter outside of [low, high].

    Raises
    ------
    Sig2LMError
        Naming the range.
    """
    if not low <= value <= high:
        raise Sig2LMError(f"{name} of an augmentation must lie between {low:g} and {high:g}, found {value}; change it")
