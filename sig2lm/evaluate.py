"""Scores of a run, beside what would refute them.

The same questions are asked again with signals shuffled among the examples, with signals of zeros, and without any
virtual token; a model that reads its signals falls to chance in all three. A linear probe on the encoder says what the
patches hold without an LM.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sig2lm.bridge import SignalLM
from sig2lm.data import Example, SignalSource, TableExamples
from sig2lm.datasets import Table
from sig2lm.encoder import encoder_fingerprint
from sig2lm.errors import DatasetError
from sig2lm.metrics import (
    Predictions,
    confusion,
    expected_calibration_error,
    label_numbers,
    scores,
    subject_intervals,
)
from sig2lm.signals import Signal

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
        What is asked; rows without a label are passed over by an error, since open answers have no classes.
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
    progress(f"asking {len(table.data[split])} questions")
    predictions = predict(model, table, split, "own", batch_size)
    reliance = {}
    for control, source in CONTROLS.items():
        progress(f"asking again, signals {control.replace('_', ' ')}")
        reliance[control] = scores(predict(model, table, split, source, batch_size))
    progress("probing the encoder")
    names = list(model.modalities)
    report = {
        "task": table.info.task,
        "split": split,
        "examples": len(predictions.truth),
        "subjects": len(np.unique(predictions.subjects)),
        **scores(predictions),
        "ece": expected_calibration_error(predictions),
        "confusion": confusion(predictions),
        "ci": subject_intervals(predictions),
        "reliance": reliance,
        "probe": linear_probe(model, table, split),
        "seconds_per_answer": seconds_per_answer(model, table, split),
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "encoder": {name: encoder_fingerprint(model.modality(name).encoder) for name in names},
        "template": {"task": model.template.task, "version": model.template.version},
    }
    return Evaluation(report, predictions)


def predict(
    model: SignalLM, table: Table, split: str, source: SignalSource = "own", batch_size: int = 64
) -> Predictions:
    """Ask the model for each row's label, with the row's own signal or a control, and return the probabilities."""
    examples = _examples(model, table, split, source)
    if source in ("own", "shuffled"):
        probabilities = _ask(model, examples, range(len(examples)), batch_size)
    else:  # these controls show the LM the same few things again and again: each is asked once
        first: dict[Any, int] = {}
        keys = [_shown(examples[row]) for row in range(len(examples))]
        for row, key in enumerate(keys):
            first.setdefault(key, row)
        asked = dict(zip(first, _ask(model, examples, list(first.values()), batch_size), strict=True))
        probabilities = np.stack([asked[key] for key in keys])
    truth = label_numbers(examples.row_labels, model.labels)
    return Predictions(model.labels, truth, probabilities, np.array(examples.subjects))


def linear_probe(model: SignalLM, table: Table, split: str) -> dict[str, float | None]:
    """Score logistic regression on the encoder's mean patches, fitted on the train split: the encoder without an LM."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    features, names = pooled_patches(model, table, "train")
    fitted.fit(features, names)
    features, names = pooled_patches(model, table, split)
    order = [list(fitted.classes_).index(label) for label in model.labels if label in set(fitted.classes_)]
    known = tuple(fitted.classes_[order])
    predictions = Predictions(
        known, label_numbers(names, known), fitted.predict_proba(features)[:, order], np.array(names)
    )
    return scores(predictions)


def pooled_patches(model: SignalLM, table: Table, split: str) -> tuple[NDArray[np.float64], list[str]]:
    """Mean over the observed patches of each row, signals side by side: (N, sum of E), and the labels."""
    examples = _examples(model, table, split, "own")
    pooled = []
    for index in range(len(examples)):
        row = []
        for recording in examples.recordings(index).values():
            assert recording.patches is not None
            assert recording.patch_mask is not None
            row.append(recording.patches[recording.patch_mask].mean(axis=0))
        pooled.append(np.concatenate(row))
    return np.asarray(pooled, dtype=np.float64), examples.row_labels


def seconds_per_answer(model: SignalLM, table: Table, split: str) -> float:
    """Wall time of a closed answer from a raw signal, in one batch of at most 32."""
    rows = table.data[split].with_format("numpy")
    recordings: list[dict[str, Signal]] = [table.signals(rows[i]) for i in range(min(_TIMED, len(rows)))]
    model.ask_many(recordings[:1], choices=model.labels)
    started = time.perf_counter()
    model.ask_many(recordings, choices=model.labels, batch_size=_TIMED)
    return (time.perf_counter() - started) / len(recordings)


def _examples(model: SignalLM, table: Table, split: str, source: SignalSource) -> TableExamples:
    encoders = {name: model.modality(name).encoder for name in model.modalities}
    return TableExamples(table, split, model.prompter, model.labels, encoders, source=source)


def _ask(model: SignalLM, examples: TableExamples, rows: Sequence[int], batch_size: int) -> NDArray[np.float64]:
    """Probabilities (n, M) of the model's labels for some rows."""
    found = []
    for start in range(0, len(rows), batch_size):
        batch = [replace(examples[row], answer_ids=()) for row in rows[start : start + batch_size]]
        for answer in model.answer(batch, model.labels):
            assert answer.probabilities is not None
            found.append([answer.probabilities[label] for label in model.labels])
    return np.array(found)


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
