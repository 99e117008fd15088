"""Muse headbands: csv of Mind Monitor, and of muselsl.

EEG is in uV. Mind Monitor's other columns (band powers, accelerometer, gyroscope, battery) are repeated between their
own samples, so they are read only when asked for by name. Rows that mark a blink or a jaw clench hold no sample.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, numbers, read_table, seconds_of
from sig2lm.signals.recording import Recording, Wanted

_MONITOR = re.compile(r"TimeStamp,.*\bRAW_TP9\b")
_LSL = re.compile(r"timestamps,TP9,AF7,AF8,TP10\b")
_MOVING = {"Accelerometer": "g", "Gyro": "deg/s"}


def recognises(head: bytes, path: Path) -> bool:
    """By the names of the columns."""
    del path
    first = as_text(head).split("\n", 1)[0]
    return _MONITOR.match(first) is not None or _LSL.match(first) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the EEG, or the columns asked for."""
    table = read_table(path)
    clock = table.columns[0]
    raw = [name for name in table.columns[1:] if name.startswith("RAW_")] or list(table.columns[1:])
    chosen = list(wanted) if wanted and set(wanted) <= set(table.columns[1:]) else raw
    table = table[(table[chosen] != "").any(axis=1)]
    if table.empty:
        raise SignalError(f"no row holds a value of {', '.join(chosen)}")
    if clock == "timestamps":
        stamps = numbers(table[clock])
        times, start = stamps - stamps[0], float(stamps[0])
    else:
        times, start = seconds_of(table[clock])
    values = np.stack([numbers(table[name]) for name in chosen])
    left = len(raw) < len(table.columns) - 1 and chosen == raw
    notes = ("only the raw EEG was read; choose other columns by name (--channels)",) if left else ()
    return Recording(values, tuple(chosen), tuple(map(_unit, chosen)), times=times, start=start, notes=notes)


def _unit(name: str) -> str:
    if name.startswith("RAW_") or name in ("TP9", "AF7", "AF8", "TP10", "Right AUX", "AUX"):
        return "uV"
    return _MOVING.get(name.split("_")[0], "")


DEVICE = Device("Muse", "csv of Mind Monitor and muselsl", recognises, read)
