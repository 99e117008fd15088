"""Closed answers that are no labels: what the LM would say of any recording does not decide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from tiny import build_lm

from sig2lm.datasets import Table
from sig2lm.model.calibration import label_scores
from sig2lm.model.habits import ASKED, habit, spread
from sig2lm.model.signal_lm import SignalLM

ASK, YES_NO = "Is it so?", ("yes", "no")


@pytest.fixture
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


@given(lean=st.floats(-3.0, 3.0), apart=st.floats(0.1, 4.0), rare=st.integers(2, 10))
def test_what_is_in_order_is_answered_rightly_wherever_the_lm_leans(lean: float, apart: float, rare: int) -> None:
    """One recording in so many answers yes: the point of decision comes to lie between these and the others."""
    yes = np.arange(60) % rare == 0
    odds = np.where(yes, lean + apart / 2, lean - apart / 2)
    scores = log_softmax(np.stack([odds, np.zeros(60)], axis=1), axis=1)
    taken = habit(scores)
    if np.exp(taken).min() > 0.101:  # else it is no habit
        assert ((scores - taken).argmax(axis=1) == 0).tolist() == yes.tolist()


def test_what_the_lm_is_sure_of_for_every_recording_stays() -> None:
    scores = log_softmax(np.stack([np.linspace(-9.0, -5.0, 12), np.zeros(12)], axis=1), axis=1)
    assert set((scores - habit(scores)).argmax(axis=1)) == {1}


def test_no_more_recordings_are_asked_about_than_said_and_they_are_spread() -> None:
    for rows in (0, 1, 11, 12, 13, 128):
        chosen = list(spread(range(rows)))
        assert len(chosen) <= ASKED
        assert len(chosen) >= min(rows, ASKED // 2)
        assert len(set(np.diff(chosen))) <= 1


def test_other_choices_are_judged_beside_the_recordings_that_a_run_keeps(
    model: SignalLM, days: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, calibration = model.tasks[0], model.calibrations[0]
    question = model.question(task, ASK, YES_NO)
    kept = [calibration.recordings[row] for row in spread(calibration.recordings)]
    taken = habit(label_scores(model, model.prompter(task), kept, ASK, YES_NO))
    assert question.offsets == pytest.approx(taken.mean() - taken, abs=1e-5)
    assert model.question(task, ASK, YES_NO[::-1]).offsets == pytest.approx(question.offsets[::-1], abs=1e-5)

    weeks = [days.signals(row) for row in days.data["test"].with_format("numpy").select(range(2))]
    together = model.ask_many(weeks, ASK, YES_NO)
    alone = [model.ask(week, ASK, YES_NO) for week in weeks]
    said = [model.chat(week).ask(ASK, YES_NO) for week in weeks]
    for one, other, third in zip(together, alone, said, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        assert one.probabilities == pytest.approx(third.probabilities, abs=1e-5)
    monkeypatch.setattr(SignalLM, "read", lambda *_: pytest.fail("the LM was asked again"))
    assert model.question(task, ASK, YES_NO) == question


def test_nothing_is_taken_out_where_nothing_is_known_of_it(model: SignalLM, days: Table) -> None:
    task = model.tasks[0]
    assert model.question(task, ASK, YES_NO, alone=False).offsets is None
    week = days.signals(days.data["test"].with_format("numpy")[0])["daily"]
    bare = SignalLM(model.lm, {name: model.branch(name) for name in model.branches}, model.tasks)
    for signals in (week, {"daily": [week, week]}):
        given = model if signals is not week else bare
        assert given.ask(signals, ASK, YES_NO).probabilities == bare.ask(signals, ASK, YES_NO).probabilities
    model.calibrations[0] = replace(model.calibrations[0], recordings=())  # --calibration-examples 0
    assert model.question(task, ASK, YES_NO).offsets is None
