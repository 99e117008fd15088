"""PMData: five months of a Fitbit Versa 2 and of wellness reports, 16 people (Thambawita et al. 2020).

Source: https://datasets.simula.no/pmdata, CC BY 4.0. Reads the official layout: `p01` to `p16`, in each
`pmsys/wellness.csv` and `fitbit/{exercise,resting_heart_rate,sedentary_minutes,sleep}.json`; and
`participant-overview.xlsx` where it is there.

One example is one wellness report; its label is the stress it states. The signal `daily` holds the seven calendar days
before the day of the report, each with the night after it. Nothing of the report's own day enters but that last night:

- resting_heart_rate: Fitbit's estimate for the day; a 0 is its sign for none.
- sleep_minutes: minutes asleep in the main sleep of the night after the day. The night before the report counts only
  where it had ended when the report was sent.
- exercise_steps: steps of the exercises that began on the day; rides have none. A day without exercise is 0 if the
  watch was worn (not all of its 1440 minutes sedentary), else missing.
- mood: of the day's last report. What the labelled report itself says of mood and fatigue stays out, since it was
  answered together with the label.

Facts tell the last of these days (steps, resting_heart_rate, sleep_minutes, mood), and from the overview the person
(age, sex, height in cm).

Known traps: reports are stamped in UTC, the watch in local time; read so, 41 of 1747 reports fall into a recorded
sleep, 548 if UTC is taken for local. `steps` are those of exercises, not of the whole day. p12 and p13 have no resting
heart rate, and p12 has eight nights. No file says which end of the stress scale is the stressed one. Higher numbers go
with better mood and longer sleep (within people r = 0.45 and 0.11), as on the wellness questionnaire of McLean et al.
2010 (doi 10.1123/ijspp.5.3.367), where 5 is "very relaxed": labels are the numbers as reported, and a 5 is hardly
strain. 58 % of all reports are 3, and people differ in where they sit, so compare with each participant's own mean.
NREM heart rate is in LifeSnaps alone, this scale here alone: no one set has every field that a stress prompt may name.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sig2lm.datasets.public.days import DAY, ONE, Days, begin, days_before, in_words, night_of
from sig2lm.datasets.public.layout import read_lines
from sig2lm.datasets.public.spreadsheet import read_sheet
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import NO_VALUES
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract

LABELS = ("1", "2", "3", "4", "5")
DAILY = Contract(
    channels=("resting_heart_rate", "sleep_minutes", "exercise_steps", "mood"),
    units=("beats/min", "minute", "count", "dimensionless"),
    sampling_rate=None,
    period=DAY,
    window=7,
)
OUTSIDE_SCALE = "reports with a stress outside of 1 to 5"
WITHOUT_RESTING_HEART_RATE = ("p12", "p13")
OVERVIEW = "participant-overview.xlsx"
_REPORT = ("effective_time_frame", "mood", "stress")
_FACTS = {"exercise_steps": "steps", **{name: name for name in ("resting_heart_rate", "sleep_minutes", "mood")}}
_PERSON = {"Age": "age", "Gender": "sex", "Height": "height"}
# Written in Norway in winter; summer time began two days before the last report.
_LOCAL_TIME = timezone(timedelta(hours=1))
_UNWORN = 1440.0  # sedentary minutes of a day on which the watch lay still
_Record = TypeVar("_Record")


@dataclass(frozen=True)
class _Report:
    time: datetime  # local
    stress: str
    mood: str


def draft_pmdata(source: Path, seed: int | None) -> Draft:
    """Plan the table: for each wellness report the seven days before it, labelled with the stress it states.

    Parameters
    ----------
    source
        The folder that holds `p01` to `p16`.
    seed
        Of the split by participant; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another, or a file is missing, damaged or not as expected; the message names it.
    """
    reports = {folder: _read_reports(folder / "pmsys" / "wellness.csv") for folder in _find_participants(source)}
    labels = {folder.name: {report.stress for report in told} & set(LABELS) for folder, told in reports.items()}
    splits, rule = split_subjects(labels, 0 if seed is None else seed)
    info = TableInfo(
        name="pmdata",
        task="stress_daily",
        labels=LABELS,
        signals={"daily": DAILY},
        split_rule=rule,
        kept=0,
        dropped={},
        source="PMData, wellness reports and Fitbit days, https://datasets.simula.no/pmdata",
        licence="CC BY 4.0 (Simula)",
        citation=(
            "Thambawita, Hicks, Borgli, Stensland, Jha et al.: PMData: a sports logging dataset. ACM MMSys 2020, "
            "231-236, doi 10.1145/3339825.3394926"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _read_rows(reports, _read_people(source / OVERVIEW), splits, dropped), dropped)


def _find_participants(source: Path) -> list[Path]:
    found = sorted(folder for folder in source.iterdir() if re.fullmatch(r"p\d\d", folder.name) and folder.is_dir())
    if not found:
        raise DatasetError(
            f"expected PMData in '{source}' (p01/pmsys/wellness.csv, p01/fitbit/sleep.json and so on), found no folder "
            "like p01; unpack the archive and give the folder that holds p01 to p16"
        )
    return found


def _read_rows(
    reports: dict[Path, list[_Report]],
    people: dict[str, dict[str, str]],
    splits: dict[str, str],
    dropped: Counter[str],
) -> Iterator[TableRow]:
    for folder, told in reports.items():
        days, nights = _read_days(folder, told)
        for report in told:
            if report.stress not in LABELS:
                dropped[OUTSIDE_SCALE] += 1
                continue
            today, yesterday = report.time.date(), report.time.date() - ONE
            known = _until(report, days, nights)
            daily = days_before(known, today, DAILY)
            if np.isnan(daily.values).all():
                dropped[NO_VALUES] += 1
                continue
            yield TableRow(
                folder.name,
                report.stress,
                {"daily": daily},
                f"{folder.name}/pmsys/wellness.csv",
                begin(told[0].time.date(), today, DAILY),
                splits[folder.name],
                facts=people.get(folder.name, {}) | in_words(known.get(yesterday, {}), _FACTS),
            )


def _until(report: _Report, days: Days, nights: dict[date, datetime]) -> Days:
    """Take out the night before a report that had not ended when the report was sent."""
    yesterday = report.time.date() - ONE
    if yesterday not in nights or nights[yesterday] <= report.time:
        return days
    return {**days, yesterday: {name: value for name, value in days[yesterday].items() if name != "sleep_minutes"}}


def _read_days(folder: Path, reports: list[_Report]) -> tuple[Days, dict[date, datetime]]:
    """Return what is known of each day, and when the night after it ended."""
    fitbit = folder / "fitbit"
    days: dict[date, dict[str, float]] = defaultdict(dict)
    heart = fitbit / "resting_heart_rate.json"
    if heart.exists() or folder.name not in WITHOUT_RESTING_HEART_RATE:
        for day, beats in _read_records(heart, lambda one: (_as_day(one["dateTime"]), float(one["value"]["value"]))):
            if beats > 0:
                days[day]["resting_heart_rate"] = beats
    nights = {}
    for filed, end, minutes, main in _read_records(fitbit / "sleep.json", _as_sleep):
        if main:
            days[night_of(filed)]["sleep_minutes"] = minutes
            nights[night_of(filed)] = end
    for day, steps in _read_records(
        fitbit / "exercise.json", lambda one: (_as_day(one["startTime"]), float(one.get("steps", 0)))
    ):
        days[day]["exercise_steps"] = days[day].get("exercise_steps", 0.0) + steps
    for day, minutes in _read_records(
        fitbit / "sedentary_minutes.json", lambda one: (_as_day(one["dateTime"]), float(one["value"]))
    ):
        if minutes < _UNWORN:
            days[day].setdefault("exercise_steps", 0.0)
    for report in reports:
        if report.mood in LABELS:  # mood has the same scale
            days[report.time.date()]["mood"] = float(report.mood)
    return days, nights


def _as_sleep(record: Any) -> tuple[date, datetime, float, bool]:
    end = datetime.fromisoformat(record["endTime"])
    return _as_day(record["dateOfSleep"]), end, float(record["minutesAsleep"]), bool(record["mainSleep"])


def _as_day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _read_records(path: Path, parse: Callable[[Any], _Record]) -> list[_Record]:
    found: list[_Record] = []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, list):
            raise DatasetError(f"'{path}': expected a list of records, found {type(content).__name__}; fetch it again")
    except FileNotFoundError as error:
        raise DatasetError(f"expected '{path}' as in the official layout, found no such file; fetch it") from error
    except ValueError as error:
        raise DatasetError(f"'{path}' is not readable as JSON: {error}; fetch the file again") from error
    for record in content:
        try:
            found.append(parse(record))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"'{path}': record {len(found) + 1} lacks or mistypes a field ({error}); fetch the file again"
            ) from error
    return found


def _read_reports(path: Path) -> list[_Report]:
    """Read the wellness reports, first to last."""
    return sorted(read_lines(path, _REPORT, _as_report, "report"), key=lambda report: report.time)


def _as_report(cells: dict[str, str]) -> _Report:
    time, mood, stress = (cells[name] or "" for name in _REPORT)
    if None in cells.values() or None in cells or not (mood.isdecimal() and stress.isdecimal()):
        raise ValueError(f"expected whole numbers for mood and stress in a full line, found '{mood}' and '{stress}'")
    stamp = datetime.fromisoformat(time)
    if stamp.tzinfo is None:
        raise ValueError(f"expected a time in UTC such as 2019-11-01T08:31:40.751Z, found {time}")
    return _Report(stamp.astimezone(_LOCAL_TIME).replace(tzinfo=None), stress, mood)


def _read_people(path: Path) -> dict[str, dict[str, str]]:
    """Return age, sex and height of each participant that the overview lists; without overview nothing is known."""
    if not path.exists():
        return {}
    rows = read_sheet(path)
    heads = [number for number, row in enumerate(rows) if "Participant ID" in row.values()]
    if not heads:
        raise DatasetError(f"'{path}': expected a row of headings with Participant ID, found none; fetch it")
    columns = {heading: column for column, heading in rows[heads[0]].items()}
    return {
        row[columns["Participant ID"]]: {
            name: row[columns[heading]].lower()
            for heading, name in _PERSON.items()
            if row.get(columns.get(heading, ""))
        }
        for row in rows[heads[0] + 1 :]
        if columns["Participant ID"] in row
    }
