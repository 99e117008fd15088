"""LifeSnaps' daily table becomes weeks before days on which mood was asked, with a profile and facts in words."""

import csv
import tarfile
from collections import Counter

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError

FILE = "daily_fitbit_sema_df_unprocessed.csv"
COLUMNS = (
    "id", "date", "nremhr", "stress_score", "filteredDemographicVO2Max", "resting_hr", "minutesAsleep", "steps",
    "age", "gender", "bmi", "HAPPY", "TENSE/ANXIOUS",
)  # fmt: skip


def day(number: int, **cells: str | float) -> dict:
    """Return a row of June 2021 with numbers from which the day can be told."""
    usual = {
        "date": f"2021-06-{number:02d}", "steps": 1000.0 * number, "resting_hr": 60.25 + number,
        "nremhr": 50.25 + number, "minutesAsleep": 400.0 + number, "age": "<30", "gender": "MALE", "bmi": "24.0",
    }  # fmt: skip
    return usual | cells


def write_table(folder, people: dict[str, list[dict]]):
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("", *COLUMNS))
        writer.writeheader()
        for name, days in people.items():
            writer.writerows({"id": name, **cells} for cells in days)
    return path


def people() -> dict[str, list[dict]]:
    week = [day(number) for number in range(1, 8)]
    week[2] |= {"steps": 0.0, "nremhr": 0.0, "filteredDemographicVO2Max": 41.5}
    del week[4]  # the table leaves out the 5th
    asked = [day(8, **{"TENSE/ANXIOUS": 1.0, "filteredDemographicVO2Max": 60}), day(9, **{"TENSE/ANXIOUS": 0.0})]
    strong = [day(number, age=">=30", gender="FEMALE", bmi=">=30") for number in range(1, 8)]
    strong += [day(8, age="", gender="", bmi="", **{"TENSE/ANXIOUS": 0.0})]
    return {"aa": week + asked, "bb": strong, "cc": [day(1), day(2, **{"TENSE/ANXIOUS": 1.0})]}


@pytest.fixture
def layout(tmp_path):
    source = tmp_path / "lifesnaps"
    write_table(source, people())
    return source


def rows_of(table, subject: str) -> list:
    return [row for split in table.data.values() for row in split if row["subject"] == subject]


def test_a_week_holds_the_seven_days_before_the_answer(layout, tmp_path):
    info = prepare("lifesnaps", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.task, info.labels, info.kept) == ("stress_profile", ("stressed", "calm"), 4)
    assert info.dropped == {"days without an answer on mood": 14}
    row, next_row = rows_of(table, "aa")
    assert (row["label"], next_row["label"]) == ("stressed", "calm")
    assert (row["source"], row["start"], next_row["start"]) == (FILE, 0.0, 86400.0)
    daily = table.signals(row)["daily"]
    assert (daily.period, daily.num_samples) == (86400.0, 7)
    assert daily.channels == ("steps", "resting_heart_rate", "nrem_heart_rate", "sleep_minutes")
    assert daily.units == ("count", "beats/min", "beats/min", "minute")
    nan = np.nan
    expected = [
        [1000, 2000, nan, 4000, nan, 6000, 7000],
        [61.25, 62.25, 63.25, 64.25, nan, 66.25, 67.25],
        [52.25, nan, 54.25, nan, 56.25, 57.25, 58.25],  # the night after the day stands in the row of the next date
        [402, 403, 404, nan, 406, 407, 408],
    ]
    np.testing.assert_array_equal(daily.values, np.array(expected, dtype=np.float32))
    assert table.facts(row) == {
        "age": "under 30", "sex": "male", "bmi": "24", "steps": "7000", "resting_heart_rate": "67",
        "nrem_heart_rate": "58", "sleep_minutes": "408",
    }  # fmt: skip


def test_nothing_of_the_day_asked_about_gets_in_but_the_night_before_it(layout, tmp_path):
    prepare("lifesnaps", layout, tmp_path / "table")
    changed = people()
    changed["aa"][-1] |= {"steps": 1.0, "resting_hr": 99.0, "filteredDemographicVO2Max": 99.0, "HAPPY": 1.0}
    changed["aa"][-1] |= {"nremhr": 40.0, "minutesAsleep": 90.0}
    write_table(tmp_path / "changed", changed)
    prepare("lifesnaps", tmp_path / "changed", tmp_path / "other")
    before, after = (load_table(tmp_path / name) for name in ("table", "other"))
    one, other = rows_of(before, "aa")[1], rows_of(after, "aa")[1]
    same = before.signals(one)["daily"].values == after.signals(other)["daily"].values
    assert np.argwhere(~same & ~np.isnan(before.signals(one)["daily"].values)).tolist() == [[2, 6], [3, 6]]
    assert after.facts(other)["sleep_minutes"] == "90"
    assert one["profile"] == other["profile"]


