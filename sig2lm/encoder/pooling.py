"""One vector for a signal, of its patches."""

import torch
from torch import Tensor


def mean_patch(patches: Tensor, mask: Tensor) -> Tensor:
    """Mean (B, E) of the patches (B, P, E) inside ``mask`` (B, P); zero where there is none."""
    seen = mask[..., None].to(patches.dtype)
    return (patches * seen).sum(1) / seen.sum(1).clamp(min=1.0)


def mean_and_maximum(patches: Tensor, mask: Tensor) -> Tensor:
    """Mean and maximum (B, 2 E) of the patches (B, P, E) inside ``mask`` (B, P); zero where there is none.

    A single ectopic beat is in the maximum where the mean of a minute has lost it.

    Examples
    --------
    >>> patches = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> mean_and_maximum(patches, torch.tensor([[True, True, False]]))
    tensor([[2., 3.]])
    """
    seen = mask[..., None]
    largest = patches.masked_fill(~seen, -torch.inf).amax(1).masked_fill(~seen.any(1), 0.0)
    return torch.cat([mean_patch(patches, mask), largest], dim=-1)
