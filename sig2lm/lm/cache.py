"""What the LM keeps of what it has read."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import DynamicCache


@dataclass
class Context:
    """A prompt that the LM has read up to its last token, ready to be continued.

    Attributes
    ----------
    input_ids
        (B, L) int64, padded on the left; placeholder ids where soft prompts stand.
    attention_mask
        (B, L) int64, 1 where a token or an observed virtual token stands.
    cache
        Keys and values of the first L - 1 positions; None for an LM that reads rows without padding, which reads the
        prompt when it is asked to continue it.
    inputs_embeds
        (B, L, D), where there is no cache.
    """

    input_ids: Tensor
    attention_mask: Tensor
    cache: DynamicCache | None
    inputs_embeds: Tensor | None = None


def repeat_cache(cache: DynamicCache, times: int) -> DynamicCache:
    """Return keys and values with each row ``times`` times; they may grow or be cropped, ``cache`` stays as it is.

    Layers of a dynamic cache bind new tensors when they grow, so nothing is copied before that.
    """
    copied = copy.copy(cache)
    copied.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in copied.layers:
        if times > 1 and getattr(layer, "is_initialized", False):
            layer.keys, layer.values = (_repeat(x, times) for x in (layer.keys, layer.values))
    return copied


def join_caches(caches: Sequence[DynamicCache | None]) -> DynamicCache:
    """Return keys and values of one-row caches as the rows of one, padded on the left to the longest.

    None is a row without any. What is padded is for a mask to hide; the caches stay as they are.
    """
    longest = max((cache for cache in caches if cache is not None), key=lambda cache: cache.get_seq_length())
    joined = repeat_cache(longest, 1)
    for number, layer in enumerate(joined.layers):
        rows = [None if cache is None else cache.layers[number] for cache in caches]
        layer.keys = _stacked([None if row is None else row.keys for row in rows], layer.keys)
        layer.values = _stacked([None if row is None else row.values for row in rows], layer.values)
    return joined


def _stacked(rows: Sequence[Tensor | None], longest: Tensor) -> Tensor:
    """Stack (1, H, n, d) tensors to (B, H, N, d), each at the right edge of zeros."""
    stacked = longest.new_zeros(len(rows), *longest.shape[1:])
    for target, row in zip(stacked, rows, strict=True):
        if row is not None:
            target[:, longest.shape[2] - row.shape[2] :] = row[0]
    return stacked


def copy_state(cache: DynamicCache) -> DynamicCache:
    """Return a copy that shares nothing with ``cache``: recurrent layers change their state in place."""
    return copy.deepcopy(cache)


def _repeat(x: Tensor, times: int) -> Tensor:
    return x.expand(times, *x.shape[1:]) if len(x) == 1 else x.repeat_interleave(times, 0)
