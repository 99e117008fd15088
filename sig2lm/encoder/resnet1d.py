"""``resnet1d``: convolutions all the way; dilated residual blocks with squeeze-and-excitation over the tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sig2lm.encoder.convolution import MaskedConv, MaskedInstanceNorm
from sig2lm.encoder.convolutional import ConvolutionalConfig


@dataclass(frozen=True)
class ResNet1dConfig(ConvolutionalConfig):
    """What a ``resnet1d`` is made of: :class:`.ConvolutionalConfig` says all; dilations of its blocks are 1, 2, 4, 8.

    After eight they begin again.
    """

    architecture = "resnet1d"

    def build_blocks(self) -> nn.Module:
        """Return the dilated residual blocks."""
        return ResidualBlocks(self.width, self.depth, len(self.channel_groups), self.dropout)


class ResidualBlocks(nn.ModuleList):
    """Dilated residual blocks over the tokens of each channel group, which exchange their mean at every time."""

    def __init__(self, width: int, depth: int, groups: int, dropout: float) -> None:
        super().__init__(ResidualBlock(width, 2 ** (layer % 4), groups, dropout) for layer in range(depth))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Refine tokens (B, times, groups, E); only those inside ``mask`` (B, times, groups) are seen."""
        seen = mask.to(tokens.dtype)[..., None]
        x = tokens * seen
        for block in self:
            x = block(x, seen)
        return x


class ResidualBlock(nn.Module):
    """Convolution, exchange between groups, convolution, squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507).

    Parameters
    ----------
    width, dilation, groups
        E, of both convolutions (kernel 3), and how many channel groups there are.
    dropout
        In training, of what the block adds.
    """

    def __init__(self, width: int, dilation: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.first_norm, self.second_norm = MaskedInstanceNorm(width), MaskedInstanceNorm(width)
        self.first = MaskedConv(width, width, 3, dilation=dilation)
        self.second = MaskedConv(width, width, 3, dilation=dilation)
        self.exchange = nn.Linear(width, width) if groups > 1 else None
        self.squeeze, self.excite = nn.Linear(width, width // 4), nn.Linear(width // 4, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Refine ``x`` (B, times, groups, E); ``seen`` (B, times, groups, 1) is 1 where a token is observed."""
        batch, times, groups, width = x.shape

        def folded(y: Tensor) -> Tensor:  # (B * groups, E, times)
            return y.permute(0, 2, 3, 1).flatten(0, 1)

        mask = folded(seen)
        change = self.first(nn.functional.gelu(self.first_norm(folded(x), mask)), mask)
        if self.exchange is not None:
            spread = change.view(batch, groups, width, times).permute(0, 3, 1, 2)
            mean = (spread * seen).sum(2) / seen.sum(2).clamp(min=1.0)
            change = change + folded(self.exchange(mean)[:, :, None].expand(-1, -1, groups, -1)) * mask
        change = self.second(nn.functional.gelu(self.second_norm(change, mask)), mask)
        change = change.view(batch, groups, width, times).permute(0, 3, 1, 2)
        pooled = (change * seen).sum((1, 2)) / seen.sum((1, 2)).clamp(min=1.0)
        gate = torch.sigmoid(self.excite(nn.functional.gelu(self.squeeze(pooled))))
        refined: Tensor = x + self.dropout(change * gate[:, None, None] * seen)
        return refined
