"""New wordings: what they add to the labels' scores is measured on a few training recordings, and taken off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tiny import build_lm

from sig2lm.adapter import AdapterConfig
from sig2lm.bridge import SignalLM
from sig2lm.calibration import mean_scores
from sig2lm.datasets import Table
from sig2lm.errors import CheckpointError
from sig2lm.evaluate import evaluate, held_out_question, predict
from sig2lm.prompts import load_template
from sig2lm.task import Question
from sig2lm.train import train_adapter
from sig2lm.trainer import TrainSettings

SETTINGS = TrainSettings(
    AdapterConfig("resampler", num_virtual_tokens=3, hidden=16, depth=1, heads=2), epochs=1, batch_size=16, references=8
)
NEW = "Does this person feel under pressure?"


@pytest.fixture(scope="module")
def run(simulated: Path, days: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("calibration") / "run"
    options = {"lm": build_lm(), "template": load_template("stress"), "settings": SETTINGS}
    train_adapter(days, {"daily": simulated / "encoder"}, out, **options)  # type: ignore[arg-type]
    return out


@pytest.fixture
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


@pytest.fixture
def unreferenced(model: SignalLM) -> SignalLM:
    return SignalLM(model.lm, {name: model.modality(name) for name in model.modalities}, model.tasks)


def test_a_new_wording_scores_the_labels_as_the_known_ones_do_on_average(model: SignalLM) -> None:
    task, reference = model.tasks[0], model.references[0]
    prompter = model.prompter(task)
    known = [mean_scores(model, prompter, reference.recordings, wording) for wording in task.template.question]
    assert reference.level == pytest.approx(np.mean(known, axis=0), abs=1e-5)
    offsets = model.question(task, NEW, task.labels).offsets
    assert offsets is not None
    new = mean_scores(model, prompter, reference.recordings, NEW)
    assert np.add(new, offsets) == pytest.approx(reference.level, abs=1e-5)
    assert not np.allclose(offsets, 0.0)


def test_offsets_are_added_to_the_scores_in_every_way_of_asking(
    model: SignalLM, unreferenced: SignalLM, days: Table
) -> None:
    row = days.data["test"].with_format("numpy")[0]
    signals, labels = days.signals(row), model.tasks[0].labels
    offsets = model.question(model.tasks[0], NEW, labels).offsets
    plain = unreferenced.ask(signals, NEW, labels).probabilities
    assert plain is not None
    weights = np.array(list(plain.values())) * np.exp(offsets)
    expected = weights / weights.sum()
    for answer in (model.ask(signals, NEW, labels), model.chat(signals).ask(NEW, labels)):
        assert list((answer.probabilities or {}).values()) == pytest.approx(expected, abs=1e-5)


def test_only_new_wordings_about_labels_are_corrected(model: SignalLM) -> None:
    task = model.tasks[0]
    for wording in task.template.question:
        assert model.question(task, wording).offsets is None
    assert model.question(task, NEW, ["yes", "no"]).offsets is None
    assert model.question(task, NEW).offsets is None  # an open question
    assert model.question(task, task.template.held_out).offsets is not None
    assert len(model.question(task, NEW, task.labels[::-1]).offsets or ()) == 2


def test_later_turns_of_a_conversation_are_left_alone(model: SignalLM, unreferenced: SignalLM, days: Table) -> None:
    signals = days.signals(days.data["test"].with_format("numpy")[0])
    labels = model.tasks[0].labels
    answers = []
    for one in (model, unreferenced):
        conversation = one.chat(signals)
        conversation.ask()
        answers.append(conversation.ask(NEW, labels))
    assert answers[0] == answers[1]


def test_a_reference_holds_as_many_of_each_label_and_comes_back_as_it_was(run: Path, model: SignalLM) -> None:
    tensors = load_file(run / "reference.safetensors")
    assert set(tensors) == {f"0.{name}" for name in ("level", "daily.patches", "daily.patch_mask", "daily.counts")}
    assert len(tensors["0.daily.counts"]) == SETTINGS.references
    again = model.references[0].tensors()
    for name, tensor in tensors.items():
        assert tensor.equal(again[name.removeprefix("0.")]), name


def test_evaluation_tells_what_the_correction_did(model: SignalLM, unreferenced: SignalLM, days: Table) -> None:
    report = evaluate(model, days).report
    assert set(report["wordings"]) == {"held_out", "of_training", "uncalibrated"}
    plain = evaluate(unreferenced, days).report
    assert set(plain["wordings"]) == {"held_out", "of_training"}
    assert report["wordings"]["uncalibrated"] == pytest.approx(plain["wordings"]["held_out"], abs=1e-5)
    assert report["macro_f1"] == report["wordings"]["held_out"]["macro_f1"]
    question = held_out_question(model, days)
    assert question.offsets is not None
    shifted = predict(model, days, "test", replace(question, offsets=(100.0, 0.0)))
    assert (shifted.probabilities[:, 0] > 0.99).all()
    unworded = Question(question.task, "", question.choices)
    assert predict(model, days, "test", unworded).probabilities.shape == shifted.probabilities.shape


def test_nothing_is_kept_where_nothing_is_wanted_or_can_be_compared(
    simulated: Path, days: Table, tmp_path: Path
) -> None:
    template = load_template("stress")
    described = template.model_copy(update={"prompt": "$daily $daily_summary $question"})
    for name, wording, count in (("none", template, 0), ("described", described, 8)):
        train_adapter(
            days,
            {"daily": simulated / "encoder"},
            tmp_path / name,
            lm=build_lm(),
            template=wording,
            settings=replace(SETTINGS, references=count, epochs=0.1),
        )
        assert not (tmp_path / name / "reference.safetensors").exists()
        assert SignalLM.from_pretrained(tmp_path / name, lm=build_lm()).references == {}


@pytest.mark.parametrize("lost", ["0.level", "0.daily.patches"])
def test_a_damaged_reference_is_refused(run: Path, tmp_path: Path, lost: str) -> None:
    for file in run.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(run / "reference.safetensors")
    tensors.pop(lost)
    save_file(tensors, tmp_path / "reference.safetensors")
    with pytest.raises(CheckpointError, match=r"reference\.safetensors"):
        SignalLM.from_pretrained(tmp_path, lm=build_lm())
