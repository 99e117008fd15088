"""PAMAP2: three inertial sensors and a chest strap on nine people, twelve activities of daily life and sport.

Reads the official layout, `Protocol/subject101.dat` and so on: 54 columns without a header, 100 Hz; time, activity,
heart rate, and 17 of each sensor on hand, chest and ankle. Four named signals come of them: `hand`, `chest` and `ankle`
(acceleration of the ±16 g sensor in m/s² and rotation in rad/s), and `heart_rate` (beats/min; measured about nine times
a second and empty in between, so it is the mean of each second, missing where there was none). The ±6 g accelerometer,
which clips, the magnetometer, temperature and orientation are not read.

Examples are windows of 5.12 s every 2.56 s within a stretch of one activity. Activity 0 is transient between others and
is dropped; its seconds are counted. Lost packets are missing samples. `Optional` (watching TV, driving and others) is
not read.

This reader has been tested on small files made in the layout, not on the recordings themselves.

Source: https://archive.ics.uci.edu/dataset/231, doi 10.24432/C5NW2H. Licence: CC BY 4.0. Cite Reiss and Stricker,
Introducing a New Benchmarked Dataset for Activity Monitoring, ISWC 2012, doi 10.1109/ISWC.2012.13.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

SAMPLING_RATE = 100.0  # Hz
WINDOW = WindowSpec(length=5.12, stride=2.56)  # s
LABELS = {
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "Nordic walking",
    12: "ascending stairs",
    13: "descending stairs",
    16: "vacuum cleaning",
    17: "ironing",
    24: "rope jumping",
}
_SENSORS = {"hand": 3, "chest": 20, "ankle": 37}  # first column of each
_AXES = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
SIGNALS = {
    name: Contract(_AXES, ("m/s^2",) * 3 + ("rad/s",) * 3, SAMPLING_RATE, window=WINDOW.length) for name in _SENSORS
} | {"heart_rate": Contract(("heart_rate",), ("beats/min",), 1.0, window=WINDOW.length)}
TRANSIENT = "seconds of transient activity"
OTHER = "seconds of activities outside the protocol"
_COLUMNS = 54
_FILE = re.compile(r"subject(\d+)\.dat")
_LONGEST_GAP = 3600.0  # s

Floats = npt.NDArray[np.float64]


def draft_pamap2(source: Path, seed: int | None) -> Draft:
    """Plan the table: three sensors at 100 Hz and heart rate at 1 Hz, windows of 5.12 s, twelve activities.

    Parameters
    ----------
    source
        `Protocol`, or the folder that holds it (`PAMAP2_Dataset`).
    seed
        Of the split by subject; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another; while rows are read, if a file is damaged.
    """
    files = _find_files(source)
    splits, rule = split_subjects(dict.fromkeys(files, frozenset(LABELS.values())), 0 if seed is None else seed)
    info = TableInfo(
        name="pamap2",
        task="har_pamap2",
        labels=tuple(LABELS.values()),
        signals=SIGNALS,
        split_rule=rule,
        kept=0,
        dropped={},
        source="PAMAP2 Physical Activity Monitoring (Protocol), doi 10.24432/C5NW2H",
        licence="CC BY 4.0",
        citation=(
            "Reiss, Stricker: Introducing a New Benchmarked Dataset for Activity Monitoring. ISWC 2012, "
            "doi 10.1109/ISWC.2012.13"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _read_rows(files, splits, dropped), dropped)


def _find_files(source: Path) -> dict[str, Path]:
    for folder in (source, source / "Protocol", source / "PAMAP2_Dataset" / "Protocol"):
        found = {match[1]: file for file in folder.glob("*.dat") if (match := _FILE.fullmatch(file.name))}
        if found:
            return dict(sorted(found.items()))
    raise DatasetError(
        f"expected PAMAP2 in '{source}' (Protocol/subject101.dat and so on), found no such file; unpack the archive "
        "and give the folder that holds Protocol"
    )


def _read_rows(files: dict[str, Path], splits: dict[str, str], dropped: Counter[str]) -> Iterator[TableRow]:
    for subject, path in files.items():
        times, activities, heart_rate, sensors = _read_file(path)
        for code, first, last in _stretches(activities):
            if code not in LABELS:
                dropped[OTHER if code else TRANSIENT] += round((last - first) / SAMPLING_RATE)
                continue
            signals = {
                name: Signal(values[:, first:last].astype(np.float32), SAMPLING_RATE, _AXES, SIGNALS[name].units)
                for name, values in sensors.items()
            }
            signals["heart_rate"] = _each_second(heart_rate[first:last])
            for start, window in cut(signals, WINDOW, dropped):
                place = float(times[first]) + start
                yield TableRow(subject, LABELS[code], window, f"Protocol/{path.name}", place, splits[subject])


def _read_file(path: Path) -> tuple[Floats, npt.NDArray[np.int64], Floats, dict[str, Floats]]:
    """Return time (s), activity, heart rate and the sensors' values (6, T) on an even clock."""
    import pandas as pd

    needed = [0, 1, 2, *(column for first in _SENSORS.values() for column in _places(first))]
    try:
        table = pd.read_csv(path, sep=r"\s+", header=None, dtype=np.float64)
        if table.shape[1] != _COLUMNS:
            raise ValueError(f"{table.shape[1]} columns")
        rows = table[needed].to_numpy().T
        if not np.isfinite(rows[:2]).all():
            raise ValueError("a row without time or activity")
        places = np.rint((rows[0] - rows[0, 0]) * SAMPLING_RATE).astype(np.int64)
        if len(places) > 1 and (np.diff(places).min() < 0 or np.diff(places).max() > _LONGEST_GAP * SAMPLING_RATE):
            raise ValueError("times that go back or leap")
    except (ValueError, OSError, OverflowError, pd.errors.ParserError) as error:
        raise DatasetError(
            f"'{path}': expected rows of {_COLUMNS} numbers at 100 Hz, but it is unreadable: {error}; copy it again"
        ) from error
    grid = np.full((len(needed), int(places[-1]) + 1), np.nan)
    grid[:, places] = rows
    activities = np.zeros(grid.shape[1], dtype=np.int64)
    activities[places] = rows[1].astype(np.int64)
    lost = np.isnan(grid[1])
    if lost.any():  # a lost packet belongs to the activity before it
        last = np.maximum.accumulate(np.where(lost, 0, np.arange(grid.shape[1])))
        activities = activities[last]
    sensors = {name: grid[3 + 6 * i : 9 + 6 * i] for i, name in enumerate(_SENSORS)}
    return rows[0, 0] + np.arange(grid.shape[1]) / SAMPLING_RATE, activities, grid[2], sensors


def _places(first: int) -> list[int]:
    """Columns of the ±16 g accelerometer and the gyroscope, of the 17 that begin here with temperature."""
    return [first + 1, first + 2, first + 3, first + 7, first + 8, first + 9]


def _stretches(activities: npt.NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(activities)) + 1).tolist(), len(activities)]
    for first, last in pairwise(edges):
        yield int(activities[first]), first, last


def _each_second(values: Floats) -> Signal:
    count = max(1, -(-len(values) // int(SAMPLING_RATE)))
    padded = np.full(count * int(SAMPLING_RATE), np.nan)
    padded[: len(values)] = values
    seconds = padded.reshape(count, -1)
    known = ~np.isnan(seconds)
    sums = np.where(known, seconds, 0.0).sum(axis=1)
    means = np.divide(sums, known.sum(axis=1), out=np.full(count, np.nan), where=known.any(axis=1))
    return Signal(means[None].astype(np.float32), 1.0, ("heart_rate",), ("beats/min",))
