"""Scores of a run, beside what would refute them.

The same questions are asked again with signals shuffled among the examples, with signals of zeros, and without any
virtual token; a model that reads its signals falls to chance in all three. A linear probe on the encoder says what the
patches hold without an LM.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sig2lm.datasets import Table
from sig2lm.encoder import encoder_fingerprint
from sig2lm.encoder.compatibility import check_values
from sig2lm.encoder.tables import closed_rows
from sig2lm.evaluation.asking import check_closed, held_out_question, predict, seconds_per_answer
from sig2lm.evaluation.baselines import encoder_probe, majority
from sig2lm.evaluation.controls import Progress, controls, no_better, paraphrases
from sig2lm.evaluation.hand_features import extra_trees
from sig2lm.evaluation.label_sets import label_sets
from sig2lm.metrics import (
    Predictions,
    confusion,
    expected_calibration_error,
    ordinal_scores,
    reliability,
    scores,
    subject_intervals,
)
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates.task import Task
from sig2lm.tensors import fingerprint


@dataclass(frozen=True)
class Evaluation:
    """The report of a run, as ``evaluate --json`` writes it, and the answers it rests on."""

    report: dict[str, Any]
    predictions: Predictions


def evaluate(
    model: SignalLM,
    table: Table,
    split: str = "test",
    batch_size: int = 64,
    progress: Progress = lambda text: None,
    baselines: bool = False,
) -> Evaluation:
    """Score a model's closed answers on a split of a table.

    Parameters
    ----------
    model
        A trained model whose labels cover the table's.
    table, split
        What is asked, in the template's held-out paraphrase where it has one; every row needs a label, but for those
        with an open question of their own, which are left out.
    batch_size
        Questions read at once; it changes the time, not the answers.
    progress
        Called with a line for each part that begins.
    baselines
        Whether extra trees on hand features are fitted on the train split and scored beside the probe.

    Raises
    ------
    DatasetError
        When the split is absent, has no labels, or has labels that the model does not know.
    """
    table = closed_rows(table, progress)
    check_closed(table, split)
    check_values(table, split, model.encoders)
    task = model.task(table.info.signals)
    progress(f"asking {len(table.data[split])} questions")
    question = held_out_question(model, table)
    predictions = predict(model, table, split, question, batch_size=batch_size)
    without_signal = controls(model, table, split, batch_size, progress, predictions)
    progress("asking again, in the paraphrases of training")
    both = paraphrases(model, table, split, predictions, batch_size)
    progress("probing the encoder")
    found = scored(predictions, task)
    note = no_better(found, without_signal)
    report = {
        "task": table.info.task,
        "split": split,
        "examples": len(predictions.truth),
        "subjects": len(np.unique(predictions.subjects)),
        **found,
        "label_sets": label_sets(model, task, predictions),
        "controls": without_signal,
        "paraphrases": both,
        "probe": scores(encoder_probe(model, table, split)),
        "baselines": _baselines(table, split, task, progress) if baselines else [],
        "seconds_per_answer": seconds_per_answer(model, table, split),
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "encoder": {name: encoder_fingerprint(model.branch(name).encoder) for name in table.info.signals},
        "adapter": fingerprint({}, model.trained_tensors()),
        "template": {"task": task.template.task, "version": task.template.version},
        "notes": [] if note is None else [f"the answers are {note}"],
    }
    return Evaluation(report, predictions)


def _baselines(table: Table, split: str, task: Task, progress: Progress) -> list[dict[str, Any]]:
    """What needs no LM and no encoder: the majority class, and extra trees on hand features."""
    progress("fitting extra trees on hand features")
    rivals = {
        "majority": majority(table, split, task.labels),
        "extra trees on hand features": extra_trees(table, split, task.labels),
    }
    return [{"name": name, **scores(found)} for name, found in rivals.items()]


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
