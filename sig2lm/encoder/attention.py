"""Self-attention over patches whose cost grows linearly with the recording.

Patches are cut into blocks of ``span``; a patch sees its own block. Every other layer shifts the blocks by half a
span, so that what is known travels across borders (Liu et al. 2021, doi 10.1109/ICCV48922.2021.00986, in one
dimension). Up to half a span this is full attention. Time enters as a rotation of queries and keys (Su et al. 2021,
arXiv 2104.09864), so only differences of time matter and recordings longer than those of training are read alike.

Shapes: B batch, P patches, E width, H heads.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention


def rotary_angles(times: Tensor, head_width: int) -> Tensor:
    """Angles (P, head_width / 2) of the rotation for patch times (P,), in units of patches."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=times.device) / head_width)
    return times.float()[:, None] * frequencies


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate pairs of features of ``x`` (..., P, head_width) by ``angles`` (P, head_width / 2)."""
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class BlockAttention(nn.Module):
    """Multi-head self-attention within blocks.

    Parameters
    ----------
    width, heads
        E and H.
    span
        Patches in a block.
    shifted
        Whether the blocks begin half a span early.
    """

    def __init__(self, width: int, heads: int, span: int, shifted: bool) -> None:
        super().__init__()
        self.heads, self.span, self.shift = heads, span, span // 2 if shifted else 0
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor, angles: Tensor) -> Tensor:
        """Attend: ``x`` (B, P, E), ``mask`` (B, P) True where a patch is observed; returns (B, P, E)."""
        batch, count, width = x.shape
        qkv = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = rotate(qkv[0], angles), rotate(qkv[1], angles), qkv[2]
        if count <= self.span // 2:
            attended = scaled_dot_product_attention(query, key, value, attn_mask=_keys(mask)[:, None, None])
        else:
            attended = self._in_blocks(query, key, value, mask)
        merged: Tensor = self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return merged

    def _in_blocks(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Fold (B, H, P, w) into (B * blocks, H, span, w), attend, and unfold."""
        batch, heads, count, width = query.shape
        after = -(self.shift + count) % self.span
        blocks = (self.shift + count + after) // self.span

        def fold(x: Tensor) -> Tensor:
            padded = pad(x, (0, 0, self.shift, after)).view(batch, heads, blocks, self.span, width)
            return padded.transpose(1, 2).reshape(batch * blocks, heads, self.span, width)

        seen = _keys(pad(mask, (self.shift, after)).view(batch * blocks, self.span))
        attended = scaled_dot_product_attention(fold(query), fold(key), fold(value), attn_mask=seen[:, None, None])
        unfolded = attended.view(batch, blocks, heads, self.span, width).transpose(1, 2)
        return unfolded.reshape(batch, heads, blocks * self.span, width)[:, :, self.shift : self.shift + count]


def _keys(mask: Tensor) -> Tensor:
    """Which keys are seen; where none is observed all are, for a softmax over nothing is NaN (nobody reads it)."""
    return mask | ~mask.any(dim=-1, keepdim=True)


class Block(nn.Module):
    """A transformer layer: attention and a two-layer perceptron, each behind a normalisation."""

    def __init__(self, width: int, heads: int, span: int, shifted: bool, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = BlockAttention(width, heads, span, shifted)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, angles: Tensor) -> Tensor:
        """Refine patches (B, P, E)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask, angles))
        refined: Tensor = x + self.dropout(self.mlp(self.mlp_norm(x)))
        return refined
