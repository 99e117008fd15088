"""What the literature on CinC 2017 reports, beside macro-F1 of its four labels."""

import numpy as np

from sig2lm.metrics import Predictions, scores

RHYTHMS = ("normal sinus rhythm", "atrial fibrillation", "other rhythm")


def rhythm_scores(predictions: Predictions) -> dict[str, float | None]:
    """Mean F1 of three rhythms (Clifford et al. 2017), and AUROC of fibrillation against normal rhythm.

    Nothing where these rhythms are not among the labels.
    """
    if not set(RHYTHMS) <= set(predictions.labels):
        return {}
    numbers = [predictions.labels.index(label) for label in RHYTHMS]
    answers = predictions.probabilities.argmax(1)
    f1 = [
        2
        * ((answers == n) & (predictions.truth == n)).sum()
        / max(1, (answers == n).sum() + (predictions.truth == n).sum())
        for n in numbers
    ]
    normal, fibrillation = numbers[:2]
    rows = np.isin(predictions.truth, (normal, fibrillation))
    two = predictions.probabilities[rows][:, [normal, fibrillation]]
    binary = Predictions(
        RHYTHMS[:2],
        (predictions.truth[rows] == fibrillation).astype(int),
        two / two.sum(1, keepdims=True),
        predictions.subjects[rows],
    )
    return {"challenge": float(np.mean(f1)), "af_normal_auroc": scores(binary)["auroc"]}
