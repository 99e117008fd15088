"""The frozen causal LM: loading, dialogue to tokens, prefill, scoring and generation.

The only folder that touches the internals of transformers language models. It knows nothing of signals but that some
places of a prompt are filled from outside with vectors (``inputs_embeds``).
"""

from sig2lm.lm.cache import Context, join_caches, repeat_cache
from sig2lm.lm.dialogue import DialogueTokenizer, EncodedPrompt, TextStream
from sig2lm.lm.frozen import FrozenLM
from sig2lm.lm.placement import PlacementRequest, find_device, to_device

__all__ = [
    "Context",
    "DialogueTokenizer",
    "EncodedPrompt",
    "FrozenLM",
    "PlacementRequest",
    "TextStream",
    "find_device",
    "join_caches",
    "repeat_cache",
    "to_device",
]
