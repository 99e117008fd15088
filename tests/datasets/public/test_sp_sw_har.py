"""Phone and watch recordings with jittered stamps become windows of two signals on one clock, with one label each."""

import tarfile
from itertools import pairwise

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public.sp_sw_har import MIXED
from sig2lm.errors import DatasetError

HEADER = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label"
EPOCH = 1_657_533_977_000  # ms
STAGES = [("SEATED", 2), ("STANDING_UP", 4), ("WALKING", 8), ("TURNING", 10), ("SITTING_DOWN", 12), ("SEATED", 13)]


def write_device(folder, name: str, *, rate: float, begin: float, end: float, burst: int = 1, skip=(0.0, 0.0)):
    """Write an execution whose x_acc is the time in s, sampled evenly and stamped when a burst of samples arrives."""
    times = np.arange(begin, end, 1 / rate)
    times = times[(times < skip[0]) | (times >= skip[1])]
    lines = [HEADER]
    for i, time in enumerate(times):
        delivered = times[min(i - i % burst + burst - 1, len(times) - 1)]
        label = next(label for label, until in STAGES if time < until or until == STAGES[-1][1])
        lines.append(f"{time:.6f},1,9.8,0.1,0.2,0.3,{EPOCH + round(1000 * delivered)},{label}")
    path = folder / "DATA" / name.split("_")[0] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_execution(folder, name: str, **watch):
    write_device(folder, f"{name}_sp.csv", rate=102.4, begin=0.2, end=13, burst=5)
    return write_device(folder, f"{name}_sw.csv", **{"rate": 104.3, "begin": 0.0, "end": 12.8} | watch)


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "har"
    for subject in (1, 2, 3):
        write_execution(folder, f"s{subject:02d}_01")
    (folder / "DATA" / "subjects_info.csv").write_text("subject,age\ns01,40\n")
    return folder


def read_rows(path):
    table = load_table(path)
    return [(row, table.signals(row)) for rows in table.data.values() for row in rows]


def test_both_devices_stand_on_one_clock(layout, tmp_path):
    info = prepare("sp_sw_har", layout, tmp_path / "table")
    assert (info.task, tuple(info.signals)) == ("har_phone_watch", ("phone", "watch"))
    rows = read_rows(tmp_path / "table")
    assert len(rows) == info.kept
    assert {row["subject"]: row["source"] for row, _ in rows} == {f"s0{n}": f"s0{n}/s0{n}_01_sp.csv" for n in (1, 2, 3)}
    starts = [row["start"] for row, _ in rows if row["subject"] == "s01"]
    assert starts == sorted(starts)
    for row, signals in rows:
        for signal in signals.values():
            assert (signal.sampling_rate, signal.num_samples) == (100.0, 96)
            assert signal.units == ("m/s^2",) * 3 + ("rad/s",) * 3
            # x_acc tells the true time: a phone's burst of five comes 20 ms late on average
            time = 0.2 + row["start"] + np.arange(96) / 100
            assert np.abs(signal.values[0] - time).max() < 0.045
            assert np.diff(signal.values[0]) == pytest.approx(0.01, abs=3e-4)
        np.testing.assert_allclose(signals["watch"].values[1:, 0], [1, 9.8, 0.1, 0.2, 0.3], rtol=1e-6)


def test_windows_of_two_activities_are_left_out_and_counted(layout, tmp_path):
    info = prepare("sp_sw_har", layout, tmp_path / "table")
    rows = read_rows(tmp_path / "table")
    assert info.dropped == {MIXED: 3 * len(range(0, 1260 - 96 + 1, 24)) - len(rows)}
    assert {row["label"] for row, _ in rows} == {"sitting", "standing up", "walking", "turning", "sitting down"}
    edges = [0, *(until for _, until in STAGES)]
    names = ["sitting", "standing up", "walking", "turning", "sitting down", "sitting"]
    for row, signals in rows:
        times = signals["watch"].values[0]
        inside = [((times >= a) & (times < b)).mean() for a, b in pairwise(edges)]
        assert row["label"] == names[int(np.argmax(inside))]
        assert max(inside) >= 0.78


