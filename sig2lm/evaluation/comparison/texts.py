"""Questions with numbers as text, with examples before them (few-shot) or behind a tuned prompt."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from sig2lm.datasets import Table
from sig2lm.evaluation.comparison.numbers import NumberWriter, shown
from sig2lm.lm import DialogueTokenizer, EncodedPrompt
from sig2lm.model.examples import Example, SignalInput
from sig2lm.templates.task import Task
from sig2lm.templates.turns import SignalPlace, Turn

TUNED = "soft_prompt"  # the name under which a tuned prompt stands in a template
_SMALLEST_SHARE = 1e-3
_FEWEST_SAMPLES = 4  # of the longest signal, in an example of a few-shot prompt
_MOST_SHOTS = 4  # examples of each label
_MEASURED_ROWS = 16  # whose length decides how many examples fit
_ENDLESS = 10**9  # tokens
_TUNED_PLACE = SignalPlace(TUNED)
_TUNED_RECORDING = SignalInput(TUNED, 1, None, np.zeros((1, 1), np.float32), np.ones(1, np.bool_))


@dataclass(frozen=True)
class TextPromptSpec:
    """How numbers are put to an LM.

    Attributes
    ----------
    task
        The text variant of the run's task, in which numbers stand as text.
    writer, dialogue
        Numbers to text, text to tokens.
    room
        Tokens that a prompt may take, the answer aside.
    tuned_tokens
        K of a tuned prompt before it, 0 for none.
    """

    task: Task
    writer: NumberWriter
    dialogue: DialogueTokenizer
    room: int
    tuned_tokens: int = 0


@dataclass(frozen=True)
class Shots:
    """Examples that stand before the question: turns of a dialogue, and which share of their samples they show."""

    turns: tuple[Turn, ...] = ()
    share: float = 1.0

    @property
    def count(self) -> int:
        """k."""
        return sum(turn.role == "assistant" for turn in self.turns)


@dataclass
class TextExamples(torch.utils.data.Dataset[Example]):
    """The questions of a split, each with its numbers, fewer where they do not fit (:meth:`.NumberWriter.write`).

    Attributes
    ----------
    table, split
        Which rows.
    paraphrase
        How they are put.
    shots
        What stands before each of them.
    held_out
        Whether the question is the held-out paraphrase, where there is one; else each row draws one from ``seed``.
    shares
        Share of the values that was shown, for each row that has been written.
    """

    table: Table
    split: str
    paraphrase: TextPromptSpec
    shots: Shots = field(default_factory=Shots)
    held_out: bool = False
    seed: int = 0
    shares: dict[int, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = self.table.data[self.split].with_format("numpy")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:
        paraphrase, row = self.paraphrase, self.rows[int(index)]
        question = self.question(int(index))
        places = {_TUNED_PLACE: paraphrase.tuned_tokens} if paraphrase.tuned_tokens else {}
        share = self.shots.share
        prompt = self._prompt(row, share, question, places)
        while len(prompt.input_ids) > paraphrase.room and share > _SMALLEST_SHARE:
            share *= 0.98 * paraphrase.room / len(prompt.input_ids)
            prompt = self._prompt(row, share, question, places)
        self.shares[int(index)] = shown(self.table.signals(row), share)
        answer = paraphrase.dialogue.encode_answer(paraphrase.task.template.write_answer(str(row["label"])))
        return Example(prompt, dict.fromkeys(places, _TUNED_RECORDING), answer)

    def _prompt(
        self, row: dict[str, Any], share: float, question: str, places: Mapping[SignalPlace, int]
    ) -> EncodedPrompt:
        turns = self.turns(self.fields(row, share), question, list(places))
        return self.paraphrase.dialogue.encode(turns, places)

    def fields(self, row: dict[str, Any], share: float) -> dict[str, str]:
        """What the template is filled with: facts, and a share of the numbers."""
        return {**self.table.facts(row), **self.paraphrase.writer.write(self.table.signals(row), share)}

    def turns(self, fields: dict[str, str], question: str, places: Sequence[SignalPlace]) -> list[Turn]:
        """The dialogue up to the answer."""
        asked = list(self.paraphrase.task.template.render(question, places, fields))
        if not self.shots.turns:
            return asked
        return [*asked[:-1], *self.shots.turns, asked[-1]]

    def question(self, index: int) -> str:
        """The question of a row."""
        template = self.paraphrase.task.template
        if self.held_out and template.held_out is not None:
            return template.held_out
        return template.draw_question(random.Random(f"{self.seed}-{index}"))

    @property
    def labels(self) -> list[str]:
        """The label of each row."""
        return [str(label) for label in self.rows["label"]]

    @property
    def subjects(self) -> list[str]:
        """The subject of each row."""
        return [str(subject) for subject in self.rows["subject"]]


def draw_shots(table: Table, paraphrase: TextPromptSpec, seed: int = 0) -> Shots:
    """Draw examples from the train split: as many of each label as fit, four at most, in a drawn order.

    Where not even one of each label fits, all are cut to an equal share of their samples; where that leaves fewer than
    four samples of the longest signal, there are fewer examples than labels, or none.
    """
    rng = np.random.default_rng(seed)
    examples = TextExamples(table, "train", replace(paraphrase, room=_ENDLESS), seed=seed)
    names = np.asarray(examples.labels)
    rounds = [
        [int(rng.choice(np.flatnonzero(names == label))) for label in paraphrase.task.labels]
        for _ in range(_MOST_SHOTS)
    ]
    measured = [int(row) for row in rng.integers(len(examples), size=_MEASURED_ROWS)]
    longest = _longest(examples, measured)
    each, fitting = len(paraphrase.task.labels), max(0, paraphrase.room // longest - 1)
    rows, share = [row for drawn in rounds[: fitting // each] for row in drawn], 1.0
    if not rows:
        rows, share = _cut(examples, measured, rounds[0], paraphrase.room)
    order = rng.permutation(len(rows))
    return Shots(tuple(turn for place in order for turn in _shown(examples, rows[place], share)), share)


def _cut(examples: TextExamples, measured: Sequence[int], rows: Sequence[int], room: int) -> tuple[list[int], float]:
    """The first of some rows that fit before a question, as many as there can be, and the share of samples of each."""
    longest_signal = max(signal.num_samples for signal in examples.table.signals(examples.rows[0]).values())
    numbers = max(1, _longest(examples, measured) - _words(examples, measured, []))
    for count in range(len(rows), 0, -1):
        left = room - _words(examples, measured, rows[:count])
        share = min(1.0, left / (numbers * (count + 1)))
        if share >= _FEWEST_SAMPLES / longest_signal:
            return list(rows[:count]), share
    return [], 1.0


def _longest(examples: TextExamples, rows: Sequence[int]) -> int:
    return max(len(examples[row].prompt.input_ids) for row in rows)


def _words(examples: TextExamples, rows: Sequence[int], shots: Sequence[int]) -> int:
    """Tokens of a prompt with some examples that show hardly a number."""
    turns = tuple(turn for shot in shots for turn in _shown(examples, shot, 0.0))
    return _longest(replace(examples, paraphrase=replace(examples.paraphrase, room=1), shots=Shots(turns)), rows)


def _shown(examples: TextExamples, row: int, share: float) -> tuple[Turn, Turn]:
    content = examples.rows[row]
    asked = examples.turns(examples.fields(content, share), examples.question(row), [])[-1]
    return asked, Turn("assistant", (examples.paraphrase.task.template.write_answer(str(content["label"])),))
