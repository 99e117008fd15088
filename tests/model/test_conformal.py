"""Label sets hold the right label as often as they promise, over people who are alike within and differ between."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TEMPLATE, motion

from sig2lm.errors import ArgumentError
from sig2lm.model.calibration import Adjustment, Calibration
from sig2lm.model.conformal import Conformity
from sig2lm.model.signal_lm import SignalLM

LABELS = ("a", "b", "c", "d")


def people(rng: np.random.Generator, count: int, windows: int = 20) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities, right labels one-hot, and whose they are; some people are hard, and all of their windows are."""
    skill = np.repeat(rng.normal(1.5, 1.0, count), windows)
    truth = np.eye(4)[rng.integers(0, 4, count * windows)]
    logits = rng.normal(0, 1, truth.shape) + skill[:, None] * truth
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, truth, [f"p{number // windows}" for number in range(count * windows)]


def held(known: Conformity, probabilities: np.ndarray, truth: np.ndarray, coverage: float) -> tuple[float, float]:
    """How often the sets hold the right label, and how many labels they hold."""
    sets = [known.label_set(dict(zip(LABELS, row, strict=True)), coverage) for row in probabilities.tolist()]
    right = [LABELS[number] in one for number, one in zip(truth.argmax(axis=1), sets, strict=True)]
    return float(np.mean(right)), float(np.mean([len(one) for one in sets]))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_cover_people_never_seen_as_often_as_promised_and_not_much_more(coverage: float) -> None:
    rng = np.random.default_rng(0)
    found, sizes = [], []
    for _ in range(30):
        known = Conformity.from_labels(*people(rng, 40))
        assert known.over_people(coverage)
        probabilities, truth, _ = people(rng, 10)
        share, size = held(known, probabilities, truth, coverage)
        found.append(share)
        sizes.append(size)
    assert coverage - 0.01 <= np.mean(found) <= coverage + 0.05
    assert np.mean(sizes) < 3.5


def test_with_few_people_windows_are_counted_and_with_none_every_label_is_kept() -> None:
    rng = np.random.default_rng(1)
    few = Conformity.from_labels(*people(rng, 5))
    assert not few.over_people(0.9)
    assert few.over_people(0.8)
    assert np.isfinite(few.threshold(0.9))
    none = Conformity(np.zeros(0), np.zeros(0, np.int64))
    assert none.label_set({"a": 0.99, "b": 0.01}, 0.9) == ("a", "b")
    lonely = Conformity(np.array([0.1, 0.2]), np.array([0, 0]))
    assert lonely.label_set({"a": 0.99, "b": 0.01}, 0.9) == ("a", "b")  # two windows promise nothing


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.floats(0.1, 0.98), st.floats(0.1, 0.98))
def test_a_higher_coverage_keeps_all_that_a_lower_one_keeps(seed: int, first: float, second: float) -> None:
    probabilities, truth, whose = people(np.random.default_rng(seed), 12, 5)
    known = Conformity.from_labels(probabilities, truth, whose)
    low, high = (
        known.label_set(dict(zip(LABELS, probabilities[0].tolist(), strict=True)), coverage)
        for coverage in sorted((first, second))
    )
    assert high[: len(low)] == low
    assert low[0] == LABELS[probabilities[0].argmax()]


def test_a_coverage_is_promised_where_something_is_known_of_validation_people(signal_lm: SignalLM) -> None:
    with pytest.raises(ArgumentError, match="no validation people to promise a coverage from"):
        signal_lm.ask(motion(64), coverage=0.9)
    average = Adjustment((0.0,) * 3)
    known = dict.fromkeys(TEMPLATE.question, average)
    calibration = Calibration(average, known, conformity=Conformity(np.full(40, 1.0), np.arange(40)))
    stored = Calibration.from_tensors(calibration.tensors(TEMPLATE.question), TEMPLATE.question)
    signal_lm.calibrations = {0: stored}
    answer = signal_lm.ask(motion(64), coverage=0.9)
    assert answer.label_set is not None
    assert set(answer.label_set) == set(TEMPLATE.labels or ())
    assert answer.label_set[0] == answer.label
    signal_lm.calibrations = {0: replace(stored, conformity=Conformity(np.zeros(40), np.arange(40)))}
    assert signal_lm.ask(motion(64), coverage=0.9).label_set == (answer.label,)
    assert signal_lm.ask(motion(64)).label_set is None
    for options, message in (
        ({"coverage": 1.5}, "between 0 and 1, found 1.5"),
        ({"coverage": 0.9, "choices": ["up", "sideways"]}, "that all labels may answer"),
        ({"coverage": 0.9, "question": "Tell me more."}, "that all labels may answer"),
    ):
        with pytest.raises(ArgumentError, match=message):
            signal_lm.ask(motion(64), **options)
