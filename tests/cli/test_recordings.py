"""Every command that takes a recording reads it alike, takes the same options, and refuses what cannot be."""

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny import MOTION, TEMPLATE, build_lm

from sig2lm.cli import main
from sig2lm.datasets import load_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract, read_signal
from sig2lm.templates.task import Task


def sig2lm(*arguments: object, code: int = 0) -> str:
    """Run a command in this process; return what it says on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr("sys.argv", ["sig2lm", *map(str, arguments)])
        patched.setattr("sys.stdin", io.StringIO("What is it?\n\n"))
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code or 0) == code, err.getvalue()
    assert code == 0 or err.getvalue().count("\n") == 1
    return err.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose encoder has seen accelerations with gravity, and recordings."""
    home = tmp_path_factory.mktemp("recordings")
    lm = build_lm()
    lm.model.save_pretrained(home / "lm")
    lm.dialogue.tokenizer.save_pretrained(home / "lm")
    frozen = FrozenLM.from_pretrained(home / "lm")
    torch.manual_seed(0)
    task = Task.from_template(TEMPLATE)
    SignalLM(frozen, {"motion": of_one(MOTION, frozen)}, task).save_pretrained(home / "run")
    rng = np.random.default_rng(0)
    walk = 9.81 * np.array([0.1, 0.2, 0.95]) + 2 * rng.standard_normal((300, 3))
    times = np.arange(300) / 50
    lines = [f"{t:.3f};{x:.4f};{y:.4f};{z:.4f}".replace(".", ",") for t, (x, y, z) in zip(times, walk, strict=True)]
    (home / "walk.csv").write_text("Time (s);X (m/s^2);Y (m/s^2);Z (m/s^2)\n" + "\n".join(lines) + "\n")
    plain = "\n".join(",".join(f"{value / 9.81:.5f}" for value in row) for row in walk)
    (home / "in_g.csv").write_text("acc_x,acc_y,acc_z\n" + plain + "\n")
    return home


def of_one(contract: Contract, lm: FrozenLM) -> SignalBranch:
    """An untrained encoder and adapter of one signal."""
    config = PatchTransformerConfig(contract, 16, 16, 16, 1, 2, mean=(0.5, 1.0, 8.0), std=(3.0, 3.0, 4.0))
    adapter = build_adapter(AdapterConfig("linear", num_virtual_tokens=4), 16, lm.width, lm.embedding_norm)
    return SignalBranch(SignalEncoder(config), adapter)


NAMES = "acc_x=X,acc_y=Y,acc_z=Z"


def run(home: Path, command: str, file: str, *options: object, code: int = 0) -> str:
    recording = ["--signal", home / file]
    lm = ["--lm", home / "lm"]
    whole = {
        "ask": ["ask", home / "run", "What is it?", *recording, *lm],
        "chat": ["chat", home / "run", *recording, *lm],
        "annotate": ["annotate", home / "run", *recording, *lm, "--out", home / "rows.csv"],
    }
    return sig2lm(*whole[command], *options, code=code)


@pytest.mark.parametrize("command", ["ask", "chat", "annotate"])
def test_commands_refuse_with_advice_that_works(home: Path, command: str) -> None:
    refused = run(home, command, "walk.csv", code=2)
    assert "channels are X, Y, Z" in refused
    assert "--channels" in refused
    said = run(home, command, "walk.csv", "--channels", NAMES, "--start", "1", "--end", "5")
    assert "walk.csv: numbers are written with a decimal comma; the clock is the column 'Time (s)'; 50 Hz" in said
    refused = run(home, command, "in_g.csv", code=2)
    assert "they look like g: state it (--units g)" in refused
    assert "no clock is stated, so 50 Hz is taken" in run(home, command, "in_g.csv", "--units", "g")
    assert "look like g" in run(home, command, "in_g.csv", "--believe")


