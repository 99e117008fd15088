"""A causal LM that is read, never written.

Rows of a batch are padded on the left, with an attention mask and explicit positions, so that answers stand at the
right edge: logits are computed there only, generation continues there, and a row's result does not depend on its batch
mates. A shared beginning may be prefilled once and stands before the padding.

Shapes: B batch, N prefix length, L text length, D LM width, V vocabulary, A answer length.
"""

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from sig2lm.errors import PromptError
from sig2lm.lm.dialogue import DialogueTokenizer
from sig2lm.lm.loading import find_lm, fingerprint_model, load_model
from sig2lm.lm.tree import TokenTree

_NORM_SAMPLE = 4096  # rows of the embedding table that its norm is measured on


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
        Keys and values of the first L - 1 positions.
    """

    input_ids: Tensor
    attention_mask: Tensor
    cache: DynamicCache

    def repeated(self, times: int) -> "Context":
        """Return each row ``times`` times, with a cache that may grow without changing this one."""
        ids, mask = (x.repeat_interleave(times, 0) for x in (self.input_ids, self.attention_mask))
        return Context(ids, mask, repeat_cache(self.cache, times))


def repeat_cache(cache: DynamicCache, times: int) -> DynamicCache:
    """Return keys and values with each row ``times`` times; they may grow or be cropped, ``cache`` stays as it is.

    Layers of a dynamic cache bind new tensors when they grow, so nothing is copied before that.
    """
    copied = copy.copy(cache)
    copied.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in copied.layers:
        if times > 1 and layer.is_initialized:
            layer.keys, layer.values = (_repeat(x, times) for x in (layer.keys, layer.values))
    return copied


def _repeat(x: Tensor, times: int) -> Tensor:
    return x.expand(times, *x.shape[1:]) if len(x) == 1 else x.repeat_interleave(times, 0)


@contextmanager
def _without_peft_s_warning() -> Iterator[None]:
    """Be silent about a name of transformers that is old, by which peft 0.21 asks: users cannot help it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


