"""Random numbers that every augmentation draws: on the device of the signals, one set for each row."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class RowNoise:
    """Random numbers of some rows of a larger batch, which are the same whichever rows are at hand.

    Numbers are drawn for the whole batch, and those of the rows at hand are kept: so processes that share a batch, and
    rows that are augmented apart from the rest of the batch get what they would have had together. Rows of signals of
    equal length only: a longer draw is another one.

    Attributes
    ----------
    generator
        In the same state in every process.
    total
        Rows of the whole batch.
    rows
        (B,) int64: which of them are at hand.
    """

    generator: Generator
    total: int
    rows: Tensor

    def of(self, rows: Tensor) -> "RowNoise":
        """The noise of some of these rows, by their number (N,) among them."""
        return RowNoise(self.generator, self.total, self.rows[rows])


Noise = Generator | RowNoise | None
"""Where random numbers come from; None is torch's global generator."""


def uniform(like: Tensor, *shape: int, low: float = 0.0, high: float = 1.0, generator: Noise) -> Tensor:
    """Draw uniform numbers (B, ...) of [low, high) with the dtype and device of ``like``."""
    return _draw(torch.rand, like, shape, generator) * (high - low) + low


def normal(like: Tensor, *shape: int, generator: Noise) -> Tensor:
    """Draw standard normal numbers (B, ...) with the dtype and device of ``like``."""
    return _draw(torch.randn, like, shape, generator)


def _draw(draw: Any, like: Tensor, shape: tuple[int, ...], generator: Noise) -> Tensor:
    drawn: Tensor
    if isinstance(generator, RowNoise):
        whole = generator.total, *shape[1:]
        drawn = draw(whole, generator=generator.generator, device=like.device, dtype=like.dtype)[generator.rows]
    else:
        drawn = draw(shape, generator=generator, device=like.device, dtype=like.dtype)
    return drawn


def smooth_curves(like: Tensor, curves: int, knots: int, generator: Noise) -> Tensor:
    """Draw smooth curves (B, curves, T) of mean 0: standard normal at evenly spaced knots, cubic in between."""
    batch, _, samples = like.shape
    heights = normal(like, batch, curves, 1, max(2, knots), generator=generator)
    return interpolate(heights, size=(1, samples), mode="bicubic", align_corners=True)[:, :, 0]
