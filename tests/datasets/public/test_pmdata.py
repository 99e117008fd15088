"""PMData in its official layout becomes weeks before wellness reports; nothing of the report's own day gets in."""

import json
import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError

REPORTS = "effective_time_frame,fatigue,mood,readiness,sleep_duration_h,sleep_quality,soreness,soreness_area,stress"


def report(when: str, mood: int, stress: int) -> str:
    return f"{when},2,{mood},5,6,3,2,[12921003],{stress}"


def write_json(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records))


def night(filed: str, minutes: int, *, end: str = "07:00:00", main: bool = True) -> dict:
    return {"dateOfSleep": filed, "endTime": f"{filed}T{end}.000", "minutesAsleep": minutes, "mainSleep": main}


def write_participant(source, name: str, reports: list[str], *, resting_heart_rate: bool = True):
    """Write ten days of November 2019, with numbers from which the day can be told."""
    days = [f"2019-11-{day:02d}" for day in range(1, 11)]
    fitbit = source / name / "fitbit"
    if resting_heart_rate:
        beats = [(day, 0.0 if day == "2019-11-04" else 50.25 + number) for number, day in enumerate(days, start=1)]
        write_json(
            fitbit / "resting_heart_rate.json",
            [
                {"dateTime": f"{day} 00:00:00", "value": {"date": None, "value": one, "error": 6.8}}
                for day, one in beats
            ],
        )
    nap = night("2019-11-09", 40, end="15:00:00", main=False)
    write_json(fitbit / "sleep.json", [nap, *(night(day, 400 + number) for number, day in enumerate(days, start=1))])
    write_json(
        fitbit / "exercise.json",
        [
            {"startTime": "2019-11-07 18:00:00", "steps": 3000},
            {"startTime": "2019-11-07 20:00:00", "steps": 500},
            {"startTime": "2019-11-08 08:00:00", "activityName": "Outdoor Bike"},
        ],
    )
    sedentary = [(day, "1440" if day == "2019-11-03" else "700") for day in days[1:]]
    write_json(
        fitbit / "sedentary_minutes.json", [{"dateTime": f"{day} 00:00:00", "value": one} for day, one in sedentary]
    )
    (source / name / "pmsys").mkdir(parents=True)
    (source / name / "pmsys" / "wellness.csv").write_text("\n".join([REPORTS, *reports]) + "\n")


@pytest.fixture
def layout(tmp_path):
    source = tmp_path / "pmdata"
    for number in (1, 2, 12):
        reports = [
            report("2019-11-05T07:30:00.000Z", mood=4, stress=3),
            report("2019-11-07T06:30:00.000Z", mood=2, stress=2),
            report("2019-11-07T21:30:00.000Z", mood=0, stress=0),
            report("2019-11-08T07:30:00.000Z", mood=5, stress=4),
            report("2019-11-09T05:30:00.000Z", mood=1, stress=1),
        ]
        write_participant(source, f"p{number:02d}", reports, resting_heart_rate=number != 12)
    return source


def rows_of(table, subject: str) -> list:
    return [row for split in table.data.values() for row in split if row["subject"] == subject]


def test_a_week_holds_the_seven_days_before_the_report(layout, tmp_path):
    info = prepare("pmdata", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.task, info.kept) == ("stress_daily", 12)
    assert info.dropped == {"reports with a stress outside of 1 to 5": 3}
    row = rows_of(table, "p01")[2]
    assert (row["label"], row["source"], row["start"]) == ("4", "p01/pmsys/wellness.csv", -4 * 86400.0)
    daily = table.signals(row)["daily"]  # 2019-11-01 to 2019-11-07, the report is of the 8th
    assert (daily.period, daily.num_samples) == (86400.0, 7)
    assert daily.channels == ("resting_heart_rate", "sleep_minutes", "exercise_steps", "mood")
    assert daily.units == ("beats/min", "minute", "count", "dimensionless")
    nan = np.nan
    expected = [
        [51.25, 52.25, 53.25, nan, 55.25, 56.25, 57.25],  # a 0 is no heart rate
        [402, 403, 404, 405, 406, 407, 408],  # the night after the day
        [nan, 0, nan, 0, 0, 0, 3500],  # no word of the 1st; not worn on the 3rd
        [nan, nan, nan, nan, 4, nan, 2],  # the 0 in the evening of the 7th is no mood
    ]
    np.testing.assert_array_equal(daily.values, np.array(expected, dtype=np.float32))
    assert table.facts(row) == {"steps": "3500", "resting_heart_rate": "57", "sleep_minutes": "408", "mood": "2"}


