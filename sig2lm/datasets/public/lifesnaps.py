"""LifeSnaps: four months of a Fitbit Sense and of mood answers, 71 people (Yfantidou et al. 2022).

Source: https://zenodo.org/records/7229547, CC BY 4.0. Reads the daily table of the official archive
(`csv_rais_anonymized/daily_fitbit_sema_df_unprocessed.csv`, 63 columns, one row per person and day).

One example is one day on which mood was asked (SEMA; several words may be ticked). Its label is "stressed" where
TENSE/ANXIOUS was ticked, else "calm", the labels of the other tasks on stress; calm means no more than that: such a day
may be a sad or a tired one. The signal `daily` holds the seven calendar days before that day, each with the night after
it, so nothing is later than the morning of the day asked about: steps, resting_heart_rate, nrem_heart_rate and
sleep_minutes. A day that the table leaves out is a row of NaN. A 0 is missing too, since a watch that was not worn
writes it (86 days without a step, 31 nights without a pulse, one without sleep).

The signal `profile` is one daily row of what changes slowly, as known on that morning: bmi, and vo2_max, Fitbit's
estimate of cardio fitness. Where the table has only a class of BMI ("<19", ">=25", ">=30") it is NaN. Facts
tell the last of the seven days (steps, resting_heart_rate, nrem_heart_rate, sleep_minutes) and the person (age, sex,
bmi) in words: "<30" becomes "under 30".

Known traps: mood was asked on 2290 of 7410 days, and 63 of 71 people answered, 11 of them never with TENSE/ANXIOUS, so
a label tells much about who it is. The table states no hours: an answer given after midnight counts to the new day.
Half of the days asked about have no NREM heart rate. Tense days hardly differ from others of the same person (-560
steps, -0.2 beats/min, -2 min of sleep). `stress_score` is Fitbit's, computed from heart and sleep, high when calm, no
label. The 1-5 stress scale is in PMData alone, NREM heart rate here alone: no one set has every field that a stress
prompt may name.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from sig2lm.datasets.public.days import DAY, ONE, begin, days_before, in_words, night_of
from sig2lm.datasets.public.layout import read_lines
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import NO_VALUES
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

FILE = "daily_fitbit_sema_df_unprocessed.csv"
LABELS = ("stressed", "calm")
NOT_ASKED = "days without an answer on mood"
DAILY = Contract(
    channels=("steps", "resting_heart_rate", "nrem_heart_rate", "sleep_minutes"),
    units=("count", "beats/min", "beats/min", "minute"),
    sampling_rate=None,
    period=DAY,
    window=7,
)
# A row of the daily table, not an event: without a period its level would count as noise (see default_normalisation).
PROFILE = Contract(channels=("bmi", "vo2_max"), units=("kg/m^2", "ml/kg/min"), sampling_rate=None, period=DAY, window=1)
_FOLDERS = ("", "csv_rais_anonymized", "rais_anonymized/csv_rais_anonymized")
_DAY_COLUMNS = {"steps": "steps", "resting_hr": "resting_heart_rate"}
_NIGHT_COLUMNS = {"nremhr": "nrem_heart_rate", "minutesAsleep": "sleep_minutes"}
_FITNESS, _MOOD = "filteredDemographicVO2Max", "TENSE/ANXIOUS"
_PERSON = {"age": "age", "gender": "sex", "bmi": "bmi"}
_COLUMNS = ("id", "date", *_DAY_COLUMNS, *_NIGHT_COLUMNS, _FITNESS, _MOOD, *_PERSON)


@dataclass
class _Person:
    """What the table tells of one person, by day and for good; `tense` has every day of the table."""

    days: dict[date, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    fitness: dict[date, float] = field(default_factory=dict)
    tense: dict[date, float | None] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


def draft_lifesnaps(source: Path, seed: int | None) -> Draft:
    """Plan the table: for each day with an answer on mood the seven days before it, labelled stressed or calm.

    Parameters
    ----------
    source
        The folder that holds the daily table, or that of the whole archive.
    seed
        Of the split by person; None is 0.

    Raises
    ------
    DatasetError
        If the file is missing, or lines or columns are not as expected; the message names them.
    """
    path = _find_table(source)
    people = _read_people(path)
    labels = {
        name: {_as_label(tense) for tense in one.tense.values() if tense is not None} for name, one in people.items()
    }
    splits, rule = split_subjects({name: found for name, found in labels.items() if found}, 0 if seed is None else seed)
    info = TableInfo(
        name="lifesnaps",
        task="stress_profile",
        labels=LABELS,
        signals={"daily": DAILY, "profile": PROFILE},
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"LifeSnaps, {FILE}, https://zenodo.org/records/7229547",
        licence="CC BY 4.0",
        citation=(
            "Yfantidou, Karagianni, Efstathiou, Vakali, Palotti et al.: LifeSnaps, a 4-month multi-modal dataset "
            "capturing unobtrusive snapshots of our lives in the wild. Scientific Data 9:663, 2022, "
            "doi 10.1038/s41597-022-01764-x"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _make_rows(people, splits, path.name, dropped), dropped)


def _find_table(source: Path) -> Path:
    for folder in _FOLDERS:
        if (source / folder / FILE).is_file():
            return source / folder / FILE
    raise DatasetError(
        f"expected LifeSnaps in '{source}' ({FILE}, or csv_rais_anonymized/{FILE}), found no such file; "
        "unpack the archive and give the folder that holds it"
    )


def _make_rows(
    people: dict[str, _Person], splits: dict[str, str], source: str, dropped: Counter[str]
) -> Iterator[TableRow]:
    for name, person in people.items():
        for day, tense in person.tense.items():
            if tense is None:
                dropped[NOT_ASKED] += 1
                continue
            daily = days_before(person.days, day, DAILY)
            if np.isnan(daily.values).all():
                dropped[NO_VALUES] += 1
                continue
            told = in_words(person.days.get(day - ONE, {}), {channel: channel for channel in DAILY.channels})
            yield TableRow(
                name,
                _as_label(tense),
                {"daily": daily, "profile": _profile(person, day)},
                source,
                begin(min(person.tense), day, DAILY),
                splits[name],
                facts={fact: _in_words(text) for fact, text in person.words.items()} | told,
            )


def _as_label(tense: float) -> str:
    return LABELS[0] if tense else LABELS[1]


def _profile(person: _Person, day: date) -> Signal:
    known = [earlier for earlier in person.fitness if earlier < day]
    fitness = person.fitness[max(known)] if known else math.nan
    try:
        bmi = float(person.words.get("bmi", "nan"))
    except ValueError:  # a class such as >=30
        bmi = math.nan
    return Signal(np.array([[bmi], [fitness]]), None, PROFILE.channels, PROFILE.units, PROFILE.period)


def _in_words(text: str) -> str:
    """Tell a number whole, "<30" as "under 30", ">=30" as "30 or more"."""
    if text.startswith("<"):
        return f"under {text[1:]}"
    if text.startswith(">="):
        return f"{text[2:]} or more"
    return text.lower().removesuffix(".0")


def _read_people(path: Path) -> dict[str, _Person]:
    people: dict[str, _Person] = defaultdict(_Person)
    read_lines(path, _COLUMNS, lambda cells: _add(people[cells["id"]], cells), "day")
    return people


def _add(person: _Person, cells: dict[str, str]) -> None:
    if None in cells.values() or None in cells:
        raise ValueError("expected as many cells as the header has, found fewer or more")
    day = date.fromisoformat(cells["date"])
    if day in person.tense:
        raise ValueError(f"a second row for {day} of {cells['id']}")
    person.tense[day] = _number(cells, _MOOD)
    if person.tense[day] not in (None, 0.0, 1.0):
        raise ValueError(f"expected 0 or 1 for {_MOOD}, found {cells[_MOOD]}")
    for columns, when in ((_DAY_COLUMNS, day), (_NIGHT_COLUMNS, night_of(day))):
        person.days[when] |= {channel: value for name, channel in columns.items() if (value := _number(cells, name))}
    if fitness := _number(cells, _FITNESS):
        person.fitness[day] = fitness
    person.words |= {fact: cells[name] for name, fact in _PERSON.items() if cells[name]}


def _number(cells: dict[str, str], name: str) -> float | None:
    """Return the number in a cell, None where it is empty."""
    try:
        value = float(cells[name]) if cells[name] else None
    except ValueError:
        value = math.nan
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise ValueError(f"expected a number from 0 on for {name}, found {cells[name]}")
    return value
