"""Convolutions over signals of several lengths with missing samples.

Every layer multiplies its output by a mask over time, so a step without any observed sample is zero, as padding is:
what stands there contributes nothing, and a signal is read alike alone and beside a longer one. Normalisation is over
the observed steps of one signal, never over the batch.

Shapes: B batch, C channels, T samples, F features.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class MaskedConv(nn.Conv1d):
    """A convolution over time whose n-th output stands for inputs n * stride to (n + 1) * stride - 1.

    Parameters
    ----------
    channels, features
        Input and output.
    kernel
        Inputs that an output sees, centred on those it stands for.
    stride, dilation
        As of ``torch.nn.Conv1d``.
    groups
        Likewise; ``channels`` for a depthwise convolution.
    """

    def __init__(
        self, channels: int, features: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels, features, kernel, stride=stride, dilation=dilation, groups=groups)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve ``x`` (B, C, T); ``mask`` (B, 1, ceil(T / stride)) is that of the output, float."""
        (kernel,), (stride,), (dilation,) = self.kernel_size, self.stride, self.dilation
        reach = dilation * (kernel - 1) + 1
        before = max(0, reach - stride) // 2
        after = max(0, (mask.shape[-1] - 1) * stride + reach - x.shape[-1] - before)
        return super().forward(pad(x, (before, after))) * mask


class MaskedInstanceNorm(nn.Module):
    """Give each feature mean 0 and deviation 1 over the observed steps of its own signal.

    Ulyanov et al. 2016 (arXiv 1607.08022), with statistics that leave out missing steps and padding; the rest of the
    batch has no part in it. A level is taken away here: an encoder hands it on beside its convolutions.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features, 1))
        self.bias = nn.Parameter(torch.zeros(features, 1))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalise ``x`` (B, F, T), which is 0 where ``mask`` (B, 1, T) is."""
        count = mask.sum(-1, keepdim=True).clamp(min=1.0)
        mean = x.sum(-1, keepdim=True) / count
        centred = (x - mean) * mask
        variance = centred.square().sum(-1, keepdim=True) / count
        return centred * ((variance + 1e-5).rsqrt() * self.weight) + self.bias * mask


class ResidualConv(nn.Module):
    """Two convolutions around which the input goes unchanged, each behind a normalisation and a GELU."""

    def __init__(self, features: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.norms = nn.ModuleList(MaskedInstanceNorm(features) for _ in range(2))
        self.convs = nn.ModuleList(MaskedConv(features, features, kernel, dilation=dilation) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Refine ``x`` (B, F, T); ``mask`` (B, 1, T) is 0 where nothing was observed."""
        change = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            change = conv(nn.functional.gelu(norm(change, mask)), mask)
        return x + change


class ConvolutionalStem(nn.Module):
    """Strided convolutions with residual blocks between them: samples of one channel group become tokens.

    Parameters
    ----------
    channels
        C; each comes with its own mask as a further channel.
    widths, strides
        Features of each stage, and by how much it shortens time.
    kernel
        Of the first convolution; residual blocks have kernels of 5.
    depth
        Residual blocks in each stage.
    """

    def __init__(
        self, channels: int, widths: tuple[int, ...], strides: tuple[int, ...], kernel: int, depth: int
    ) -> None:
        super().__init__()
        sizes = (2 * channels, *widths)
        self.strides = strides
        self.reductions = nn.ModuleList(
            MaskedConv(sizes[stage], width, kernel if stage == 0 else 2 * stride + 1, stride)
            for stage, (width, stride) in enumerate(zip(widths, strides, strict=True))
        )
        self.norms = nn.ModuleList(MaskedInstanceNorm(width) for width in widths)
        self.stages = nn.ModuleList(nn.ModuleList(ResidualConv(width, 5) for _ in range(depth)) for width in widths)

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return tokens (B, F, ceil(T / product of strides)) of values (B, C, T), which are 0 where missing."""
        x = torch.cat([values, sample_mask.to(values.dtype)], dim=1)
        mask = sample_mask.any(1, keepdim=True).to(values.dtype)
        for stride, reduce, norm, blocks in zip(self.strides, self.reductions, self.norms, self.stages, strict=True):
            mask = any_in_each(mask, stride)
            x = nn.functional.gelu(norm(reduce(x, mask), mask))
            for block in cast(nn.ModuleList, blocks):
                x = block(x, mask)
        return x


def any_in_each(mask: Tensor, stride: int) -> Tensor:
    """Shorten a float mask (B, 1, T) to (B, 1, ceil(T / stride)): 1 where any of ``stride`` steps is."""
    short = -mask.shape[-1] % stride
    shortened: Tensor = pad(mask, (0, short)).reshape(mask.shape[0], 1, -1, stride).amax(-1)
    return shortened


def strides_of(total: int) -> tuple[int, ...]:
    """Split a stride into those of stages, at most 4 each where it has small factors; at least one stage.

    Examples
    --------
    >>> strides_of(64), strides_of(8), strides_of(1)
    ((4, 4, 4), (2, 4), (1,))
    """
    found: list[int] = []
    while total > 1:
        factor = next((size for size in (4, 3, 2, 5, 7) if total % size == 0), total)
        found.append(factor)
        total //= factor
    return tuple(sorted(found)) or (1,)


def widths_of(width: int, stages: int) -> tuple[int, ...]:
    """Features of each stage: the last has ``width``, each one before it half as many, 16 at least."""
    return tuple(max(min(16, width), math.ceil(width / 2 ** (stages - 1 - stage))) for stage in range(stages))


class GroupStems(nn.ModuleList):
    """A stem for each channel group: values (B, C, T) become tokens (B, times, groups, width).

    Parameters
    ----------
    groups
        Channel numbers of each.
    width, strides, kernel, depth
        Of the tokens; of each stem, see :class:`ConvolutionalStem`.
    """

    def __init__(
        self, groups: tuple[tuple[int, ...], ...], width: int, strides: tuple[int, ...], kernel: int, depth: int
    ) -> None:
        widths = widths_of(width, len(strides))
        super().__init__(ConvolutionalStem(len(group), widths, strides, kernel, depth) for group in groups)
        self.groups = groups

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return tokens of values that are 0 where missing."""
        tokens = [
            stem(values[:, list(group)], sample_mask[:, list(group)])
            for stem, group in zip(self, self.groups, strict=True)
        ]
        return torch.stack(tokens, dim=1).permute(0, 3, 1, 2)
