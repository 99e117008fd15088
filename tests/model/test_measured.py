"""What was measured of a signal stands in its prompt: of this signal and no other, wherever it is asked about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TEMPLATE, TRAINING, build_lm, build_signal_lm, motion

from sig2lm.datasets import Table
from sig2lm.errors import CheckpointError, PromptError
from sig2lm.evaluation.controls import controls
from sig2lm.evaluation.questions import evaluate_questions
from sig2lm.model.examples import Example
from sig2lm.model.measured import in_words
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import SignalSource, TableExamples
from sig2lm.quantities import measure
from sig2lm.signals import Signal
from sig2lm.templates import Task, load_template, parse_template
from sig2lm.templates.turns import Turn
from sig2lm.training.known import know, stating_measured
from sig2lm.training.train_adapter import build_model, train_adapter

WANTED = ("movement intensity", "ENMO", "heart rate")


@pytest.fixture(scope="module")
def stating(run: Path, simulated: Path, days: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that goes on from the session's, with a template that states what was measured."""
    template = load_template("stress")
    template = stating_measured(template, know(days, Task.from_template(template)))
    out = tmp_path_factory.mktemp("measured") / "run"
    settings = replace(TRAINING, start_from=str(run))
    train_adapter(days, {"daily": simulated / "encoder"}, out, lm=build_lm(), template=template, settings=settings)
    return out


@pytest.fixture
def model(stating: Path) -> SignalLM:
    return SignalLM.from_pretrained(stating, lm=build_lm())


def model_of_motion() -> SignalLM:
    model = build_signal_lm()
    model.tasks = (Task.from_template(TEMPLATE.with_measured(WANTED)),)
    return model


def text(model: SignalLM, example: Example) -> str:
    return model.lm.dialogue.decode(example.prompt.input_ids)


def stated(signal: Signal) -> str:
    facts = measure(signal)
    return f"Measured: movement intensity {facts['movement intensity'].stated}, ENMO {facts['ENMO'].stated}."


def test_the_answer_to_a_comparison_that_is_stated_is_not_judged_beside_other_recordings(model: SignalLM) -> None:
    task, choices = model.tasks[0], ["yes", "no"]
    name = task.template.measured[0]
    assert model.question(task, f"Is the {name} high?", choices).offsets is not None
    assert model.question(task, f"Is the {name} above 1?", choices).offsets is None


def test_a_prompt_states_what_its_own_signals_carry_and_nothing_else() -> None:
    model, question = model_of_motion(), "Which?"
    recordings = model.recordings(motion(seed=1))
    shown = text(model, model.example(model.tasks[0], recordings, question, {}))
    assert f"\n{stated(motion(seed=1))}\n{question}" in shown  # a heart rate is carried by none
    recordings = model.recordings([{"motion": motion(seed=1)}, {"motion": motion(seed=2)}])
    two = model.example(model.tasks[0], recordings, question, {})
    first, second = (stated(motion(seed=seed)).removeprefix("Measured: ").rstrip(".") for seed in (1, 2))
    shown = text(model, two)
    assert f"Measured: first: {first}; second: {second}.\n{question}" in shown
    assert "first: " in shown.partition("Measured")[0]  # the soft prompts are told apart, too
    nothing = motion()
    nothing = replace(nothing, values=np.full_like(nothing.values, np.nan))
    unknown = text(model, model.example(model.tasks[0], model.recordings(nothing), question, {}))
    assert "easured" not in unknown
    assert unknown.count("\n") == 1  # its line is gone with it


def test_every_door_shows_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    model, signal = model_of_motion(), motion(128, seed=3)
    asked = model.example(model.tasks[0], model.recordings(signal), "Which?", {})
    chat = model.chat(signal)
    chat.ask("Which?", ["up", "down"])
    assert stated(signal) in "".join(part for part in chat.turns[1].parts if isinstance(part, str))
    assert model.lm.dialogue.encode(chat.turns[:2], dict.fromkeys(chat._recordings, 4)) == asked.prompt
    chat.add(motion(seed=4))
    chat.ask("And this one?", ["up", "down"])
    assert f"{stated(motion(seed=4))}\nAnd this one?" in "".join(map(str, chat.turns[-2].parts))
    windows = [text(model, example) for example in model.annotate(signal, "Which?", window=1.28)._examples() if example]
    halves = [replace(signal, values=signal.values[:, start : start + 64]) for start in (0, 64)]
    assert [stated(half) in window for half, window in zip(halves, windows, strict=True)] == [True, True]
    read: list[Example] = []
    monkeypatch.setattr(
        SignalLM,
        "read",
        lambda self, examples, read=read, real=SignalLM.read: (
            read.extend(examples),
            real(self, examples),
        )[1],
    )
    model.explain(signal, "Which?", ["up", "down"], stretches=2)
    assert read[0].prompt == asked.prompt