def test_a_second_recording_is_of_a_signal_that_has_a_first(home: Path, tmp_path: Path) -> None:
    """A run of two tasks, each about a signal of its own."""
    lm = FrozenLM.from_pretrained(home / "lm")
    turning = Contract(("gyro_x", "gyro_y", "gyro_z"), ("rad/s",) * 3, 50.0, None, 1.28)
    branches = {name: of_one(contract, lm) for name, contract in (("motion", MOTION), ("turning", turning))}
    other = TEMPLATE.model_copy(update={"task": "turns", "prompt": "Turns: $turning\n$question"})
    SignalLM(lm, branches, [Task.from_template(TEMPLATE), Task.from_template(other)]).save_pretrained(tmp_path / "run")
    seen = np.random.default_rng(0).normal([[0.5], [1.0], [9.7]], 2.0, (3, 64))
    for name, contract in (("motion", MOTION), ("turning", turning)):
        said = {"sampling_rate": 50.0, "channels": contract.channels, "units": contract.units}
        np.savez(tmp_path / f"{name}.npz", values=seen, **said)
    one, two = (f"{name}={tmp_path / name}.npz" for name in ("motion", "turning"))
    asked = ["ask", tmp_path / "run", "Which?", "--choices", "first,second", "--signal", one]
    sig2lm(*asked, "--beside", one)
    assert "that --signal shows (motion), found one of 'turning'" in sig2lm(*asked, "--beside", two, code=2)


def test_the_manifest_and_the_tokenizer_report_read_the_same(home: Path, tmp_path: Path) -> None:
    signal = read_signal(home / "walk.csv", channels=NAMES.split(","), start=1, end=5)
    assert (signal.num_samples, signal.sampling_rate) == (200, 50)
    run(home, "annotate", "walk.csv", "--channels", NAMES, "--start", "1", "--end", "5")
    with (home / "rows.csv").open() as file:
        assert [row["start_s"] for row in csv.DictReader(file)] == ["0", "1.28", "2.56"]
    sig2lm(
        "tokenizer-report", home / "walk.csv", "--channels", NAMES, "--start", "1", "--end", "5",
        "--json", tmp_path / "report.json",
    )  # fmt: skip
    found = next(iter(json.loads((tmp_path / "report.json").read_text())["series"].values()))
    assert (found["channels"], found["rows"], found["duration_s"]) == (list(signal.channels), 200, pytest.approx(4.0))
    motion = {"sampling_rate": 50, "channels": list(MOTION.channels), "units": ["m/s^2"] * 3}
    content = {"task": "har", "signals": {"motion": {**motion, "read": {"channels": NAMES.split(",")}}}}
    (home / "dataset.yaml").write_text(yaml.safe_dump(content))
    (home / "manifest.csv").write_text("file,subject,label,start,end\nwalk.csv,s1,up,1,5\nin_g.csv,s2,down,,\n")
    refused = sig2lm("prepare", "manifest", home, tmp_path / "table", code=2)
    assert "line 3" in refused
    assert "--channels" in refused
    assert "2 files" not in sig2lm("prepare", "manifest", home, tmp_path / "table", "--skip-bad")
    row = next(row for split in load_table(tmp_path / "table").data.values() for row in split)
    np.testing.assert_allclose(np.reshape(row["motion"], (3, -1)), signal.values, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sampling-rate", "fast"], "--sampling-rate is 'fast', expected a number"),
        (["--sampling-rate", "nan"], "--sampling-rate must be positive"),
        (["--sampling-rate", "50", "--sampling-rate", "20"], "expected one --sampling-rate"),
        (["--sampling-rate", "20"], "clock gives 50 Hz, but 20 Hz was stated"),
        (["--units", "V"], "is in 'm/s^2' by the file's own word, but --units says 'V'"),
        (["--time-column", "T"], "the columns are Time (s), X (m/s^2)"),
        (["--time-axis", "2"], "--time-axis is 2, expected 0"),
        (["--start", "99", "--end", "100"], "start and end must lie in order within 0 to 6 s"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(home: Path, options: list[str], message: str) -> None:
    assert message in run(home, "ask", "walk.csv", *options, code=2)
