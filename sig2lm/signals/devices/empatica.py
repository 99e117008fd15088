"""Empatica E4 wristband: BVP, EDA, TEMP, ACC, HR and IBI, a csv each, as its website exports a session.

The first row holds the start (s since 1970, UTC), once for each channel; the second the rate in Hz; then samples.
Acceleration is stored in 1/64 g and comes in g. IBI.csv has no rate: the time of each beat and the interval before it
in s, which come as an event series ``rr`` in ms; beats that the wristband lost are not marked, so intervals do not add
up to the time that passed. The pulse (``bvp``) has no unit that the device states.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import HEAD, Device
from sig2lm.signals.devices.text import as_text, read_numbers
from sig2lm.signals.recording import Recording, Wanted
from sig2lm.signals.streams import Header, Streams

Floats = npt.NDArray[np.float64]

# Channels and the unit in which each file's values come once scaled.
_FILES: dict[str, tuple[tuple[str, ...], str, float]] = {
    "ACC": (("acc_x", "acc_y", "acc_z"), "g", 1 / 64),
    "BVP": (("bvp",), "", 1.0),
    "EDA": (("eda",), "uS", 1.0),
    "TEMP": (("temp",), "degC", 1.0),
    "HR": (("heart_rate",), "beats/min", 1.0),
}
_RATES = {"ACC": 32.0, "BVP": 64.0, "EDA": 4.0, "TEMP": 4.0, "HR": 1.0}
_NUMBER = r"\d{9,10}(?:\.\d+)?"
_START = re.compile(rf"{_NUMBER}(?:, *{_NUMBER})*\s*")
_IBI = re.compile(rf"{_NUMBER}, *IBI\s*")


def recognises(head: bytes, path: Path) -> bool:
    """Tell an E4 file by its first two rows and its name, a folder by its files."""
    if path.is_dir():
        return any(_is_stream(file) for file in _session(path).values())
    lines = as_text(head).split("\n", 2)
    if len(lines) < 3:
        return False
    if _IBI.fullmatch(lines[0]):
        return True
    name, rate = _kind(path), lines[1].split(",")[0].strip()
    return bool(_START.fullmatch(lines[0])) and name in _RATES and _is(rate, _RATES[name])


def read(path: Path, wanted: Wanted) -> Streams:
    """Read one file of a session, or the folder of a session."""
    del wanted
    files = _session(path) if path.is_dir() else {_kind(path, path.read_bytes()[:HEAD]): path}
    headers: list[Header] = []
    origin: list[tuple[str, int]] = []  # file and column of each header
    for kind, file in files.items():
        if kind == "IBI":
            headers.append(Header("rr", "ms", None))
            origin.append((kind, 0))
            continue
        channels, unit, _ = _FILES[kind]
        headers += [Header(channel, unit, read_start(file, len(channels))[1]) for channel in channels]
        origin += [(kind, column) for column in range(len(channels))]

    def load(places: list[int]) -> Recording:
        names, units = zip(*((headers[place].name, headers[place].unit) for place in places), strict=True)
        if names == ("rr",):
            return _read_intervals(files["IBI"])
        parts = {kind: read_stream(files[kind], kind) for kind in {origin[place][0] for place in places}}
        start = max(begin for begin, _, _ in parts.values())
        rows = []
        for kind, column in (origin[place] for place in places):
            begin, rate, values = parts[kind]
            rows.append(values[column, round((start - begin) * rate) :])
        shared = min(map(len, rows))
        return Recording(np.stack([row[:shared] for row in rows]), names, units, rate, states_clock=True, start=start)

    return Streams(tuple(headers), load)


def read_stream(path: Path, kind: str) -> tuple[float, float, Floats]:
    """Read one file other than IBI.csv.

    Parameters
    ----------
    path
        The csv file.
    kind
        ACC, BVP, EDA, TEMP or HR.

    Returns
    -------
    The start (s since 1970, UTC), the rate (Hz) and the values (C, T) in the unit of the kind.

    Raises
    ------
    SignalError
        If the file is damaged or holds no sample.
    """
    channels, _, scale = _FILES[kind]
    start, rate = read_start(path, len(channels))
    values = read_numbers(path, len(channels), skip=2, expected="samples below start and rate")
    return start, rate, values * scale


def read_start(path: Path, count: int) -> tuple[float, float]:
    """Return the start (s since 1970) and the rate (Hz) from the first two rows of ``count`` numbers each."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        rows = [file.readline(1000).split(",") for _ in range(2)]
    try:
        starts, rates = ([float(cell) for cell in row] for row in rows)
    except ValueError as error:
        raise SignalError(f"expected a start time, then a rate in Hz, found {rows}") from error
    if len(starts) != count or len(rates) != count or not 0 < rates[0] <= 1000 or len(set(rates)) > 1:
        raise SignalError(f"expected {count} start times, then as many equal rates in Hz, found {starts} and {rates}")
    return starts[0], rates[0]


def _read_intervals(path: Path) -> Recording:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = float(file.readline(1000).split(",")[0])
    times, seconds = read_numbers(path, 2, skip=1, expected="times and intervals in s")
    lost = int((np.diff(times) > seconds[1:] + 0.1).sum())
    notes = (
        (f"intervals were lost by the device in {lost} places; each value is one interval that it kept",)
        if lost
        else ()
    )
    return Recording(
        1000 * seconds[None], ("rr",), ("ms",), states_clock=True, start=start + times[0] - seconds[0], notes=notes
    )


def _session(folder: Path) -> dict[str, Path]:
    files = {kind: folder / f"{kind}.csv" for kind in (*_FILES, "IBI")}
    return {kind: file for kind, file in files.items() if file.is_file() and file.stat().st_size}


def _is_stream(file: Path) -> bool:
    with file.open("rb") as opened:
        return recognises(opened.read(HEAD), file)


def _kind(path: Path, head: bytes = b"") -> str:
    """Which file it is: by its name, which may have something before or behind, as S2_ACC.csv; IBI by its header."""
    if _IBI.fullmatch(as_text(head).split("\n", 1)[0]):
        return "IBI"
    words = re.split(r"[^A-Z]+", path.stem.upper())
    return next((word for word in words if word in _FILES), "")


def _is(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False


DEVICE = Device(
    "Empatica E4", "a session's folder, or one of its ACC, BVP, EDA, TEMP, HR and IBI files", recognises, read
)
