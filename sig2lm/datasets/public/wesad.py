"""WESAD: an Empatica E4 on the wrist of 15 people at rest, amused, meditating, and in the Trier social stress test.

Reads the official layout, of each subject `SX/SX_E4_Data/{BVP,EDA,TEMP,ACC,HR}.csv` (unzipped; see
`sig2lm.datasets.public.empatica`), `SX/SX_quest.csv` for when each condition began and ended, and the header of
`SX/SX_respiban.txt` for when the chest device began. Signals and windows are those of Stress-Predict's table, so that a
model can move between the two. Labels follow the authors' task of two classes: the stress test against baseline and
amusement; as `wesad_affect` their task of three. Meditation and the reading tasks have no label. `SX.pkl` is a pickle
and is never opened.

Clocks: conditions are counted from the start of the chest device, whose header tells that start in German local time,
while the wristband counts in UTC. The authors moved the two together by a double tap, by hand, and published the result
in the pickles only; here the two clocks are believed. They were set apart from each other, so their difference is
unknown; 30 s are taken off both ends of each condition to cover it.

Known traps: times are minutes and seconds with a point between, and a spreadsheet has taken off trailing zeros, so 7.08
is 7 min 8 s and 50.3 is 50 min 30 s; the order of stress and amusement changes between subjects; there are no S1 and
S12; HR.csv is derived from the pulse and rough. Where the chest files are absent, `--chest-offset FILE` states when
the chest device began. This reader has been tested on the wristbands of the 15 people, with offsets that were found
by other means, and on small files made in the layout.

Source: https://archive.ics.uci.edu/dataset/465, doi 10.24432/C57K5T. Licence: CC BY 4.0 by the UCI page, scientific and
non-commercial use with citation by the authors' readme. Cite Schmidt et al., Introducing WESAD, a Multimodal Dataset
for Wearable Stress and Affect Detection, ICMI 2018, doi 10.1145/3242969.3242985.
"""

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sig2lm.datasets.public.empatica import (
    NO_STRESS,
    STRESS,
    TASK,
    Session,
    Track,
    cut_recording,
    describe_table,
    read_recording,
)
from sig2lm.datasets.public.layout import csv_file, folder_and_inner
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError

TWO = {"TSST": STRESS, "Base": NO_STRESS, "Fun": NO_STRESS}
THREE = {"TSST": STRESS, "Base": "baseline", "Fun": "amusement"}
MARGIN = 30.0  # s taken off both ends of a condition
_SUBJECT = re.compile(r"S\d+")
_ZONE = "Europe/Berlin"
_TIME = re.compile(r"(\d+)(?:\.(\d{1,2}))?")


def draft_wesad(
    source: Path,
    seed: int | None,
    chest_offsets: Path | None = None,
    *,
    name: str = "wesad",
    task: str = TASK,
    conditions: Mapping[str, str] = TWO,
) -> Draft:
    """Plan the table: four signals of the wristband, windows of 60 s every 30 s, stress test or none.

    Parameters
    ----------
    source
        The folder of S2, S3 and so on, or the folder that holds it.
    seed
        Of the split by subject; None is 0.
    chest_offsets
        Instead of the headers of `SX_respiban.txt`: a csv with a line `S2,-22.5` for each subject, the start of the
        chest device minus that of the wristband, in s.
    name, task
        Of the table, and of its template.
    conditions
        The label of each condition that has one: `TWO`, or `THREE`, which tell baseline and amusement apart.

    Raises
    ------
    DatasetError
        If the layout is another, a subject lacks a file, or a file is truncated or holds something else.
    """
    folders = {folder.name: folder for folder in _find_subjects(source)}
    offsets = None if chest_offsets is None else _read_offsets(chest_offsets, list(folders))
    labels = tuple(dict.fromkeys(conditions.values()))
    splits, rule = split_subjects(dict.fromkeys(folders, frozenset(labels)), 0 if seed is None else seed)
    info = describe_table(
        name,
        rule,
        source="WESAD, wristband only, https://archive.ics.uci.edu/dataset/465",
        licence="scientific, non-commercial use with citation (authors' readme); CC BY 4.0 (UCI page)",
        citation=(
            "Schmidt et al.: Introducing WESAD, a Multimodal Dataset for Wearable Stress and Affect Detection. ICMI "
            "2018, doi 10.1145/3242969.3242985"
        ),
    )
    dropped: Counter[str] = Counter()
    rows = _read_rows(folders, splits, offsets, conditions, dropped)
    return Draft(replace(info, task=task, labels=labels), rows, dropped)


draft_wesad_affect = partial(draft_wesad, name="wesad_affect", task="affect_e4", conditions=THREE)


def _find_subjects(source: Path) -> list[Path]:
    for folder in folder_and_inner(source):
        subjects = [path for path in folder.iterdir() if path.is_dir() and _SUBJECT.fullmatch(path.name)]
        if subjects:
            return sorted(subjects, key=lambda path: int(path.name[1:]))
    raise DatasetError(
        f"expected WESAD in '{source}' (S2/S2_E4_Data/BVP.csv and so on), found no folder of a subject; unpack the "
        "archive and give the folder that holds them"
    )


