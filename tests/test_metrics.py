"""Scores against definitions worked by hand, and intervals against what resampling subjects means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig2lm.metrics import (
    Predictions,
    _BySubject,
    accuracy,
    auroc,
    confusion,
    expected_calibration_error,
    macro_f1,
    ordinal_scores,
    scores,
    subject_intervals,
)


def predictions(truth: list[int], probabilities: list[list[float]], subjects: list[str] | None = None) -> Predictions:
    labels = tuple("abcdef"[: len(probabilities[0])])
    names = subjects or ["s"] * len(truth)
    return Predictions(labels, np.array(truth), np.array(probabilities), np.array(names))


def test_scores_of_a_small_case_worked_by_hand() -> None:
    found = predictions([0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    assert accuracy(found) == 0.75
    assert macro_f1(found) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert auroc(found) == 1.0  # every positive (a) stands above every negative
    assert confusion(found) == {"labels": ["a", "b"], "matrix": [[1, 1], [0, 2]]}
    # bins of 1/15: 0.9 right, 0.6 wrong, 0.8 right, 0.7 right, each alone
    assert expected_calibration_error(found) == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4)


def test_auroc_of_several_labels_is_the_mean_of_those_that_have_one() -> None:
    found = predictions([0, 1, 0], [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.7, 0.1, 0.2]])
    assert auroc(found) == 1.0
    assert auroc(predictions([0, 0], [[0.6, 0.4], [0.7, 0.3]])) is None


def test_a_label_that_is_never_answered_counts_as_zero() -> None:
    assert macro_f1(predictions([0, 1], [[0.9, 0.1], [0.8, 0.2]])) == pytest.approx((2 / 3 + 0) / 2)


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.01, 1.0)), min_size=1, max_size=40))
def test_calibration_error_lies_between_zero_and_one(rows: list[tuple[int, float]]) -> None:
    weights = np.array([[value, 0.5, 0.3] for _, value in rows])
    found = predictions([label for label, _ in rows], (weights / weights.sum(1, keepdims=True)).tolist())
    assert 0.0 <= expected_calibration_error(found) <= 1.0


def test_intervals_draw_subjects_and_not_windows() -> None:
    """One subject all right, one all wrong: accuracy is drawn from 0, 1/2 and 1, however many windows there are."""
    found = predictions([0] * 200, [[0.9, 0.1]] * 100 + [[0.1, 0.9]] * 100, ["s1"] * 100 + ["s2"] * 100)
    assert subject_intervals(found)["accuracy"] == [0.0, 1.0]
    alike = predictions([0, 1] * 50, [[0.9, 0.1], [0.1, 0.9]] * 50, ["s1"] * 50 + ["s2"] * 50)
    assert subject_intervals(alike)["accuracy"] == [1.0, 1.0]


def test_one_subject_has_no_interval() -> None:
    found = predictions([0, 1], [[0.9, 0.1], [0.1, 0.9]])
    assert subject_intervals(found) == dict.fromkeys(scores(found))


def test_a_resample_by_weights_scores_as_the_rows_it_stands_for() -> None:
    """Against scikit-learn on rows that are really repeated, ties and absent labels included."""
    rng = np.random.default_rng(0)
    for labels in (2, 4):
        probabilities = rng.integers(1, 6, (120, labels)).astype(float)
        probabilities /= probabilities.sum(1, keepdims=True)
        found = predictions(
            rng.integers(0, labels, 120).tolist(), probabilities.tolist(), [f"s{i}" for i in rng.integers(0, 7, 120)]
        )
        names, owner = np.unique(found.subjects, return_inverse=True)
        counted = _BySubject(found, owner, len(names))
        for _ in range(20):
            weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
            rows = np.repeat(np.arange(120), weights[owner])
            repeated = Predictions(found.labels, found.truth[rows], found.probabilities[rows], found.subjects[rows])
            assert counted.scores(weights.astype(float)) == pytest.approx(scores(repeated))


def test_ordinal_scores_count_how_far_an_answer_is_off() -> None:
    labels = ("1", "2", "3", "5")
    truth = np.array([0, 1, 2, 3])
    probabilities = np.eye(4)[[0, 2, 2, 0]]
    found = ordinal_scores(Predictions(labels, truth, probabilities, np.array(list("aabb"))))
    assert found["mae"] == (0 + 1 + 0 + 4) / 4
    assert found["mae_expected"] == found["mae"]
    unsure = Predictions(labels, truth, np.full((4, 4), 0.25), np.array(list("aabb")))
    assert ordinal_scores(unsure)["mae_expected"] == np.mean(np.abs(2.75 - np.array([1, 2, 3, 5])))
    alike = Predictions(labels, np.zeros(3, int), np.eye(4)[[0, 0, 0]], np.array(list("abc")))
    assert ordinal_scores(alike)["quadratic_kappa"] is None


def test_quadratic_kappa_is_one_for_right_answers_and_none_of_chance() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(5, size=4000)
    labels = tuple("12345")
    subjects = np.array(["a"] * len(truth))
    right = ordinal_scores(Predictions(labels, truth, np.eye(5)[truth], subjects))
    chance = ordinal_scores(Predictions(labels, truth, np.eye(5)[rng.permutation(truth)], subjects))
    assert right["quadratic_kappa"] == 1.0
    assert abs(chance["quadratic_kappa"] or 0.0) < 0.05
