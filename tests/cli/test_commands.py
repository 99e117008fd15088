"""The command line as a user meets it: the whole pipeline, and one clear line with exit code 2 for each mistake."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import build_lm

from sig2lm.cli import main
from sig2lm.datasets import load_table
from sig2lm.datasets.public import synthetic
from sig2lm.signals import Signal, save_signal

SETTINGS = ["--epochs", "1", "--num-virtual-tokens", "2", "--align-steps", "4", "--calibration-examples", "8"]


@dataclass
class Said:
    stdout: str
    stderr: str


def sig2lm(*arguments: object, code: int = 0, stdin: str = "") -> Said:
    """Run the command in this process and check how it ended; a mistake is one line."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr("sys.argv", ["sig2lm", *map(str, arguments)])
        patched.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
    said = Said(out.getvalue(), err.getvalue())
    assert (ended.value.code or 0) == code, said.stderr
    if code == 2:
        *before, last = said.stderr.splitlines()
        assert last.startswith("sig2lm: error: ")
        assert [line for line in before if "error" in line] == []  # what was decided or begun may stand there
    return said


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands have been run once: data, an encoder, an LM, a run and a recording."""
    home = tmp_path_factory.mktemp("road")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", {"har": 2, "af_rr": 4, "stress": 30})
        sig2lm("prepare", "synthetic", home / "data")
    data = home / "data" / "stress"
    sig2lm("pretrain-encoder", "--data", data, "--out", home / "encoder", "--epochs", 1, "--width", 16, "--depth", 1)
    lm = build_lm()
    lm.model.save_pretrained(home / "lm")
    lm.dialogue.tokenizer.save_pretrained(home / "lm")
    command = [
        "train-adapter",
        "--data",
        data,
        "--encoder",
        home / "encoder",
        "--lm",
        home / "lm",
        "--out",
        home / "run",
    ]
    said = sig2lm(*command, *SETTINGS, "--rows", 96).stdout
    assert "parameters" in said
    table = load_table(data)
    row = table.data["test"].with_format("numpy")[0]
    save_signal(table.signals(row)["daily"], home / "week.npz")
    return home


def test_ask_writes_the_contracted_json(road: Path) -> None:
    said = sig2lm(
        "ask", road / "run", "--signal", road / "week.npz", "--choices", "stressed, calm", "--json", "-", "Well?"
    )
    answer = json.loads(said.stdout)
    assert set(answer) == {
        "sig2lm",
        "text",
        "label",
        "probabilities",
        "label_set",
        "checks",
        "relies_on_signal",
        "seconds",
    }
    assert answer["label"] in ("stressed", "calm")
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    free = json.loads(
        sig2lm("ask", road / "run", "--signal", f"daily={road / 'week.npz'}", "--json", "-", "Why?").stdout
    )
    assert free["probabilities"] is None
    words = sig2lm("ask", road / "run", "--signal", road / "week.npz", "Is the person stressed or calm?").stdout
    two = ["--signal", road / "week.npz", "--beside", road / "week.npz", "--choices", "first,second"]
    which = json.loads(sig2lm("ask", road / "run", *two, "--json", "-", "Which has more steps?").stdout)
    assert set(which["probabilities"]) == {"first", "second"}
    assert "%" in words


@pytest.mark.parametrize(("batch_size", "warned"), [(64, True), (8, False)])
def test_a_training_of_few_steps_says_so(road: Path, tmp_path: Path, batch_size: int, warned: bool) -> None:
    places = ("--data", road / "data" / "stress", "--encoder", road / "encoder", "--out", tmp_path / "taught")
    said = sig2lm("fine-tune-encoder", *places, "--epochs", 1, "--batch-size", batch_size)
    assert ("steps, which is few; raise --epochs" in said.stderr) == warned


def test_chat_answers_line_by_line(road: Path) -> None:
    said = sig2lm("chat", road / "run", "--signal", road / "week.npz", stdin="/choices a,b: Which?\nHow?\n\n").stdout
    assert said.split()[1] in ("a", "b")


def test_one_bad_question_ends_no_conversation(road: Path) -> None:
    lines = ["/choices one: Which?", "/nothing", "word " * 600, "/reset", '/choices "a, b",c: Which?', ""]
    said = sig2lm("chat", road / "run", "--signal", road / "week.npz", stdin="\n".join(lines))
    assert [line[:6] for line in said.stderr.splitlines()[-3:]] == ["error:"] * 3
    assert said.stdout.replace("> ", "").splitlines()[0] in ("a, b", "c")


def test_evaluate_writes_the_contracted_report(road: Path) -> None:
    sig2lm("evaluate", road / "run", "--data", road / "data" / "stress", "--json", road / "report.json")
    report = json.loads((road / "report.json").read_text())
    contracted = [
        "task",
        "split",
        "examples",
        "subjects",
        "accuracy",
        "macro_f1",
        "auroc",
        "ece",
        "confusion",
        "ci",
        "controls",
        "probe",
        "seconds_per_answer",
        "lm",
        "encoder",
        "template",
    ]
    assert [key for key in report if key in contracted] == contracted
    further = {"sig2lm", "adapter", "baselines", "paraphrases", "reliability", "notes", "label_sets"}
    assert set(report) - set(contracted) == further
    assert set(report["controls"]) == {"shuffled", "zeroed", "text_only"}
    assert set(report["probe"]) >= {"accuracy", "macro_f1"}
    assert report["examples"] == sum(map(sum, report["confusion"]["matrix"]))
    assert report["subjects"] == 6
    assert report["ci"]["accuracy"][0] <= report["accuracy"] <= report["ci"]["accuracy"][1]


def test_a_manifest_of_one_s_own_goes_the_whole_way(road: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    (source / "dataset.yaml").write_text(
        "task: shaking\nsignals:\n  arm: {sampling_rate: 20, channels: [x, y], units: [m/s^2, m/s^2]}\n"
        "window: {seconds: 3.2, stride: 3.2}\n"
    )
    lines, rng = ["file,subject,label"], np.random.default_rng(0)
    for subject in range(6):
        for label, size in (("still", 0.1), ("shaken", 3.0)):
            values = rng.normal(0.0, size, (200, 2))
            name = f"s{subject}_{label}.csv"
            np.savetxt(source / name, values, delimiter=",", header="x,y", comments="")
            lines.append(f"{name},s{subject},{label}")
    (source / "manifest.csv").write_text("\n".join(lines) + "\n")
    sig2lm("prepare", "manifest", source, tmp_path / "data")
    sig2lm("pretrain-encoder", "--data", tmp_path / "data", "--out", tmp_path / "encoder", "--epochs", 1, "--width", 16)
    sig2lm(
        *("train-adapter", "--data", tmp_path / "data", "--encoder", tmp_path / "encoder", "--lm", road / "lm"),
        *("--out", tmp_path / "run", *SETTINGS),
    )
    file = source / "s0_still.csv"
    answer = json.loads(
        sig2lm("ask", tmp_path / "run", "--signal", file, "--choices", "still,shaken", "--json", "-", "?").stdout
    )
    assert answer["label"] in ("still", "shaken")


@pytest.mark.slow
def test_an_interrupted_command_resumes(road: Path, tmp_path: Path) -> None:
    """SIGINT from outside, as a terminal sends it; the whole run and the resumed one end with the same weights."""
    train = ["train-adapter", "--data", road / "data" / "stress", "--encoder", road / "encoder", "--lm", road / "lm"]
    train += ["--num-virtual-tokens", "2", "--epochs", "2", "--batch-size", "16", "--save-steps", "5"]
    command = [sys.executable, "-m", "sig2lm", *map(str, train), "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not list((tmp_path / "run").glob("checkpoints/checkpoint-*/trainer_state.json")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 130
        assert b"--resume" in said
    for out in ([tmp_path / "run", "--resume"], [tmp_path / "whole"]):
        subprocess.run([*command[:-1], *map(str, out)], check=True)
    resumed, whole = (load_file(tmp_path / name / "adapter.safetensors") for name in ("run", "whole"))
    for name in whole:
        np.testing.assert_array_equal(resumed[name], whole[name])


@pytest.mark.slow
def test_two_processes_share_the_steps_and_write_one_run(road: Path, tmp_path: Path) -> None:
    """As `accelerate launch` starts them on several devices; on CPUs torchrun does."""
    train = ["train-adapter", "--data", road / "data" / "stress", "--encoder", road / "encoder", "--lm", road / "lm"]
    train += ["--num-virtual-tokens", 2, "--epochs", 1, "--batch-size", 16, "--out", tmp_path / "run"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "sig2lm"]
    done = subprocess.run([*launcher, *map(str, train)], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("parameters") == 1
    steps = json.loads((tmp_path / "run" / "train.json").read_text())["steps"]
    rows = len(load_table(road / "data" / "stress").data["train"])
    assert steps == -(-rows // 32)


def week(home: Path, **changes: object) -> Path:
    """The recording of the road, changed."""
    table = load_table(home / "data" / "stress")
    days = table.signals(table.data["test"].with_format("numpy")[0])["daily"]
    fields = {name: getattr(days, name) for name in ("values", "sampling_rate", "channels", "units", "period")}
    out = home / f"{'-'.join(changes)}.npz"
    save_signal(Signal(**{**fields, **changes}), out)
    return out


def bad_recordings(home: Path) -> dict[str, Path]:
    """One file for each way in which a recording can be wrong."""
    columns = "steps,resting_heart_rate,sleep_minutes,exercise_minutes"
    files = {
        "empty": b"",
        "text": f"{columns}\n1,2,3,4\n1,two,3,4\n".encode(),
        "one channel": b"steps\n1\n2\n3\n",
        "all missing": f"{columns}\n1,,3,4\n2,,3,4\n3,,3,4\n".encode(),
        "binary": bytes(range(256)) * 9,
    }
    found = {"missing file": home / "nothing.csv"}
    for name, content in files.items():
        found[name] = home / f"{name.replace(' ', '_')}.csv"
        found[name].write_bytes(content)
    found["unit"] = week(home, units=("count", "m/s^2", "minute", "minute"))
    found["rate"] = week(home, period=None, sampling_rate=50.0)
    found["suffix"] = home / "recording.xyz"
    found["suffix"].write_text("1")
    return found


KINDS = ("missing file", "empty", "text", "one channel", "all missing", "binary", "unit", "rate", "suffix")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_recording_is_one_clear_line(road: Path, kind: str) -> None:
    file = bad_recordings(road)[kind]
    line = sig2lm("ask", road / "run", "--signal", file, "Well?", code=2).stderr
    assert file.name in line or "encoder of 'daily'" in line


def test_mistakes_in_arguments_are_one_clear_line(road: Path, tmp_path: Path) -> None:
    data, encoder, lm = road / "data" / "stress", road / "encoder", road / "lm"
    train = ["train-adapter", "--data", data, "--encoder", encoder, "--lm", lm]
    asking = ["ask", road / "run", "--signal", road / "week.npz"]
    (tmp_path / "bad.yaml").write_text(
        "task: x\nversion: 1\nsource: y\nprompt: $daily $question\nquestion: q\ncolour: red\n"
    )
    cases = {
        "exists": [*train, "--out", road / "run"],
        "no folder here": [*train[:-1], tmp_path / "nowhere", "--out", tmp_path / "run"],
        "choose from linear, mlp, resampler": [*train, "--adapter", "qformer", "--out", tmp_path / "run"],
        "unknown key": [*train, "--template", tmp_path / "bad.yaml", "--out", tmp_path / "run"],
        "template name": [*train, "--template", "nothing", "--out", tmp_path / "run"],
        "without --resume": [*train, "--resume", "--out", tmp_path / "run"],
        "an encoder of sig2lm": [*train[:4], tmp_path, "--lm", lm, "--out", tmp_path / "run"],
        "stress": ["pretrain-encoder", "--data", road / "data", "--out", tmp_path / "e"],
        "two or more": [*asking, "--choices", "one", "Well?"],
        "expected one --signal": [*asking, "--signal", road / "week.npz", "Well?"],
        "a run of sig2lm": ["ask", tmp_path, "--signal", road / "week.npz", "Well?"],
        "SOURCE": ["prepare", "motionsense", tmp_path / "out"],
        "motionsense": ["prepare", "nothing", tmp_path, tmp_path / "out"],
        "choose from train, validation, test": ["evaluate", road / "run", "--data", data, "--split", "exam"],
    }
    for expected, command in cases.items():
        assert expected in sig2lm(*command, code=2).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.yaml"]


def test_an_output_that_cannot_be_written_is_one_clear_line(road: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data = road / "data" / "stress"
    for command in (
        ["prepare", "synthetic", tmp_path / "file" / "data"],
        ["pretrain-encoder", "--data", data, "--out", tmp_path / "file" / "encoder"],
        ["evaluate", road / "run", "--data", data, "--json", tmp_path / "file" / "report.json"],
    ):
        assert "file" in sig2lm(*command, code=2).stderr


def test_a_run_on_another_lm_is_refused(road: Path, tmp_path: Path) -> None:
    other = tmp_path / "lm"
    shutil.copytree(road / "lm", other)
    build_lm(seed=1).model.save_pretrained(other)
    line = sig2lm("ask", road / "run", "--lm", other, "--signal", road / "week.npz", "Well?", code=2).stderr
    assert "fingerprint" in line


def test_help_names_every_command() -> None:
    said = sig2lm("--help").stdout
    for command in (
        "demo",
        "prepare",
        "pretrain-encoder",
        "train-adapter",
        "evaluate",
        "ask",
        "chat",
        "tokenizer-report",
    ):
        assert command in said
    assert sig2lm("--version").stdout.strip()


@pytest.mark.slow
def test_two_named_signals_go_the_whole_way_together(road: Path, tmp_path: Path) -> None:
    """A wrist and a belt at different rates, each with an encoder of its own, both in every prompt."""
    source, rng = tmp_path / "mine", np.random.default_rng(0)
    source.mkdir()
    (source / "dataset.yaml").write_text(
        "task: moving\nsignals:\n"
        "  wrist: {sampling_rate: 20, channels: [x, y], units: [m/s^2, m/s^2]}\n"
        "  belt: {sampling_rate: 10, channels: [z], units: [rad/s]}\n"
        "window: {seconds: 3.2, stride: 3.2}\n"
    )
    lines = ["file_wrist,file_belt,subject,label"]
    for subject in range(6):
        for label, size in (("still", 0.1), ("moving", 3.0)):
            names = f"w{subject}{label}.csv", f"b{subject}{label}.csv"
            np.savetxt(source / names[0], rng.normal(0, size, (128, 2)), delimiter=",", header="x,y", comments="")
            np.savetxt(source / names[1], rng.normal(0, size, (64, 1)), delimiter=",", header="z", comments="")
            lines.append(f"{names[0]},{names[1]},s{subject},{label}")
    (source / "manifest.csv").write_text("\n".join(lines) + "\n")
    sig2lm("prepare", "manifest", source, tmp_path / "data")
    for name in ("wrist", "belt"):
        command = ["pretrain-encoder", "--data", tmp_path / "data", "--signal", name, "--out", tmp_path / name]
        sig2lm(*command, "--epochs", 1, "--width", 16, "--depth", 1)
    encoders = [part for name in ("wrist", "belt") for part in ("--encoder", f"{name}={tmp_path / name}")]
    train = ["train-adapter", "--data", tmp_path / "data", *encoders, "--lm", road / "lm", *SETTINGS]
    sig2lm(*train, "--out", tmp_path / "run")
    sig2lm("evaluate", tmp_path / "run", "--data", tmp_path / "data", "--json", tmp_path / "report.json")
    assert set(json.loads((tmp_path / "report.json").read_text())["encoder"]) == {"wrist", "belt"}
    files = [f"wrist={source / 'w0still.csv'}", f"belt={source / 'b0still.csv'}"]
    asked = ["ask", tmp_path / "run", "--choices", "still,moving", "--json", "-", "Which?", "--signal", files[0]]
    assert json.loads(sig2lm(*asked, "--signal", files[1]).stdout)["label"] in ("still", "moving")
    assert "--signal belt=FILE" in sig2lm(*asked, code=2).stderr
    assert (
        "--encoder NAME=" in sig2lm(*train[:3], "--encoder", tmp_path / "wrist", "--out", tmp_path / "x", code=2).stderr
    )
