"""Long recordings: rows are what asking one by one says, at the right times, in bounded memory, whole or not at all."""

import csv
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import MOTION, TEMPLATE, build_encoder, build_lm, build_signal_lm, motion
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.errors import PromptError, SignalError
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.checkpoint import write_run
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract, Signal, save_signal
from sig2lm.signals.annotation_rows import WindowRow, row_file
from sig2lm.templates.task import Task

WINDOW = 1.28  # s, of MOTION


def two_signal_lm() -> SignalLM:
    """A model of two named signals with the same contract, "phone" and "watch"."""
    lm = build_lm(dtype=torch.float64)
    branches = {}
    for seed, name in enumerate(("phone", "watch")):
        encoder = build_encoder(seed=seed)
        config = AdapterConfig("resampler", num_virtual_tokens=4, hidden=16, heads=2)
        branches[name] = SignalBranch(encoder, build_adapter(config, encoder.width, lm.width, lm.embedding_norm))
    template = TEMPLATE.model_copy(update={"prompt": "$phone and $watch: $question"})
    return SignalLM(lm, branches, Task.from_template(template)).double().eval()


def interval_lm() -> SignalLM:
    """A model of RR intervals in ms, three beats a patch."""
    from sig2lm.encoder import PatchTransformerConfig, SignalEncoder

    lm = build_lm(dtype=torch.float64)
    contract = Contract(("rr",), ("ms",), None, None, 12.0)
    torch.manual_seed(0)
    encoder = SignalEncoder(PatchTransformerConfig(contract, 3, 3, 16, 1, 2, normalisation="centred", std=(100.0,)))
    config = AdapterConfig("resampler", num_virtual_tokens=4, hidden=16, heads=2)
    adapter = build_adapter(config, encoder.width, lm.width, lm.embedding_norm)
    template = TEMPLATE.model_copy(update={"prompt": "$rr\n$question"})
    return SignalLM(lm, {"rr": SignalBranch(encoder, adapter)}, Task.from_template(template)).double().eval()


def check_rows(rows: list[WindowRow], model: SignalLM, windows: list[object], **asked: object) -> None:
    """Each row is what asking about its window alone says."""
    assert len(rows) == len(windows)
    for row, window in zip(rows, windows, strict=True):
        answer = model.ask(window, **asked)
        assert row.label == answer.label
        assert row.probabilities == pytest.approx(answer.probabilities, abs=1e-9)


@pytest.mark.parametrize("stride", [None, 0.5])
@pytest.mark.parametrize("kind", ["resampler", "linear"])
def test_rows_are_what_asking_one_by_one_says(kind: str, stride: float | None) -> None:
    model = build_signal_lm(kind, dtype=torch.float64)
    signal = motion(700, missing=0.3)
    annotation = model.annotate(signal, stride=stride, batch_size=4)
    rows = list(annotation)
    cut = list(signal.windows(WINDOW, stride))
    check_rows(rows, model, [window for _, window in cut])
    assert len(annotation) == len(rows)
    assert [row.start for row in rows] == pytest.approx([start for start, _ in cut])
    assert [row.end - row.start for row in rows] == pytest.approx([WINDOW] * len(rows))
    assert annotation.left_over == pytest.approx(14.0 - rows[-1].end)


@pytest.mark.parametrize(("windows", "sizes"), [(11, [3, 3, 3, 2]), (5, [3, 2]), (8, [4, 4]), (1, [1])])
def test_two_workers_get_batches_of_one_size(windows: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    model, asked = build_signal_lm(), []
    answer = model.answer

    def counted(examples: list[object], *others: object) -> object:
        asked.append(len(examples))
        return answer(examples, *others)

    monkeypatch.setattr(model, "answer", counted)
    assert len(list(model.annotate(motion(64 * windows), batch_size=4))) == windows
    assert sorted(asked, reverse=True) == sizes


def test_workers_side_by_side_change_no_row_and_give_their_threads_back() -> None:
    model, signal = build_signal_lm(dtype=torch.float64), motion(64 * 11)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = list(model.annotate(signal, batch_size=2))
        torch.set_num_threads(3)
        annotation = model.annotate(signal, batch_size=2)
        assert annotation.workers == 3
        for row, expected in zip(annotation, alone, strict=True):
            assert (row.start, row.label) == (expected.start, expected.label)
            assert row.probabilities == pytest.approx(expected.probabilities, abs=1e-9)
        assert torch.get_num_threads() == 3
        rows = iter(annotation)
        next(rows)
        rows.close()  # as when the reader stops, or is interrupted
        assert torch.get_num_threads() == 3
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("annotate")]
    finally:
        torch.set_num_threads(before)


