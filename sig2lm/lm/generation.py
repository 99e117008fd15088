"""Free text, token by token, from what the LM has read.

Written here and not by transformers' ``generate``, which an LM's own settings can turn into something else (beams,
static caches, result objects), which needs a thread where text is wanted as it is written, and which some families do
not offer for vectors. What it does with probabilities is its own: the same processors.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from sig2lm.errors import PromptError
from sig2lm.lm.runner import Runner

# In the order in which transformers applies them.
_ALWAYS: dict[str, Callable[[Any], Any]] = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor,
    "no_repeat_ngram_size": NoRepeatNGramLogitsProcessor,
    "suppress_tokens": SuppressTokensLogitsProcessor,
}
_SAMPLING: dict[str, Callable[[Any], Any]] = {
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
    "typical_p": TypicalLogitsWarper,
}
NEW_TOKENS = 64  # of an answer, where nobody says how long it may be
OPTIONS = ("max_new_tokens", "min_new_tokens", "do_sample", *_SAMPLING, *_ALWAYS)
_NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
# What transformers' `generate` knows besides, and why it is not here; a value that asks for nothing is let through.
_REFUSED: dict[str, tuple[Any, str]] = {
    "num_beams": (1, "an answer is written token by token"),
    "num_return_sequences": (1, "an answer is one text; ask again with do_sample=True for another"),
    "return_dict_in_generate": (False, "an answer has its text and, where it is closed, its probabilities"),
    "cache_implementation": (None, "the LM goes on from what it has read of the signal"),
    "use_cache": (True, "the LM goes on from what it has read of the signal"),
    "max_length": (None, "the prompt would count too; use max_new_tokens"),
    "streamer": (None, "Chat.stream yields an answer as it is written"),
    "eos_token_id": (None, "the chat template says what ends an answer"),
}


@dataclass(frozen=True)
class WritingSettings:
    """How a text is written.

    Attributes
    ----------
    max_new_tokens, min_new_tokens
        Bounds of its length in tokens, the end not counted.
    do_sample
        Draw each token by its probability; else the likeliest is taken.
    processors
        What changes the scores before.
    """

    max_new_tokens: int
    min_new_tokens: int
    do_sample: bool
    processors: LogitsProcessorList

    @classmethod
    def from_options(cls, options: Mapping[str, Any], own: GenerationConfig | None) -> "WritingSettings":
        """Read options of a call, over what the LM's own generation config says of writing.

        Raises
        ------
        PromptError
            If an option is unknown, asks for more than one text, or has a value that it cannot have.
        """
        options = _checked(options)
        sampled = bool(options.get("do_sample", False))
        kinds = {**_ALWAYS, **(_SAMPLING if sampled else {})}
        values = {name: options.get(name, getattr(own, name, None)) for name in kinds}
        try:
            processors = [
                kinds[name](value)
                for name, value in values.items()
                if value is not None and value != _NEUTRAL.get(name)
            ]
            longest, shortest = int(options.get("max_new_tokens", NEW_TOKENS)), int(options.get("min_new_tokens", 0))
        except (TypeError, ValueError, OverflowError) as error:
            raise PromptError(f"expected options of generation as in transformers, but: {error}") from error
        if longest < 1 or shortest < 0:
            raise PromptError(f"expected max_new_tokens of at least 1, found {longest} (min_new_tokens {shortest})")
        return cls(longest, min(shortest, longest), sampled, LogitsProcessorList(processors))


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        if name in _REFUSED:
            neutral, reason = _REFUSED[name]
            if value is not None and value != neutral:
                raise PromptError(f"expected no {name} ({reason}), found {name}={value}; leave it out")
        elif name not in OPTIONS:
            raise PromptError(f"expected an option of generation, found '{name}'; there are {', '.join(OPTIONS)}")
    return {name: value for name, value in options.items() if name in OPTIONS and value is not None}


class Reading:
    """Rows that have been read up to their last token, and may be continued token by token.

    Parameters
    ----------
    run
        The LM.
    input_ids, attention_mask
        (b, l) of what was read, padded on the left.
    cache
        Keys, values and states of all positions but the last; it grows. None for an LM that cannot go on from them,
        which then reads everything again for each token.
    vectors
        (b, l, D), where there is no cache.
    """

    def __init__(
        self,
        run: Runner,
        input_ids: Tensor,
        attention_mask: Tensor,
        cache: DynamicCache | None,
        vectors: Tensor | None = None,
    ) -> None:
        self.input_ids = input_ids
        self._run, self._mask, self._cache, self._vectors = run, attention_mask, cache, vectors

    def next_scores(self) -> Tensor:
        """(b, V) logits of the next token."""
        if self._vectors is not None:
            return self._run(self._vectors, num_logits=1, input_ids=self.input_ids)[:, -1]
        last = self.input_ids[:, -1:]
        vectors = self._embed(last)
        return self._run(vectors, self._mask, self._cache, num_logits=1, input_ids=last)[:, -1]

    def add(self, tokens: Tensor) -> None:
        """Put one token (b,) behind each row."""
        self.input_ids = torch.cat([self.input_ids, tokens[:, None]], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(tokens[:, None])], dim=1)
        if self._vectors is not None:
            self._vectors = torch.cat([self._vectors, self._embed(tokens[:, None])], dim=1)

    def _embed(self, ids: Tensor) -> Tensor:
        found: Tensor = self._run.model.get_input_embeddings()(ids)
        return found


def write(
    reading: Reading, settings: WritingSettings, stop_ids: list[int], generator: torch.Generator | None = None
) -> Iterator[list[int | None]]:
    """Yield the next token of each row, None where a row has ended, until all have."""
    ended = [False] * len(reading.input_ids)
    stops = torch.tensor(stop_ids, device=reading.input_ids.device)
    for number in range(settings.max_new_tokens):
        with torch.no_grad():
            scores = reading.next_scores().float()
            if number < settings.min_new_tokens:
                scores[:, stops] = -torch.inf
            scores = settings.processors(reading.input_ids, scores)
            if settings.do_sample:
                tokens = torch.multinomial(scores.softmax(-1), 1, generator=generator)[:, 0]
            else:
                tokens = scores.argmax(-1)
        found = tokens.tolist()
        ended = [before or token in stop_ids for before, token in zip(ended, found, strict=True)]
        if all(ended):
            return
        yield [None if over else token for over, token in zip(ended, found, strict=True)]
        reading.add(tokens)
