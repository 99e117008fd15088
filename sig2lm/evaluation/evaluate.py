"""Scores of a run, beside what would refute them.

The same questions are asked again with signals shuffled among the examples, with signals of zeros, and without any
virtual token; a model that reads its signals falls to chance in all three. A linear probe on the encoder says what the
patches hold without an LM.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from datasets import DatasetDict
from numpy.typing import NDArray
from scipy.special import softmax
from torch.utils.data import Subset

from sig2lm.datasets import Table
from sig2lm.encoder import encoder_fingerprint
from sig2lm.encoder.patch_transformer import channel_groups
from sig2lm.encoder.tables import without_channels
from sig2lm.errors import DatasetError
from sig2lm.evaluation.baselines import linear_probe
from sig2lm.metrics import (
    Predictions,
    confusion,
    expected_calibration_error,
    label_numbers,
    ordinal_scores,
    reliability,
    scores,
    subject_intervals,
)
from sig2lm.model.examples import Example, Examples, SignalSource, TableExamples
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal
from sig2lm.templates.task import Question, Task

CONTROLS: dict[str, SignalSource] = {"shuffled": "shuffled", "zeroed": "zeroed", "text_only": "none"}
_TIMED = 32  # recordings that seconds_per_answer is measured on, asked in one batch
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """The report of a run, as ``evaluate --json`` writes it, and the answers it rests on."""

    report: dict[str, Any]
    predictions: Predictions


def evaluate(
    model: SignalLM, table: Table, split: str = "test", batch_size: int = 64, progress: Progress = lambda text: None
) -> Evaluation:
    """Score a model's closed answers on a split of a table.

    Parameters
    ----------
    model
        A trained model whose labels cover the table's.
    table, split
        What is asked, in the template's held-out paraphrase where it has one; every row needs a label.
    batch_size
        Questions read at once; it changes the time, not the answers.
    progress
        Called with a line for each part that begins.

    Raises
    ------
    DatasetError
        When the split is absent, has no labels, or has labels that the model does not know.
    """
    _check_closed(table, split)
    task = model.task(table.info.signals)
    progress(f"asking {len(table.data[split])} questions")
    question = held_out_question(model, table)
    predictions = predict(model, table, split, question, batch_size=batch_size)
    without_signal = controls(model, table, split, batch_size, progress)
    progress("asking again, in the paraphrases of training")
    both = paraphrases(model, table, split, predictions, batch_size)
    progress("probing the encoder")
    report = {
        "task": table.info.task,
        "split": split,
        "examples": len(predictions.truth),
        "subjects": len(np.unique(predictions.subjects)),
        **scored(predictions, task),
        "controls": without_signal,
        "paraphrases": both,
        "probe": scores(linear_probe(model, table, split)),
        "seconds_per_answer": seconds_per_answer(model, table, split),
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "encoder": {name: encoder_fingerprint(model.branch(name).encoder) for name in table.info.signals},
        "template": {"task": task.template.task, "version": task.template.version},
    }
    return Evaluation(report, predictions)


def controls(
    model: SignalLM, table: Table, split: str, batch_size: int = 64, progress: Progress = lambda text: None
) -> dict[str, dict[str, float | None]]:
    """Score the same questions with signals shuffled, zeroed and absent."""
    question, found = held_out_question(model, table), {}
    for control, source in CONTROLS.items():
        progress(f"asking again, signals {control.replace('_', ' ')}")
        found[control] = scores(predict(model, table, split, question, source, batch_size))
    return found


def paraphrases(
    model: SignalLM, table: Table, split: str, predictions: Predictions, batch_size: int = 64
) -> dict[str, dict[str, float | None]]:
    """Put scores in the held-out paraphrase beside those in the paraphrases of training; empty without a held-out one.

    ``uncalibrated`` is what the held-out paraphrase scores by the LM's likelihoods alone
    (:mod:`sig2lm.model.calibration`).
    """
    question = held_out_question(model, table)
    if not question.text:
        return {}
    known = predict(model, table, split, drawn_question(model, question.task), batch_size=batch_size)
    found = {"held_out": scores(predictions), "of_training": scores(known)}
    if question.offsets is not None:
        found["uncalibrated"] = scores(_uncalibrated(predictions, question))
    return found


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


def missing_sensors(
    model: SignalLM, table: Table, split: str, batch_size: int = 64, progress: Progress = lambda text: None
) -> list[dict[str, Any]]:
    """Score the same questions with each channel group missing: the channels of a signal that share a unit.

    What is missing is masked, nothing is imputed; what the model learned from was complete.

    Returns
    -------
    list of dict
        ``signal``, ``channels`` and the scores without them, one for each channel group.

    Raises
    ------
    DatasetError
        When there is one channel group only.
    """
    sensors = [(name, group) for name, contract in table.info.signals.items() for group in channel_groups(contract)]
    if len(sensors) < 2:
        raise DatasetError(
            f"expected two channel groups or more in '{table.path}' (signals, or channels of different units) to leave "
            "one out, found one; evaluate without --missing"
        )
    question = held_out_question(model, table)
    asked = replace(table, data=DatasetDict({split: table.data[split]}))
    found = []
    for name, group in sensors:
        channels = [table.info.signals[name].channels[channel] for channel in group]
        progress(f"asking again without {name} {', '.join(channels)}")
        without = without_channels(asked, name, group)
        predictions = predict(model, without, split, question, batch_size=batch_size)
        found.append({"signal": name, "channels": channels, **scores(predictions)})
    return found


def scored(predictions: Predictions, task: Task) -> dict[str, Any]:
    """Everything that is said of some answers: scores, intervals, calibration, confusion."""
    return {
        **scores(predictions),
        **(ordinal_scores(predictions) if task.template.ordinal else {}),
        "ece": expected_calibration_error(predictions),
        "confusion": confusion(predictions),
        "ci": subject_intervals(predictions),
        "reliability": reliability(predictions),
    }


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
    return Predictions(labels, label_numbers(examples.row_labels, labels), probabilities, np.array(examples.subjects))


def seconds_per_answer(model: SignalLM, table: Table, split: str) -> float:
    """Wall time of a closed answer from a raw signal, in one batch of at most 32."""
    rows = table.data[split].with_format("numpy").select(range(min(_TIMED, len(table.data[split]))))
    recordings: list[dict[str, Signal]] = [table.signals(row) for row in rows]
    task = model.task(table.info.signals)
    options: dict[str, Any] = {"choices": task.labels, "batch_size": _TIMED}
    told = model.known_facts(task)
    facts = [{name: text for name, text in table.facts(row).items() if name in told} for row in rows]
    model.ask_many(recordings[:1], facts=facts[:1], **options)
    started = time.perf_counter()
    model.ask_many(recordings, facts=facts, **options)
    return (time.perf_counter() - started) / len(recordings)


def ask_rows(model: SignalLM, examples: Examples, question: Question, batch_size: int) -> NDArray[np.float64]:
    """Probabilities (N, M) of a closed question's choices for each example."""
    found = []
    for start in range(0, len(examples), batch_size):
        stop = min(start + batch_size, len(examples))
        batch = [replace(examples[row], answer_ids=()) for row in range(start, stop)]
        for answer in model.answer(batch, question):
            assert answer.probabilities is not None
            found.append(list(answer.probabilities.values()))
    return np.array(found)


def _uncalibrated(predictions: Predictions, question: Question) -> Predictions:
    """The answers as the LM's likelihoods alone would have them."""
    logs = np.log(np.maximum(predictions.probabilities, np.finfo(np.float64).tiny)) / question.scale
    return replace(predictions, probabilities=softmax(logs - np.asarray(question.offsets), axis=1))


def _shown(example: Example) -> Any:
    """What the LM is shown: tokens, and which recordings (zeroed ones are shared objects)."""
    shown = [id(example.recordings[place]) for place, _, count in example.prompt.places if count]
    return example.prompt.input_ids, tuple(shown)


def _check_closed(table: Table, split: str) -> None:
    if split not in table.data:
        raise DatasetError(
            f"expected the split '{split}' in '{table.path}', found {', '.join(table.data)}; choose one of these"
        )
    if any(label is None for label in table.data[split]["label"]):
        raise DatasetError(
            f"expected a label in every row of the {split} split of '{table.path}', found rows without one; "
            "open answers have no classes to score"
        )
