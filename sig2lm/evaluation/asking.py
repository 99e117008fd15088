"""A model is asked about the rows of a table: which question, with which signals, and what it takes."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Subset

from sig2lm.datasets import Table
from sig2lm.errors import DatasetError
from sig2lm.metrics import Predictions
from sig2lm.model.examples import Example, Examples
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import SignalSource, TableExamples
from sig2lm.progress import Progress
from sig2lm.signals import Signal
from sig2lm.templates.task import Question, Task

TIMED = 32
"""Recordings that seconds_per_answer is measured on, asked in one batch."""


def held_out_question(model: SignalLM, table: Table) -> Question:
    """Return the question that scores rest on: in the held-out paraphrase, or in words of training if there is none."""
    task = model.task(table.info.signals)
    if task.template.held_out is None:
        return drawn_question(model, task)
    return model.question(task, task.template.held_out, task.labels)


def drawn_question(model: SignalLM, task: Task) -> Question:
    """Return the question without words, which is put in each row's own or in one of the paraphrases of training."""
    calibration = model.calibrations.get(model.tasks.index(task))
    if calibration is None:
        return Question(task, "", task.labels)
    return Question(task, "", task.labels, calibration.average.bias, calibration.average.scale)


def predict(
    model: SignalLM,
    table: Table,
    split: str,
    question: Question,
    source: SignalSource = "own",
    batch_size: int = 64,
) -> Predictions:
    """Ask the model for each row's label, with the row's own signal or a control, and return the probabilities.

    The question is closed, and each row's label is one of its choices.
    """
    encoders = {name: model.branch(name).encoder for name in table.info.signals}
    prompter = model.prompter(question.task)
    examples = TableExamples(table, split, prompter, encoders, source=source, paraphrase=question.text or None)
    if source in ("own", "shuffled"):
        probabilities = ask_rows(model, examples, question, batch_size)
    else:  # these controls show the LM the same few things again and again: each is asked once
        first: dict[Any, int] = {}
        keys = [_shown(examples[row]) for row in range(len(examples))]
        for row, key in enumerate(keys):
            first.setdefault(key, row)
        several = Subset(examples, list(first.values()))
        asked = dict(zip(first, ask_rows(model, several, question, batch_size), strict=True))
        probabilities = np.stack([asked[key] for key in keys])
    labels = question.choices or question.task.labels
    return Predictions.from_names(labels, examples.row_labels, probabilities, examples.subjects)


def ask_rows(model: SignalLM, examples: Examples, question: Question, batch_size: int) -> NDArray[np.float64]:
    """Probabilities (N, M) of a closed question's choices for each example."""
    found = []
    with Progress("asking", len(examples), unit="questions") as progress:
        for start in range(0, len(examples), batch_size):
            stop = min(start + batch_size, len(examples))
            batch = [replace(examples[row], answer_ids=()) for row in range(start, stop)]
            for answer in model.answer(batch, question):
                assert answer.probabilities is not None
                found.append(list(answer.probabilities.values()))
            progress.advance(stop - start)
    return np.array(found)


def seconds_per_answer(model: SignalLM, table: Table, split: str) -> float:
    """Wall time of a closed answer from a raw signal, in one batch of at most 32."""
    rows = table.data[split].with_format("numpy").select(range(min(TIMED, len(table.data[split]))))
    recordings: list[dict[str, Signal]] = [table.signals(row) for row in rows]
    task = model.task(table.info.signals)
    options: dict[str, Any] = {"choices": task.labels, "batch_size": TIMED, "believe": True}
    told = model.known_facts(task)
    facts = [{name: text for name, text in table.facts(row).items() if name in told} for row in rows]
    model.ask_many(recordings[:1], facts=facts[:1], **options)
    started = time.perf_counter()
    model.ask_many(recordings, facts=facts, **options)
    return (time.perf_counter() - started) / len(recordings)


def check_closed(table: Table, split: str) -> None:
    """Refuse a split whose answers cannot be scored.

    Raises
    ------
    DatasetError
        If there is no such split, or a row has no label.
    """
    if split not in table.data:
        raise DatasetError(
            f"expected the split '{split}' in '{table.path}', found {', '.join(table.data)}; choose one of these"
        )
    if any(label is None for label in table.data[split]["label"]):
        raise DatasetError(
            f"expected a label in every row of the {split} split of '{table.path}', found rows without one; "
            "open answers have no classes to score"
        )


def _shown(example: Example) -> Any:
    """What the LM is shown: tokens, and which recordings (zeroed ones are shared objects)."""
    shown = [id(example.recordings[place]) for place, _, count in example.prompt.places if count]
    return example.prompt.input_ids, tuple(shown)
