"""A causal LM that is read, never written.

Rows of a batch are padded on the left, with an attention mask and explicit positions, so that answers stand at the
right edge: logits are computed there only, generation continues there, and a row's result does not depend on its batch
mates. A shared beginning may be prefilled once and stands before the padding.

Shapes: B batch, N prefix length, L text length, D LM width, V vocabulary, A answer length.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from sig2lm.errors import CheckpointError, PromptError
from sig2lm.lm.cache import Context, repeat_cache
from sig2lm.lm.capabilities import Capabilities, measured, reach
from sig2lm.lm.dialogue import DialogueTokenizer
from sig2lm.lm.generation import Reading, WritingSettings, write
from sig2lm.lm.loading import end_tokens, find_lm, fingerprint_model, load_model
from sig2lm.lm.lora import with_lora, with_saved_lora
from sig2lm.lm.placement import AUTO, PlacementRequest, choose_placement
from sig2lm.lm.runner import Runner
from sig2lm.lm.tree import TokenTree, read_tree
from sig2lm.lm.unpadded import read_rows, readings, score_rows

_LARGE = 20_000_000  # parameters
_NORM_SAMPLE = 4096  # rows of the embedding table that its norm is measured on


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
        self._run, self._reach = Runner(model), reach(model.config)
        self.name, self.revision = name, revision
        self.fingerprint = fingerprint or fingerprint_model(model, tokenizer)
        self.dialogue = DialogueTokenizer(tokenizer, end_tokens(model), model.get_input_embeddings().num_embeddings)
        self.has_lora = False
        self.quantization = "none"

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = AUTO,
        dtype: str | torch.dtype = AUTO,
        quantization: str = "none",
        attn_implementation: str | None = None,
        date: datetime.date | None = None,
    ) -> Self:
        """Load an LM from a folder, a hub id, a GGUF file, or by the names ``pocket`` and ``smollm2``.

        Parameters
        ----------
        name
            What to load; weights come from safetensors, code from a repository is never run.
        revision
            Branch, tag or commit of a hub id.
        device
            ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...; ``auto`` is the accelerator where there is one.
        dtype
            ``float32``, ``bfloat16`` or ``float16``; ``auto`` is the type that it was published in, or float32 on a CPU
            that is slow at it.
        quantization
            ``4bit`` or ``8bit`` with bitsandbytes, or ``none``.
        attn_implementation
            ``sdpa``, ``eager``, ``flash_attention_2``, ...; transformers' own choice by default.
        date
            For chat templates that write one; today's by default.

        Raises
        ------
        ArgumentError
            If an option has no such value, or the device is not here.
        CheckpointError
            If nothing loads under that name, it does not fit into memory, or it cannot be used.
        """
        source = find_lm(name, revision)
        asked = PlacementRequest(device, dtype, quantization, attn_implementation)
        placement = choose_placement(source.folder, asked)
        model, tokenizer = load_model(source.folder, placement)
        lm = cls(model, tokenizer, source.name, revision, source.fingerprint)
        lm.quantization = placement.quantization
        lm.dialogue.date = date or lm.dialogue.date
        return lm if placement.device.type == "meta" else lm.check()

    def train(self, mode: bool = True) -> Self:
        """Set the training mode of LoRA layers only; the LM itself never leaves evaluation mode."""
        super().train(mode and self.has_lora)
        return self

    @property
    def width(self) -> int:
        """D, the width of an input embedding."""
        return int(self.model.get_input_embeddings().embedding_dim)

    @property
    def num_parameters(self) -> int:
        """Of the LM, without what was put beside it."""
        return sum(p.numel() for name, p in self.model.named_parameters() if "lora_" not in name)

    @property
    def is_large(self) -> bool:
        """Whether a pass costs so much that defaults make fewer: more than 20 million parameters."""
        return self.num_parameters > _LARGE

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
    def precision(self) -> str:
        """In what its weights are: ``float32``, ``bfloat16``, ``4bit``, ..."""
        return str(self.dtype).removeprefix("torch.") if self.quantization == "none" else self.quantization

    @property
    def max_length(self) -> int | None:
        """Longest text the LM has positions for; None where its config states no limit."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(limit) if limit else None

    @property
    def capabilities(self) -> Capabilities:
        """Which short cuts leave what this LM computes unchanged, measured once (:mod:`sig2lm.lm.capabilities`)."""
        return measured(self._run, self.fingerprint)

    def check(self) -> Self:
        """Return the LM itself where it can be used.

        Raises
        ------
        CheckpointError
            If it is no causal LM, or does not read vectors as it reads tokens.
        """
        if refusal := self.capabilities.refusal:
            kind = type(self._run.base).__name__
            raise CheckpointError(
                f"expected a causal LM that takes soft prompts, found {kind} in '{self.name}': {refusal}; "
                "choose another LM (docs/language-models.md lists what works)"
            )
        return self

    @property
    def embeds_twice(self) -> bool:
        """Whether it embeds every token again in each layer (Gemma 3n), so that vectors alone are no whole prompt."""
        return self._run.embeds_twice

    @property
    def sharing_limit(self) -> int | None:
        """Longest text of which rows may share a beginning read once: None for any, 0 for none.

        Padding behind a shared beginning would push it out of sight where a window slides, and move the bounds of
        chunks.
        """
        if not self.capabilities.prefix or not self._reach.known:
            return 0
        return self._reach.shared

    def _pads(self, length: int) -> bool:
        """Whether a padded batch of this length gives each row what it would be given alone."""
        found = self.capabilities
        return found.padding and found.continuation and self._reach.known and self._reach.holds_in_a_chunk(length)

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
        """Put trainable low-rank layers beside every linear layer; the weights stay frozen."""
        self._wrap(with_lora(self.model, rank, alpha))

    @property
    def lora_rank(self) -> int:
        """Rank of the LoRA layers; 0 without any."""
        return int(self.model.peft_config["default"].r) if self.has_lora else 0

    def remove_lora(self) -> None:
        """Take the LoRA layers off; the LM is what it was."""
        self.model, self.has_lora = self.model.unload(), False
        self._run = Runner(self.model)
        self.model.requires_grad_(False)

    def load_lora(self, folder: Path) -> None:
        """Read LoRA layers that ``save_lora`` wrote."""
        self._wrap(with_saved_lora(self.model, folder))

    def _wrap(self, model: Any) -> None:
        self.model, self.has_lora, self._run = model, True, Runner(model)

    def save_lora(self, folder: Path) -> None:
        """Write the LoRA layers in peft's own format (safetensors)."""
        self.model.save_pretrained(folder)

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        *,
        input_ids: Tensor,
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
        input_ids
            (B, L), placeholders where soft prompts stand.
        prefix
            Keys and values of a beginning that all rows share, from :meth:`prefill` of one row; it is not changed.
        num_logits
            How many positions, counted from the right, need logits: the LM head runs on no other.
        """
        if prefix is None and not self._pads(inputs_embeds.shape[1]):
            self.check_length(int(attention_mask.sum(-1).max()))
            return read_rows(self._run, inputs_embeds.to(self.dtype), attention_mask, input_ids, num_logits)
        cache = repeat_cache(prefix, len(inputs_embeds)) if prefix is not None else None
        return self._read(inputs_embeds, attention_mask, cache, num_logits, input_ids)

    def prefill(
        self, inputs_embeds: Tensor, attention_mask: Tensor, input_ids: Tensor, past: DynamicCache | None = None
    ) -> DynamicCache:
        """Read (B, L, D) embeddings and return keys and values; ``past`` grows in place.

        ``attention_mask`` covers what is read now, or the past too: (B, L) or (B, past + L). L may be 0, where the past
        is all that there is.
        """
        cache = past if past is not None else self._run.empty_cache()
        if inputs_embeds.shape[1]:
            self._read(inputs_embeds, attention_mask, cache, 1, input_ids)
        return cache

    def read(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        input_ids: Tensor,
        past: DynamicCache | None = None,
    ) -> Context:
        """Read prompts up to their last token, ready to be continued.

        Parameters
        ----------
        inputs_embeds
            (B, L, D) of what ``past`` does not hold.
        attention_mask, input_ids
            (B, past + L) of the whole prompts.
        past
            Keys and values of their beginnings, which grow in place.
        """
        if past is None and not self._pads(inputs_embeds.shape[1]):
            return Context(input_ids, attention_mask, None, inputs_embeds.to(self.dtype))
        rest = input_ids[:, input_ids.shape[1] - inputs_embeds.shape[1] : -1]
        return Context(
            input_ids, attention_mask, self.prefill(inputs_embeds[:, :-1], attention_mask[:, :-1], rest, past)
        )

    def kept(self, context: Context | None, length: int) -> DynamicCache | None:
        """Return what was read of the first ``length`` positions, the rest cut off; None where nothing can be kept."""
        if context is None or context.cache is None or not length:
            return None
        surplus = context.cache.get_seq_length() - length
        if surplus and self._reach.window is not None and context.cache.get_seq_length() >= self._reach.window:
            return None  # a layer that slides has let go of what it would have to go back to
        if surplus:
            context.cache.crop(-surplus)
        return context.cache

    @torch.no_grad()
    def score(self, context: Context, continuations: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-likelihood (B, n) of each of n continuations after each row of the context.

        A continuation is token ids, the end of the answer included; its score is the sum over its tokens, in float64.
        """
        self.check_length(int(context.attention_mask.sum(-1).max()) + max(map(len, continuations)) - 1)
        if context.cache is None:
            return score_rows(self._run, context, continuations, self.capabilities.continuation and self._reach.known)
        tree = TokenTree(continuations)
        window = self._reach.window
        if self.capabilities.branching and (window is None or context.input_ids.shape[1] + len(tree.tokens) <= window):
            return tree.scores(self._read_tree(context, tree))
        chains = [TokenTree([ids]) for ids in continuations]
        return torch.cat([chain.scores(self._read_tree(context, chain)) for chain in chains], dim=1)

    def _read_tree(self, context: Context, tree: TokenTree) -> Tensor:
        assert context.cache is not None
        return read_tree(self._run, context.input_ids[:, -1:], context.attention_mask, context.cache, tree)

    def generate(self, context: Context, **options: Any) -> list[list[int]]:
        """Continue each row and return the new ids without the end of the answer.

        ``options`` are those of ``transformers``' ``generate`` that lead to one text: ``max_new_tokens`` (64),
        ``min_new_tokens``, ``do_sample``, ``temperature``, ``top_k``, ``top_p``, ``repetition_penalty``, ...

        Raises
        ------
        PromptError
            If an option is not one of these, or no position is left.
        """
        texts: list[list[int]] = [[] for _ in context.input_ids]
        for tokens in self.write(context, **options):
            for row, token in tokens.items():
                texts[row] += [] if token is None else [token]
        return texts

    def stream(self, context: Context, **options: Any) -> Iterator[int]:
        """Continue a context of one row and yield its new ids as they are written; options as in :meth:`generate`."""
        return (token for tokens in self.write(context, **options) if (token := tokens[0]) is not None)

    def write(
        self, context: Context, *, generator: torch.Generator | None = None, **options: Any
    ) -> Iterator[dict[int, int | None]]:
        """Continue rows and yield the next id of each as it is written: None where a row has ended.

        Parameters
        ----------
        context
            Rows that are equally long advance together; where an LM reads no padding, one length after the other.
        generator
            What tokens are drawn with, where ``do_sample`` asks for it; torch's own by default.
        options
            As in :meth:`generate`.
        """
        settings = self._settings(context, options)
        return (
            dict(zip(rows.tolist(), tokens, strict=True))
            for rows, reading in self._readings(context)
            for tokens in write(reading, settings, self.dialogue.stop_ids, generator)
        )

    def has_room(self, context: Context, num_tokens: int) -> bool:
        """Whether so many tokens fit behind a context, padding included."""
        return self.max_length is None or context.input_ids.shape[1] + num_tokens <= self.max_length

    def _settings(self, context: Context, options: Mapping[str, Any]) -> WritingSettings:
        settings = WritingSettings.from_options(options, self.model.generation_config)
        room = self._room(context.input_ids.shape[1], settings.max_new_tokens)
        return replace(settings, max_new_tokens=room)

    def _readings(self, context: Context) -> Iterable[tuple[Tensor, Reading]]:
        """The context's rows, ready to be continued; the context stays as it is."""
        if context.cache is None:
            return readings(self._run, context, self.capabilities.steps and self._reach.known)
        rows = torch.arange(len(context.input_ids))
        cache = repeat_cache(context.cache, 1)
        return [(rows, Reading(self._run, context.input_ids, context.attention_mask, cache))]

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

    def _read(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        cache: DynamicCache | None,
        num_logits: int,
        input_ids: Tensor,
    ) -> Tensor:
        """Run the LM on what follows a cache; a mask of what is read now is made to cover the past too."""
        past = cache.get_seq_length() if cache is not None else 0
        length = inputs_embeds.shape[1]
        self.check_length(past + length)
        if attention_mask.shape[-1] == length and past:
            ones = attention_mask.new_ones(attention_mask.shape[0], past)
            attention_mask = torch.cat([ones, attention_mask], dim=1)
        return self._run(
            inputs_embeds.to(self.dtype), attention_mask, cache, num_logits=num_logits, input_ids=input_ids
        )
