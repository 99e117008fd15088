"""Self-attention over patches whose cost grows linearly with the recording.

Up to ``span`` patches it is full attention. Beyond, patches are cut into blocks of half a span, and a block sees itself
and its two neighbours, so a patch sees half a span to either side at least; what is known travels further with every
layer. Time enters as a rotation of queries and keys (Su et al. 2021, arXiv 2104.09864), so only differences of time
matter and recordings longer than those of training are read alike.

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
    """Multi-head self-attention, full up to ``span`` patches and in blocks with their neighbours beyond.

    Parameters
    ----------
    width, heads
        E and H.
    span
        Patches that all see one another; even.
    """

    def __init__(self, width: int, heads: int, span: int) -> None:
        super().__init__()
        self.heads, self.block = heads, max(1, span // 2)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor, angles: Tensor) -> Tensor:
        """Attend: ``x`` (B, P, E), ``mask`` (B, P) True where a patch is observed; returns (B, P, E)."""
        batch, count, width = x.shape
        qkv = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = rotate(qkv[0], angles), rotate(qkv[1], angles), qkv[2]
        if count <= 2 * self.block:  # two blocks are neighbours: the same, without folding
            attended = scaled_dot_product_attention(query, key, value, attn_mask=_keys(mask)[:, None, None])
        else:
            attended = self._in_blocks(query, key, value, mask)
        merged: Tensor = self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return merged

    def _in_blocks(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Attend from each block to itself and its neighbours: (B, H, P, w), as blocks beside the batch."""
        batch, heads, count, width = query.shape
        after, size = -count % self.block, self.block
        blocks = (count + after) // size

        def folded(x: Tensor) -> Tensor:  # (B * blocks, H, rows, w)
            return x.transpose(1, 2).reshape(batch * blocks, heads, -1, width)

        def with_neighbours(x: Tensor) -> Tensor:
            return folded(pad(x, (0, 0, size, after + size)).unfold(2, 3 * size, size).transpose(-1, -2))

        queries = folded(pad(query, (0, 0, 0, after)).view(batch, heads, blocks, size, width))
        seen = _keys(pad(mask, (size, after + size)).unfold(1, 3 * size, size).reshape(batch * blocks, 3 * size))
        attended = scaled_dot_product_attention(
            queries, with_neighbours(key), with_neighbours(value), attn_mask=seen[:, None, None]
        )
        unfolded = attended.view(batch, blocks, heads, size, width).transpose(1, 2)
        return unfolded.reshape(batch, heads, blocks * size, width)[:, :, :count]


def _keys(mask: Tensor) -> Tensor:
    """Which keys are seen; where none is observed all are, for a softmax over nothing is NaN (nobody reads it)."""
    return mask | ~mask.any(dim=-1, keepdim=True)


class Block(nn.Module):
    """A transformer layer: attention and a two-layer perceptron, each behind a normalisation."""

    def __init__(self, width: int, heads: int, span: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = BlockAttention(width, heads, span)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, angles: Tensor) -> Tensor:
        """Refine ``x`` (B, P, E)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask, angles))
        refined: Tensor = x + self.dropout(self.mlp(self.mlp_norm(x)))
        return refined


class TransformerBlocks(nn.ModuleList):
    """Transformer layers over the tokens of all channel groups, in the order of time.

    Parameters
    ----------
    width, depth, heads, span, dropout
        E, layers, H, patches that all see one another, and a probability in training.
    """

    def __init__(self, width: int, depth: int, heads: int, span: int, dropout: float) -> None:
        super().__init__(Block(width, heads, span, dropout) for _ in range(depth))
        self.head_width = width // heads

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Refine tokens (B, times, groups, E); only those inside ``mask`` (B, times, groups) are seen."""
        batch, count, groups, width = tokens.shape
        times = torch.arange(count, device=tokens.device).repeat_interleave(groups)
        angles = rotary_angles(times, self.head_width)
        x, seen = tokens.reshape(batch, count * groups, width), mask.reshape(batch, count * groups)
        for block in self:
            x = block(x, seen, angles)
        return x.view(batch, count, groups, width)
