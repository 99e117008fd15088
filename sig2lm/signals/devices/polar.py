"""Polar sensors (H10, Verity Sense, OH1) through Polar Sensor Logger and apps that write as it does.

Columns are separated by ``;`` and begin with the phone's time, mostly followed by the sensor's own, which counts ns
since 2000 and is the clock here. ACC comes in mg, GYRO in degrees a second, ECG in uV, HR in beats/min; PPG has no
unit. Intervals between beats (PPI, RR) are event series in ms, PPI with the sensor's own estimate of its error.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import Floats, as_text, numbers, read_table, seconds_of, text_head
from sig2lm.signals.recording import Recording, Wanted

_HEADER = re.compile(r"Phone (Data RX )?timestamp;.*", re.IGNORECASE)
_AXES = {"mg": "acc", "g": "acc", "dps": "gyro", "deg/sec": "gyro", "G": "mag", "Gauss": "mag"}
_EPOCH = 946_684_800.0  # s; the sensor's clock begins in 2000
_COLUMN = re.compile(r"(?P<name>[^\[]*?)\s*(\[(?P<unit>[^\]]*)\])?\s*")
# Signals by the name of their column; everything else is a flag.
_NAMES = {"ecg": "ecg", "hr": "heart_rate", "pp-interval": "ppi", "error estimate": "ppi_error", "rr-interval": "rr"}
_INTERVALS = ("ppi", "rr")


def recognises(head: bytes, path: Path) -> bool:
    """By the names of the columns."""
    del path
    return _HEADER.match(as_text(head)) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read one of its files."""
    del wanted
    names = [name.strip() for name in text_head(path).split("\n", 1)[0].strip().split(";")]
    columns = [name or f"empty {i}" for i, name in enumerate(names)]
    table = read_table(path, [f"{i} {name}" for i, name in enumerate(columns)], skip=1, separator=";")
    found = {channel: (table.iloc[:, i], unit) for i, name in enumerate(columns) for channel, unit in _channel(name)}
    events = [name for name in _INTERVALS if name in found]
    if events:
        found = {name: found[name] for name in (*events, "ppi_error") if name in found}
    if not found:
        raise SignalError(f"no column of signals among {', '.join(names)}")
    values = np.stack([numbers(column) for column, _ in found.values()])
    channels, units = tuple(found), tuple(unit for _, unit in found.values())
    if events:
        _, start = seconds_of(table.iloc[:1, 0])
        blocked = [i for i, name in enumerate(columns) if name.casefold() == "blocker"]
        count = int((numbers(table.iloc[:, blocked[0]]) > 0).sum()) if blocked else 0
        notes = (f"the sensor was moving in {count} intervals, which are uncertain (see ppi_error)",) if count else ()
        return Recording(values, channels, units, states_clock=True, start=start, notes=notes)
    times, start = _times(table, columns)
    return Recording(values, channels, units, times=times, start=start)


def _times(table: "object", columns: list[str]) -> tuple[Floats, float]:
    sensor = [i for i, name in enumerate(columns) if name.casefold() == "sensor timestamp [ns]"]
    if sensor:
        column = table.iloc[:, sensor[0]].str.strip()  # type: ignore[attr-defined]
        if not column.str.fullmatch(r"\d{1,18}").all():
            raise SignalError("the sensor's timestamps are not whole numbers of ns")
        stamps = column.astype(np.int64).to_numpy()  # a float would lose the last digits
        if len(stamps) < 2 or stamps[-1] > stamps[0]:
            return (stamps - stamps[0]) * 1e-9, _EPOCH + float(stamps[0]) * 1e-9
    return seconds_of(table.iloc[:, 0])  # type: ignore[attr-defined]


def _channel(column: str) -> list[tuple[str, str]]:
    """Return the signal in a column and its unit, or nothing for times and flags."""
    match = _COLUMN.fullmatch(column)
    if match is None:
        return []
    name, unit = match["name"].strip(), match["unit"] or ""
    if name in ("X", "Y", "Z") and unit in _AXES:
        kind = _AXES[unit]
        return [(f"{kind}_{name.lower()}", "gauss" if kind == "mag" else unit)]
    if name.casefold().startswith("channel "):
        return [(f"ppg_{name.split()[-1]}", "")]
    if name.casefold() == "ambient":
        return [("ppg_ambient", "")]
    known = _NAMES.get(name.casefold())
    return [(known, "beats/min" if unit == "bpm" else unit)] if known else []


DEVICE = Device(
    "Polar", "text files of Polar Sensor Logger: ACC, GYRO, MAGN, ECG, PPG, PPI, RR and HR", recognises, read
)
