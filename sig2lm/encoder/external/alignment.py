"""Series of several lengths for models that read a fixed length or the latest samples, and gaps in them.

All of these treat each row by its own observed samples, so a row means the same alone and padded in a batch.
"""

import torch
from torch import Tensor


def observed_lengths(sample_mask: Tensor) -> Tensor:
    """Samples of each row (B,) up to the last that any channel of ``sample_mask`` (B, C, T) observed; 0 for none."""
    ends = torch.arange(1, sample_mask.shape[-1] + 1, device=sample_mask.device)
    return (sample_mask.any(1) * ends).amax(-1)


def to_the_end(x: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Move the first ``lengths`` (B,) samples of each row of ``x`` (B, C, T) to the end of ``size``, zeros before them.

    Models that forecast have their latest sample at the end, and padding on the left.
    """
    index = torch.arange(size, device=x.device) - (size - lengths)[:, None]
    moved = x.gather(-1, index.clamp(0, x.shape[-1] - 1)[:, None].expand(-1, x.shape[1], -1))
    return moved.masked_fill((index < 0)[:, None], 0)


def fill_gaps(values: Tensor, sample_mask: Tensor) -> Tensor:
    """Fill missing samples of (..., T) linearly between observed ones; the first and the last are held to the edges.

    Where nothing was observed there are zeros.
    """
    size = values.shape[-1]
    at = torch.arange(size, device=values.device).expand_as(values)
    before = at.masked_fill(~sample_mask, -1).cummax(-1).values
    after = at.masked_fill(~sample_mask, size).flip(-1).cummin(-1).values.flip(-1)
    left = torch.where(before >= 0, before, after).clamp(max=size - 1)
    right = torch.where(after < size, after, before).clamp(min=0)
    share = (at - left) / (right - left).clamp(min=1)
    known = values.masked_fill(~sample_mask, 0.0)
    return torch.lerp(known.gather(-1, left), known.gather(-1, right), share.to(values.dtype))


def stretch(values: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Resize the first ``lengths`` (B,) samples of each row of (B, C, T) linearly to ``size``.

    Samples stand for spans, as in ``torch.nn.functional.interpolate`` with ``align_corners=False``.
    """
    lengths = lengths.clamp(min=1)[:, None]
    middle = (torch.arange(size, device=values.device) + 0.5) * lengths / size - 0.5
    middle = middle.clamp(min=0).minimum(lengths - 1)
    left = middle.floor().long()
    right = (left + 1).minimum(lengths - 1)

    def take(index: Tensor) -> Tensor:
        return values.gather(-1, index[:, None].expand(-1, values.shape[1], -1))

    return torch.lerp(take(left), take(right), (middle - left)[:, None].to(values.dtype))