def test_the_profile_is_a_row_of_numbers_known_that_morning(layout, tmp_path):
    prepare("lifesnaps", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    profiles = [table.signals(row)["profile"] for row in rows_of(table, "aa")]
    assert (profiles[0].channels, profiles[0].units) == (("bmi", "vo2_max"), ("kg/m^2", "ml/kg/min"))
    assert (profiles[0].sampling_rate, profiles[0].period) == (None, 86400.0)
    assert [profile.values.tolist() for profile in profiles] == [[[24], [41.5]], [[24], [60]]]
    (row,) = rows_of(table, "bb")  # a class of BMI is no number; the person is told although the last row is silent
    assert np.isnan(table.signals(row)["profile"].values).all()
    assert {"age": "30 or more", "sex": "female", "bmi": "30 or more"}.items() <= table.facts(row).items()


def test_weeks_without_any_value_are_dropped_and_the_silent_have_no_part(layout, tmp_path):
    more = people() | {"dd": [day(1), day(20, **{"TENSE/ANXIOUS": 1.0}, nremhr="", minutesAsleep="")], "ee": [day(1)]}
    write_table(layout, more)
    info = prepare("lifesnaps", layout, tmp_path / "table")
    assert info.dropped["windows without any value"] == 1
    assert "of 4 subjects" in info.split_rule


def test_the_folder_of_the_whole_archive_will_do(tmp_path):
    write_table(tmp_path / "rais" / "csv_rais_anonymized", people())
    assert prepare("lifesnaps", tmp_path / "rais", tmp_path / "table").kept == 4


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("TENSE/ANXIOUS", "TENSE", r"unprocessed\.csv': the header lacks TENSE/ANXIOUS"),
        (",7000.0,", ",many,", r"line 7: expected a number from 0 on for steps, found many"),
        (",7000.0,", ",inf,", r"line 7: expected a number from 0 on for steps, found inf"),
        ("2021-06-07", "2021-06-06", r"line 7: a second row for 2021-06-06 of aa"),
        ("2021-06-07", "7 June", r"line 7: Invalid isoformat string: '7 June'"),
        ("MALE,24.0,,1.0", "MALE,24.0,,2.0", r"line 8: expected 0 or 1 for TENSE/ANXIOUS, found 2\.0"),
    ],
)
def test_what_is_not_as_expected_is_named_and_leaves_nothing(layout, tmp_path, old, new, told):
    path = layout / FILE
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=told):
        prepare("lifesnaps", layout, tmp_path / "table")
    assert [one.name for one in tmp_path.iterdir()] == ["lifesnaps"]


def test_a_missing_or_truncated_table_is_told(layout, tmp_path):
    path = layout / FILE
    text = path.read_text()
    path.write_text(text[: text.index("2021-06-04") + 12])
    with pytest.raises(DatasetError, match=r"line 5: expected as many cells as the header has"):
        prepare("lifesnaps", layout, tmp_path / "table")
    path.write_text(text.splitlines()[0] + "\n")
    with pytest.raises(DatasetError, match="holds no day"):
        prepare("lifesnaps", layout, tmp_path / "table")
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    with pytest.raises(DatasetError, match="not readable as csv in UTF-8"):
        prepare("lifesnaps", layout, tmp_path / "table")
    path.rename(layout / "daily.csv")
    with pytest.raises(DatasetError, match=r"expected LifeSnaps in .*csv_rais_anonymized/daily_fitbit"):
        prepare("lifesnaps", layout, tmp_path / "table")
    assert [one.name for one in tmp_path.iterdir()] == ["lifesnaps"]


def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "lifesnaps.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    info = prepare("lifesnaps", next(tmp_path.rglob(FILE)).parent, tmp_path / "table")
    assert info.kept == 2150
    assert info.dropped == {"days without an answer on mood": 5120, "windows without any value": 140}
    rows = [row for split in load_table(tmp_path / "table").data.values() for row in split]
    assert Counter(row["label"] for row in rows) == {"stressed": 479, "calm": 1671}
    assert len({row["subject"] for row in rows}) == 61
