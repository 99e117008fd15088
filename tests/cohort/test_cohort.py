"""A cohort's rows are what ``annotate`` says of each recording; one that fails is listed and stops nobody."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from tiny import MOTION, TEMPLATE, build_signal_lm, motion
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.cohort import CohortJob, Source, annotate_cohort, annotating, find_sources
from sig2lm.cohort.job import Outcome
from sig2lm.cohort.worker import Count, Worker
from sig2lm.errors import Sig2LMError
from sig2lm.files import read_json
from sig2lm.model.checkpoint import run_fingerprint, write_run
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal, read_signal, save_signal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its LM, and a cohort: two recordings of one stem, one with a gap, one too short, one that is none."""
    home = tmp_path_factory.mktemp("cohort")
    model = build_signal_lm()
    model.lm.model.save_pretrained(home / "lm")
    model.lm.dialogue.tokenizer.save_pretrained(home / "lm")
    model.lm = type(model.lm).from_pretrained(home / "lm")
    write_run(model, home / "run", bundle_encoders=True)
    gap = motion(64 * 4, 1).values.copy()
    gap[:, 64:128] = np.nan
    for name, signal in {
        "a/walk.npz": motion(64 * 3 + 20),
        "b/walk.npz": Signal(gap, 50.0, MOTION.channels, MOTION.units),
        "_short ü.npz": motion(20),
    }.items():
        place = home / "data" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        save_signal(signal, place)
    (home / "data" / "notes.txt").write_text("no recording\n")
    return home


def here(job: CohortJob, sources: Sequence[Source], out: Path, workers: int, count: Count) -> Iterator[Outcome]:
    """An engine without processes."""
    worker = Worker(job, out)
    for source in sources:
        yield worker.annotate(source, count)


def job(home: Path, **settings: object) -> CohortJob:
    return CohortJob(str(home / "run"), "motion", placement={"device": "cpu"}, **settings)


def check_parts(home: Path, out: Path, pattern: str | Path = "data/*/*.npz", **settings: object) -> None:
    """Every part holds what `annotate` says of its recording, window by window, and no row stands twice."""
    model = SignalLM.from_pretrained(home / "run", device="cpu")
    table = pd.read_parquet(out)
    choices = list(table.columns[4:])
    sources = find_sources(str(home / pattern)).sources
    assert sorted(set(table["recording"])) == [source.name for source in sources]
    for source in sources:
        rows = list(model.annotate(read_signal(source.path), **settings))
        part = pd.read_parquet(out / source.part)
        assert len(part) == len(rows) == (table["recording"] == source.name).sum()
        assert set(part["recording"]) == {source.name}
        np.testing.assert_allclose(part[["start_s", "end_s"]], [(row.start, row.end) for row in rows])
        assert [None if pd.isna(label) else label for label in part["label"]] == [row.label for row in rows]
        said = [[(row.probabilities or {}).get(choice, np.nan) for choice in choices] for row in rows]
        np.testing.assert_allclose(part[choices].astype(float), said, atol=1e-5)


def test_rows_are_those_of_annotate_and_failures_are_listed(home: Path, tmp_path: Path) -> None:
    sources = find_sources(str(home / "data/**/*")).sources
    summary = annotate_cohort(job(home), sources, tmp_path / "out", engine=here)
    check_parts(home, tmp_path / "out")
    assert list(pd.read_parquet(tmp_path / "out").columns) == [
        *("recording", "start_s", "end_s", "label"),
        *TEMPLATE.labels,
        "relies_on_signal",
    ]
    assert (summary.recordings, summary.annotated, summary.failed, summary.windows) == (4, 2, 2, 7)
    assert summary.without_values == 1
    failures = [json.loads(line) for line in summary.failures.read_text(encoding="utf-8").splitlines()]
    assert [failure["recording"] for failure in failures] == ["_short ü.npz", "notes.txt"]
    assert "holds no window of 1.28 s" in failures[0]["reason"]
    assert list((tmp_path / "out").rglob("*.partial")) == []


