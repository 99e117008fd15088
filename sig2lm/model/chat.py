"""A conversation about recordings, which the LM reads once.

Each question is encoded with the whole dialogue before it, but only what is new since the last reading is run: the
longest beginning that the two share keeps its keys and values. So the signal is encoded and read for the first question
only, and independent questions (:meth:`Chat.reset`) share it too. Where a conversation is longer than the LM reads, its
oldest questions leave it, and that is said.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sig2lm.arguments import check_known
from sig2lm.errors import PromptError
from sig2lm.lm import Context, EncodedPrompt, TextStream
from sig2lm.model.answer import Answer
from sig2lm.model.answering import QuestionAnswerer, check_options
from sig2lm.model.examples import Example, SignalInput, about, following
from sig2lm.model.recordings import Signals
from sig2lm.model.reliance import Reliance
from sig2lm.quantities import Check
from sig2lm.signals.arrays import ArrayClock
from sig2lm.templates.task import Question
from sig2lm.templates.turns import SignalPlace, Turn

_ROOM = 32  # tokens for an answer, at least, before an older question is left out
_logger = logging.getLogger(__name__)


class Chat:
    """A conversation with a :class:`SignalLM`.

    Parameters
    ----------
    model
        Who answers.
    signals
        What it is about, as :meth:`SignalLM.ask` takes it; more may come later (:meth:`add`).
    facts
        What else is known, for templates that tell it.
    stated
        Of arrays, what they do not state: ``sampling_rate``, ``channels``, ``units``, ``period``; and ``believe``, as
        :meth:`SignalLM.ask` takes it.

    Raises
    ------
    ArgumentError
        When a fact, or what is stated, is unknown.
    SignalError
        When a signal breaks its contract.
    """

    def __init__(
        self, model: QuestionAnswerer, signals: Signals, facts: Mapping[str, str] | None = None, **stated: Any
    ) -> None:
        self.model = model
        named = model.named(signals, _clock(stated))
        self.task = model.task(named)
        self.facts = model.checked_facts(self.task, facts or {})
        self.turns: list[Turn] = []
        self._first = model.recordings(named)
        self._recordings: dict[SignalPlace, SignalInput] = dict(self._first)
        self._waiting: list[SignalPlace] = []
        self._opening = ""
        self._soft: dict[SignalPlace, tuple[Tensor, Tensor]] = {}
        self._read: tuple[list[Any], Context] | None = None
        self._said: tuple[Sequence[Turn], Question, Answer] | None = None

    def ask(self, question: str | None = None, choices: Sequence[str] | None = None, **options: Any) -> Answer:
        """Ask, hear the answer, and remember both; arguments as :meth:`SignalLM.ask`."""
        alone = not self.turns and not any(place.index for place in self._recordings)
        asked = self.model.question(self.task, question, choices, alone)
        check_options(asked, options)
        if self.turns:  # what came before sways the answer too, and nothing is known of how
            asked = replace(asked, offsets=None)
        turns = self._with(asked.text)
        answer = self.model.answer_context(self._context(turns), asked, **options)[0]
        self._remember(turns, answer.text)
        if asked.choices is None:
            answer = replace(answer, checks=self.check(answer.text))
        return replace(answer, reliance=self._reliance(turns, asked, answer))

    def stream(self, question: str, **options: Any) -> Iterator[str]:
        """Ask an open question and yield the answer as it is written.

        It is remembered when it is complete; whoever stops before leaves the conversation as it was.
        """
        check_options(Question(self.task, question), options)
        turns = self._with(question)
        written = TextStream(self.model.lm.dialogue)
        for token in self.model.lm.stream(self._context(turns), **options):
            if piece := written.push(token):
                yield piece
        if piece := written.finish():
            yield piece
        self._remember(turns, written.text)
        self._said = turns, Question(self.task, question), Answer(written.text, None, None)

    def reliance(self) -> Reliance | None:
        """Say how much what was streamed last rests on the signals (:attr:`Answer.reliance`)."""
        return None if self._said is None else self._reliance(*self._said)

    def _reliance(self, turns: Sequence[Turn], question: Question, answer: Answer) -> Reliance | None:
        def write(recordings: Mapping[SignalPlace, SignalInput]) -> Example:
            sizes = self.model.prompter(self.task).sizes(recordings)
            return Example(self.model.lm.dialogue.encode(self._about(turns, recordings), sizes), recordings)

        return self.model.reliance(question, answer, self._recordings, write)

    def check(self, text: str) -> tuple[Check, ...]:
        """Compare the numbers that a text states with what is measured, see :meth:`SignalLM.check`."""
        return self.model.check(text, self._recordings)

    def add(self, signals: Signals, **stated: Any) -> None:
        """Bring further recordings into the conversation; the next question stands behind them."""
        counts: dict[str, int] = {}
        for place in self._recordings:
            counts[place.name] = counts.get(place.name, 0) + 1
        added = self.model.recordings(self.model.named(signals, _clock(stated)), counts)
        self._recordings |= added
        self._waiting += added

    def reset(self) -> None:
        """Forget the conversation but not the first recordings: what was read of them is kept."""
        self.turns = []
        self._recordings, self._waiting = dict(self._first), []

    def _with(self, question: str) -> list[Turn]:
        """The dialogue with a new question; the first is put in the template's words."""
        if not question.strip():
            raise PromptError("expected a question, found an empty one; ask something")
        return self._fitting(self._continued(question))

    def _fitting(self, turns: list[Turn]) -> list[Turn]:
        """Leave out the oldest questions that the LM has no room for; those that show a recording stay."""
        lm, left_out = self.model.lm, 0
        sizes = self.model.prompter(self.task).sizes(self._recordings)
        start = next((number for number, turn in enumerate(turns) if turn.role == "assistant"), len(turns)) + 1
        while lm.max_length is not None and len(lm.dialogue.encode(turns, sizes).keys) + _ROOM > lm.max_length:
            asked = range(start, len(turns) - 1, 2)
            oldest = next((n for n in asked if not any(isinstance(part, SignalPlace) for part in turns[n].parts)), None)
            if oldest is None:
                break  # the reading refuses it by its length
            turns, left_out = [*turns[:oldest], *turns[oldest + 2 :]], left_out + 1
        if left_out:
            _logger.warning(
                "the %d oldest questions behind the first are left out: the conversation is longer than the %d tokens "
                "that the LM reads",
                *(left_out, lm.max_length),
            )
        return turns

    def _continued(self, question: str) -> list[Turn]:
        """The dialogue so far, and the question."""
        if not self.turns:
            self._opening = question
            return self._opened(self._recordings)
        return [*self.turns, following(self.task.template, question, self._waiting, self._recordings, self.turns)]

    def _opened(self, recordings: Mapping[SignalPlace, SignalInput]) -> list[Turn]:
        """The first question, about given recordings."""
        fields = self.facts | self.model.summaries(self.task, recordings, self._opening)
        return list(self.task.template.render(self._opening, list(recordings), fields))

    def _about(self, turns: Sequence[Turn], recordings: Mapping[SignalPlace, SignalInput]) -> list[Turn]:
        """A dialogue as it would be about other recordings: what it states of those it begins with is theirs."""
        if not self.task.template.shows_measured:
            return list(turns)
        first = self._opened({place: recordings[place] for place in _shown(turns)})
        return about(self.task.template, first, turns, recordings)

    def _remember(self, turns: list[Turn], answer: str) -> None:
        self.turns, self._waiting = [*turns, Turn("assistant", (answer,))], []

    @torch.no_grad()
    def _context(self, turns: Sequence[Turn]) -> Context:
        """Read a dialogue, reusing what has been read."""
        self.model.eval()
        lm = self.model.lm
        prompt = lm.dialogue.encode(turns, self.model.prompter(self.task).sizes(self._recordings))
        keys = prompt.keys
        lm.check_length(len(keys))  # before anything that was read is given up
        known, context = self._read or ([], None)
        self._read = None  # whatever stops the reading below leaves nothing half read
        shared = _common(known, keys[:-1])
        past = lm.kept(context, shared)
        ids = torch.tensor([prompt.input_ids], device=lm.device)
        inputs_embeds, mask = self._embed(prompt, ids)
        context = lm.read(inputs_embeds[:, shared if past is not None else 0 :], mask, ids, past)
        self._read = (keys[:-1], context)
        return context

    def _embed(self, prompt: EncodedPrompt, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Embed a prompt (1, L) with its soft prompts; each recording is encoded once in a conversation."""
        inputs_embeds = self.model.lm.embed(ids).clone()
        mask = torch.ones_like(ids)
        for place, start, count in prompt.places:
            if place not in self._soft:
                self._soft[place] = self.model.soft_prompt(self._recordings[place])
            soft_prompt, soft_mask = self._soft[place]
            inputs_embeds[0, start : start + count] = soft_prompt.to(inputs_embeds.dtype)
            mask[0, start : start + count] = soft_mask.to(mask.dtype)
        return inputs_embeds, mask


def _clock(stated: dict[str, Any]) -> ArrayClock:
    check_known("option", stated, ArrayClock.names())
    return ArrayClock(**stated)


def _shown(turns: Sequence[Turn]) -> list[SignalPlace]:
    """The recordings that the first question of a dialogue shows."""
    first = next(turn for turn in turns if turn.role == "user")
    return [part for part in first.parts if isinstance(part, SignalPlace)]


def _common(known: Sequence[Any], wanted: Sequence[Any]) -> int:
    """Length of the longest beginning that two sequences share."""
    pairs = zip(known, wanted, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(known), len(wanted)))
