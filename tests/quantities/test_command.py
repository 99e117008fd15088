"""``sig2lm quantities``: a table, JSON, and one clear line where there is nothing to measure."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.errors import SignalError
from sig2lm.signals import save_signal
from sig2lm.signals.simulation import simulate


def test_a_recording_becomes_a_table_and_json(tmp_path: Path) -> None:
    save_signal(simulate("har", "jogging", np.random.default_rng(0), 1)["motion"], tmp_path / "run.npz")
    shown = CliRunner().invoke(app, ["quantities", str(tmp_path / "run.npz")], env={"COLUMNS": "200"})
    assert "step rate" in shown.stdout
    assert "steps per second" in shown.stdout
    found = CliRunner().invoke(app, ["quantities", str(tmp_path / "run.npz"), "--json", "-"])
    rate = next(fact for fact in json.loads(found.stdout)["quantities"] if fact["name"] == "step rate")
    assert 2.3 <= rate["value"] <= 3.3
    assert rate["unit"] == "steps/s"
    assert rate["source"] == ["acc_x", "acc_y", "acc_z"]


def test_units_are_taken_from_the_command_line_and_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rr.csv"
    path.write_text("\n".join(["rr", *["800", "820", "790"] * 5]), encoding="utf-8")
    found = CliRunner().invoke(app, ["quantities", str(path), "--units", "ms", "--json", "-"])
    assert json.loads(found.stdout)["quantities"][0]["name"] == "heart rate"
    silent = CliRunner().invoke(app, ["quantities", str(path)])
    assert isinstance(silent.exception, SignalError)
    assert "nothing to measure in rr (no unit); state units and rate" in str(silent.exception)
