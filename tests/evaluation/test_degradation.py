"""The gate: a run passes whose score falls with its signals, and no other does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_checks import assert_stands_alone
from tiny import build_lm
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.datasets import Table
from sig2lm.errors import ArgumentError
from sig2lm.evaluation import degradation
from sig2lm.evaluation.degradation import reliance_gate, with_dropped, with_noise
from sig2lm.evaluation.evaluate import Evaluation
from sig2lm.metrics import Predictions
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pages.comparison import gate


def values(table: Table) -> np.ndarray:
    return np.array(table.data["test"]["daily"])


def test_noise_and_dropped_channels_are_graded_and_drawn_the_same_again(days: Table) -> None:
    test = replace(days, data=type(days.data)({"test": days.data["test"]}))
    own, noisy, dropped = values(test), values(with_noise(test, 2.0)), values(with_dropped(test, 0.5))
    assert np.array_equal(np.isnan(noisy), np.isnan(own))
    channels = len(days.info.signals["daily"].channels)
    by_channel = (len(own), channels, -1)
    size = np.nanstd((noisy - own).reshape(by_channel), axis=(0, 2)) / np.nanstd(own.reshape(by_channel), axis=(0, 2))
    assert size == pytest.approx(2.0, rel=0.15)
    assert np.isnan(dropped).reshape(by_channel).all(axis=2).sum(axis=1).min() >= channels // 2
    assert np.array_equal(values(with_dropped(test, 0.5)), dropped, equal_nan=True)
    assert np.isnan(values(with_dropped(test, 1.0))).all()


@pytest.mark.parametrize("reads", [True, False])
def test_a_run_passes_whose_score_falls_with_its_signals(
    run: Path, days: Table, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    """The answers are put in: right where the signal is whole (reads), or right whatever is shown."""
    model, labels = SignalLM.from_pretrained(run, lm=build_lm()), ["stressed", "calm"]
    rows = days.data["test"]
    whole = values(days)

    def answers(model: SignalLM, table: Table, split: str, *_: object, **__: object) -> Predictions:
        shown = values(table)
        right = np.eye(2)[[labels.index(label) for label in rows["label"]]]
        whole_share = np.mean(np.isclose(shown, whole, equal_nan=True)) if reads else 1.0
        guess = np.tile([0.6, 0.4], (len(right), 1))
        return Predictions.from_names(labels, rows["label"], right if whole_share > 0.6 else guess, rows["subject"])

    monkeypatch.setattr(degradation, "predict", answers)
    own = answers(model, days, "test")
    report = {"split": "test", "controls": {"shuffled": {"macro_f1": 0.4 if reads else 1.0}}}
    found = reliance_gate(model, days, Evaluation(report, own), 0.3)
    assert found["passed"] == reads
    assert len(found["failed"]) == (0 if reads else 3)
    assert [one["amount"] for one in found["noise"]] == [0, 0.25, 0.5, 1, 2, 4]
    assert found["dropped"][-1]["amount"] == 1
    json.dumps(found)
    shown = gate(found)
    assert shown is not None
    assert len(shown["drawings"]) == 2
    with pytest.raises(ArgumentError, match="found 2"):
        reliance_gate(model, days, Evaluation(report, own), 2)


@pytest.mark.slow
def test_the_command_leaves_with_one_where_the_score_does_not_fall(simulated: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", "pocket-har", "--data", str(simulated / "data" / "har"), "--reliance-gate"]
    page = tmp_path / "gate.html"
    result = CliRunner().invoke(app, [*arguments, "0.99", "--html", str(page)])
    assert result.exit_code == 1
    assert "where signals are shuffled; expected a fall of 0.99 or more" in " ".join(result.stdout.split())
    shown = page.read_text(encoding="utf-8")
    assert_stands_alone(shown)
    assert "Does the score fall with the signal?" in shown