def test_a_question_of_one_s_own_with_choices_and_an_open_one() -> None:
    model = build_signal_lm(dtype=torch.float64)
    signal = motion(64 * 5)
    windows = [window for _, window in signal.windows(WINDOW)]
    asked = {"question": "Left or right?", "choices": ["left", "right"]}
    check_rows(list(model.annotate(signal, **asked)), model, windows, **asked)
    rows = list(model.annotate(signal, "And why?", max_new_tokens=6, batch_size=2))
    assert [row.label for row in rows] == [model.ask(window, "And why?", max_new_tokens=6).text for window in windows]
    assert all(row.probabilities is None for row in rows)


def test_another_rate_order_and_unit_are_conformed() -> None:
    model = build_signal_lm(dtype=torch.float64)
    values = 0.01 * motion(1600, seed=3).values.cumsum(axis=1)
    signal = Signal(values, 100.0, ("acc_z", "acc_x", "acc_y"), ("g",) * 3)
    whole = MOTION.conform(signal, "it")
    rows = list(model.annotate(signal))
    windows = [window for _, window in whole.windows(WINDOW)]
    assert len(rows) == len(windows) == 12
    for row, window in zip(rows, windows, strict=True):
        assert row.probabilities == pytest.approx(model.ask(window).probabilities, abs=1e-5)


def test_what_breaks_the_contract_is_refused_before_anything_is_asked(signal_lm: SignalLM) -> None:
    values = motion(640).values
    for wrong, expected in {
        "different things": Signal(values, 50.0, MOTION.channels, ("V",) * 3),
        "missing: acc_x": Signal(values[1:], 50.0, MOTION.channels[1:], ("g",) * 2),
        "sampling_rate is None": Signal(values, None, MOTION.channels, MOTION.units),
        "holds no window": motion(63),
    }.items():
        with pytest.raises(SignalError, match=wrong):
            signal_lm.annotate(expected)
    with pytest.raises(SignalError, match="one recording"):
        signal_lm.annotate([motion(640), motion(640)])
    with pytest.raises(PromptError, match="two or more"):
        signal_lm.annotate(motion(640), "Which?", ["one"])


def test_windows_without_a_value_have_no_label() -> None:
    model = build_signal_lm(dtype=torch.float64)
    values = motion(64 * 6).values.copy()
    values[:, 64 : 3 * 64] = np.nan
    values[0, 4 * 64 : 5 * 64] = np.nan  # one channel is missing: there is something to ask about
    rows = list(model.annotate(Signal(values, 50.0, MOTION.channels, MOTION.units), batch_size=2))
    assert [row.label is None for row in rows] == [False, True, True, False, False, False]
    assert rows[1].probabilities is None


def test_named_signals_stand_side_by_side_in_time() -> None:
    model = two_signal_lm()
    phone, watch = motion(64 * 5 + 10, 1), motion(64 * 4, 2)
    rows = list(model.annotate({"phone": phone, "watch": watch}))
    pairs = zip(phone.windows(WINDOW), watch.windows(WINDOW), strict=False)
    check_rows(rows, model, [{"phone": one, "watch": other} for (_, one), (_, other) in pairs])
    assert [row.start for row in rows] == pytest.approx([0, 1.28, 2.56, 3.84])


def test_events_stand_where_their_intervals_add_up() -> None:
    model = interval_lm()
    seconds = np.random.default_rng(0).uniform(0.6, 1.1, 40)
    signal = Signal(seconds[None], None, ("rr",), ("s",))
    rows = list(model.annotate(signal, stride=5))
    times = np.r_[0.0, np.cumsum(seconds)]
    assert [row.start for row in rows] == pytest.approx(times[0:29:5])
    assert [row.end for row in rows] == pytest.approx(times[12:41:5])
    check_rows(rows, model, [window for _, window in signal.windows(12, 5)])


def test_an_ecg_is_asked_about_as_rr_intervals() -> None:
    clock = np.arange(60 * 250) / 250
    beats = np.cumsum(np.random.default_rng(0).uniform(0.7, 1.0, 65))
    ecg = sum(np.exp(-0.5 * ((clock - beat) / 0.012) ** 2) for beat in beats)
    model, signal = interval_lm(), Signal(ecg[None], 250.0, ("ecg",), ("mV",))
    annotation = model.annotate(signal)
    rows = list(annotation)
    count, lead = annotation.tracks["rr"].beats
    assert (lead, count) == ("ecg", (beats < 60).sum())
    assert [row.start for row in rows] == pytest.approx(beats[: 12 * len(rows) : 12], abs=0.02)
    first = np.diff(beats[:13])[None]
    answer = model.ask(Signal(first, None, ("rr",), ("s",)))
    assert rows[0].probabilities == pytest.approx(answer.probabilities, abs=0.05)
    assert model.ask(signal).probabilities  # the same door for one question
    assert model.chat(signal).ask().probabilities


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(signal_lm: SignalLM, tmp_path: Path) -> None:
    def peak(windows: int) -> int:
        annotation = signal_lm.annotate(motion(1024 * windows), stride=20.48, batch_size=8)
        tracemalloc.start()
        try:
            with row_file(tmp_path / "labels.csv", annotation.question.choices) as write:
                for row in annotation:
                    write(row)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(8)
    # The recording grows by 3.7 MB; what is held beside it by no more than what the garbage collector is yet to find.
    assert peak(400) < peak(100) + 300_000