def _read_offsets(path: Path, subjects: list[str]) -> dict[str, float]:
    """Return s from the wristband's start to the chest device's, by subject."""
    found: dict[str, float] = {}
    try:
        with csv_file(path) as file:
            for number, cells in enumerate(csv.reader(file), start=1):
                if not cells or (number == 1 and not _SUBJECT.fullmatch(cells[0].strip())):
                    continue  # a line of names may stand first
                subject, seconds = (cell.strip() for cell in cells)
                found[subject] = float(seconds)
                if not _SUBJECT.fullmatch(subject) or not math.isfinite(found[subject]):
                    raise ValueError(f"line {number}: {','.join(cells)!r}")
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"'{path}': expected lines as in S2,-22.5 (subject, s), found {error}; correct it"
        ) from error
    if missing := [subject for subject in subjects if subject not in found]:
        raise DatasetError(f"'{path}': expected a line for each subject, found none of {', '.join(missing)}; add them")
    return found


def _read_rows(
    folders: dict[str, Path],
    splits: dict[str, str],
    offsets: dict[str, float] | None,
    conditions: Mapping[str, str],
    dropped: Counter[str],
) -> Iterator[TableRow]:
    labels = tuple(dict.fromkeys(conditions.values()))
    for subject, folder in folders.items():
        recording = read_recording(_find_wristband(folder))
        if offsets is None:
            chest = _read_chest_start(folder / f"{subject}_respiban.txt")
        else:
            chest = recording.start + offsets[subject]
        track = _lay_track(recording, folder, chest, {name: labels.index(label) for name, label in conditions.items()})
        for start, label, signals, facts in cut_recording(recording, track, dropped, labels):
            source = f"{subject}/{subject}_E4_Data"
            yield TableRow(subject, label, signals, source, start, splits[subject], facts=facts)


def _find_wristband(folder: Path) -> Path:
    wristband = folder / f"{folder.name}_E4_Data"
    if not wristband.is_dir():
        zipped = wristband.with_suffix(".zip").is_file()
        todo = f"unzip {wristband.name}.zip into it" if zipped else "get what is missing"
        raise DatasetError(f"expected the wristband's files in '{wristband}', found no such folder; {todo}")
    return wristband


def _lay_track(recording: Session, folder: Path, chest: float, numbers: Mapping[str, int]) -> Track:
    """The number of each second's condition."""
    track = recording.track()
    quest = folder / f"{folder.name}_quest.csv"
    for name, begin, end in _read_conditions(quest):
        first, last = (round(chest + place - recording.start) for place in (begin + MARGIN, end - MARGIN))
        if last <= 0 or first >= len(track) or first >= last:
            raise DatasetError(
                f"'{quest}': expected {name} within the wristband's recording of {len(track)} s, found it from "
                f"{first} to {last} s; the files are not of one session, or their clocks differ"
            )
        track[max(first, 0) : last] = numbers[name]
    return track


def _read_chest_start(path: Path) -> float:
    """Return the chest device's start in s since 1970, from the header of its file (the rest is not read)."""
    expected = "a chest device's header with date and time"
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            header = next((line for line in islice(file, 3) if line.startswith("# {")), "")
        (device,) = json.loads(header.removeprefix("# ")).values()
        stamp = datetime.strptime(f"{device['date']} {device['time'].partition('.')[0]}", "%Y-%m-%d %H:%M:%S")
    except FileNotFoundError as error:
        raise DatasetError(
            f"expected '{path}' ({expected}), found no such file; get it, or state --chest-offset"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"'{path}': expected {expected}, but it is unreadable: {error}; get it again") from error
    return stamp.replace(tzinfo=ZoneInfo(_ZONE)).timestamp()


def _read_conditions(path: Path) -> list[tuple[str, float, float]]:
    """Return name, begin and end of the conditions that have a label, in s since the chest device's start."""
    if not path.is_file():
        raise DatasetError(f"expected '{path}' (ORDER, START, END of the conditions), found no such file; get it")
    with csv_file(path) as file:
        lines = {cells[0].lstrip("# ").strip(): cells[1:] for cells in csv.reader(file, delimiter=";") if cells}
    try:
        rows = zip(lines["ORDER"], lines["START"], lines["END"], strict=False)
        labelled = [cells for cells in rows if cells[0].strip() in TWO]
        found = [(name.strip(), _seconds(begin), _seconds(end)) for name, begin, end in labelled]
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"'{path}': expected lines ORDER, START and END as in 7.08 (minutes.seconds), found {error}; get it again"
        ) from error
    missing = TWO.keys() - {name for name, _, _ in found}
    if missing:
        raise DatasetError(f"'{path}': expected the conditions {', '.join(TWO)}, found no {', '.join(missing)}")
    return found


def _seconds(text: str) -> float:
    """Read minutes.seconds; a single digit of seconds is tens, since 50.3 was 50.30 before a spreadsheet read it."""
    match = _TIME.fullmatch(text.strip())
    seconds = int((match[2] or "0").ljust(2, "0")) if match else 60
    if match is None or seconds >= 60:
        raise ValueError(f"'{text}'")
    return int(match[1]) * 60.0 + seconds
