"""WESAD's wristband files and protocol times become the windows that Stress-Predict's do, split by subject."""

import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
from e4_files import write_session

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public import empatica
from sig2lm.errors import DatasetError

# 9:39:01 in Germany in summer
CHEST = datetime(2017, 5, 22, 7, 39, 1, tzinfo=UTC).timestamp()
EARLY = 100  # s by which the wristband began before the chest device
SUBJECTS = ("S2", "S3", "S4", "S5")
NOT_LABELLED = "windows with a second outside of every labelled phase"
UNSETTLED = "windows that begin in the first 60 s, while the sensors settle"
QUEST = (
    "# Subj;{subject};;;;;;;\n"
    ";;;;;;;;\n"
    "# ORDER;Base;TSST;Medi 1;Fun;Medi 2;sRead;fRead;\n"
    "# START;1;5.3;8.2;10.05;14;7.1;16.00;\n"
    "# END;4.2;8.10;9.40;13.05;15;7.5;16.20;\n"
    ";;;;;;;;\n"
    "# PANAS;1;3;2;2;1;1;1;1\n"
)


def write_chest(folder, subject: str, date: str = "2017-5-22", time: str = "9:39:1.0"):
    (folder / subject / f"{subject}_respiban.txt").write_text(
        "# OpenSignals Text File Format\n"
        f'# {{"00:07:80:D8:AB:58": {{"sensor": ["ECG"], "time": "{time}", "date": "{date}", "sampling rate": 700}}}}\n'
        "# EndOfHeader\n0\t0\t32484\t\n"
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    for subject in SUBJECTS:
        write_session(folder / subject / f"{subject}_E4_Data", CHEST - EARLY, 1100)
        (folder / subject / f"{subject}_quest.csv").write_text(QUEST.format(subject=subject))
        write_chest(folder, subject)
    return folder


@pytest.fixture
def layout(original, tmp_path):
    return shutil.copytree(original, tmp_path / "WESAD")


def rows_of(path, subject):
    table = load_table(path)
    rows = [row for split in table.data.values() for row in split if row["subject"] == subject]
    return table, sorted(rows, key=lambda row: row["start"])


def test_conditions_are_found_on_the_wristbands_clock(layout, tmp_path):
    info = prepare("wesad", layout.parent, tmp_path / "table")
    assert (info.task, info.labels) == ("stress_e4", ("stress task", "no stress task"))
    table, rows = rows_of(tmp_path / "table", "S3")
    # in s since the chest device's start, 30 s taken off both ends, and 100 s later on the wristband:
    # baseline 60-260 -> 190-330, stress 330-490 -> 460-560, amusement 605-785 -> 735-855
    assert [(row["start"], row["label"]) for row in rows] == [
        (210.0, "no stress task"), (240.0, "no stress task"), (270.0, "no stress task"), (480.0, "stress task"),
        (750.0, "no stress task"), (780.0, "no stress task"),
    ]  # fmt: skip
    assert info.dropped == {UNSETTLED: 8, NOT_LABELLED: 4 * (35 - 2 - 6)}
    assert table.facts(rows[0]) == {"heart_rate": "300"}
    signals = table.signals(rows[0])
    assert {name: signal.values.shape for name, signal in signals.items()} == {
        "bvp": (1, 3840), "eda": (1, 240), "temp": (1, 240), "acc": (3, 1920),
    }  # fmt: skip
    np.testing.assert_allclose(signals["bvp"].values[0], 210 + np.arange(3840) / 64, rtol=1e-6)


def test_three_labels_tell_baseline_and_amusement_apart(layout, tmp_path):
    info = prepare("wesad_affect", layout.parent, tmp_path / "table")
    assert (info.name, info.task, info.labels) == (
        "wesad_affect",
        "affect_e4",
        ("stress task", "baseline", "amusement"),
    )
    _, rows = rows_of(tmp_path / "table", "S3")
    assert [row["label"] for row in rows] == [*["baseline"] * 3, "stress task", *["amusement"] * 2]


def test_the_contracts_are_those_of_the_wristband_and_nobody_is_in_two_splits(layout, tmp_path):
    info = prepare("wesad", layout, tmp_path / "table", seed=5)
    assert info.signals == empatica.SIGNALS
    assert info.labels == empatica.LABELS
    assert "drawn with seed 5" in info.split_rule
    subjects = [set(split["subject"]) for split in load_table(tmp_path / "table").data.values()]
    assert sum(map(len, subjects)) == len(set().union(*subjects)) == 4


def test_offsets_replace_the_chest_files_that_are_absent(layout, tmp_path):
    prepare("wesad", layout, tmp_path / "with")
    for number in (2, 3, 4, 5):
        (layout / f"S{number}" / f"S{number}_respiban.txt").unlink()
    offsets = tmp_path / "offsets.csv"
    offsets.write_text("subject,seconds\n" + "".join(f"S{number},100.0\n" for number in (2, 3, 4, 5)))
    prepare("wesad", layout, tmp_path / "without", chest_offsets=offsets)
    told = [[(row["start"], row["label"]) for row in rows_of(tmp_path / name, "S3")[1]] for name in ("with", "without")]
    assert told[0] == told[1] != []
    offsets.write_text("S2,100\nS3,soon\n")
    with pytest.raises(DatasetError, match=r"offsets\.csv': expected lines as in S2,-22\.5"):
        prepare("wesad", layout, tmp_path / "table", chest_offsets=offsets)
    offsets.write_text("S2,100\n")
    with pytest.raises(DatasetError, match="found none of S3, S4, S5"):
        prepare("wesad", layout, tmp_path / "table", chest_offsets=offsets)
    with pytest.raises(DatasetError, match="chest_offsets can only be asked of wesad and wesad_affect, found 'afdb'"):
        prepare("afdb", layout, tmp_path / "table", chest_offsets=offsets)


def test_german_winter_time_is_an_hour_from_utc(layout, tmp_path):
    winter = datetime(2017, 11, 22, 8, 39, 1, tzinfo=UTC).timestamp()
    write_session(layout / "S4" / "S4_E4_Data", winter - EARLY, 1100)
    write_chest(layout, "S4", date="2017-11-22")
    prepare("wesad", layout, tmp_path / "table")
    _, rows = rows_of(tmp_path / "table", "S4")
    assert [row["start"] for row in rows if row["label"] == "stress task"] == [480.0]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("S4_quest.csv", "# ORDER;Base\n# START;1\n", r"S4_quest\.csv': expected lines ORDER, START and END .*'END'"),
        ("S4_quest.csv", QUEST.replace("10.05", "10.75"), r"as in 7\.08 .*, found '10\.75'"),
        ("S4_quest.csv", QUEST.replace("10.05", "later"), r"as in 7\.08 .*, found 'later'"),
        ("S4_quest.csv", QUEST.replace("TSST", "Stress"), r"expected the conditions TSST, Base, Fun, found no TSST"),
        ("S4_quest.csv", QUEST.replace("# START;1;", "# START;4;"), r"expected Base within the wristband's recording"),
        ("S4_respiban.txt", "", r"S4_respiban\.txt': expected a chest device's header .*, but it is unreadable"),
        ("S4_respiban.txt", '# OpenSignals\n# {"a": {"date": 1}}\n', r"respiban\.txt': expected a chest device's"),
        ("S4_respiban.txt", '# OpenSignals\n# {"a": 3}\n', r"respiban\.txt': expected a chest device's"),
        (
            "S4_E4_Data/BVP.csv",
            "1495437325.000000\n64.000000\n",
            r"BVP\.csv': expected a start time, .* after the header, found none",
        ),
    ],
)
def test_files_that_hold_something_else_are_named_and_nothing_is_left(layout, tmp_path, file, text, message):
    (layout / "S4" / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        prepare("wesad", layout, tmp_path / "table")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["WESAD"]


def test_missing_and_zipped_files_and_other_clocks_are_told(layout, tmp_path):
    def refuse(source, message):
        with pytest.raises(DatasetError, match=message):
            prepare("wesad", source, tmp_path / "table")

    write_chest(layout, "S5", time="12:39:1.0")
    refuse(
        layout, r"S5_quest\.csv': expected Base within the wristband's recording of 1100 s, found it from 10990 to 111"
    )
    (layout / "S5" / "S5_respiban.txt").unlink()
    refuse(layout, r"expected '.*S5_respiban\.txt' .*, found no such file")
    (layout / "S3" / "S3_quest.csv").unlink()
    write_chest(layout, "S5")
    refuse(layout, r"expected '.*S3_quest\.csv' .*, found no such file")
    (layout / "S2" / "S2_E4_Data").rename(layout / "S2" / "wrist")
    refuse(layout, r"expected the wristband's files in '.*S2_E4_Data', found no such folder; get what is missing")
    (layout / "S2" / "S2_E4_Data.zip").write_bytes(b"PK")
    refuse(layout, r"found no such folder; unzip S2_E4_Data\.zip into it")
    refuse(layout / "S2", r"expected WESAD in .*S2/S2_E4_Data/BVP\.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["WESAD"]
