"""WISDM's watch files, with and without time stamps, become windows; what is left out is counted."""

import tarfile

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public.wisdm_watch import MALFORMED, OTHER_ACTIVITY, REPEATED
from sig2lm.errors import DatasetError

BOOT = 90_426_708_196_641  # ns
TOO_SHORT = "recordings shorter than a window"


def lines_of(subject: int, code: str, count: int, *, first: int = 0, step: float | None = 49.5e6, unit: float = 1):
    """Lines whose x is the line's number; `step` in ns, None leaves the stamp out."""
    stamps = [f"{round((BOOT + i * (step or 0)) / unit)}," for i in range(first, first + count)]
    return [
        f"{subject},{code},{stamp if step else ''}{i}.0,-{subject}.5,9.8e0;"
        for i, stamp in enumerate(stamps, first)
    ]  # fmt: skip


def write_file(folder, subject: int, lines: list[str]):
    path = folder / "wisdm-dataset" / "raw" / "watch" / "accel" / f"data_{subject}_accel_watch.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "wisdm"
    for subject in (1600, 1601, 1602):
        write_file(folder, subject, lines_of(subject, "A", 300) + lines_of(subject, "M", 128, first=300))
    phone = folder / "wisdm-dataset" / "raw" / "phone" / "accel" / "data_1600_accel_phone.txt"
    phone.parent.mkdir(parents=True)
    phone.write_text("a phone's")
    return folder


def read_rows(path, subject: str):
    table = load_table(path)
    rows = [row for split in table.data.values() for row in split if row["subject"] == subject]
    return [(row["label"], round(row["start"], 3), table.signals(row)["motion"]) for row in rows]


@pytest.mark.parametrize("step", [49.5e6, None])
def test_windows_values_and_units_with_and_without_stamps(layout, tmp_path, step):
    for subject in (1600, 1601, 1602):
        lines = lines_of(subject, "A", 300, step=step) + lines_of(subject, "M", 128, first=300, step=step)
        write_file(layout, subject, lines)
    info = prepare("wisdm_watch", layout, tmp_path / "table")
    assert (info.kept, info.dropped, info.task) == (12, {}, "har_wisdm")
    rows = read_rows(tmp_path / "table", "1601")
    second = 0.0495 if step else 0.05
    assert [(label, start) for label, start, _ in rows] == [
        ("walking", 0.0), ("walking", 3.2), ("walking", 6.4), ("kicking", round(300 * second, 3)),
    ]  # fmt: skip
    motion = rows[1][2]
    assert (motion.sampling_rate, motion.units) == (20.0, ("m/s^2",) * 3)
    np.testing.assert_allclose(motion.values, [np.arange(64, 192), np.full(128, -1601.5), np.full(128, 9.8)])


def test_stamps_in_other_units_are_understood_and_other_rates_resampled(layout, tmp_path):
    write_file(layout, 1600, lines_of(1600, "A", 128, unit=1e6))
    write_file(layout, 1601, lines_of(1601, "A", 128, unit=1e3))
    write_file(layout, 1602, lines_of(1602, "A", 640, step=10e6))
    assert prepare("wisdm_watch", layout, tmp_path / "table").kept == 3
    [(_, _, motion)] = read_rows(tmp_path / "table", "1602")
    assert motion.num_samples == 128
    np.testing.assert_allclose(motion.values[0][20:-20], 5 * np.arange(20, 108), rtol=1e-3)


def test_runs_are_cut_at_gaps_and_where_time_goes_back(layout, tmp_path):
    kept = lines_of(1600, "A", 128)
    later = lines_of(1600, "A", 128, first=134)  # 0.3 s are missing
    write_file(layout, 1600, kept + later + lines_of(1600, "A", 128, first=128)[:100])
    info = prepare("wisdm_watch", layout, tmp_path / "table")
    assert info.dropped == {TOO_SHORT: 1}
    rows = read_rows(tmp_path / "table", "1600")
    assert [start for _, start, _ in rows] == [0.0, round(134 * 0.0495, 3)]
    assert rows[1][2].values[0, 0] == 134

    bridged = lines_of(1600, "A", 64) + lines_of(1600, "A", 64, first=67)
    write_file(layout, 1600, bridged)
    assert prepare("wisdm_watch", layout, tmp_path / "bridged").dropped == {}


