"""Scores of a fine-tuned encoder's own classifier, without an LM, beside what would put it to shame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sig2lm.datasets import Table
from sig2lm.encoder.compatibility import check_values
from sig2lm.encoder.tables import closed_rows
from sig2lm.evaluation.baselines import majority
from sig2lm.evaluation.hand_features import extra_trees
from sig2lm.metrics import Predictions, confusion, expected_calibration_error, scores, subject_intervals
from sig2lm.pretraining.classifier import Classifier
from sig2lm.pretraining.fine_tuning import classified


@dataclass(frozen=True)
class ClassifierEvaluation:
    """The report of a classifier, ready for JSON, and the answers that it rests on."""

    report: dict[str, Any]
    predictions: Predictions


def evaluate_classifier(
    classifier: Classifier,
    table: Table,
    split: str = "test",
    baselines: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> ClassifierEvaluation:
    """Score a classifier on a split of a table.

    Parameters
    ----------
    classifier
        With labels that cover the table's.
    baselines
        Whether extra trees on hand features are fitted on the train split and scored, too.
    progress
        Is called with a line for each part that begins.

    Raises
    ------
    DatasetError
        If the table has other signals or labels, or no such split.
    """
    table = closed_rows(table, progress)
    progress(f"classifying {len(table.data[split]) if split in table.data else 'a split of'} windows")
    check_values(table, split, {name: classifier.encoder(name) for name in classifier.encoders})
    predictions = classified(classifier, table, split)
    rivals = {"majority": majority(table, split, classifier.labels)}
    if baselines:
        progress("fitting extra trees on hand features")
        rivals["extra trees on hand features"] = extra_trees(table, split, classifier.labels)
    report = {
        "task": table.info.task,
        "split": split,
        "examples": len(predictions.truth),
        "subjects": len(np.unique(predictions.subjects)),
        **scores(predictions),
        "ece": expected_calibration_error(predictions),
        "confusion": confusion(predictions),
        "ci": subject_intervals(predictions),
        "baselines": [{"name": name, **scores(found)} for name, found in rivals.items()],
    }
    return ClassifierEvaluation(report, predictions)
