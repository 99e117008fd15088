"""What the LM keeps of what it has read."""

import copy
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


def copy_state(cache: DynamicCache) -> DynamicCache:
    """Return a copy that shares nothing with ``cache``: recurrent layers change their state in place."""
    return copy.deepcopy(cache)


def _repeat(x: Tensor, times: int) -> Tensor:
    return x.expand(times, *x.shape[1:]) if len(x) == 1 else x.repeat_interleave(times, 0)
