"""CinC 2017 recordings become windows of 30 s of ECG in mV (shorter ones whole), labelled by the newest reference."""

import tarfile

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError, SignalError

NAMES = [f"A0000{number}" for number in range(1, 7)]
RHYTHMS = ["N", "A", "O", "~", "N", "A"]


def write_recording(folder, name: str, samples: int, rate: int = 300):
    """Write a recording as the challenge does: 24 bytes of MATLAB header, then counts; the header's date first."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = (np.arange(samples) % 2000).astype("<i2")
    (folder / f"{name}.mat").write_bytes(bytes(24) + counts.tobytes())
    (folder / f"{name}.hea").write_text(
        f"{name} 1 {rate} {samples} 2014-05-08 05:05:15\n{name}.mat 16+24 1000/mV 16 0 0 0 0 ECG\n"
    )


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "files" / "training2017"
    for name, samples in zip(NAMES, [9000, 9000, 18300, 3000, 8999, 9000], strict=True):
        write_recording(folder, name, samples)
    write_reference(folder, "REFERENCE-v3.csv", RHYTHMS)
    return folder


def write_reference(folder, file: str, rhythms):
    (folder / file).write_text("".join(f"{name},{rhythm}\n" for name, rhythm in zip(NAMES, rhythms, strict=False)))


def rows_of(path):
    table = load_table(path)
    rows = [row for split in table.data.values() for row in split]
    return table, sorted(rows, key=lambda row: (row["subject"], row["start"]))


def test_windows_units_labels_and_the_split_by_recording(layout, tmp_path):
    info = prepare("cinc2017", layout.parent, tmp_path / "table")
    table, rows = rows_of(tmp_path / "table")
    assert (info.task, info.kept, info.dropped) == ("af_ecg", 7, {})
    assert "REFERENCE-v3.csv" in info.source
    assert "by recording" in info.split_rule
    assert "states no subjects" in info.split_rule
    told = [(row["subject"], row["label"], row["start"], len(row["ecg"])) for row in rows]
    assert told[:5] == [
        ("A00001", "normal sinus rhythm", 0.0, 9000),
        ("A00002", "atrial fibrillation", 0.0, 9000),
        ("A00003", "other rhythm", 0.0, 9000),
        ("A00003", "other rhythm", 30.0, 9000),
        ("A00004", "noisy recording", 0.0, 3000),
    ]
    assert told[5][3] == 8999
    ecg = table.signals(rows[3])["ecg"]
    assert (ecg.channels, ecg.units, ecg.sampling_rate) == (("ecg",), ("mV",), 300.0)
    np.testing.assert_allclose(ecg.values[0], (np.arange(9000, 18000) % 2000) / 1000, rtol=1e-6)
    places = [{row["subject"] for row in split} for split in table.data.values()]
    assert sum(map(len, places)) == len(set().union(*places)) == 6


def test_the_newest_reference_is_read(layout, tmp_path):
    for file in ("REFERENCE.csv", "REFERENCE-v2.csv", "REFERENCE-original.csv"):
        write_reference(layout, file, ["~"] * 6)
    prepare("cinc2017", layout, tmp_path / "new")
    assert [row["label"] for row in rows_of(tmp_path / "new")[1]].count("noisy recording") == 1
    (layout / "REFERENCE-v3.csv").unlink()
    (layout / "REFERENCE-v2.csv").unlink()
    write_reference(layout, "REFERENCE.csv", ["O", "N", "N", "N", "N", "N"])
    info = prepare("cinc2017", layout, tmp_path / "old")
    assert "labels of REFERENCE.csv" in info.source
    assert rows_of(tmp_path / "old")[1][0]["label"] == "other rhythm"


def test_recordings_without_a_label_are_counted(layout, tmp_path):
    write_reference(layout, "REFERENCE-v3.csv", RHYTHMS[:4])
    info = prepare("cinc2017", layout, tmp_path / "table")
    assert (info.kept, info.dropped) == (5, {"recordings without a label in the reference": 2})


def test_missing_truncated_and_renamed_files_are_named_and_nothing_is_left(layout, tmp_path):
    def refuse(error, message):
        with pytest.raises(error, match=message):
            prepare("cinc2017", layout.parent, tmp_path / "table")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["files"]

    whole = (layout / "A00005.mat").read_bytes()
    (layout / "A00005.mat").write_bytes(whole[:9001])
    refuse(SignalError, r"A00005\.mat': not a whole WFDB record")
    (layout / "A00005.mat").rename(layout / "A5.mat")
    refuse(DatasetError, r"a \.hea and a \.mat of 6 recordings in .*, but there is no A00005\.mat; get what is missing")
    write_recording(layout, "A00005", 9000, rate=250)
    refuse(DatasetError, r"A00005\.mat': expected one lead at 300 Hz, found 1 channels at 250 Hz")
    write_reference(layout, "REFERENCE-v3.csv", ["N", "A", "AF", "O", "N", "N"])
    refuse(DatasetError, r"REFERENCE-v3\.csv' line 3: expected a recording and one of N, A, O, ~, .*found 'A00003,AF'")
    (layout / "REFERENCE-v3.csv").write_text("A00001\n")
    refuse(DatasetError, r"line 1: expected a recording and one of")
    (layout.parent / "validation").mkdir()
    write_reference(layout.parent / "validation", "REFERENCE.csv", ["N"])
    refuse(DatasetError, r"several sets with recordings in common \(training2017, validation\); give one of them")
    (layout / "REFERENCE-v3.csv").rename(layout / "labels.csv")
    (layout.parent / "validation" / "REFERENCE.csv").unlink()
    refuse(DatasetError, r"expected CinC 2017 in .*found no REFERENCE csv")


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "cinc2017_validation.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "files", filter="data")
    info = prepare("cinc2017", tmp_path / "files", tmp_path / "table")
    assert (info.kept, info.dropped) == (333, {})
    table, rows = rows_of(tmp_path / "table")
    assert len({row["subject"] for row in rows}) == 300
    assert set(table.data) == {"train", "validation", "test"}
    assert all(set(data["label"]) == set(info.labels) for data in table.data.values())
    assert min(len(row["ecg"]) for row in rows) == 3002


def test_a_reference_that_is_no_csv_is_refused(layout, tmp_path):
    (layout / "REFERENCE-v3.csv").write_text("A00001," + "N" * 200_000)
    with pytest.raises(DatasetError, match="is not readable as csv"):
        prepare("cinc2017", layout.parent, tmp_path / "table")
