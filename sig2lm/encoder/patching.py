"""Cutting signals into patches."""

from torch import Tensor
from torch.nn.functional import pad


def in_patches(x: Tensor, times: int, size: int, stride: int) -> Tensor:
    """Cut (B, C, T), values or a mask, into (B, times, C * size); what a last patch lacks is 0 (False)."""
    short = max(0, size + (times - 1) * stride - x.shape[-1])
    return pad(x, (0, short)).unfold(-1, size, stride).transpose(1, 2).flatten(2)
