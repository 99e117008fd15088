"""Stress-Predict's wristband files and labels by the second become windows of four signals, split by subject."""

import shutil
import tarfile

import numpy as np
import pytest
from e4_files import write_session

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError

START = 1644227574
MIXED = "windows with and without stress task"
NOT_LABELLED = "windows with a second outside of every labelled phase"
UNSETTLED = "windows that begin in the first 60 s, while the sensors settle"
SUBJECTS = (2, 3, 4, 5)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """360 s each: rest until 180 s, a task until 300 s, rest; labels begin after 9 s and end at 350 s."""
    folder = tmp_path_factory.mktemp("original")
    lines = ["Participant,HR,respr,Time(sec),Label"]
    for subject in SUBJECTS:
        start = START + 10000 * subject
        write_session(folder / "Raw_data" / f"S{subject:02d}", start, 360)
        lines += [f"{subject},,12.1,{start + second},{int(180 <= second < 300)}" for second in range(9, 350)]
    (folder / "Processed_data").mkdir()
    label_file(folder).write_bytes(("\r\n".join(lines) + "\r\n").encode())
    return folder


@pytest.fixture
def layout(original, tmp_path):
    return shutil.copytree(original, tmp_path / "files")


def label_file(folder):
    return folder / "Processed_data" / "Improved_All_Combined_hr_rsp_binary.csv"


def rows_of(path, subject):
    table = load_table(path)
    rows = [row for split in table.data.values() for row in split if row["subject"] == subject]
    return table, sorted(rows, key=lambda row: row["start"])


def test_windows_of_four_signals_labels_and_facts(layout, tmp_path):
    info = prepare("stress_predict", layout, tmp_path / "table")
    assert (info.task, info.labels) == ("stress_e4", ("stress task", "no stress task"))
    # of 11 windows begin 2 too early, 150, 270 are mixed, and 300 ends after the labels
    assert (info.kept, info.dropped) == (24, {UNSETTLED: 8, MIXED: 8, NOT_LABELLED: 4})
    table, rows = rows_of(tmp_path / "table", "S02")
    assert [(row["start"], row["label"]) for row in rows] == [
        (60.0, "no stress task"), (90.0, "no stress task"), (120.0, "no stress task"),
        (180.0, "stress task"), (210.0, "stress task"), (240.0, "stress task"),
    ]  # fmt: skip
    # heart rate is 60 beats/min and one more each second: 149.5 and 269.5 on average
    assert [table.facts(rows[index]) for index in (0, 3)] == [{"heart_rate": "150"}, {"heart_rate": "270"}]
    signals = table.signals(rows[3])
    shapes = {name: (signal.values.shape, signal.sampling_rate, signal.units[0]) for name, signal in signals.items()}
    assert shapes == {
        "bvp": ((1, 3840), 64.0, ""), "eda": ((1, 240), 4.0, "uS"), "temp": ((1, 240), 4.0, "degC"),
        "acc": ((3, 1920), 32.0, "m/s^2"),
    }  # fmt: skip
    np.testing.assert_allclose(signals["bvp"].values[0], 180 + np.arange(3840) / 64, rtol=1e-6)
    np.testing.assert_allclose(signals["eda"].values[0], 180 + np.arange(240) / 4, rtol=1e-6)
    np.testing.assert_allclose(signals["acc"].values[:, 0], [0, -9.80665 / 2, 9.80665], rtol=1e-6)


def test_signals_that_begin_late_are_brought_together(layout, tmp_path):
    write_session(layout / "Raw_data" / "S03", START + 30000, 360, late={"EDA": 2.0, "ACC": 1.5})
    prepare("stress_predict", layout.parent, tmp_path / "table")
    table, rows = rows_of(tmp_path / "table", "S03")
    # the recording begins 2 s later, so the task lies between 178 and 298 s
    assert [(row["start"], row["label"]) for row in rows] == [
        (60.0, "no stress task"), (90.0, "no stress task"), (180.0, "stress task"), (210.0, "stress task"),
    ]  # fmt: skip
    signals = table.signals(rows[0])
    assert signals["bvp"].values[0, 0] == signals["eda"].values[0, 0] == 62.0


