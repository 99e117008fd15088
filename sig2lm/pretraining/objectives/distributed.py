"""Several processes, one batch: random numbers, counts and embeddings as one process would have them.

Each process holds its rows of the global batch, and gradients are averaged over processes. With what is here the loss
and its gradient are those of one process that holds the whole batch. In one process it does nothing.
"""

import torch
from torch import Tensor, distributed

from sig2lm.pretraining.augmentations import RowNoise


def world() -> tuple[int, int]:
    """Rank of this process, and number of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def uniform(rows: int, *shape: int, device: torch.device) -> Tensor:
    """Uniform noise (rows, ...) in [0, 1): this process' rows of one draw for all.

    The processes' random numbers must be in step, as ``transformers.set_seed`` leaves them.
    """
    rank, size = world()
    return torch.rand(size * rows, *shape, device=device)[rank * rows : (rank + 1) * rows]


class BatchNoise:
    """Random numbers of augmentations, in step over processes: a row of the global batch has its own."""

    def __init__(self) -> None:
        self._generator: torch.Generator | None = None

    def rows(self, count: int, device: torch.device) -> RowNoise:
        """Return the noise of this process' ``count`` rows; it begins, with the global seed, at the first call."""
        if self._generator is None:
            self._generator = torch.Generator(device).manual_seed(torch.initial_seed())
        rank, size = world()
        return RowNoise(self._generator, size * count, torch.arange(rank * count, (rank + 1) * count, device=device))


def process_mean(value: Tensor) -> Tensor:
    """Mean of a number over the processes, without gradient."""
    _, size = world()
    if size == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / size


def gathered(rows: Tensor) -> Tensor:
    """All processes' rows (of equal number) in the order of ranks.

    This process' own rows carry gradients, times the number of processes, which averaging over processes takes back.
    """
    rank, size = world()
    if size == 1:
        return rows
    own = rows.detach().contiguous()
    parts = [torch.empty_like(own) for _ in range(size)]
    distributed.all_gather(parts, own)
    parts[rank] = own + size * (rows - rows.detach()) if rows.requires_grad else own
    return torch.cat(parts)
