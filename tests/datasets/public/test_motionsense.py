"""MotionSense in its official layout becomes windows of total acceleration and rotation rate, split by subject."""

import tarfile

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError, Sig2LMError, SignalError

HEADER = (
    ",attitude.roll,attitude.pitch,attitude.yaw,gravity.x,gravity.y,gravity.z,rotationRate.x,rotationRate.y,"
    "rotationRate.z,userAcceleration.x,userAcceleration.y,userAcceleration.z"
)


def write_recording(folder, trial: str, subject: int, rows: int, *, empty: slice = slice(0)):
    """Write numbers from which the place in the file can be told."""
    lines = [HEADER]
    for i in range(rows):
        values = [0, 0, 0, 0.1, 0.2, 0.3, i, subject, 3, 0.4, 0.5, i / 1000]
        cells = [""] * 12 if i in range(rows)[empty] else [str(value) for value in values]
        lines.append(",".join([str(i), *cells]))
    path = folder / "A_DeviceMotion_data" / trial / f"sub_{subject}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "motionsense"
    for subject in (1, 2, 3, 4):
        write_recording(folder, "wlk_7", subject, 300)
        write_recording(folder, "sit_5", subject, 128)
    write_recording(folder, "jog_9", 1, 127)
    (folder / "data_subjects_info.csv").write_text("code,weight\n1,70\n")
    return folder


def test_windows_values_units_and_the_fixed_split(layout, tmp_path):
    info = prepare("motionsense", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.kept, info.dropped) == (16, {"recordings shorter than a window": 1})
    assert info.split_rule == "by subject: test 3 7 11 15 19 23, validation 2 6 10, the rest train"
    assert {split: sorted(set(rows["subject"])) for split, rows in table.data.items()} == {
        "train": ["1", "4"], "validation": ["2"], "test": ["3"],
    }  # fmt: skip
    walking = [row for row in table.data["test"] if row["label"] == "walking"]
    assert [(row["start"], row["source"]) for row in walking] == [
        (0.0, "wlk_7/sub_3.csv"), (1.28, "wlk_7/sub_3.csv"), (2.56, "wlk_7/sub_3.csv"),
    ]  # fmt: skip
    motion = table.signals(walking[1])["motion"]
    assert (motion.num_samples, motion.sampling_rate) == (128, 50.0)
    assert motion.units == ("m/s^2", "m/s^2", "m/s^2", "rad/s", "rad/s", "rad/s")
    place = np.arange(64, 192)
    expected = [np.full(128, 0.5), np.full(128, 0.7), 0.3 + place / 1000]
    np.testing.assert_allclose(motion.values[:3], np.array(expected) * 9.80665, rtol=1e-6)
    np.testing.assert_allclose(motion.values[3:], [place, np.full(128, 3), np.full(128, 3)])


def test_the_inner_folder_will_do_and_a_seed_draws_other_subjects(layout, tmp_path):
    info = prepare("motionsense", layout / "A_DeviceMotion_data", tmp_path / "table", seed=1)
    assert "drawn with seed 1" in info.split_rule
    splits = {split: set(rows["subject"]) for split, rows in load_table(tmp_path / "table").data.items()}
    assert len(splits["train"]) == 2
    assert set().union(*splits.values()) == {"1", "2", "3", "4"}


def test_windows_without_any_value_are_counted(layout, tmp_path):
    write_recording(layout, "std_6", 4, 256, empty=slice(0, 200))
    info = prepare("motionsense", layout, tmp_path / "table")
    assert info.dropped["windows without any value"] == 2
    standing = [row for row in load_table(tmp_path / "table").data["train"] if row["label"] == "standing"]
    assert [np.isnan(np.array(row["motion"])).sum() for row in standing] == [6 * 72]


def test_another_layout_and_broken_files_are_told(layout, tmp_path):
    with pytest.raises(DatasetError, match=r"expected MotionSense in .*wlk_7/sub_1\.csv"):
        prepare("motionsense", tmp_path, tmp_path / "table")
    path = write_recording(layout, "ups_3", 1, 200)
    path.write_text(path.read_text().replace("gravity.y", "gravity.q"))
    with pytest.raises(SignalError, match=r"ups_3/sub_1\.csv': channels are .*, but gravity\.y was asked for too"):
        prepare("motionsense", layout, tmp_path / "table")
    path.write_text(HEADER + "\n0" + ",walking" * 12 + "\n")
    with pytest.raises(SignalError, match=r"ups_3/sub_1\.csv': .*'walking' in row 2"):
        prepare("motionsense", layout, tmp_path / "table")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["motionsense"]


def test_nothing_is_left_after_an_interrupt(layout, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sig2lm.datasets.public.motionsense._read_motion", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare("motionsense", layout, tmp_path / "table")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["motionsense"]


def test_out_that_exists_and_wrong_names_are_refused(layout, tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "mine.txt").write_text("keep")
    with pytest.raises(Sig2LMError, match="exists"):
        prepare("motionsense", layout, tmp_path / "table")
    assert (tmp_path / "table" / "mine.txt").read_text() == "keep"
    with pytest.raises(DatasetError, match=r"unknown data set 'wisdm'; choose from motionsense, .*manifest, synthetic"):
        prepare("wisdm", layout, tmp_path / "other")
    with pytest.raises(DatasetError, match="there is no folder"):
        prepare("motionsense", tmp_path / "nowhere", tmp_path / "other")
    with pytest.raises(DatasetError, match="none was given"):
        prepare("motionsense", None, tmp_path / "other")
    with pytest.raises(Sig2LMError, match="folder that can be written"):
        prepare("motionsense", layout, tmp_path / "table" / "mine.txt" / "out")


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "motionsense.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    info = prepare("motionsense", next(tmp_path.rglob("A_DeviceMotion_data")), tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.kept, info.dropped) == (21539, {})
    assert {split: len(set(rows["subject"])) for split, rows in table.data.items()} == {
        "train": 15, "validation": 3, "test": 6,
    }  # fmt: skip
    standing = [row for row in table.data["train"] if row["label"] == "standing"][:200]
    strength = [np.linalg.norm(table.signals(row)["motion"].values[:3].mean(axis=1)) for row in standing]
    assert np.median(strength) == pytest.approx(9.80665, rel=0.02)
