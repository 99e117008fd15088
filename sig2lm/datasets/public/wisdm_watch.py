"""WISDM 2019, the watch's accelerometer: 51 people, six of the eighteen activities (Weiss, Yoneda and Hayajneh 2019).

Reads every `data_<subject>_accel_watch.txt` below the source: the official `wisdm-dataset/raw/watch/accel`, and copies
of it. Lines are `subject,code,timestamp,x,y,z;` or, in copies, the same without the time stamp. Values are total
acceleration in m/s² at 20 Hz (LG G Watch) and stay as they are.

Licence: CC BY 4.0, doi 10.24432/C5HK59. Citation: IEEE Access 7, 133190 (2019), doi 10.1109/ACCESS.2019.2940729.

A recording is a run of lines with one code. With time stamps it is cut where they go back or jump by more than
`MAX_GAP`; **without them gaps cannot be seen**, and the lines are taken as 20 Hz throughout. Malformed lines are left
out, counted, and cut the run they stand in; a file with more than `MAX_MALFORMED` of them is refused.

Traps. The file of subject 1629 holds all its recordings twice: repeats are left out. Subject 1616 has no jogging and
1642 no stairs. Most watches saturate at 2 g (19.6 m/s²), which jogging exceeds. Stairs are one code for up and down.
The twelve other codes (typing, eating, clapping and so on; there is no N) are hand work rather than ways to move: they
are left out and counted, so that the table has the same six labels from either layout.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

SAMPLING_RATE = 20.0  # Hz
# 128 samples; 5.12 s would be no whole number of them.
WINDOW = WindowSpec(length=6.4, stride=3.2)  # s
MAX_GAP = 0.25  # s
MAX_MALFORMED = 0.01  # of a file's lines
LABELS = {
    "A": "walking",
    "B": "jogging",
    "C": "climbing stairs",
    "D": "sitting",
    "E": "standing",
    "M": "kicking",
}
MOTION = Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, SAMPLING_RATE, window=WINDOW.length)
FORM = "subject,code[,timestamp],x,y,z;"
MALFORMED = f"lines not of the form {FORM}"
OTHER_ACTIVITY = f"lines of other activities than {', '.join(LABELS.values())}"
REPEATED = "recordings that repeat an earlier one of the same subject"
_FILE = re.compile(r"data_(\d+)_accel_watch\.txt")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LINE = (
    r"^\s*(?P<subject>\d+),(?P<code>[A-MO-S]),(?:(?P<time>\d+),)?"
    rf"(?P<x>{_NUMBER}),(?P<y>{_NUMBER}),(?P<z>{_NUMBER});\s*$"
)
_CODE = re.compile(rb"^\s*\d+,([A-S]),", re.MULTILINE)
# Seconds in a unit of the stamps: the official ones are ns.
_TIME_UNITS = (1e-9, 1e-6, 1e-3)
# A unit makes sense of the stamps if their rate comes within this factor of SAMPLING_RATE.
_RATE_TOLERANCE = 10.0

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Lines:
    """The well-formed lines of a file.

    numbers (N,) of the lines in the file, from 0; codes (N,); values (3, N) m/s²; times (N,) s, or None.
    """

    numbers: npt.NDArray[np.intp]
    codes: npt.NDArray[np.str_]
    values: _Floats
    times: _Floats | None


def draft_wisdm_watch(source: Path, seed: int | None) -> Draft:
    """Plan the table: acceleration (m/s²), 20 Hz, windows of 6.4 s every 3.2 s, six activities.

    Parameters
    ----------
    source
        A folder that holds `data_<subject>_accel_watch.txt` at any depth.
    seed
        Of the split by subject; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another; while rows are read, if a file is damaged or holds another subject than its name says.
    """
    files = _find_files(source)
    labels: dict[str, set[str]] = defaultdict(set)
    for path, subject in files:
        labels[subject] |= {LABELS[code] for code in _scan_codes(path) & LABELS.keys()}
    splits, rule = split_subjects(labels, seed or 0)
    info = TableInfo(
        name="wisdm_watch",
        task="har_wisdm",
        labels=tuple(LABELS.values()),
        signals={"motion": MOTION},
        split_rule=rule,
        kept=0,
        dropped={},
        source="WISDM Smartphone and Smartwatch Activity and Biometrics Dataset, raw/watch/accel, doi 10.24432/C5HK59",
        licence="CC BY 4.0",
        citation=(
            "Weiss, Yoneda, Hayajneh: Smartphone and Smartwatch-Based Biometrics Using Activities of Daily Living. "
            "IEEE Access 7, 133190 (2019), doi 10.1109/ACCESS.2019.2940729"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _read_rows(files, splits, dropped), dropped)


def _find_files(source: Path) -> list[tuple[Path, str]]:
    found = [(path, named[1]) for path in source.rglob("data_*") if (named := _FILE.fullmatch(path.name))]
    if not found:
        raise DatasetError(
            f"expected WISDM's watch accelerometer below '{source}' (data_1600_accel_watch.txt and so on), "
            "found no such file; unpack the archive and give the folder that holds wisdm-dataset"
        )
    return sorted(found, key=lambda file: (file[1], file[0]))


def _scan_codes(path: Path) -> set[str]:
    return {code.decode() for code in set(_CODE.findall(_read_bytes(path)))}


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read: {error.strerror or error}; see to the file") from error


def _read_rows(files: list[tuple[Path, str]], splits: dict[str, str], dropped: Counter[str]) -> Iterator[TableRow]:
    seen: set[tuple[str, str, bytes]] = set()
    for path, subject in files:
        lines = _read_lines(path, subject, dropped)
        rate = SAMPLING_RATE if lines.times is None else _measure_rate(lines.times)
        # Where time stamps lack, the place among the lines is all that is known of the time.
        starts = lines.numbers / rate if lines.times is None else lines.times - lines.times[0]
        for first, last in _find_runs(lines):
            code = str(lines.codes[first])
            values = lines.values[:, first:last]
            content = subject, code, blake2b(values.tobytes()).digest()
            if code not in LABELS:
                dropped[OTHER_ACTIVITY] += last - first
            elif content in seen:
                dropped[REPEATED] += 1
            else:
                seen.add(content)
                motion = Signal(values.astype(np.float32), rate, MOTION.channels, MOTION.units).resample(SAMPLING_RATE)
                for start, window in cut({"motion": motion}, WINDOW, dropped):
                    begin = float(starts[first]) + start
                    yield TableRow(subject, LABELS[code], window, path.name, begin, splits[subject])


def _read_lines(path: Path, subject: str, dropped: Counter[str]) -> _Lines:
    text = pa.array(_read_bytes(path).decode("utf-8", errors="replace").splitlines(), pa.string())
    cells = pc.extract_regex(text, _LINE)
    good = cells.is_valid().to_numpy(zero_copy_only=False)
    stamped = pc.fill_null(pc.not_equal(pc.struct_field(cells, "time"), ""), False).to_numpy(zero_copy_only=False)
    has_times = 2 * stamped.sum() > good.sum()
    # A stamped line that lost a value has the form of one without a stamp.
    good &= stamped == has_times
    _check_form(path, text, good)
    if not good.all():
        dropped[MALFORMED] += int((~good).sum())
    columns = {name: cells.field(name).filter(pa.array(good)) for name in ("subject", "code", "time", "x", "y", "z")}
    numbers = np.flatnonzero(good)
    strangers = pc.not_equal(columns["subject"], subject).to_numpy(zero_copy_only=False)
    if strangers.any():
        place = int(np.argmax(strangers))
        raise DatasetError(
            f"'{path}': line {numbers[place] + 1}: expected subject {subject} as the name says, "
            f"found {columns['subject'][place]}; give the file its own name"
        )
    return _Lines(
        numbers,
        columns["code"].to_numpy(zero_copy_only=False).astype(str),
        np.stack([columns[axis].cast(pa.float64()).to_numpy() for axis in "xyz"]),
        _as_seconds(path, columns["time"]) if has_times else None,
    )


def _check_form(path: Path, text: Any, good: npt.NDArray[np.bool_]) -> None:
    if good.any() and (~good).mean() <= MAX_MALFORMED:
        return
    found = "no line"
    if good.size:
        place = int(np.argmin(good))
        found = f"{(~good).sum()} malformed of {good.size}, first line {place + 1}: {text[place].as_py()[:60]!r}"
    raise DatasetError(f"'{path}': expected lines of the form {FORM}, found {found}; copy the file again")


def _as_seconds(path: Path, stamps: Any) -> _Floats:
    """Return stamps from the file's first; their unit is the one that makes the usual step nearly 1 / 20 s."""
    ticks = stamps.cast(pa.int64()).to_numpy()
    usual = float(np.median(np.diff(ticks))) if ticks.size > 1 else 0.0
    for unit in _TIME_UNITS:
        if 1 / _RATE_TOLERANCE < usual * unit * SAMPLING_RATE < _RATE_TOLERANCE:
            return np.asarray((ticks - ticks[0]) * unit)
    raise DatasetError(
        f"'{path}': expected time stamps in ns (or µs, ms) at about {SAMPLING_RATE:g} Hz, "
        f"found a usual step of {usual:g}; leave the column out if it is no clock"
    )


def _measure_rate(times: _Floats) -> float:
    """Return the rate (Hz) to two digits: stamps of 49.5 ms mean 20 Hz, not a wish for resampling."""
    return float(f"{1 / np.median(np.diff(times)):.2g}")


def _find_runs(lines: _Lines) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the lines that follow each other without a gap and have one code; last is exclusive."""
    broken = (lines.codes[1:] != lines.codes[:-1]) | (np.diff(lines.numbers) > 1)
    if lines.times is not None:
        steps = np.diff(lines.times)
        broken |= (steps < 0) | (steps > MAX_GAP)
    edges = np.concatenate([[0], np.flatnonzero(broken) + 1, [lines.codes.size]])
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
