"""Scores of closed answers, with intervals over subjects. Plain arrays in, plain numbers out."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score, roc_auc_score

BINS = 15
RESAMPLES = 1000


@dataclass(frozen=True)
class Predictions:
    """What was answered and what was true.

    Attributes
    ----------
    labels
        M labels; in a binary task the first is the positive one.
    truth
        (N,) int, number of the true label.
    probabilities
        (N, M) float, each row sums to one.
    subjects
        (N,) whose recordings they are.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    subjects: NDArray[np.str_]

    @classmethod
    def from_names(
        cls,
        labels: Sequence[str],
        names: Sequence[str],
        probabilities: NDArray[np.float64],
        subjects: Sequence[str],
    ) -> Self:
        """Put together what was answered about rows whose true labels are known by name.

        Parameters
        ----------
        labels
            M labels, in the order of the columns of ``probabilities`` (N, M).
        names, subjects
            The true label and the subject of each row.
        """
        return cls(tuple(labels), label_numbers(names, labels), probabilities, np.array([str(one) for one in subjects]))

    @classmethod
    def pooled(cls, several: Sequence["Predictions"]) -> "Predictions":
        """Put the answers of several evaluations together, such as those of the folds of a cross-validation."""
        first = several[0]
        return cls(
            first.labels,
            *(
                np.concatenate([getattr(one, name) for one in several])
                for name in ("truth", "probabilities", "subjects")
            ),
        )

    def of_rows(self, rows: Sequence[int]) -> Self:
        """Return what was answered about some of the rows."""
        chosen = list(rows)
        return replace(
            self,
            truth=self.truth[chosen],
            probabilities=self.probabilities[chosen],
            subjects=self.subjects[chosen],
        )

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) number of the likeliest label."""
        return np.asarray(self.probabilities.argmax(axis=1))


def accuracy(predictions: Predictions) -> float:
    """Share of right answers."""
    return float(accuracy_score(predictions.truth, predictions.answers))


def macro_f1(predictions: Predictions) -> float:
    """Mean F1 over the labels that occur in the truth; 0 for a label that is never answered."""
    present = np.unique(predictions.truth)
    return float(f1_score(predictions.truth, predictions.answers, labels=present, average="macro", zero_division=0))


def auroc(predictions: Predictions) -> float | None:
    """Area under the ROC curve: of the first label in a binary task, else the mean of one label against the rest.

    Labels that the truth never or always holds have no curve and are left out; None when none is left.
    """
    areas = []
    for label in _curved(len(predictions.labels)):
        positive = predictions.truth == label
        if positive.any() and not positive.all():
            areas.append(roc_auc_score(positive, predictions.probabilities[:, label]))
    return float(np.mean(areas)) if areas else None


def reliability(predictions: Predictions, bins: int = BINS) -> list[dict[str, float]]:
    """Mean confidence, accuracy and count in each equal-width bin of confidence that holds an answer."""
    confidence = predictions.probabilities.max(axis=1)
    right = predictions.answers == predictions.truth
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        {"confidence": float(confidence[here].mean()), "accuracy": float(right[here].mean()), "count": int(here.sum())}
        for here in (bin_of == number for number in np.unique(bin_of))
    ]


def expected_calibration_error(predictions: Predictions, bins: int = BINS) -> float:
    """Mean distance of confidence and accuracy over equal-width bins of confidence, weighted by their size.

    Naeini et al. 2015; Guo et al. 2017 (arXiv 1706.04599), equation 3, with 15 bins.
    """
    found = reliability(predictions, bins)
    return float(sum(bin["count"] * abs(bin["accuracy"] - bin["confidence"]) for bin in found) / len(predictions.truth))


def ordinal_scores(predictions: Predictions) -> dict[str, float | None]:
    """Scores of labels that are numbers on a scale.

    ``mae`` is the mean distance of the answered number, ``mae_expected`` that of the mean under the probabilities,
    ``quadratic_kappa`` the agreement beyond chance, weighted by the square of the distance (Cohen 1968, doi
    10.1037/h0026256); None where truth and answers hold one and the same label only.
    """
    scale = np.array([float(label) for label in predictions.labels])
    truth = scale[predictions.truth]
    if len({*predictions.truth, *predictions.answers}) < 2:
        kappa = None
    else:
        kappa = float(cohen_kappa_score(predictions.truth, predictions.answers, weights="quadratic"))
    return {
        "mae": float(np.abs(scale[predictions.answers] - truth).mean()),
        "mae_expected": float(np.abs(predictions.probabilities @ scale - truth).mean()),
        "quadratic_kappa": kappa,
    }


def scores(predictions: Predictions) -> dict[str, float | None]:
    """The scores that stand beside each other: accuracy, macro-F1, AUROC."""
    return {
        "accuracy": accuracy(predictions),
        "macro_f1": macro_f1(predictions),
        "auroc": auroc(predictions),
    }


def confusion(predictions: Predictions) -> dict[str, Any]:
    """Counts, true label in rows, answered label in columns."""
    numbers = range(len(predictions.labels))
    matrix = confusion_matrix(predictions.truth, predictions.answers, labels=list(numbers))
    return {"labels": list(predictions.labels), "matrix": matrix.tolist()}


def subject_intervals(
    predictions: Predictions, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, list[float] | None]:
    """95 % percentile intervals of the scores, by drawing whole subjects with replacement.

    Windows of one person are alike, so that drawing windows would promise too much (Field and Welsh 2007, doi
    10.1111/j.1467-9868.2007.00593.x). None with fewer than two subjects.
    """
    names, owner = np.unique(predictions.subjects, return_inverse=True)
    if len(names) < 2:
        return dict.fromkeys(scores(predictions))
    counted = _BySubject(predictions, owner, len(names))
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
        for name, value in counted.scores(weights).items():
            if value is not None:
                drawn.setdefault(name, []).append(value)
    found = {name: np.percentile(values, [2.5, 97.5]).round(6).tolist() for name, values in drawn.items()}
    return {name: found.get(name) for name in scores(predictions)}


class _BySubject:
    """What each subject adds to the scores, so that a resample is a weighting of subjects and costs next to nothing.

    Accuracy and F1 follow from the sum of the subjects' confusion matrices; the area under the ROC curve is the share
    of (positive, negative) pairs in the right order, and such pairs add up over pairs of subjects.
    """

    def __init__(self, predictions: Predictions, owner: NDArray[np.int64], subjects: int) -> None:
        labels = len(predictions.labels)
        self.confusion = np.zeros((subjects, labels, labels))
        np.add.at(self.confusion, (owner, predictions.truth, predictions.answers), 1.0)
        self.ordered = [
            _ordered_pairs(predictions.probabilities[:, label], predictions.truth == label, owner, subjects)
            for label in _curved(labels)
        ]

    def scores(self, weights: NDArray[np.float64]) -> dict[str, float | None]:
        """The scores of a sample that holds each subject ``weights`` times."""
        matrix = np.tensordot(weights, self.confusion, axes=1)
        right, true, answered = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
        present = true > 0
        f1 = 2 * right[present] / (true[present] + answered[present])
        curved = list(_curved(len(matrix)))
        areas = [
            float(weights @ pairs @ weights / (true[label] * (true.sum() - true[label])))
            for label, pairs in zip(curved, self.ordered, strict=True)
            if 0 < true[label] < true.sum()
        ]
        return {
            "accuracy": float(right.sum() / true.sum()),
            "macro_f1": float(f1.mean()),
            "auroc": float(np.mean(areas)) if areas else None,
        }


def _ordered_pairs(
    score: NDArray[np.float64], positive: NDArray[np.bool_], owner: NDArray[np.int64], subjects: int
) -> NDArray[np.float64]:
    """(S, S): for a subject's positives and another's negatives, how many pairs are in order; ties count half."""
    pairs = np.zeros((subjects, subjects))
    for subject in range(subjects):
        negatives = np.sort(score[~positive & (owner == subject)])
        left, right = (np.searchsorted(negatives, score[positive], side) for side in ("left", "right"))
        pairs[:, subject] = np.bincount(owner[positive], weights=(left + right) / 2, minlength=subjects)
    return pairs


def _curved(labels: int) -> range:
    """The labels whose ROC curves count: the first of two, or each of several."""
    return range(1) if labels == 2 else range(labels)


def label_numbers(names: Sequence[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each name among the labels."""
    number = {label: position for position, label in enumerate(labels)}
    return np.array([number[name] for name in names], dtype=np.int64)


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Return mean and sample standard deviation over seeds or folds, and the values; None where none or one is known.

    >>> spread([1.0, None, 3.0])
    {'mean': 2.0, 'std': 1.4142135623730951, 'values': [1.0, None, 3.0]}
    """
    known = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(known) if known else None,
        "std": statistics.stdev(known) if len(known) > 1 else None,
        "values": list(values),
    }


def spreads(found: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Return the :func:`spread` of each score."""
    return {key: spread([scores[key] for scores in found]) for key in found[0]}
