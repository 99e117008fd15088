"""Closed answers as probabilities: labels that are hard to say and new paraphrases do not move the decision."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.special import log_softmax, softmax
from tiny import TRAINING, build_lm

from sig2lm.datasets import Table
from sig2lm.errors import CheckpointError
from sig2lm.evaluation.asking import drawn_question, held_out_question, predict
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.model.calibration import Adjustment, fit, fit_temperature, label_scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter

NEW = "Does this person feel under pressure?"


@pytest.fixture
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


@pytest.fixture
def plain(model: SignalLM) -> SignalLM:
    """The same model without calibration."""
    return SignalLM(model.lm, {name: model.branch(name) for name in model.branches}, model.tasks)


@given(
    bias=st.lists(st.floats(-15.0, 15.0), min_size=2, max_size=4),
    scale=st.floats(0.5, 2.0),
    seed=st.integers(0, 100),
)
def test_bias_and_temperature_that_were_put_in_are_taken_out(bias: list[float], scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, (4000, len(bias)))
    truth = np.array([rng.choice(len(bias), p=row) for row in softmax(logits, axis=1)])
    found = fit(logits / scale - bias, np.eye(len(bias))[truth])
    assert found.bias == pytest.approx(np.subtract(bias, np.mean(bias)), abs=0.5)
    assert found.scale == pytest.approx(scale, rel=0.15)


def test_the_temperature_is_fitted_apart_from_the_bias() -> None:
    """Judged on people of one label only, the bias stays and the answers become less bold."""
    rng = np.random.default_rng(0)
    truth = np.zeros(300, dtype=int)
    scores = 8.0 * np.eye(2)[np.where(rng.random(300) < 0.8, truth, 1 - truth)]
    found = fit_temperature(Adjustment((0.3, -0.3)), scores, np.eye(2)[truth])
    assert found.bias == (0.3, -0.3)
    assert found.scale < 0.5
    assert fit_temperature(found, np.zeros((0, 2)), np.zeros((0, 2))) == found


def test_a_temperature_moves_less_where_it_is_learned_from_few_people() -> None:
    """The same rows of one person, of twelve, and of as many people as rows: bolder each time."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.0, 2.0, (360, 3))
    truth = np.eye(3)[[rng.choice(3, p=row) for row in softmax(2.0 * scores, axis=1)]]
    one, twelve, all_others = (
        fit_temperature(Adjustment((0.0,) * 3), scores, truth, [f"p{row % people}" for row in range(360)]).scale
        for people in (1, 12, 360)
    )
    assert 1.0 < one < 1.3 < twelve < all_others
    assert all_others == pytest.approx(fit_temperature(Adjustment((0.0,) * 3), scores, truth).scale)


def test_a_label_without_a_row_has_a_finite_bias() -> None:
    found = fit(np.zeros((20, 3)), np.eye(3)[[0, 1] * 10])
    assert np.isfinite([*found.bias, found.scale]).all()
    assert found.bias[2] < found.bias[0] == pytest.approx(found.bias[1])
    start = Adjustment((1.0, -1.0), 3.0)
    assert fit(np.zeros((0, 2)), np.zeros((0, 2)), start) == start  # nothing to learn from changes nothing


def test_answers_that_are_right_already_are_hardly_moved() -> None:
    """One label is scored more boldly than the other: a fit left alone would split the room between them evenly."""
    truth = np.repeat([0, 1], 18)
    scores = np.where(np.eye(2)[truth] > 0, [[4.0, 14.0]], 0.0)
    found = fit(scores, np.eye(2)[truth])
    assert np.abs(found.bias).max() < 1.0  # nats; 2.5 would split it
    assert found.scale == pytest.approx(1.0, abs=0.1)


def test_words_that_favour_a_label_are_answered_as_the_known_ones(model: SignalLM) -> None:
    """A new paraphrase scores as a known one does, with one label likelier throughout and all scores bolder."""
    task, calibration = model.tasks[0], model.calibrations[0]
    scores = label_scores(model, model.prompter(task), calibration.recordings, task.template.question[0])
    favoured = 0.5 * scores + [4.0, 0.0]
    found = fit(favoured, calibration.answers, calibration.average)
    before, after = (
        np.abs(one.probabilities(favoured) - calibration.answers).max() for one in (calibration.average, found)
    )
    assert after < before / 4
    known = [label_scores(model, model.prompter(task), calibration.recordings, one) for one in task.template.question]
    assert calibration.answers == pytest.approx(calibration.average.probabilities(np.mean(known, axis=0)), abs=1e-5)


def test_a_new_wording_is_fitted_to_the_answers_in_known_ones(model: SignalLM) -> None:
    task, calibration = model.tasks[0], model.calibrations[0]
    question = model.question(task, NEW, task.labels)
    scores = label_scores(model, model.prompter(task), calibration.recordings, NEW)
    expected = fit(scores, calibration.answers, calibration.average)
    assert question.offsets == pytest.approx(expected.bias)
    assert question.scale == pytest.approx(expected.scale)


def test_calibration_makes_the_people_it_was_fitted_on_likelier(model: SignalLM, plain: SignalLM, days: Table) -> None:
    losses = []
    for one in (model, plain):
        predictions = predict(one, days, "validation", drawn_question(one, one.tasks[0]))
        rows = np.arange(len(predictions.truth))
        losses.append(-np.log(predictions.probabilities[rows, predictions.truth]).mean())
    assert losses[0] < losses[1]


