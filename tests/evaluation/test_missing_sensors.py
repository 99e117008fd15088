"""Sensors that are missing when the LM is asked: masked on the way in, scored beside the complete answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import build_lm

from sig2lm.cli import main
from sig2lm.datasets import Table, load_table
from sig2lm.errors import DatasetError
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.evaluation.controls import controls, without_sensors
from sig2lm.metrics import scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal


@pytest.fixture
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


def test_each_modality_is_left_out_once(model: SignalLM, days: Table) -> None:
    found = without_sensors(model, days, "test")
    contract = days.info.signals["daily"]
    assert sorted(channel for sensor in found for channel in sensor["channels"]) == sorted(contract.channels)
    assert len(found) == len(set(contract.units))
    whole = scores(predict(model, days, "test", held_out_question(model, days)))
    assert any(sensor["auroc"] != whole["auroc"] for sensor in found)


def test_the_lm_answers_as_if_the_recording_had_come_without_the_sensor(model: SignalLM, days: Table) -> None:
    contract = days.info.signals["daily"]
    one = replace(days, data=type(days.data)({"test": days.data["test"].select(range(8))}))
    sensor = without_sensors(model, one, "test")[0]
    gone = [contract.channels.index(channel) for channel in sensor["channels"]]

    def without(signal: Signal) -> Signal:
        values = signal.values.copy()
        values[gone] = np.nan
        return replace(signal, values=values)

    rows = one.data["test"].with_format("numpy")
    question = held_out_question(model, one)
    answers = model.ask_many(
        [{"daily": without(one.signals(row)["daily"])} for row in rows],
        question.text,
        question.choices,
        facts=[one.facts(row) for row in rows],
    )
    right = np.mean([answer.label == row["label"] for answer, row in zip(answers, rows, strict=True)])
    assert sensor["accuracy"] == pytest.approx(right)


def test_a_single_modality_cannot_be_left_out(simulated: Path, model: SignalLM) -> None:
    beats = load_table(simulated / "data" / "af_rr")
    with pytest.raises(DatasetError, match="two channel groups or more"):
        without_sensors(model, beats, "test")


def test_the_command_refuses_the_comparison_with_without_sensors(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = simulated / "data" / "stress"
    monkeypatch.setattr("sys.argv", ["sig2lm", "evaluate", "run", "--data", str(data), "--compare", "--missing"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--missing asks the run alone" in capsys.readouterr().err


def test_shuffled_answers_known_from_other_rows_are_those_that_the_lm_would_give(model: SignalLM, days: Table) -> None:
    own = predict(model, days, "test", held_out_question(model, days))
    spared = controls(model, days, "test", predictions=own)["shuffled"]
    assert spared == pytest.approx(controls(model, days, "test")["shuffled"], abs=1e-5)
