"""The signal encoder, of any architecture: values and their mask in, patches and theirs out.

Channels that share a unit form a group (three axes of an accelerometer, say); a patch stands for ``patch_size`` samples
of one group. A missing sample enters as zero beside a mask that says so, a patch without any observed sample is masked
out, and so is a missing channel or sensor: nothing is imputed.

Limit: ``max_positions`` patches in time (8,192 by default, times the number of groups); longer signals are refused.
Time and memory grow linearly with the length.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sig2lm.encoder.config import EncoderConfig
from sig2lm.encoder.patching import in_patches
from sig2lm.encoder.statistics import StatisticsEmbedding
from sig2lm.errors import SignalError
from sig2lm.signals import Contract

_QUIETEST = 0.05  # of the training set's deviation; what is quieter is not blown up further


class SignalEncoder(nn.Module):
    """Turns a batch of signals into patches.

    Parameters
    ----------
    config
        Of one of the architectures, see ``sig2lm.encoder.architectures``.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = len(config.contract.channels)
        mean = config.mean or (0.0,) * channels
        std = config.std or (1.0,) * channels
        self.register_buffer("mean", torch.tensor(mean)[:, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None], persistent=False)
        self.embed = config.build_embedding()
        self.group_embedding = nn.Parameter(0.02 * torch.randn(len(config.channel_groups), config.width))
        if config.hands_level_on:
            self.level = nn.ModuleList(nn.Linear(2 * len(group), config.width) for group in config.channel_groups)
        if config.statistics:
            self.statistics = StatisticsEmbedding(config.channel_groups, config.width)
        self.blocks = config.build_blocks()
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
            If the signal has no sample, or is longer than the encoder has positions for.
        """
        size, stride = self.config.patch_size, self.config.patch_stride
        if num_samples < 1:
            raise SignalError("the signal has no sample; pass a longer signal")
        count = 1 + max(0, math.ceil((num_samples - size) / stride))
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
            Patches (B, P, E), ordered by time and within a time by group, and patch_mask (B, P), True where a patch
            holds an observed sample. Patches outside the mask are zero.
        """
        mask = self.patch_mask(sample_mask)
        return self.encode(self.tokens(values, sample_mask), mask), mask

    def normalise(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Scale values (B, C, T) as the config says; 0 where nothing was observed."""
        if self.config.normalisation == "none":
            return values.masked_fill(~sample_mask, 0.0)
        mean, std = self._scale(values, sample_mask)
        return ((values - mean) / std).masked_fill(~sample_mask, 0.0)

    def _scale(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        """What is subtracted and what is divided by: (C, 1), or (B, C, 1) where each signal has its own."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        if self.config.normalisation == "dataset":
            return mean, std
        own_mean, own_std = mean_and_deviation(values, sample_mask)
        if self.config.normalisation == "centred":
            return own_mean, std
        floor = _QUIETEST * std if self.config.normalisation == "recording" else own_std.new_tensor(1e-6)
        return own_mean, torch.maximum(own_std, floor)

    def _levels(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Level and size of each channel against the training set's, as (B, groups, E)."""
        mean, std = mean_and_deviation(values, sample_mask)
        usual_mean, usual_std = self.get_buffer("mean"), self.get_buffer("std")
        level = torch.asinh((mean - usual_mean) / usual_std)
        size = (torch.maximum(std, _QUIETEST * usual_std) / usual_std).log()
        if self.config.normalisation == "centred":
            level = torch.zeros_like(level)
        known = torch.cat([level, size], dim=-1) * sample_mask.any(-1, keepdim=True)
        groups = zip(self.level, self.config.channel_groups, strict=True)
        return torch.stack([layer(known[:, list(group)].flatten(1)) for layer, group in groups], dim=1)

    def _statistics(self, values: Tensor, visible: Tensor) -> Tensor:
        """Statistics of each channel group as (B, groups, E), without what the normalisation means to take away."""
        usual, std = self.get_buffer("mean"), self.get_buffer("std")
        if self.config.normalisation in ("centred", "instance"):
            embedded: Tensor = self.statistics(self.normalise(values, visible), visible, torch.zeros_like(usual))
        else:
            embedded = self.statistics(values / std, visible, usual / std)
        return embedded

    def patchify(self, x: Tensor) -> list[Tensor]:
        """Cut (B, C, T), values or a mask, into patches: for each group (B, times, channels * patch_size)."""
        times, config = self.num_times(x.shape[-1]), self.config
        return [
            in_patches(x[:, list(group)], times, config.patch_size, config.patch_stride)
            for group in config.channel_groups
        ]

    def patch_mask(self, sample_mask: Tensor) -> Tensor:
        """(B, P): where a patch holds an observed sample."""
        return torch.stack([mask.any(-1) for mask in self.patchify(sample_mask)], dim=2).flatten(1)

    def tokens(self, values: Tensor, sample_mask: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Embed values (B, C, T) as tokens (B, P, E), which the blocks refine.

        Samples of ``hidden`` (B, P) patches are read as if they were missing.
        """
        self.num_times(values.shape[-1])
        normalised, visible = self.normalise(values, sample_mask), sample_mask
        if hidden is not None:
            visible = sample_mask & ~self._samples_of(hidden, values.shape[-1])
            normalised = normalised * visible
        embedded: Tensor = self.embed(normalised, visible) + self.group_embedding
        if self.config.hands_level_on:
            embedded = embedded + self._levels(values, visible)[:, None]
        if self.config.statistics:
            embedded = embedded + self._statistics(values, visible)[:, None]
        return embedded.flatten(1, 2)

    def _samples_of(self, patches: Tensor, num_samples: int) -> Tensor:
        """(B, C, T): which samples begin in chosen patches (B, P)."""
        groups = self.config.channel_groups
        chosen = by_group(patches, len(groups)).repeat_interleave(self.config.patch_stride, dim=1)
        chosen = pad(chosen, (0, 0, 0, max(0, num_samples - chosen.shape[1])))[:, :num_samples]
        owner = {channel: number for number, group in enumerate(groups) for channel in group}
        return chosen[..., [owner[channel] for channel in range(len(owner))]].transpose(1, 2)

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Run the blocks over tokens (B, P, E) of which those inside ``mask`` (B, P) are seen."""
        groups = len(self.config.channel_groups)
        encoded: Tensor = self.blocks(by_group(tokens, groups), by_group(mask, groups))
        normed: Tensor = self.norm(encoded.flatten(1, 2))
        return normed * mask[..., None]

    def encode_alone(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode tokens (B, P, E) so that each sees those of its own channel group only."""
        batch, groups = len(tokens), len(self.config.channel_groups)
        apart = by_group(tokens, groups).transpose(1, 2).flatten(0, 1)[:, :, None]
        seen = by_group(mask, groups).transpose(1, 2).flatten(0, 1)[:, :, None]
        encoded = self.blocks(apart, seen)[:, :, 0].reshape(batch, groups, -1, self.width).transpose(1, 2)
        normed: Tensor = self.norm(encoded.flatten(1, 2))
        return normed * mask[..., None]


def mean_and_deviation(values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Each channel's own, (B, C, 1), over the observed samples of values (B, C, T)."""
    values, count = values.masked_fill(~sample_mask, 0.0), sample_mask.sum(-1, keepdim=True).clamp(min=1)
    mean = values.sum(-1, keepdim=True) / count
    variance = ((values - mean).square() * sample_mask).sum(-1, keepdim=True) / count
    return mean, variance.sqrt()


def by_group(x: Tensor, groups: int) -> Tensor:
    """Patches or their mask, (B, P, ...) in the encoder's order, as (B, times, groups, ...)."""
    return x.reshape(x.shape[0], -1, groups, *x.shape[2:])
