"""How often sets of labels hold the right label, and how many labels they hold."""

import numpy as np

from sig2lm.metrics import Predictions
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.templates.task import Task


def label_sets(
    model: QuestionAnswerer, task: Task, predictions: Predictions, coverage: float = 0.9
) -> dict[str, float | str] | None:
    """Score the label sets of some answers; None where the run has nothing to promise a coverage from.

    Returns
    -------
    dict
        ``coverage``, as asked for; ``observed``, the mean over subjects of how often the set holds the right label;
        ``size``, labels in a set; ``promised_over``, whether ``people`` or ``windows`` were counted in validation
        (:mod:`sig2lm.model.conformal`).
    """
    calibration = model.calibrations.get(model.tasks.index(task))
    if calibration is None or calibration.conformity is None:
        return None
    sets = [
        calibration.conformity.label_set(dict(zip(predictions.labels, row, strict=True)), coverage)
        for row in predictions.probabilities.tolist()
    ]
    right = np.array([predictions.labels[n] in held for n, held in zip(predictions.truth.tolist(), sets, strict=True)])
    people = [right[predictions.subjects == subject].mean() for subject in np.unique(predictions.subjects)]
    return {
        "coverage": coverage,
        "observed": float(np.mean(people)),
        "size": float(np.mean([len(held) for held in sets])),
        "promised_over": "people" if calibration.conformity.over_people(coverage) else "windows",
    }