def test_an_interruption_leaves_no_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with row_file(tmp_path / "labels.csv", ["a", "b"]) as write:
            write(WindowRow(0.0, 1.0, "a", {"a": 0.9, "b": 0.1}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_choice_cannot_take_the_name_of_a_column(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="label"), row_file(tmp_path / "labels.csv", ["label", "b"]):
        pass


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in a folder, with its LM beside it and recordings."""
    home = tmp_path_factory.mktemp("annotate")
    model = build_signal_lm()
    model.lm.model.save_pretrained(home / "lm")
    model.lm.dialogue.tokenizer.save_pretrained(home / "lm")
    model.lm = type(model.lm).from_pretrained(home / "lm")
    write_run(model, home / "run", bundle_encoders=True)
    values = motion(64 * 9 + 20).values.copy()
    values[:, 64:128] = np.nan
    save_signal(Signal(values, 50.0, MOTION.channels, MOTION.units), home / "<walk>.npz")
    return home


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def annotate(run: Path, *more: object, code: int = 0) -> str:
    command = ["annotate", run / "run", "--signal", run / "<walk>.npz", *more]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_writes_rows_and_a_page(run: Path, tmp_path: Path) -> None:
    said = annotate(run, "--out", tmp_path / "labels.csv", "--html", tmp_path / "labels.html", "--stride", 0.64)
    header, *lines = table(tmp_path / "labels.csv")
    assert header == ["start_s", "end_s", "label", *TEMPLATE.labels, "relies_on_signal"]
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert [row["start_s"] for row in rows[:3]] == ["0", "0.64", "1.28"]
    assert rows[2]["label"] == rows[2]["up"] == ""
    assert sum(float(rows[0][label]) for label in TEMPLATE.labels) == pytest.approx(1, abs=1e-5)
    assert "1 window holds no values" in said
    assert "last 0.4 s" in said
    page = (tmp_path / "labels.html").read_text()
    assert "&lt;walk&gt;.npz" in page
    assert "<walk>" not in page
    assert all(label in page for label in (*TEMPLATE.labels, *MOTION.channels))
    assert "prefers-color-scheme: dark" in page
    assert "\r" not in said  # no progress bar where there is no terminal


def test_the_command_takes_a_question(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.csv"
    annotate(run, "Left or right?", "--choices", "left,right", "--out", out)
    assert table(out)[0] == ["start_s", "end_s", "label", "left", "right", "relies_on_signal"]
    annotate(run, "Why?", "--out", out, "--html", tmp_path / "page.html")
    assert table(out)[0] == ["start_s", "end_s", "label", "relies_on_signal"]


@pytest.mark.slow
def test_a_page_stays_small(run: Path, tmp_path: Path) -> None:
    save_signal(motion(64 * 3000), tmp_path / "long.npz")
    command = ["annotate", run / "run", "--signal", tmp_path / "long.npz", "--out", tmp_path / "labels.csv"]
    result = CliRunner().invoke(app, [*map(str, command), "--html", str(tmp_path / "page.html")])
    assert result.exit_code == 0
    assert (tmp_path / "page.html").stat().st_size < 300_000


def test_mistakes_leave_nothing_behind(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.csv"
    for more in (
        ["--window", 99],
        ["--stride", 0.001],
        ["--choices", "one"],
        ["--html", run / "run" / "config.json" / "x"],
    ):
        annotate(run, "--out", out, *more, code=1)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_ends_the_command_and_leaves_no_file(run: Path, tmp_path: Path) -> None:
    save_signal(motion(64 * 40_000), tmp_path / "long.npz")
    out = tmp_path / "rows" / "labels.csv"
    command = [sys.executable, "-m", "sig2lm", "annotate", run / "run", "--signal", tmp_path / "long.npz", "--out", out]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit that it is ignored
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not list(out.parent.glob(".labels.csv.*.partial")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    assert list(out.parent.iterdir()) == []