def test_every_way_of_asking_is_calibrated(model: SignalLM, plain: SignalLM, days: Table) -> None:
    row = days.data["test"].with_format("numpy")[0]
    signals, labels = days.signals(row), model.tasks[0].labels
    question = model.question(model.tasks[0], NEW, labels)
    raw = plain.ask(signals, NEW, labels).probabilities
    assert raw is not None
    assert question.offsets is not None
    logs = np.log(list(raw.values()))
    expected = np.exp(log_softmax(question.scale * (logs + question.offsets)))
    for answer in (model.ask(signals, NEW, labels), model.chat(signals).ask(NEW, labels)):
        assert list((answer.probabilities or {}).values()) == pytest.approx(expected, abs=1e-5)


def test_only_questions_about_labels_are_calibrated(model: SignalLM) -> None:
    task = model.tasks[0]
    assert not model.question(task, NEW, ["yes", "no"]).calibrated_labels  # see test_habits
    assert model.question(task, NEW).offsets is None  # an open question
    forth, back = (model.question(task, NEW, labels).offsets for labels in (task.labels, task.labels[::-1]))
    assert forth is not None
    assert back == forth[::-1]


def test_wordings_of_training_are_known_without_asking(model: SignalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalLM, "read", lambda *_: pytest.fail("the LM was asked"))
    for paraphrase in model.tasks[0].template.question:
        assert model.question(model.tasks[0], paraphrase).offsets is not None


def test_later_turns_of_a_conversation_are_left_alone(model: SignalLM, plain: SignalLM, days: Table) -> None:
    signals = days.signals(days.data["test"].with_format("numpy")[0])
    labels = model.tasks[0].labels
    first = model.chat(signals)
    said = first.ask()
    second = plain.chat(signals)
    assert second.ask().text == said.text  # what both go on from
    assert replace(first.ask(NEW, labels), reliance=None) == second.ask(NEW, labels)


def test_a_calibration_comes_back_as_it_was_with_as_many_recordings_of_each_label(run: Path, model: SignalLM) -> None:
    tensors = load_file(run / "calibration.safetensors")
    numbers = {"bias", "scale", "answers", "reliance", "misses", "subjects"}
    assert set(tensors) == {f"0.{name}" for name in numbers | {"daily.patches", "daily.patch_mask", "daily.counts"}}
    assert len(tensors["0.daily.counts"]) == TRAINING.calibration_examples
    again = model.calibrations[0].tensors(model.tasks[0].template.question)
    for name, tensor in tensors.items():
        assert tensor.equal(again[name.removeprefix("0.")]), name


def test_evaluation_tells_what_calibration_did(model: SignalLM, plain: SignalLM, days: Table) -> None:
    report, raw = (evaluate(one, days).report for one in (model, plain))
    assert set(report["paraphrases"]) == {"held_out", "of_training", "uncalibrated"}
    assert set(raw["paraphrases"]) == {"held_out", "of_training"}
    assert report["paraphrases"]["uncalibrated"] == pytest.approx(raw["paraphrases"]["held_out"], abs=1e-4)
    assert report["macro_f1"] == report["paraphrases"]["held_out"]["macro_f1"]
    assert 0.0 <= report["label_sets"]["observed"] <= 1.0 <= report["label_sets"]["size"] <= len(model.tasks[0].labels)
    assert raw["label_sets"] is None
    shifted = predict(model, days, "test", replace(held_out_question(model, days), offsets=(1000.0, 0.0)))
    assert (shifted.probabilities[:, 0] > 0.99).all()


@pytest.mark.slow
def test_without_recordings_new_wordings_are_taken_for_average_ones(
    simulated: Path, days: Table, tmp_path: Path
) -> None:
    template = load_template("stress")
    described = template.model_copy(update={"prompt": "$daily $daily_summary $question"})
    for name, paraphrase, calibration_examples in (("none", template, 0), ("described", described, 8)):
        train_adapter(
            days,
            {"daily": simulated / "encoder"},
            tmp_path / name,
            lm=build_lm(),
            template=paraphrase,
            settings=replace(TRAINING, calibration_examples=calibration_examples, epochs=0.1, rows=32),
        )
        model = SignalLM.from_pretrained(tmp_path / name, lm=build_lm())
        assert model.calibrations[0].recordings == ()
        assert not [key for key in load_file(tmp_path / name / "calibration.safetensors") if "patches" in key]
        offsets = model.question(model.tasks[0], NEW, model.tasks[0].labels).offsets
        assert offsets == pytest.approx(model.calibrations[0].average.bias)


@pytest.mark.parametrize("lost", ["0.answers", "0.daily.patches", "0.scale"])
def test_a_damaged_calibration_is_refused(run: Path, tmp_path: Path, lost: str) -> None:
    for file in run.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(run / "calibration.safetensors")
    tensors.pop(lost)
    save_file(tensors, tmp_path / "calibration.safetensors")
    with pytest.raises(CheckpointError, match=r"calibration\.safetensors"):
        SignalLM.from_pretrained(tmp_path, lm=build_lm())
