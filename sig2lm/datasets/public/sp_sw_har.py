"""Phone and watch at once: 23 people stand up, walk, turn and sit down (Matey-Sanz, Casteleyn and Granell 2023).

Reads the official layout, `DATA/sNN/sNN_MM_sp.csv` (phone) and `sNN_MM_sw.csv` (watch): total acceleration (m/s²),
angular velocity (rad/s), a Unix time stamp (ms) and a label in each row. A row of the table is one window with two
signals, `phone` and `watch`, over the same stretch of time.

Licence: CC BY 4.0. Citation: Data in Brief 51, 109809, doi 10.1016/j.dib.2023.109809; data: doi 10.5281/zenodo.8398688.

The clock. A device samples evenly (phones at 102.4 Hz, watches at 104.3 Hz), but its stamps tell when a sample was
delivered: phones deliver in bursts, with up to 0.19 s between two stamps and none within a burst. So the samples
between two gaps are placed on the straight line that fits their stamps best (least squares), and are read off by linear
interpolation on one grid of 100 Hz over the time that both devices cover. Steps longer than `MAX_GAP` are gaps: no
sample is invented there, the grid's values are missing.

Traps. An execution lasts 11 s and standing up 1.2 s: windows of 2.56 s would leave two of its 223 occasions. Windows of
`WINDOW` keep it in nearly all; those in which an activity changes are left out by the rule of `LABEL_SHARE`. Each
device's rows are labelled apart and differ by up to 0.09 s around a change, so the rule is asked of both. Sitting is
short (0.7 s at either end), and half of its stretches are too short for a window. The people carry the phone in
different orientations.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from sig2lm.datasets.public.motionsense import MOTION
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

SAMPLING_RATE = 100.0  # Hz
WINDOW = WindowSpec(length=0.96, stride=0.24)  # s
LABEL_SHARE = 0.8  # of a window's samples, on either device
MAX_GAP = 0.25  # s
# Of the two devices' first stamps, and of their last; in the published files it is 1.07 s at most.
MAX_OFFSET = 2.0  # s
LABELS = {
    "SEATED": "sitting",
    "STANDING_UP": "standing up",
    "WALKING": "walking",
    "TURNING": "turning",
    "SITTING_DOWN": "sitting down",
}
DEVICES = {"phone": "sp", "watch": "sw"}
DEVICE = Contract(MOTION.channels, MOTION.units, SAMPLING_RATE, window=WINDOW.length)
MIXED = f"windows in which no label holds for {100 * LABEL_SHARE:g} % of the samples on both devices"
_FOLDER = "DATA"
_FILE = re.compile(r"(s\d+)/(\1_\d+)_(sp|sw)\.csv")
_VALUES = tuple(f"{axis}_{sensor}" for sensor in ("acc", "gyro") for axis in "xyz")
_TYPES = {**dict.fromkeys(_VALUES, pa.float64()), "timestamp": pa.int64(), "label": pa.string()}
_NO_LABEL = -1

_Floats = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Trial:
    """What one device recorded: (T,) times in s, (6, T) values, (T,) places in `LABELS`."""

    times: _Floats
    values: _Floats
    labels: _Places


def draft_sp_sw_har(source: Path, seed: int | None) -> Draft:
    """Plan the table: signals `phone` and `watch`, 100 Hz, windows of 0.96 s every 0.24 s, five activities.

    Parameters
    ----------
    source
        `DATA`, or the folder that holds it.
    seed
        Of the split by subject; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another or a file lacks its partner; while rows are read, if a file is damaged.
    """
    executions = _find_executions(source)
    # Every execution goes through all activities.
    subjects = {path.parent.name: set(LABELS.values()) for path in executions}
    splits, rule = split_subjects(subjects, seed or 0)
    info = TableInfo(
        name="sp_sw_har",
        task="har_phone_watch",
        labels=tuple(LABELS.values()),
        signals=dict.fromkeys(DEVICES, DEVICE),
        split_rule=rule,
        kept=0,
        dropped={},
        source="Smartphone and smartwatch inertial measurements, https://doi.org/10.5281/zenodo.8398688",
        licence="CC BY 4.0",
        citation=(
            "Matey-Sanz, Casteleyn, Granell: Dataset of inertial measurements of smartphones and smartwatches for "
            "human activity recognition. Data in Brief 51, 109809 (2023), doi 10.1016/j.dib.2023.109809"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _read_rows(executions, splits, dropped), dropped)


def _find_executions(source: Path) -> list[Path]:
    """Return each execution's path without the device's ending, `.../s01/s01_02`."""
    folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
    files = [path for path in folder.glob("s[0-9]*/*.csv") if not path.name.startswith(".")]
    if not files:
        raise DatasetError(
            f"expected phone and watch recordings in '{source}' ({_FOLDER}/s01/s01_01_sp.csv and so on), found no such "
            f"file; unpack the archive and give the folder that holds {_FOLDER}"
        )
    executions = set()
    for path in files:
        named = _FILE.fullmatch("/".join(path.parts[-2:]))
        if named is None:
            raise DatasetError(f"expected names like s01/s01_02_sp.csv or s01/s01_02_sw.csv, found '{path}'; rename it")
        executions.add(path.with_name(named[2]))
    for path in sorted(executions):
        for name, ending in DEVICES.items():
            file = _device_file(path, ending)
            if not file.is_file():
                raise DatasetError(f"expected the {name}'s recording '{file}' beside the other device's; it is missing")
    return sorted(executions)


def _device_file(execution: Path, ending: str) -> Path:
    return execution.with_name(f"{execution.name}_{ending}.csv")


def _read_rows(executions: list[Path], splits: dict[str, str], dropped: Counter[str]) -> Iterator[TableRow]:
    for execution in executions:
        files = {name: _device_file(execution, ending) for name, ending in DEVICES.items()}
        recordings = {name: _read_recording(file) for name, file in files.items()}
        grid = _common_grid(execution, *recordings.values())
        aligned = {name: _put_on_grid(recording, grid) for name, recording in recordings.items()}
        signals = {
            name: Signal(values, SAMPLING_RATE, DEVICE.channels, DEVICE.units) for name, (values, _) in aligned.items()
        }
        labels = np.stack([places for _, places in aligned.values()])
        subject = execution.parent.name
        source = f"{subject}/{files['phone'].name}"
        lead = float(grid[0] - recordings["phone"].times[0])
        for start, window in cut(signals, WINDOW, dropped):
            first = round(start * SAMPLING_RATE)
            label = _find_label(labels[:, first : first + window["phone"].num_samples])
            if label is None:
                dropped[MIXED] += 1
            else:
                yield TableRow(subject, label, window, source, lead + start, splits[subject])


def _read_recording(path: Path) -> _Trial:
    try:
        table = arrow_csv.read_csv(
            path,
            # one thread, because only then the message of an error tells the row
            read_options=arrow_csv.ReadOptions(use_threads=False),
            convert_options=arrow_csv.ConvertOptions(column_types=_TYPES, include_columns=list(_TYPES)),
        )
    except (pa.ArrowException, OSError) as error:
        told = " ".join(str(error).split())[:200]
        raise DatasetError(f"'{path}': expected the columns {', '.join(_TYPES)}, but: {told}") from error
    if table.num_rows < 2:
        raise DatasetError(f"'{path}': expected a recording, found {table.num_rows} rows; copy the file again")
    labels = pc.index_in(table["label"], value_set=pa.array(list(LABELS)))
    if labels.null_count:
        row = int(np.argmax(labels.is_null().to_numpy()))
        found = table["label"][row].as_py()
        raise DatasetError(f"'{path}': line {row + 2}: expected a label among {', '.join(LABELS)}, found {found!r}")
    stamps = table["timestamp"].to_numpy() / 1000
    broken = np.isnan(stamps) | (np.diff(stamps, prepend=stamps[0]) < 0)
    if broken.any():
        raise DatasetError(
            f"'{path}': line {np.argmax(broken) + 2}: expected a time stamp in ms that does not go back; fix the file"
        )
    values = np.stack([table[name].to_numpy() for name in _VALUES])
    if np.isinf(values).any():
        line = int(np.argmax(np.isinf(values).any(axis=0))) + 2
        raise DatasetError(f"'{path}': line {line}: expected finite values, found infinity; fix the file")
    return _Trial(_even_clock(stamps), values, labels.to_numpy())


def _even_clock(stamps: _Floats) -> _Floats:
    """Place the samples between two gaps evenly on the line nearest to their stamps (T,), in s."""
    clock = stamps.copy()
    for places in np.split(np.arange(stamps.size), np.flatnonzero(np.diff(stamps) > MAX_GAP) + 1):
        if places.size > 1:
            count = np.arange(places.size) - (places.size - 1) / 2
            middle = stamps[places].mean()
            clock[places] = middle + count * (count @ (stamps[places] - middle) / (count @ count))
    return np.asarray(np.maximum.accumulate(clock))


def _common_grid(execution: Path, phone: _Trial, watch: _Trial) -> _Floats:
    begin, end = (phone.times[0], watch.times[0]), (phone.times[-1], watch.times[-1])
    if abs(begin[0] - begin[1]) > MAX_OFFSET or abs(end[0] - end[1]) > MAX_OFFSET:
        raise DatasetError(
            f"'{execution}': expected phone and watch to begin and end within {MAX_OFFSET:g} s of each other, but the "
            f"watch begins {begin[1] - begin[0]:+.1f} s and ends {end[1] - end[0]:+.1f} s from the phone; "
            "one of the two files is truncated or from another execution"
        )
    count = int(np.floor((min(end) - max(begin)) * SAMPLING_RATE)) + 1
    return np.asarray(max(begin) + np.arange(max(count, 1)) / SAMPLING_RATE)


def _put_on_grid(recording: _Trial, grid: _Floats) -> tuple[npt.NDArray[np.float32], _Places]:
    """Return values (6, G), missing in gaps, and the labels (G,) of the samples nearest in time."""
    times = recording.times
    right = np.clip(np.searchsorted(times, grid), 1, times.size - 1)
    left = right - 1
    in_gap = times[right] - times[left] > MAX_GAP
    values = np.stack([np.interp(grid, times, row) for row in recording.values])
    values[:, in_gap] = np.nan
    nearest = np.where(grid - times[left] < times[right] - grid, left, right)
    labels = np.where(in_gap, _NO_LABEL, recording.labels[nearest])
    return values.astype(np.float32), labels


def _find_label(places: _Places) -> str | None:
    """Return the label that reaches `LABEL_SHARE` on both devices, from places (2, T) in `LABELS`."""
    names = tuple(LABELS.values())
    shares = [np.bincount(row[row != _NO_LABEL], minlength=len(names)) / row.size for row in places]
    share = np.minimum(*shares)
    best = int(share.argmax())
    return names[best] if share[best] >= LABEL_SHARE else None
