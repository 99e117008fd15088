"""UCI HAR's files, a window in each line, become MotionSense's kind of signal with the authors' split."""

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public.motionsense import MOTION
from sig2lm.errors import DatasetError

NAMES = ["WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING"]
FILES = [f"{sensor}_{axis}" for sensor in ("total_acc", "body_gyro") for axis in "xyz"]
# Who stands in which part; 7 is for validation.
PEOPLE = {"train": [1, 3, 7], "test": [2, 4]}
WINDOWS = 6  # of each person


def value(file: int, line: int, sample: int) -> float:
    return file / 10 + line / 100 + sample / 10_000


def write_part(folder, part: str, people: list[int], windows: int = WINDOWS):
    inner = folder / "UCI HAR Dataset" / part / "Inertial Signals"
    inner.mkdir(parents=True, exist_ok=True)
    subjects = [person for person in people for _ in range(windows)]
    (inner.parent / f"subject_{part}.txt").write_text("".join(f"{subject}\n" for subject in subjects))
    (inner.parent / f"y_{part}.txt").write_text("".join(f"{i % 6 + 1}\n" for i in range(len(subjects))))
    for number, name in enumerate(FILES):
        rows = [
            "".join(f" {value(number, line, sample): .7e}" for sample in range(128)) for line in range(len(subjects))
        ]
        (inner / f"{name}_{part}.txt").write_text("\n".join(rows) + "\n")


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "uci"
    for part, people in PEOPLE.items():
        write_part(folder, part, people)
    labels = folder / "UCI HAR Dataset" / "activity_labels.txt"
    labels.write_text("".join(f"{i} {name}\n" for i, name in enumerate(NAMES, 1)))
    return folder


def test_the_authors_split_values_units_and_labels(layout, tmp_path):
    info = prepare("ucihar", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.task, info.kept, info.dropped) == ("har_uci", 30, {})
    assert info.signals == {"motion": MOTION}
    assert info.split_rule == "by subject, as published; of train, 7 16 26 for validation"
    assert {split: sorted(set(rows["subject"])) for split, rows in table.data.items()} == {
        "train": ["1", "3"], "validation": ["7"], "test": ["2", "4"],
    }  # fmt: skip
    words = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "lying")
    assert info.labels == words
    for rows, first in (("train", 0), ("validation", 12), ("test", 0)):
        assert [row["label"] for row in table.data[rows]] == [words[i % 6] for i in range(len(table.data[rows]))]
        for line, row in enumerate(table.data[rows], first):
            assert (row["source"], row["start"]) == (f"{'test' if rows == 'test' else 'train'}, line {line + 1}", 0.0)
            samples = np.arange(128)
            expected = np.array([value(number, line, samples) for number in range(6)])
            expected[:3] *= 9.80665
            np.testing.assert_allclose(table.signals(row)["motion"].values, expected, rtol=1e-5)


def test_a_seed_divides_all_people_anew_and_the_inner_folder_will_do(layout, tmp_path):
    info = prepare("ucihar", layout / "UCI HAR Dataset", tmp_path / "table", seed=1)
    assert "drawn with seed 1" in info.split_rule
    splits = {split: set(rows["subject"]) for split, rows in load_table(tmp_path / "table").data.items()}
    assert {split: len(people) for split, people in splits.items()} == {"train": 3, "validation": 1, "test": 1}
    assert set().union(*splits.values()) == {"1", "2", "3", "4", "7"}


def test_files_are_read_in_blocks(layout, tmp_path, monkeypatch):
    prepare("ucihar", layout, tmp_path / "whole")
    for size in (1, 4, 18):
        monkeypatch.setattr("sig2lm.datasets.public.ucihar._WINDOWS_PER_BLOCK", size)
        prepare("ucihar", layout, tmp_path / f"blocks_{size}")
        for split, rows in load_table(tmp_path / "whole").data.items():
            assert load_table(tmp_path / f"blocks_{size}").data[split].to_dict() == rows.to_dict()


def spoil_lines(change):
    return lambda path: path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


@pytest.mark.parametrize(
    ("file", "spoil", "pattern"),
    [
        ("activity_labels.txt", lambda path: path.unlink(), r"expected UCI HAR's file '.*activity_labels\.txt'"),
        (
            "activity_labels.txt",
            spoil_lines(lambda lines: [*lines[:5], "6 LYING"]),
            r"labels\.txt': line 6: .*'6 LYING'",
        ),
        (
            "train/y_train.txt",
            lambda path: path.rename(path.with_name("y.txt")),
            r"'.*y_train\.txt', found no such file",
        ),
        ("train/y_train.txt", spoil_lines(lambda lines: lines[:-1]), r"found 17 and 18; one of them is truncated"),
        ("test/y_test.txt", spoil_lines(lambda lines: ["7", *lines[1:]]), r"test': line 1: .*found '7' and '2'"),
        ("test/subject_test.txt", spoil_lines(lambda lines: ["3"] * len(lines)), r"found subject 3 in both"),
        (
            "test/Inertial Signals/body_gyro_y_test.txt",
            lambda path: path.unlink(),
            r"expected UCI HAR's file '.*body_gyro_y_test\.txt', but: No such file",
        ),
        (
            "train/Inertial Signals/total_acc_z_train.txt",
            spoil_lines(lambda lines: lines[:-2]),
            r"total_acc_z_train\.txt': .*line 17 is missing",
        ),
        (
            "train/Inertial Signals/total_acc_z_train.txt",
            spoil_lines(lambda lines: [*lines, lines[0]]),
            r"total_acc_z_train\.txt': expected 18 windows, .*found more",
        ),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda path: path.write_text(path.read_text()[:-30]),
            r"total_acc_x_train\.txt': line 18: expected 128 finite numbers, found 12[56] values",
        ),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            spoil_lines(lambda lines: ["", *lines[1:]]),
            r"total_acc_x_train\.txt': line 1: .*found 0 values",
        ),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda path: path.write_text(path.read_text().replace("e-02", "e-O2", 1)),
            r"total_acc_x_train\.txt': line \d+: expected 128 finite numbers",
        ),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda path: path.write_text(path.read_text().replace("1.0000000e-02", "nan", 1)),
            r"total_acc_x_train\.txt': line 1: expected 128 finite numbers, found 128 values",
        ),
    ],
)
def test_missing_renamed_and_truncated_files_are_named_and_nothing_stays(layout, tmp_path, file, spoil, pattern):
    spoil(layout / "UCI HAR Dataset" / file)
    with pytest.raises(DatasetError, match=pattern):
        prepare("ucihar", layout, tmp_path / "table")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["uci"]


def test_another_folder_is_told(tmp_path):
    with pytest.raises(
        DatasetError, match=r"activity_labels\.txt', found no such file; unpack .* give 'UCI HAR Dataset'"
    ):
        prepare("ucihar", tmp_path, tmp_path / "table")