def test_long_gaps_are_missing_and_short_ones_bridged(layout, tmp_path):
    write_execution(layout, "s01_02", skip=(5.0, 5.2))
    write_execution(layout, "s01_03", skip=(5.0, 5.4))
    prepare("sp_sw_har", layout, tmp_path / "table")
    missing = {}
    for row, signals in read_rows(tmp_path / "table"):
        times = signals["phone"].values[0][np.isnan(signals["watch"].values).any(axis=0)]
        missing.setdefault(row["source"], []).extend(times.tolist())
        assert not np.isnan(signals["phone"].values).any()
    assert not missing["s01/s01_01_sp.csv"]
    assert not missing["s01/s01_02_sp.csv"]
    assert min(missing["s01/s01_03_sp.csv"]) == pytest.approx(5.0, abs=0.04)
    assert max(missing["s01/s01_03_sp.csv"]) == pytest.approx(5.4, abs=0.04)


def test_short_executions_are_counted(layout, tmp_path):
    write_device(layout, "s01_02_sp.csv", rate=102.4, begin=0, end=0.9)
    write_device(layout, "s01_02_sw.csv", rate=104.3, begin=0, end=0.9)
    info = prepare("sp_sw_har", layout / "DATA", tmp_path / "table")
    assert info.dropped["recordings shorter than a window"] == 1


def test_missing_renamed_and_truncated_files_are_named(layout, tmp_path):
    def refuse(pattern, source=layout):
        with pytest.raises(DatasetError, match=pattern):
            prepare("sp_sw_har", source, tmp_path / "table")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["har"]

    refuse(r"expected phone and watch recordings in .*s01/s01_01_sp\.csv", tmp_path)
    path = layout / "DATA" / "s02" / "s02_01_sw.csv"
    text = path.read_text()
    path.rename(path.with_name("s02_01_watch.csv"))
    refuse(r"expected names like .*found '.*s02_01_watch\.csv'")
    path.with_name("s02_01_watch.csv").unlink()
    refuse(r"expected the watch's recording '.*s02_01_sw\.csv'")
    path.write_text("\n".join(text.splitlines()[:700]))
    refuse(r"s02_01': expected phone and watch to begin and end within 2 s .* truncated")
    path.write_text(text[:-40])
    refuse(r"s02_01_sw\.csv': expected the columns .*Row #\d+: Expected 8 columns")
    path.write_text(text[:-4])
    refuse(r"s02_01_sw\.csv': line \d+: expected a label among SEATED.*found 'SEA'")
    path.write_text(text.replace("y_gyro", "gyro_y"))
    refuse(r"s02_01_sw\.csv': expected the columns .*y_gyro")
    path.write_text(text.replace(",9.8,", ",fast,", 1))
    refuse(r"s02_01_sw\.csv': .*Row #2.*fast")
    path.write_text(text.replace(",9.8,", ",inf,", 1))
    refuse(r"s02_01_sw\.csv': line 2: expected finite values")
    path.write_text(HEADER + "\n")
    refuse(r"s02_01_sw\.csv': expected a recording, found 0 rows")
    lines = text.splitlines()
    path.write_text("\n".join([HEADER, *lines[100:200], *lines[1:100], *lines[200:]]))
    refuse(r"s02_01_sw\.csv': line 102: expected a time stamp")


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "sp_sw_har.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    info = prepare("sp_sw_har", next(tmp_path.rglob("DATA")).parent, tmp_path / "table")
    assert (info.kept, info.dropped) == (6252, {MIXED: 3448})
    rows = read_rows(tmp_path / "table")
    executions = {row["source"] for row, _ in rows if row["label"] == "standing up"}
    assert len(executions) >= 0.95 * 223
    still = [signals for row, signals in rows if row["label"] == "sitting"]
    for device in ("phone", "watch"):
        strength = [np.linalg.norm(signals[device].values[:3].mean(axis=1)) for signals in still]
        assert np.median(strength) == pytest.approx(9.80665, rel=0.05)