def test_recordings_without_labels_are_counted_and_nobody_is_in_two_splits(layout, tmp_path):
    write_session(layout / "Raw_data" / "S01", START, 200)
    info = prepare("stress_predict", layout, tmp_path / "table", seed=3)
    assert info.dropped["recordings without labels"] == 1
    assert "drawn with seed 3" in info.split_rule
    subjects = [set(split["subject"]) for split in load_table(tmp_path / "table").data.values()]
    assert sum(map(len, subjects)) == len(set().union(*subjects)) == 4


def test_missing_truncated_and_renamed_files_are_named_and_nothing_is_left(layout, tmp_path):
    def refuse(message):
        with pytest.raises(DatasetError, match=message):
            prepare("stress_predict", layout, tmp_path / "table")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["files"]

    subject = layout / "Raw_data" / "S04"
    whole = (subject / "EDA.csv").read_text().splitlines(keepends=True)
    (subject / "EDA.csv").write_text("".join(whole[:1000]))
    refuse(r"S04/EDA\.csv' ends 110 s before BVP\.csv, .* truncated")
    (subject / "EDA.csv").write_text("".join(whole[:50]) + "0.1,walking\n")
    refuse(r"S04/EDA\.csv': expected a start time, the rate 4 Hz, then rows of 1 numbers, but it is unreadable")
    (subject / "EDA.csv").write_text("")
    refuse(r"S04/EDA\.csv': expected a start time, .*unreadable: expected a start time, then a rate in Hz, found")
    (subject / "EDA.csv").write_text((subject / "BVP.csv").read_text())
    refuse(r"S04/EDA\.csv': expected a start time, the rate 4 Hz, .*, found the rate 64 Hz; give the files")
    (subject / "EDA.csv").rename(subject / "GSR.csv")
    refuse(r"expected '.*S04/EDA\.csv' of an Empatica E4 .*, found no such file")
    subject.rename(layout / "S04")
    refuse(r"expected the recordings of 4 labelled subjects in .*, but there is no folder S04; get what is missing")
    (layout / "S04").rename(subject)
    label_file(layout).rename(layout / "labels.csv")
    refuse(r"expected Stress-Predict in .*Processed_data/Improved_All_Combined_hr_rsp_binary\.csv\), found no such")


def test_labels_that_cannot_be_read_or_are_of_another_session_are_told(layout, tmp_path):
    def refuse(text, message):
        label_file(layout).write_text(text)
        with pytest.raises(DatasetError, match=message):
            prepare("stress_predict", layout, tmp_path / "table")

    refuse("", r"expected the columns Participant, Time\(sec\), Label, found an empty file")
    head = "Participant,HR,respr,Time(sec),Label\n2,80,12,1644247574,0\n"
    refuse(head.replace("Label", "Stress"), r"found Participant, HR, respr, Time\(sec\), Stress")
    refuse(head + "3,80,12,1644257584,2\n", r"line 3: expected a participant's number, .* found 3, 1644257584, 2")
    refuse(head + "3,80,12\n", r"line 3: .*found 3, None, None")
    refuse(
        head + "3,80,12,1500000000,0\n",
        r"expected labels of S0[23] within its recording \(360 s from \d+ s on\), found 1500000000 to 1500000000 s",
    )


@pytest.mark.slow
def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "stress_predict.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "files", filter="data")
    info = prepare("stress_predict", tmp_path / "files", tmp_path / "table")
    assert (info.kept, info.dropped) == (3243, {"recordings without labels": 1, UNSETTLED: 68, MIXED: 398})
    table = load_table(tmp_path / "table")
    assert {split: len(set(data["subject"])) for split, data in table.data.items()} == {
        "train": 22, "validation": 4, "test": 8,
    }  # fmt: skip
    rows = [table.data["test"][index] for index in range(0, 785, 50)]
    strength = [np.linalg.norm(table.signals(row)["acc"].values, axis=0).mean() for row in rows]
    assert np.median(strength) == pytest.approx(9.80665, rel=0.03)