def test_what_a_question_compares_stands_before_it_at_every_door() -> None:
    model, signal = model_of_motion(), motion(seed=3)
    other = replace(signal, values=4 * signal.values)
    value = measure(signal)["movement intensity"].value
    question = f"Is the movement intensity above {value / 2:.2f} m/s²?"
    worked_out = f"Compared: movement intensity above {value / 2:.2f} m/s²: yes."
    asked = model.example(model.tasks[0], model.recordings(signal), question, {})
    assert f"{stated(signal)} {worked_out}\n{question}" in text(model, asked)
    chat = model.chat(signal)
    chat.ask(question, ["yes", "no"])
    assert model.lm.dialogue.encode(chat.turns[:2], dict.fromkeys(chat._recordings, 4)) == asked.prompt
    chat.ask("And is that below 0.01 m/s²?", ["yes", "no"])
    assert "Compared: movement intensity below 0.01 m/s²: no.\n" in chat.turns[-2].parts
    chat.add(other)
    chat.ask("Which moves more?", ["first", "second"])
    assert "Compared: higher movement intensity: second.\n" in chat.turns[-2].parts
    earlier = [(question, "yes")]
    again = model.prompter(model.tasks[0]).example(
        model.recordings(signal), "And is that below 0.01 m/s²?", earlier=earlier
    )
    turns = [*chat.turns[:2], Turn("assistant", ("yes",)), chat.turns[3]]
    assert model.lm.dialogue.encode(turns, dict.fromkeys(chat._recordings, 4)) == again.prompt
    still = replace(signal, values=np.zeros_like(signal.values))
    others = chat._about(chat.turns[:-1], chat._recordings | model.recordings(still, {"motion": 1}))
    assert "Compared: higher movement intensity: first.\n" in others[-1].parts  # as it would be about others
    others = chat._about(chat.turns[:-1], chat._recordings | model.recordings(still))
    assert f"above {value / 2:.2f} m/s²: no." in "".join(map(str, others[1].parts))


@pytest.mark.parametrize("source", ["own", "shuffled", "measured", "none", "zeroed"])
def test_the_words_go_with_the_signals_of_a_control(model: SignalLM, days: Table, source: SignalSource) -> None:
    encoders = {"daily": model.branch("daily").encoder}
    own = TableExamples(days, "test", model.prompter(model.tasks[0]), encoders)
    shown = replace(own, source=source)
    row = next(row for row in range(len(own)) if shown.order[row] != row or source != "shuffled")
    words = [in_words(facts) for facts in own.measured["daily"]]
    expected = {"own": words[row], "measured": words[row], "shuffled": words[shown.order[row]]}
    told = text(model, shown[row])
    if source in expected:
        assert f"Measured: {expected[source]}." in told
    else:
        assert "Measured" not in told
    virtual = sum(count for _, _, count in shown[row].prompt.places)
    assert (virtual == 0) == (source in ("measured", "none"))


def test_what_each_door_gives_is_scored_apart(model: SignalLM, days: Table) -> None:
    assert set(controls(model, days, "test")) == {"shuffled", "zeroed", "text_only", "measured_only"}
    report = evaluate_questions(model, days, count=1)
    assert all("measured_only" in kind for kind in report["kinds"])


def test_a_run_keeps_what_it_states_and_of_the_recordings_it_keeps(model: SignalLM, days: Table) -> None:
    template = model.tasks[0].template
    assert template.measured == ("mean steps", "mean resting heart rate", "mean sleep minutes", "trend of steps")
    kept = model.calibrations[0].recordings
    assert kept
    assert all(in_words(one["daily"].measured).startswith("mean steps ") for one in kept)
    week = days.signals(days.data["test"].with_format("numpy")[0])
    for answer in (model.ask(week, "Is it so?", ["yes", "no"]), model.chat(week).ask("Is it so?", ["yes", "no"])):
        assert answer.reliance is not None  # beside the kept recordings with their own words


def test_going_on_from_a_run_begins_with_its_weights(run: Path, simulated: Path, days: Table) -> None:
    settings = replace(TRAINING, start_from=str(run))
    encoders, template = {"daily": simulated / "encoder"}, load_template("stress")
    before = SignalLM.from_pretrained(run, lm=build_lm()).trained_tensors()
    begun = build_model([days], encoders, build_lm(), [template], settings).trained_tensors()
    assert all(torch.equal(begun[name], tensor) for name, tensor in before.items())
    with pytest.raises(CheckpointError, match="is on the LM"):
        build_model([days], encoders, build_lm(seed=1), [template], settings)
    other = replace(settings, adapter=replace(settings.adapter, num_virtual_tokens=5))
    with pytest.raises(CheckpointError, match="expected"):
        build_model([days], encoders, build_lm(), [template], other)


def test_a_template_without_names_or_without_a_place_is_refused(days: Table) -> None:
    content = TEMPLATE.model_dump(mode="json")
    for changes in ({"measured": ["tilt"]}, {"prompt": "$motion $measured $question"}):
        with pytest.raises(PromptError, match="go together"):
            parse_template({**content, **changes}, "x.yaml")
    plan = {"quantities": ["heart rate"]}
    template = load_template("stress")
    nothing = template.model_copy(update={"questions": template.questions.model_copy(update=plan)})
    with pytest.raises(PromptError, match="expected quantities that the recordings carry"):
        stating_measured(nothing, know(days, Task.from_template(nothing)))