class FrozenLM(nn.Module):
    """Any Hugging Face causal LM behind the few operations that the bridge needs.

    Parameters
    ----------
    model
        A causal LM; its parameters lose ``requires_grad`` and it stays in evaluation mode (no dropout), also while an
        adapter in front of it is trained.
    tokenizer
        Its tokenizer.
    name
        Folder, hub id or ``pocket``: what a checkpoint writes down to find the LM again.
    fingerprint
        Hash of config, weights and tokenizer; computed from the tensors when not given.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        name: str = "in-memory",
        revision: str | None = None,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.name, self.revision = name, revision
        self.fingerprint = fingerprint or fingerprint_model(model, tokenizer)
        eos = getattr(model.generation_config, "eos_token_id", None)
        if eos is None:
            eos = model.config.get_text_config().eos_token_id
        self.dialogue = DialogueTokenizer(tokenizer, eos if isinstance(eos, list) else [eos] if eos is not None else [])
        self.has_lora = False

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, revision: str | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Load an LM from a folder, a hub id, a GGUF file, or by the names ``pocket`` and ``smollm2``.

        Parameters
        ----------
        name
            What to load; weights come from safetensors, code from a repository is never run.
        revision
            Branch, tag or commit of a hub id.
        dtype
            float32 by default.

        Raises
        ------
        CheckpointError
            If nothing loads under that name.
        """
        source = find_lm(name, revision)
        model, tokenizer = load_model(source.folder, dtype or torch.float32)
        return cls(model, tokenizer, source.name, revision, source.fingerprint)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode of LoRA layers only; the LM itself never leaves evaluation mode."""
        super().train(mode and self.has_lora)
        return self

    @property
    def width(self) -> int:
        """D, the width of an input embedding."""
        return int(self.model.get_input_embeddings().embedding_dim)

    @property
    def device(self) -> torch.device:
        """Where the LM's weights lie."""
        return torch.device(self.model.device)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the LM's weights and of what it reads."""
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    @property
    def max_length(self) -> int | None:
        """Longest text the LM has positions for; None where its config states no limit."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(limit) if limit else None

    @property
    def attention_window(self) -> int | None:
        """Shortest sliding window of any layer; None where every layer sees everything."""
        config = self.model.config.get_text_config()
        if "local" in (getattr(config, "attention_layers", None) or ()):  # GPT-Neo
            return int(config.window_size)
        window = getattr(config, "sliding_window", None)
        types = getattr(config, "layer_types", None)
        return int(window) if window and (types is None or "sliding_attention" in types) else None

    @property
    def embedding_norm(self) -> float:
        """Mean Euclidean norm of the rows of the embedding table, over at most 4,096 evenly spaced ones."""
        rows = self.model.get_input_embeddings().num_embeddings
        ids = torch.linspace(0, rows - 1, min(rows, _NORM_SAMPLE), device=self.device).long()
        with torch.no_grad():
            return float(self.embed(ids).float().norm(dim=-1).mean())

    def embed(self, input_ids: Tensor) -> Tensor:
        """Look up token embeddings: (B, L) ids to (B, L, D)."""
        embedded: Tensor = self.model.get_input_embeddings()(input_ids)
        return embedded

    def add_lora(self, rank: int, alpha: float | None = None) -> None:
        """Put trainable low-rank layers (LoRA, Hu et al. 2021) beside every linear layer; the weights stay frozen."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(r=rank, lora_alpha=alpha or 2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        with _without_peft_s_warning():
            self.model, self.has_lora = get_peft_model(self.model, config), True

    def remove_lora(self) -> None:
        """Take the LoRA layers off; the LM is what it was."""
        self.model, self.has_lora = self.model.unload(), False
        self.model.requires_grad_(False)

    def load_lora(self, folder: Path) -> None:
        """Read LoRA layers that ``save_lora`` wrote."""
        from peft import PeftModel

        with _without_peft_s_warning():
            self.model, self.has_lora = PeftModel.from_pretrained(self.model, folder, is_trainable=True), True

    def save_lora(self, folder: Path) -> None:
        """Write the LoRA layers in peft's own format (safetensors)."""
        self.model.save_pretrained(folder)

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        *,
        prefix: DynamicCache | None = None,
        num_logits: int,
    ) -> Tensor:
        """Return logits (B, num_logits, V) of the last positions.

        Parameters
        ----------
        inputs_embeds
            (B, L, D), padded on the left.
        attention_mask
            (B, L), 0 at padding and at missing virtual tokens.
        prefix
            Keys and values of a beginning that all rows share, from :meth:`prefill` of one row; it is not changed.
        num_logits
            How many positions, counted from the right, need logits: the LM head runs on no other.
        """
        cache = repeat_cache(prefix, len(inputs_embeds)) if prefix is not None else None
        return self._run(inputs_embeds, attention_mask, cache, num_logits)

    def prefill(self, inputs_embeds: Tensor, attention_mask: Tensor, past: DynamicCache | None = None) -> DynamicCache:
        """Read (B, L, D) embeddings and return keys and values; ``past`` grows in place.

        ``attention_mask`` covers what is read now, or the past too: (B, L) or (B, past + L). L may be 0, where the past
        is all that there is.
        """
        cache = past if past is not None else self.empty_cache()
        if inputs_embeds.shape[1]:
            self._run(inputs_embeds, attention_mask, cache, 1)
        return cache

    def empty_cache(self) -> DynamicCache:
        """Return a cache that fits this LM's layers."""
        return DynamicCache(config=self.model.config)

    @torch.no_grad()
    def score(self, context: Context, continuations: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-likelihood (B, n) of each of n continuations after each row of the context.

        A continuation is token ids, the end of the answer included; its score is the sum over its tokens, in float64.
        """
        tree = TokenTree(continuations)
        if self._branches(context.input_ids.shape[1] + len(tree.tokens)):
            return tree.scores(self._read_tree(context, tree))
        chains = [TokenTree([ids]) for ids in continuations]
        return torch.cat([chain.scores(self._read_tree(context, chain)) for chain in chains], dim=1)

    def _branches(self, length: int) -> bool:
        """Whether the attention takes a mask in which siblings do not see each other, and no window slides."""
        fits = self.attention_window is None or length <= self.attention_window
        return fits and self.model.config._attn_implementation in ("sdpa", "eager")

    def _read_tree(self, context: Context, tree: TokenTree) -> Tensor:
        """Logits (B, Q, V) behind each node of a tree that follows the context, which is left as it was."""
        rows = len(context.input_ids)
        tokens = tree.tokens.to(self.device).expand(rows, -1)
        ids = torch.cat([context.input_ids[:, -1:], tokens], dim=1)
        positions = context.attention_mask.sum(-1, keepdim=True) - 1 + tree.depth.to(self.device)
        mask = torch.cat([context.attention_mask, torch.ones_like(tokens)], dim=1)
        if not tree.is_chain:
            mask = self._tree_mask(context.attention_mask, tree)
        return self._run(self.embed(ids), mask, repeat_cache(context.cache, 1), ids.shape[1], positions)

    def _tree_mask(self, attention_mask: Tensor, tree: TokenTree) -> Tensor:
        """Additive mask (B, 1, Q, L - 1 + Q): the prompt's own mask, then which nodes see which."""
        count = len(tree.visible)
        prompt = attention_mask[:, None, None, :-1].bool().expand(-1, 1, count, -1)
        nodes = tree.visible.to(self.device).expand(len(attention_mask), 1, -1, -1)
        hidden = ~torch.cat([prompt, nodes], dim=-1)
        return hidden.to(self.dtype) * torch.finfo(self.dtype).min

    @torch.no_grad()
    def generate(self, context: Context, **options: Any) -> list[list[int]]:
        """Continue each row and return the new ids without the end of the answer; ``options`` are ``generate``'s."""
        settings = {
            "max_new_tokens": 64,
            "do_sample": False,
            "eos_token_id": self.dialogue.stop_ids,
            "pad_token_id": self.dialogue.placeholder,
            **options,
        }
        settings["max_new_tokens"] = self._room(context.input_ids.shape[1], int(settings["max_new_tokens"]))
        copied = context.repeated(1)
        output = self.model.generate(
            input_ids=copied.input_ids,
            attention_mask=copied.attention_mask,
            past_key_values=copied.cache,
            **settings,
        )
        new = output[:, context.input_ids.shape[1] :].tolist()
        stops = set(self.dialogue.stop_ids)
        return [row[: next((i for i, token in enumerate(row) if token in stops), len(row))] for row in new]

    def check_length(self, length: int) -> None:
        """Refuse a prompt that the LM has no positions for.

        Raises
        ------
        PromptError
            When ``length`` tokens do not fit.
        """
        if self.max_length is not None and length > self.max_length:
            raise PromptError(
                f"the prompt takes {length} tokens, but the LM '{self.name}' reads at most {self.max_length}; "
                "use fewer virtual tokens (the resampler's number is fixed), fewer signals or a shorter text"
            )

    def _room(self, used: int, wanted: int) -> int:
        self.check_length(used + 1)
        return wanted if self.max_length is None else min(wanted, self.max_length - used)

    def _run(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        cache: DynamicCache | None,
        num_logits: int,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Run the LM; positions are counted from the mask where none are given."""
        past = cache.get_seq_length() if cache is not None else 0
        length = inputs_embeds.shape[1]
        # A tree of choices has more tokens than its deepest branch has positions.
        self.check_length(past + length if positions is None else int(positions.max()) + 1)
        if attention_mask.shape[-1] == length and past:
            ones = attention_mask.new_ones(attention_mask.shape[0], past)
            attention_mask = torch.cat([ones, attention_mask], dim=1)
        if positions is None:
            positions = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, -length:]
        output = self.model(
            inputs_embeds=inputs_embeds.to(self.dtype),
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=num_logits,
        )
        logits: Tensor = output.logits
        return logits
