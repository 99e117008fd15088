"""One call of a transformers LM: what it takes besides vectors, and what it is asked for.

Families differ in the names of their arguments, and some count positions themselves, keep no cache, or want a second
embedding of every token. All of that is read from the model here, and nowhere else.
"""

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

_CACHE_NAMES = ("past_key_values", "cache_params")


class Runner:
    """Runs a causal LM on vectors.

    Parameters
    ----------
    model
        A causal LM of transformers, or a peft model around one.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.base = model.get_base_model() if hasattr(model, "get_base_model") else model
        parameters = inspect.signature(self.base.forward).parameters
        self.takes = frozenset(parameters)
        self.cache_name = next((name for name in _CACHE_NAMES if name in self.takes), None)
        self._per_layer = self._find_per_layer()

    def __call__(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None = None,
        cache: DynamicCache | None = None,
        *,
        num_logits: int,
        positions: Tensor | None = None,
        input_ids: Tensor | None = None,
    ) -> Tensor:
        """Return logits (B, num_logits, V) of the last positions; ``cache`` grows in place.

        Parameters
        ----------
        inputs_embeds
            (B, L, D).
        attention_mask
            (B, past + L) with 0 at what is not to be seen, (B, 1, L, past + L) additive, or None where all is seen.
        cache
            What was read before.
        num_logits
            How many positions, counted from the right.
        positions
            (B, L); counted from a mask (B, past + L) where they are not given.
        input_ids
            (B, L), for LMs that embed every token a second time in each layer.
        """
        if positions is None and attention_mask is not None and attention_mask.dim() == 2:
            positions = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, -inputs_embeds.shape[1] :]
        options: dict[str, Any] = {"attention_mask": attention_mask, "position_ids": positions}
        options["logits_to_keep"] = num_logits
        options = {name: value for name, value in options.items() if name in self.takes and value is not None}
        if self.cache_name is not None:
            options |= {self.cache_name: cache, "use_cache": cache is not None}
        options |= self.second_embeddings(inputs_embeds, input_ids)
        logits: Tensor = self.model(inputs_embeds=inputs_embeds, **options).logits
        return logits[:, -num_logits:]

    def empty_cache(self) -> DynamicCache:
        """Return a cache that fits the LM's layers."""
        return DynamicCache(config=self.base.config)

    @property
    def embeds_twice(self) -> bool:
        """Whether the LM wants to know more of a token than its vector."""
        return self._per_layer is not None

    def second_embeddings(self, inputs_embeds: Tensor, input_ids: Tensor | None) -> dict[str, Tensor]:
        """Return what an LM wants to know of tokens beside their vectors: in most families, nothing.

        Where soft prompts stand, these are the placeholder's, as transformers does for images.
        """
        if self._per_layer is None:
            return {}
        if input_ids is None:
            raise ValueError("this LM embeds every token a second time; pass input_ids too")
        with torch.no_grad():
            return {"per_layer_inputs": self._per_layer.get_per_layer_inputs(input_ids.to(inputs_embeds.device))}

    def _find_per_layer(self) -> Any:
        """The part of Gemma 3n or Gemma 4 that embeds tokens for each layer, or None."""
        if not getattr(self.base.config.get_text_config(), "hidden_size_per_layer_input", None):
            return None
        return next((part for part in self.base.modules() if hasattr(part, "get_per_layer_inputs")), None)
