"""The AF database's annotations become windows of 60 RR intervals in ms, labelled by rhythm, split by record."""

import tarfile
import warnings

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError

FLUTTER = "windows with atrial flutter, junctional or another rhythm"
IMPOSSIBLE = "windows with an interval under 200 ms or over 3 s"


def write_record(folder, name: str, intervals, changes):
    """Write beats after these intervals (ms), and rhythm changes as (beat, rhythm)."""
    folder.mkdir(parents=True, exist_ok=True)
    beats = 100 + np.cumsum([0, *(np.asarray(intervals) / 4).round().astype(int)])
    places = np.array([beats[beat] - 1 for beat, _ in changes])
    rhythms = [rhythm for _, rhythm in changes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import wfdb

        wfdb.wrann(name, "qrs", beats, symbol=["N"] * len(beats), fs=250, write_dir=str(folder))
        wfdb.wrann(name, "atr", places, symbol=["+"] * len(places), aux_note=rhythms, fs=250, write_dir=str(folder))


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "files"
    for name in ("04001", "04002", "04003"):
        write_record(folder, name, [800.0] * 60 + [600.0, 400.0] * 30 + [800.0] * 30, [(0, "(N"), (61, "(AFIB")])
    (folder / "RECORDS").write_text("04001\n04002\n04003\n")
    return folder


def rows_of(path):
    table = load_table(path)
    rows = [row for split in table.data.values() for row in split]
    return table, sorted(rows, key=lambda row: (row["subject"], row["start"]))


def test_intervals_labels_and_the_split_by_record(layout, tmp_path):
    info = prepare("afdb", layout.parent, tmp_path / "table")
    table, rows = rows_of(tmp_path / "table")
    assert (info.task, info.kept, info.dropped) == ("af_rr", 6, {})
    assert "by record, drawn with seed 0" in info.split_rule
    assert {split: len(set(data["subject"])) for split, data in table.data.items()} == {
        "train": 1, "validation": 1, "test": 1,
    }  # fmt: skip
    assert [(row["subject"], row["label"], row["start"]) for row in rows[:2]] == [
        ("04001", "normal sinus rhythm", 0.0), ("04001", "atrial fibrillation", 60.0),
    ]  # fmt: skip
    rr = table.signals(rows[1])["rr"]
    assert (rr.units, rr.sampling_rate, rr.num_samples) == (("ms",), None, 60)
    np.testing.assert_array_equal(rr.values[0], [600.0, 400.0] * 30)


def test_a_window_is_fibrillation_from_half_of_its_intervals_on(layout, tmp_path):
    write_record(layout, "04002", [800.0] * 120, [(0, "(N"), (31, "(AFIB"), (61, "(N"), (92, "(AFIB")])
    prepare("afdb", layout, tmp_path / "table")
    _, rows = rows_of(tmp_path / "table")
    assert [row["label"] for row in rows if row["subject"] == "04002"] == ["atrial fibrillation", "normal sinus rhythm"]


def test_other_rhythms_and_impossible_intervals_are_left_out_and_counted(layout, tmp_path):
    flutter = [800.0] * 300
    flutter[130], flutter[190] = 3100.0, 180.0
    write_record(layout, "04003", flutter, [(0, "(N"), (5, "(AFL"), (7, "(AFIB"), (70, "(J"), (71, "(N")])
    info = prepare("afdb", layout, tmp_path / "table")
    assert info.dropped == {FLUTTER: 2, IMPOSSIBLE: 2}
    _, rows = rows_of(tmp_path / "table")
    assert [row["start"] for row in rows if row["subject"] == "04003"] == [240.0]


def test_missing_truncated_and_renamed_files_are_named_and_nothing_is_left(layout, tmp_path):
    whole = (layout / "04002.atr").read_bytes()
    for damaged in (whole[:-3], whole[:-4], b"beats,rhythms\n" * 3):
        (layout / "04002.atr").write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"expected rhythm annotations in '.*04002\.atr', but"):
            prepare("afdb", layout, tmp_path / "table")
    (layout / "04002.atr").write_bytes(b"\0\0")
    with pytest.raises(DatasetError, match=r"04002': expected rhythm changes .* and beats .*, found 0 and 151"):
        prepare("afdb", layout, tmp_path / "table")
    (layout / "04002.atr").rename(layout / "04002.rhythm")
    (layout / "04003.atr").unlink()
    (layout / "04003.qrs").unlink()
    with pytest.raises(DatasetError, match=r"there is no 04002\.atr, 04003\.atr, 04003\.qrs; get what is missing"):
        prepare("afdb", layout, tmp_path / "table")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"expected the MIT-BIH AF database in .*04015\.atr"):
        prepare("afdb", tmp_path / "empty", tmp_path / "table")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty", "files"]


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "afdb.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "files", filter="data")
    info = prepare("afdb", tmp_path / "files", tmp_path / "table")
    assert (info.kept, info.dropped) == (19621, {IMPOSSIBLE: 55, FLUTTER: 670})
    table, rows = rows_of(tmp_path / "table")
    assert {split: len(set(data["subject"])) for split, data in table.data.items()} == {
        "train": 16, "validation": 3, "test": 6,
    }  # fmt: skip
    spread = {label: [] for label in info.labels}
    for row in rows[::20]:
        rr = np.array(row["rr"])
        assert rr.min() >= 200
        assert rr.max() <= 3000
        spread[row["label"]].append(rr.std() / rr.mean())
    assert np.median(spread["atrial fibrillation"]) > 3 * np.median(spread["normal sinus rhythm"])