def test_resume_does_what_is_left_and_what_has_changed(home: Path, tmp_path: Path) -> None:
    data, out, asked = tmp_path / "data", tmp_path / "out", []
    data.mkdir()
    for number in range(3):
        save_signal(motion(64 * 2, number), data / f"{number}.npz")

    def noted(job: CohortJob, sources: Sequence[Source], *others: object) -> Iterator[Outcome]:
        asked.append([source.name for source in sources])
        yield from here(job, sources, *others)

    def annotate(**options: object) -> object:
        return annotate_cohort(job(home), find_sources(str(data / "*")).sources, out, engine=noted, **options)

    (data / "1.npz").rename(tmp_path / "later.npz")
    (data / "bad.npz").write_text("x")
    annotate()
    with pytest.raises(Sig2LMError, match="go on with --resume"):
        annotate()
    (tmp_path / "later.npz").rename(data / "1.npz")
    save_signal(motion(64 * 3, 7), data / "2.npz")
    (out / "2.npz.parquet").rename(out / ".x.npz.parquet.partial")  # half a part that a killed worker has left
    summary = annotate(resume=True)
    assert asked == [["0.npz", "2.npz", "bad.npz"], ["1.npz", "2.npz", "bad.npz"]]
    assert (summary.skipped, summary.annotated, summary.failed) == (1, 2, 1)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("_")) == [
        f"{number}.npz.parquet" for number in range(3)
    ]
    (out / "0.npz.parquet").write_bytes((out / "0.npz.parquet").read_bytes()[:-20])
    (data / "bad.npz").unlink()
    summary = annotate(resume=True)
    assert asked[-1] == ["0.npz"]
    assert not summary.failures.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0.64}, "begun with stride none, found 0.64"),
        ({"choices": ("a", "b")}, r'choices none, found \["a", "b"\]'),
        ({"believe": True}, "believe false, found true"),
    ],
)
def test_another_job_does_not_go_on(change: dict, message: str, home: Path, tmp_path: Path) -> None:
    sources = find_sources(str(home / "data/a/*")).sources
    annotate_cohort(job(home), sources, tmp_path / "out", engine=here)
    with pytest.raises(Sig2LMError, match=message):
        annotate_cohort(job(home, **change), sources, tmp_path / "out", engine=here, resume=True)


def test_a_job_is_its_run_wherever_that_lies(home: Path, tmp_path: Path) -> None:
    model = SignalLM.from_pretrained(home / "run", device="cpu")
    model.save_pretrained(tmp_path / "copy")
    assert run_fingerprint(tmp_path / "copy") == run_fingerprint(home / "run")
    next(model.branch("motion").adapter.parameters()).data.add_(1.0)
    model.save_pretrained(tmp_path / "other")
    assert run_fingerprint(tmp_path / "other") != run_fingerprint(home / "run")


def test_an_error_that_nobody_expected_is_listed_with_its_trace(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sig2lm.cohort.worker.read_recording", lambda *_, **__: 1 / 0)
    sources = find_sources(str(home / "data/a/*")).sources
    summary = annotate_cohort(job(home), sources, tmp_path / "out", engine=here)
    failure = json.loads(summary.failures.read_text(encoding="utf-8"))
    assert failure["reason"] == "unexpected ZeroDivisionError: division by zero"
    assert "read_recording" in failure["trace"]


def test_what_no_recording_can_do_is_refused_before_the_first(home: Path, tmp_path: Path) -> None:
    for settings, message in (
        ({"choices": ("label", "b")}, "expected choices that can name columns beside recording, start_s"),
        ({"facts": {"age": "3"}}, "age"),
        ({"question": "Left or right?", "choices": ("left",)}, "choices"),
    ):
        with pytest.raises(Sig2LMError, match=message):
            Worker(job(home, **settings), tmp_path)


def test_a_folder_of_something_else_is_left_alone(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(Sig2LMError, match="exists"):
        annotate_cohort(job(home), find_sources(str(home / "data/a/*")).sources, tmp_path, engine=here)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def sig2lm(home: Path, *more: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, ["annotate", home / "run", *more])))
    refused = isinstance(result.exception, Sig2LMError)
    if result.exception and not refused and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert (2 if refused else result.exit_code) == code, f"{result.output}{result.exception}"
    return str(result.exception) if refused else result.output


def test_the_command_says_what_became_of_the_recordings(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotating, "ENGINES", {"local": here})
    out = tmp_path / "labels"
    many = ["--signals", home / "data/**/*", "--out", out, "--device", "cpu"]
    said = sig2lm(home, *many, code=1)
    assert "7 windows of 2 recordings in" in said
    assert "2 recordings failed, listed in" in said
    said = sig2lm(home, *many, "--resume", "--json", tmp_path / "report.json", code=1)
    report = read_json(tmp_path / "report.json", "a report")
    assert (report["skipped"], report["annotated"], report["failed"]) == (2, 0, 2)
    fine = ["--signals", f"motion={home}/data/*/*", "--out", tmp_path / "fine", "--device", "cpu"]
    assert "7 windows of 2 recordings" in sig2lm(home, *fine, "Left or right?", "--choices", "left,right")
    assert list(pd.read_parquet(tmp_path / "fine").columns[4:]) == ["left", "right", "relies_on_signal"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected --signal FILE or --signals PATTERN"),
        (["--signal", "x", "--signals", "y"], "one of them"),
        (["--signal", "x", "--resume"], "are for many recordings"),
        (
            ["--signals", "{home}/data/a/walk.npz", "{home}/data/b/walk.npz"],
            "put the pattern behind --signals in quotes",
        ),
        (["--signals", "{home}/data/*", "--html", "x.html"], "--html shows one recording"),
        (["--signals", "{home}/data/*.edf"], "found none"),
    ],
)
def test_mistakes_are_refused_and_leave_nothing(options: list[str], message: str, home: Path, tmp_path: Path) -> None:
    told = sig2lm(home, "--out", tmp_path / "out", *(option.format(home=home) for option in options), code=2)
    assert message in told
    assert list(tmp_path.iterdir()) == []


