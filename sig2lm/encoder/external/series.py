"""What encoders of other libraries share: from the bridge's batches to series and back to patches."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sig2lm.encoder.external.alignment import observed_lengths, to_the_end
from sig2lm.errors import SignalError
from sig2lm.signals import Contract

READING = 1
"""How signals are brought before external models; part of each fingerprint, so that a change makes caches again."""


@dataclass(frozen=True)
class ForeignConfig:
    """What a external encoder is, besides its weights.

    Attributes
    ----------
    library
        One of ``sig2lm.encoder.external.LIBRARIES``.
    contract
        The signals it reads; the table's.
    model
        The model's own ``config.json``, without what merely names its author.
    """

    library: str
    contract: Contract
    model: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "library": self.library,
            "reading": READING,
            "contract": self.contract.to_dict(),
            "model": self.model,
        }


class ExternalEncoder(nn.Module, ABC):
    """Base of the encoders of other libraries.

    Parameters
    ----------
    config
        See :class:`ForeignConfig`.
    width
        E.
    longest
        Samples that the model reads at most; None for any number.
    """

    def __init__(self, config: ForeignConfig, width: int, longest: int | None) -> None:
        super().__init__()
        self.config, self._width, self.longest = config, width, longest

    @property
    def contract(self) -> Contract:
        """The signals this encoder reads."""
        return self.config.contract

    @property
    def width(self) -> int:
        """E."""
        return self._width

    @abstractmethod
    def num_times(self, num_samples: int) -> int:
        """Patches of each channel for a signal of ``num_samples``."""

    @abstractmethod
    def encode(self, values: Tensor, sample_mask: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """Return patches (B, C, times, E) and their mask (B, C, times), from values that are 0 where missing."""

    def num_patches(self, num_samples: int) -> int:
        """P for a signal of ``num_samples``.

        Raises
        ------
        SignalError
            When the model reads no signal that long.
        """
        if self.longest is not None and num_samples > self.longest:
            raise SignalError(
                f"the signal has {num_samples} samples, but this encoder ({self.config.library}) reads at most "
                f"{self.longest}; cut it into windows: signal.windows(...), or prepare it at a lower rate"
            )
        return self.num_times(num_samples) * len(self.contract.channels)

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch, see :class:`sig2lm.encoder.protocol.PatchEncoder`; patches outside the mask are zero."""
        times = self.num_patches(values.shape[-1]) // len(self.contract.channels)
        patches, mask = self.encode(values.masked_fill(~sample_mask, 0.0), sample_mask, times)
        patches = torch.where(mask[..., None], patches, 0.0)
        return patches.transpose(1, 2).flatten(1, 2), mask.transpose(1, 2).flatten(1, 2)


class LatestEncoder(ExternalEncoder):
    """Base of models that cut patches and have the latest sample at the end of what they read.

    A patch is observed where one of its samples is.

    Parameters
    ----------
    patch_size, patch_stride
        Samples of a patch and between the starts of patches; the last patch ends with the last sample.
    fixed
        Whether the model reads exactly ``longest`` samples; else a multiple of the patch size.
    """

    def __init__(
        self, config: ForeignConfig, width: int, longest: int, patch_size: int, patch_stride: int, fixed: bool
    ) -> None:
        super().__init__(config, width, longest if fixed else longest // patch_size * patch_size)
        self.patch_size, self.patch_stride, self.fixed = patch_size, patch_stride, fixed

    @abstractmethod
    def states(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the states (B, C, N, E) of the N patches of series (B, C, L) of the length that the model reads."""

    def read_length(self, num_samples: int) -> int:
        """L for a signal of ``num_samples``."""
        if self.fixed:
            assert self.longest is not None
            return self.longest
        return math.ceil(num_samples / self.patch_size) * self.patch_size

    def num_times(self, num_samples: int) -> int:
        """Patches of each channel that a signal of ``num_samples`` reaches into."""
        count = (self.read_length(num_samples) - self.patch_size) // self.patch_stride + 1
        return min(count, math.ceil(num_samples / self.patch_stride))

    def in_patches(self, sample_mask: Tensor) -> Tensor:
        """(..., N): where a patch of a mask (..., L) holds an observed sample."""
        skipped = (sample_mask.shape[-1] - self.patch_size) % self.patch_stride
        return sample_mask[..., skipped:].unfold(-1, self.patch_size, self.patch_stride).any(-1)

    def encode(self, values: Tensor, sample_mask: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """Put each row at the end of what the model reads, and its patches back to the front."""
        lengths = observed_lengths(sample_mask)
        size = self.read_length(values.shape[-1])
        values, sample_mask = (to_the_end(x, lengths, size) for x in (values, sample_mask))
        states, observed = self.states(values, sample_mask), self.in_patches(sample_mask)
        count = states.shape[2]
        first = (count - lengths.add(self.patch_stride - 1) // self.patch_stride).clamp(min=0)
        index = first[:, None] + torch.arange(times, device=values.device)
        inside, index = index < count, index.clamp(max=count - 1)
        rows = torch.arange(len(values), device=values.device)[:, None]
        patches = states.transpose(1, 2)[rows, index].transpose(1, 2)
        mask = observed.transpose(1, 2)[rows, index].transpose(1, 2)
        return patches, mask & inside[:, None]
