"""Random numbers that every augmentation draws: on the device of the signals, one set for each row."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate


def uniform(like: Tensor, *shape: int, low: float = 0.0, high: float = 1.0, generator: Generator | None) -> Tensor:
    """Draw uniform numbers of [low, high) with the dtype and device of ``like``."""
    return torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype) * (high - low) + low


def normal(like: Tensor, *shape: int, generator: Generator | None) -> Tensor:
    """Draw standard normal numbers with the dtype and device of ``like``."""
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def smooth_curves(like: Tensor, curves: int, knots: int, generator: Generator | None) -> Tensor:
    """Draw smooth curves (B, curves, T) of mean 0: standard normal at evenly spaced knots, cubic in between."""
    batch, _, samples = like.shape
    heights = normal(like, batch, curves, 1, max(2, knots), generator=generator)
    return interpolate(heights, size=(1, samples), mode="bicubic", align_corners=True)[:, :, 0]