def test_nothing_after_the_report_gets_in(layout, tmp_path):
    """The report of the 9th was sent at 6:30 local time, half an hour before the sleeper woke."""
    prepare("pmdata", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    row = rows_of(table, "p01")[3]
    last = table.signals(row)["daily"].values[:, -1]
    np.testing.assert_array_equal(last, np.array([58.25, np.nan, 0, 5], dtype=np.float32))
    assert table.facts(row) == {"steps": "0", "resting_heart_rate": "58", "mood": "5"}

    late = layout / "p01" / "pmsys" / "wellness.csv"
    late.write_text(late.read_text().replace("2019-11-08T07:30", "2019-11-07T23:30"))  # half past midnight of the 8th
    prepare("pmdata", layout, tmp_path / "local")
    table = load_table(tmp_path / "local")
    values = table.signals(rows_of(table, "p01")[2])["daily"].values
    np.testing.assert_array_equal(values[1], np.array([402, 403, 404, 405, 406, 407, np.nan], dtype=np.float32))


def test_a_week_without_any_value_is_dropped(layout, tmp_path):
    path = layout / "p02" / "pmsys" / "wellness.csv"
    path.write_text(path.read_text() + report("2019-12-20T07:30:00.000Z", 3, 5) + "\n")
    info = prepare("pmdata", layout, tmp_path / "table")
    assert info.dropped["windows without any value"] == 1


def test_only_those_known_to_lack_a_resting_heart_rate_may_lack_it(layout, tmp_path):
    prepare("pmdata", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert np.isnan([table.signals(row)["daily"].values[0] for row in rows_of(table, "p12")]).all()
    (layout / "p02" / "fitbit" / "resting_heart_rate.json").rename(layout / "p02" / "fitbit" / "heart.json")
    with pytest.raises(DatasetError, match=r"p02/fitbit/resting_heart_rate\.json' as in the official layout, found no"):
        prepare("pmdata", layout, tmp_path / "other")


def write_overview(path, rows: list[list[str | int | None]]):
    """Write a workbook with shared strings, numbers and empty cells, as Excel does."""
    strings = [cell for row in rows for cell in row if isinstance(cell, str)]
    sheet = ""
    for number, row in enumerate(rows, start=1):
        cells = ""
        for letter, cell in zip("ABCDEF", row, strict=False):
            if isinstance(cell, str):
                cells += f'<c r="{letter}{number}" t="s"><v>{strings.index(cell)}</v></c>'
            elif cell is not None:
                cells += f'<c r="{letter}{number}"><v>{cell}</v></c>'
        sheet += f'<row r="{number}">{cells}</row>'
    names = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    shared = "".join(f"<si><r><t>{text[:2]}</t></r><r><t>{text[2:]}</t></r></si>" for text in strings)
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet {names}><sheetData>{sheet}</sheetData></worksheet>")
        book.writestr("xl/sharedStrings.xml", f"<sst {names}>{shared}</sst>")


def test_the_overview_tells_age_sex_and_height(layout, tmp_path):
    overview = layout / "participant-overview.xlsx"
    heads = ["Participant ID", "Age", "Height", "Gender", "Max heart rate"]
    write_overview(
        overview, [[None, "Participants"], heads, ["p01", 48, 195, "male\u00a0", 182], ["p02", 60, None, "female"]]
    )
    prepare("pmdata", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    person = {"age": "48", "sex": "male", "height": "195"}
    assert person.items() <= table.facts(rows_of(table, "p01")[0]).items()
    assert {"age": "60", "sex": "female"}.items() <= table.facts(rows_of(table, "p02")[0]).items()
    assert "height" not in table.facts(rows_of(table, "p02")[0])
    assert not {"age", "sex", "height"} & set(table.facts(rows_of(table, "p12")[0]))
    write_overview(overview, [["Name", "Age"], ["p01", 48]])
    with pytest.raises(DatasetError, match=r"overview\.xlsx': expected a row of headings with Participant ID"):
        prepare("pmdata", layout, tmp_path / "other")
    overview.write_bytes(overview.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"overview\.xlsx' is not readable as an \.xlsx workbook"):
        prepare("pmdata", layout, tmp_path / "other")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("fitbit/sleep.json", None, r"sleep\.json' as in the official layout, found no such file"),
        ("fitbit/sleep.json", '[{"dateOfSleep": "2019-11-', r"sleep\.json' is not readable as JSON"),
        ("fitbit/sleep.json", '{"sleep": []}', r"sleep\.json': expected a list of records, found dict"),
        ("fitbit/exercise.json", '[{"startTime": "yesterday"}]', r"exercise\.json': record 1 lacks or mistypes"),
        ("fitbit/sedentary_minutes.json", '[{"value": "7"}]', r"minutes\.json': record 1 .*'dateTime'"),
        ("pmsys/wellness.csv", None, r"expected each report in '.*wellness\.csv', found no such file"),
        ("pmsys/wellness.csv", "time,mood,stress\n", r"wellness\.csv': the header lacks effective_time_frame"),
        ("pmsys/wellness.csv", REPORTS + "\n", r"wellness\.csv' holds no report"),
        (
            "pmsys/wellness.csv",
            REPORTS + "\n2019-11-01T08:31:40.751Z,2,3\n",
            r"line 2: .* found '3' and ''",
        ),
        (
            "pmsys/wellness.csv",
            f"{REPORTS}\n{report('2019-11-01T08:31', 3, 3)}\n",
            r"wellness\.csv' line 2: expected a time in UTC",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named_and_leaves_nothing(layout, tmp_path, file, content, told):
    path = layout / "p02" / file
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DatasetError, match=told):
        prepare("pmdata", layout, tmp_path / "table")
    assert [one.name for one in tmp_path.iterdir()] == ["pmdata"]


def test_another_layout_is_told(tmp_path):
    (tmp_path / "somewhere").mkdir()
    with pytest.raises(DatasetError, match=r"expected PMData in .* found no folder like p01"):
        prepare("pmdata", tmp_path / "somewhere", tmp_path / "table")


def test_the_real_data_set(shared, tmp_path):
    archive = shared / "data" / "pmdata.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    info = prepare("pmdata", next(tmp_path.rglob("p01")).parent, tmp_path / "table")
    assert info.kept == 1736
    assert info.dropped == {"windows without any value": 7, "reports with a stress outside of 1 to 5": 4}
    rows = [row for split in load_table(tmp_path / "table").data.values() for row in split]
    assert Counter(row["label"] for row in rows) == {"1": 39, "2": 388, "3": 1013, "4": 281, "5": 15}
    assert len({row["subject"] for row in rows}) == 16
