"""One example: the prompt's tokens with room for each soft prompt, the recordings that fill them, the answer.

No model runs here. ``batches`` puts examples together, ``table_examples`` makes them of a table's rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sig2lm.lm import DialogueTokenizer, EncodedPrompt
from sig2lm.model.measured import Facts, in_words
from sig2lm.quantities import Measurement, comparisons
from sig2lm.signals import Contract, Signal
from sig2lm.templates.task import Task
from sig2lm.templates.template import Template
from sig2lm.templates.turns import SignalPlace, Turn, further_turn, ordinal

_PROMPTS_KEPT = 4096


@dataclass(frozen=True)
class SignalInput:
    """One signal of an example: raw values, or patches that a frozen encoder made of them.

    Attributes
    ----------
    name
        Which named signal.
    num_patches
        P.
    values
        (C, T) float32, NaN for missing; None when ``patches`` are given.
    patches, patch_mask
        (P, E) float32 and (P,) bool.
    measured
        What was measured of it, where a prompt states it (:mod:`sig2lm.model.measured`); else empty.
    """

    name: str
    num_patches: int
    values: NDArray[np.float32] | None = None
    patches: NDArray[np.float32] | None = None
    patch_mask: NDArray[np.bool_] | None = None
    measured: Facts = ()


@dataclass(frozen=True)
class Example:
    """A prompt, what fills its signal places, and the tokens of its answer (none when it is to be found)."""

    prompt: EncodedPrompt
    recordings: Mapping[SignalPlace, SignalInput]
    answer_ids: tuple[int, ...] = ()


class Examples(Protocol):
    """Examples by number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Example: ...


@dataclass(frozen=True)
class Prompter:
    """Writes examples.

    Attributes
    ----------
    task
        TextPromptSpec and labels.
    dialogue
        The LM's tokenizer.
    size
        K for a named signal of so many patches.
    """

    task: Task
    dialogue: DialogueTokenizer
    size: Callable[[str, int], int]
    _prompts: dict[Any, EncodedPrompt] = field(init=False, repr=False, compare=False, default_factory=dict)

    def example(
        self,
        recordings: Mapping[SignalPlace, SignalInput],
        question: str,
        answer: str | None = None,
        fields: Mapping[str, str] | None = None,
        earlier: Sequence[tuple[str, str]] = (),
    ) -> Example:
        """Render the template with a question and return the example; ``earlier`` questions and answers precede it.

        Raises
        ------
        PromptError
            When the template has a variable without a value.
        """
        asked = [*map(tuple, earlier), (question, "")]
        told = {**(fields or {}), **stated(self.task.template, recordings, asked[0][0])}
        before, rounds = "", []
        for text, answer_to_it in asked:
            rounds.append((text, answer_to_it, compared(self.task.template, recordings, text, before)))
            before += f"{text} {answer_to_it} "
        prompt = self._prompt(tuple(rounds), self.sizes(recordings), told)
        return Example(prompt, recordings, self.dialogue.encode_answer(answer) if answer is not None else ())

    def _prompt(
        self, asked: tuple[tuple[str, str, str], ...], sizes: Mapping[SignalPlace, int], fields: Mapping[str, str]
    ) -> EncodedPrompt:
        """Encode questions, each with its answer (but the last) and what it compares.

        A prompt that was written before is taken from memory, as rows differ in little but signals.
        """
        key = (asked, tuple(sizes.items()), tuple(fields.items()))
        found = self._prompts.get(key)
        if found is None:
            if len(self._prompts) >= _PROMPTS_KEPT:
                self._prompts.clear()
            turns = list(self.task.template.render(asked[0][0], list(sizes), fields))
            for (_, said, _), (following, _, beside) in pairwise(asked):
                turns += [Turn("assistant", (said,)), further_turn(following, compared=beside)]
            found = self._prompts[key] = self.dialogue.encode(turns, sizes)
        return found  # and not what is kept, which another thread may have cleared

    def sizes(self, recordings: Mapping[SignalPlace, SignalInput]) -> dict[SignalPlace, int]:
        """How many virtual tokens each recording takes."""
        return {place: self.size(recording.name, recording.num_patches) for place, recording in recordings.items()}


def stated(template: Template, recordings: Mapping[SignalPlace, SignalInput], question: str = "") -> dict[str, str]:
    """Return what a template's ``$measured`` stands for: what was measured, and what the first question compares of it.

    Nothing where it has none. Several recordings of one signal are told apart by their order, several signals by their
    names.
    """
    told = {place: one.measured for place, one in recordings.items() if one.measured}
    if not template.shows_measured or not told:
        return {}
    names = [place.name for place in recordings]
    parts = []
    for place, facts in told.items():
        owner = [ordinal(place)] if names.count(place.name) > 1 else []
        owner += [place.name.replace("_", " ")] if len(set(names)) > 1 else []
        parts.append(f"{' '.join(owner)}: {in_words(facts)}" if owner else in_words(facts))
    beside = compared(template, recordings, question)
    return {"measured": f"Measured: {'; '.join(parts)}.{f' {beside}' if beside else ''}"}


def compared(
    template: Template, recordings: Mapping[SignalPlace, SignalInput], question: str, earlier: str = ""
) -> str:
    """Say what a question compares of what was measured (:func:`sig2lm.quantities.comparisons`), if anything.

    ``earlier`` is what was said before it. Empty also where the template does not state what was measured.
    """
    if not template.shows_measured:
        return ""
    by_order: dict[str, list[Measurement]] = {}
    for place, one in recordings.items():
        by_order.setdefault(ordinal(place), []).extend(one.measured)
    found = comparisons(question, by_order, earlier)
    return f"Compared: {'; '.join(found)}." if found else ""


def following(
    template: Template,
    question: str,
    places: Sequence[SignalPlace],
    recordings: Mapping[SignalPlace, SignalInput],
    before: Sequence[Turn],
) -> Turn:
    """Return a question after the first as a turn, with the recordings that come with it and what it states of them.

    ``recordings`` are all of the conversation, ``before`` are its turns.
    """
    shown = places if template.shows_measured else ()
    words = {place: in_words(recordings[place].measured) for place in shown}
    said = [str(turn.parts[-1]).rpartition("\n")[2] for turn in before]  # a question, not what stands before it
    return further_turn(question, places, words, compared(template, recordings, question, " ".join(said)))


def about(
    template: Template,
    opening: Sequence[Turn],
    turns: Sequence[Turn],
    recordings: Mapping[SignalPlace, SignalInput],
) -> list[Turn]:
    """Return a conversation as it would be about other recordings, behind an opening that states what is theirs."""
    found = list(opening)
    for turn in turns[len(opening) :]:
        places, question = [part for part in turn.parts if isinstance(part, SignalPlace)], turn.parts[-1]
        asks = turn.role == "user" and isinstance(question, str)
        found.append(following(template, str(question), places, recordings, found) if asks else turn)
    return found


def describe(recording: SignalInput, contract: Contract) -> str:
    """Describe a recording's values in words and numbers: what an encoder normalises away, put back as text."""
    assert recording.values is not None
    clock = contract.sampling_rate, contract.channels, contract.units, contract.period
    return Signal(recording.values, *clock).describe()