ENGINES = ["local", "ray"]


def skip_without(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine == "ray":
        pytest.importorskip("ray", reason="the extra ray is not installed")
        monkeypatch.setenv("RAY_worker_niceness", "0")  # a busy machine would leave workers standing


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_give_the_rows_of_annotate(
    engine: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(engine, monkeypatch)
    sources = find_sources(str(home / "data/**/*")).sources
    summary = annotate_cohort(job(home), sources, tmp_path / "out", engine=engine, workers=2)
    assert (summary.annotated, summary.failed, summary.windows) == (2, 2, 7)
    check_parts(home, tmp_path / "out")
    broken = job(home, question="Left or right?", choices=("left",))
    with pytest.raises(Sig2LMError, match="choices"):
        annotate_cohort(broken, sources, tmp_path / "other", engine=engine, workers=2)


@pytest.fixture(scope="module")
def long(home: Path) -> Path:
    """Recordings that take a worker seconds each, by which it can be caught."""
    for number in range(4):
        place = home / "long" / f"{number}.npz"
        place.parent.mkdir(exist_ok=True)
        save_signal(motion(64 * 400, number), place)
    return home / "long"


def holder_of(out: Path, deadline: float) -> psutil.Process:
    """Wait for half a part, and return the process that writes it."""
    while time.monotonic() < deadline:
        for path in out.glob(".*.partial"):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    if str(path) in [file.path for file in process.open_files()]:
                        return process
        time.sleep(0.02)
    raise AssertionError("no worker began to write")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_is_killed_loses_nothing_and_repeats_nothing(
    engine: str, home: Path, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(engine, monkeypatch)
    sources, out = find_sources(str(long / "*")).sources, tmp_path / "out"
    killed: list[int] = []

    def kill() -> None:
        process = holder_of(out, time.monotonic() + 600)
        process.kill()
        killed.append(process.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = annotate_cohort(job(home), sources, out, engine=engine, workers=2)
    thread.join()
    assert len(killed) == 1
    assert (summary.annotated, summary.failed) == (4, 0)
    check_parts(home, out, long / "*", batch_size=128)
    assert list(out.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_command_that_is_killed_goes_on(home: Path, long: Path, tmp_path: Path) -> None:
    """Its workers leave with it; what is whole is not written again."""
    out = tmp_path / "out"
    command = ["annotate", home / "run", "--signals", long / "*", "--out", out, "--workers", 2, "--device", "cpu"]
    process = subprocess.Popen([sys.executable, "-m", "sig2lm", *map(str, command)])
    while not list(out.glob("*.parquet")):
        time.sleep(0.02)
        assert process.poll() is None
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    whole = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert 0 < len(whole) < 4
    done = subprocess.run([sys.executable, "-m", "sig2lm", *map(str, command), "--resume"], check=False)
    assert done.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    check_parts(home, out, long / "*", batch_size=128)
    assert list(out.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_kills_every_worker_is_a_failure(home: Path, long: Path, tmp_path: Path) -> None:
    source, stop = find_sources(str(long / "0.npz")).sources, threading.Event()

    def kill() -> None:
        while not stop.is_set():
            with suppress(psutil.Error, AssertionError):
                holder_of(tmp_path / "out", time.monotonic() + 1).kill()

    thread = threading.Thread(target=kill)
    thread.start()
    summary = annotate_cohort(job(home), source, tmp_path / "out", workers=2)
    stop.set()
    thread.join()
    assert summary.failed == 1
    assert "2 workers died while they read it (the last: killed by signal 9" in summary.failures.read_text()


@pytest.mark.slow
def test_a_cohort_takes_no_more_memory_with_its_length(home: Path, tmp_path: Path) -> None:
    """Recordings of a minute each; what is kept of each is one line of the summary."""
    data = tmp_path / "data"
    data.mkdir()
    for number in range(240):
        save_signal(motion(64 * 40, number), data / f"{number:03d}.npz")
    process, sizes = psutil.Process(), []

    def watched(*arguments: object) -> Iterator[Outcome]:
        for number, outcome in enumerate(here(*arguments)):  # type: ignore[arg-type]
            if number % 95 == 45:
                sizes.append(process.memory_info().rss / 2**20)
            yield outcome

    found = find_sources(str(data / "*.npz")).sources
    summary = annotate_cohort(job(home), found, tmp_path / "out", engine=watched)
    assert (summary.annotated, summary.windows) == (240, 240 * 40)
    assert sizes[-1] - sizes[0] < 25, sizes
