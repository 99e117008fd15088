"""The signal encoder: a transformer over (time, channel group) patches.

Channels that share a unit form a channel group (three axes of an accelerometer, say); a patch holds ``patch_size``
samples of one channel group. A missing sample enters as zero beside a mask that says so, a patch without any observed
sample is masked out, and so is a missing channel or sensor: nothing is imputed.

Limit: ``max_positions`` patches in time (8,192 by default, times the number of groups); longer signals are refused.
Time and memory grow linearly with the length (see :mod:`sig2lm.encoder.attention`).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from sig2lm.encoder.attention import Block, rotary_angles
from sig2lm.errors import CheckpointError, SignalError
from sig2lm.signals import Contract

Normalisation = Literal["dataset", "centred", "instance", "none"]


@dataclass(frozen=True)
class EncoderConfig:
    """What a signal encoder is made of.

    Attributes
    ----------
    contract
        The signals it was trained on: channels, units, rate, window.
    patch_size, patch_stride
        Samples in a patch and between the starts of patches.
    width, depth, heads
        E, number of layers, number of attention heads.
    normalisation
        ``dataset`` subtracts ``mean`` and divides by ``std`` of the training set; ``centred`` subtracts each channel's
        own mean over the observed samples of the signal at hand, and divides by ``std``: the level is gone, the size
        of changes stays; ``instance`` divides by the signal's own deviation too; ``none`` leaves values alone.
    mean, std
        Per channel, in the contract's units; of ``centred``, around the windows' own means.
    attention_span
        Patches that see one another.
    max_positions
        Longest signal, in patches along time.
    dropout
        Applied in training only.
    """

    contract: Contract
    patch_size: int
    patch_stride: int
    width: int = 128
    depth: int = 4
    heads: int = 4
    normalisation: Normalisation = "dataset"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    attention_span: int = 512
    max_positions: int = 8192
    dropout: float = 0.0

    @property
    def channel_groups(self) -> tuple[tuple[int, ...], ...]:
        """Channel numbers of each channel group: neighbours that share a unit."""
        return channel_groups(self.contract)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {**asdict(self), "contract": self.contract.to_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        CheckpointError
            When keys are missing or unknown.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(content) - known):
            raise CheckpointError(
                f"expected an encoder config with the keys {', '.join(sorted(known))}, found also {', '.join(unknown)}"
                "; it was written by another version of sig2lm or is not an encoder"
            )
        try:
            values = {**content, "contract": Contract.from_dict(content["contract"])}
            values |= {key: tuple(content.get(key, ())) for key in ("mean", "std")}
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"expected an encoder config, found one that lacks or mistypes {error}") from error


def channel_groups(contract: Contract) -> tuple[tuple[int, ...], ...]:
    """Channel numbers of each channel group of a contract: channels that share a unit."""
    groups: dict[str, list[int]] = {}
    for number, unit in enumerate(contract.units):
        groups.setdefault(unit, []).append(number)
    return tuple(tuple(group) for group in groups.values())


class SignalEncoder(nn.Module):
    """Turns a batch of signals into patches."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        channels, groups = len(config.contract.channels), config.channel_groups
        mean = config.mean or (0.0,) * channels
        std = config.std or (1.0,) * channels
        self.register_buffer("mean", torch.tensor(mean)[:, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None], persistent=False)
        self.embed = nn.ModuleList(nn.Linear(2 * len(group) * config.patch_size, config.width) for group in groups)
        self.group_embedding = nn.Parameter(0.02 * torch.randn(len(groups), config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.attention_span, bool(layer % 2), config.dropout)
            for layer in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)

    @property
    def contract(self) -> Contract:
        """The signals this encoder reads."""
        return self.config.contract

    @property
    def width(self) -> int:
        """E."""
        return self.config.width

    def num_times(self, num_samples: int) -> int:
        """Patches along time for a signal of ``num_samples``; the last may be part padding.

        Raises
        ------
        SignalError
            When the signal is shorter than a patch, or longer than the encoder has positions for.
        """
        size, stride = self.config.patch_size, self.config.patch_stride
        if num_samples < size:
            raise SignalError(
                f"the signal has {num_samples} samples, but a patch of this encoder holds {size}; pass a longer signal"
            )
        count = 1 + math.ceil((num_samples - size) / stride)
        if count > self.config.max_positions:
            longest = size + (self.config.max_positions - 1) * stride
            raise SignalError(
                f"the signal has {num_samples} samples, but this encoder reads at most {longest} "
                f"({self.config.max_positions} patches); cut it into windows: signal.windows(...)"
            )
        return count

    def num_patches(self, num_samples: int) -> int:
        """P for a signal of ``num_samples``."""
        return self.num_times(num_samples) * len(self.config.channel_groups)

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Parameters
        ----------
        values
            (B, C, T) float, in the contract's units; anything finite where ``sample_mask`` is False.
        sample_mask
            (B, C, T) bool, True where a sample was observed.

        Returns
        -------
        tuple of Tensor
            Patches (B, P, E), ordered by time and within a time by channel group, and patch_mask (B, P), True where a
            patch holds an observed sample. Patches outside the mask are zero.
        """
        raw, observed = self.patchify(self.normalise(values, sample_mask), sample_mask)
        mask = self.patch_mask(observed)
        return self.encode(self.embed_patches(raw, observed), mask), mask

    def normalise(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Scale values (B, C, T) as the config says; 0 where nothing was observed."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        values = values.masked_fill(~sample_mask, 0.0)
        count = sample_mask.sum(-1, keepdim=True).clamp(min=1)
        if self.config.normalisation in ("centred", "instance"):
            mean = values.sum(-1, keepdim=True) / count
        if self.config.normalisation == "instance":
            std = ((values - mean).square() * sample_mask).sum(-1, keepdim=True).div(count).sqrt().clamp(min=1e-6)
        if self.config.normalisation != "none":
            values = (values - mean) / std
        return values * sample_mask

    def patchify(self, values: Tensor, sample_mask: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Cut (B, C, T) into patches: for each channel group (B, times, channels * patch_size) values and mask."""
        size, stride = self.config.patch_size, self.config.patch_stride
        times = self.num_times(values.shape[-1])
        short = max(0, size + (times - 1) * stride - values.shape[-1])

        def cut(x: Tensor, group: Sequence[int]) -> Tensor:
            padded = nn.functional.pad(x[:, list(group)], (0, short))
            return padded.unfold(-1, size, stride).transpose(1, 2).flatten(2)

        groups = self.config.channel_groups
        return [cut(values, group) for group in groups], [cut(sample_mask, group) for group in groups]

    def patch_mask(self, observed: list[Tensor]) -> Tensor:
        """(B, P): where a patch holds an observed sample."""
        return torch.stack([mask.any(-1) for mask in observed], dim=2).flatten(1)

    def embed_patches(self, raw: list[Tensor], observed: list[Tensor]) -> Tensor:
        """Project raw patches and their masks to (B, P, E)."""
        embedded = [
            layer(torch.cat([values, mask.to(values.dtype)], dim=-1)) + self.group_embedding[number]
            for number, (layer, values, mask) in enumerate(zip(self.embed, raw, observed, strict=True))
        ]
        return torch.stack(embedded, dim=2).flatten(1, 2)

    def encode(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Run the transformer over embedded patches (B, P, E)."""
        groups = len(self.config.channel_groups)
        times = torch.arange(embedded.shape[1], device=embedded.device) // groups
        angles = rotary_angles(times, self.config.width // self.config.heads)
        for block in self.blocks:
            embedded = block(embedded, mask, angles)
        normed: Tensor = self.norm(embedded)
        return normed * mask[..., None]


def default_patch_size(num_samples: int) -> int:
    """Samples in a patch when the user names none: about an eighth of the window, at most 32."""
    return max(1, min(32, num_samples // 8))


def default_normalisation(contract: Contract) -> Normalisation:
    """``centred`` for event series such as RR intervals, whose level says who it is; else ``dataset``.

    With the level, an adapter learns the heart rates of the people it has seen: see scripts/bench_normalisation.py.
    """
    return "centred" if contract.sampling_rate is None and contract.period is None else "dataset"