def test_repeats_and_other_activities_are_left_out_and_counted(layout, tmp_path):
    once = lines_of(1600, "A", 130, step=None) + lines_of(1600, "D", 130, step=None)
    write_file(layout, 1600, once + once + lines_of(1600, "F", 200, step=None) + lines_of(1600, "S", 7, step=None))
    info = prepare("wisdm_watch", layout, tmp_path / "table")
    assert info.dropped == {REPEATED: 2, OTHER_ACTIVITY: 207}
    assert [label for label, _, _ in read_rows(tmp_path / "table", "1600")] == ["walking", "sitting"]


def test_malformed_lines_are_counted_and_cut_the_run(layout, tmp_path):
    lines = lines_of(1600, "A", 500)
    lines[200] = lines[200].rsplit(",", 1)[0] + ";"  # a value lost: the form of a line without a stamp
    lines[499] = lines[499][:-3]  # truncated
    write_file(layout, 1600, lines)
    info = prepare("wisdm_watch", layout, tmp_path / "table")
    assert info.dropped == {MALFORMED: 2}
    starts = [start for _, start, _ in read_rows(tmp_path / "table", "1600")]
    assert starts == [0.0, 3.2] + [round(201 * 0.0495 + 3.2 * i, 3) for i in range(3)]


@pytest.mark.parametrize(
    ("spoil", "pattern"),
    [
        (
            lambda lines: [*lines[:9], *["1601,A,oops;"] * 9, *lines[9:]],
            r"9 malformed of 437, first line 10: '1601,A,o",
        ),
        (lambda lines: [line.rstrip(";") for line in lines], r"428 malformed of 428, first line 1"),
        (lambda lines: [line.replace(",A,", ",N,") for line in lines], r"300 malformed of 428"),
        (lambda lines: [], r"found 1 malformed of 1"),
        (lambda lines: [line.replace("1601,", "1604,") for line in lines], r"line 1: expected subject 1601 as the na"),
        (
            lambda lines: lines_of(1601, "A", 300, step=1e3),
            r"expected time stamps in ns .* found a usual step of 1000;",
        ),
    ],
)
def test_damaged_and_renamed_files_are_named_and_nothing_stays(layout, tmp_path, spoil, pattern):
    path = write_file(layout, 1601, spoil(lines_of(1601, "A", 300) + lines_of(1601, "M", 128, first=300)))
    with pytest.raises(DatasetError, match=rf"'.*{path.name}': .*{pattern}"):
        prepare("wisdm_watch", layout, tmp_path / "table")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["wisdm"]


def test_another_layout_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"expected WISDM's watch accelerometer below .*data_1600_accel_watch\.txt"):
        prepare("wisdm_watch", tmp_path, tmp_path / "table")


def test_an_empty_file_is_told(layout, tmp_path):
    write_file(layout, 1601, []).write_text("")
    with pytest.raises(DatasetError, match=r"data_1601_accel_watch\.txt': .* found no line"):
        prepare("wisdm_watch", layout, tmp_path / "table")


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "wisdm_watch.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    info = prepare("wisdm_watch", tmp_path, tmp_path / "table")
    assert (info.kept, info.dropped) == (10944, {REPEATED: 6})
    table = load_table(tmp_path / "table")
    sitting = [table.signals(row)["motion"] for row in table.data["train"] if row["label"] == "sitting"]
    strength = [np.linalg.norm(motion.values.mean(axis=1)) for motion in sitting]
    assert np.median(strength) == pytest.approx(9.80665, rel=0.05)
