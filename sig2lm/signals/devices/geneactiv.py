"""GENEActiv wrist accelerometers as csv: a hundred lines of header, then time, x, y, z, light, button, temperature.

Acceleration is in g. The clock is the rate in the header where it agrees with the times in the rows to two samples, and
else these times.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, numbers, read_table, seconds_of, text_head
from sig2lm.signals.recording import Recording, Wanted

_ROW = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[:.]\d+,")
_RATE = re.compile(r"Measurement Frequency[,:]\s*(?P<rate>\d+(\.\d+)?)", re.IGNORECASE)
_COLUMNS = ("time", "acc_x", "acc_y", "acc_z", "light", "button", "temperature")
_UNITS = {"acc_x": "g", "acc_y": "g", "acc_z": "g", "light": "lux", "button": "", "temperature": "degC"}


def recognises(head: bytes, path: Path) -> bool:
    """By its name and the rate in the header."""
    del path
    text = as_text(head)
    return "GENEActiv" in text[:200] and _RATE.search(text) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read acceleration, light, button and temperature."""
    del wanted
    text = text_head(path)
    lines = text.splitlines()
    begin = next((i for i, line in enumerate(lines) if _ROW.match(line)), None)
    match = _RATE.search(text)
    if begin is None or match is None:
        raise SignalError("no rows of time and acceleration follow the header")
    count = lines[begin].count(",") + 1
    if not 4 <= count <= len(_COLUMNS):
        raise SignalError(f"expected rows of time, x, y, z, light, button and temperature, found {count} columns")
    table = read_table(path, _COLUMNS[:count], skip=begin)
    # milliseconds stand behind a colon
    times, start = seconds_of(table["time"].str.replace(r":(\d+)$", r".\1", regex=True))
    rate = float(match["rate"])
    channels = _COLUMNS[1:count]
    even = rate > 0 and abs(times[-1] * rate - (len(times) - 1)) <= 2
    return Recording(
        np.stack([numbers(table[name]) for name in channels]),
        channels,
        tuple(_UNITS[name] for name in channels),
        rate if even else None,
        times=None if even else times,
        states_clock=even,
        start=start,
    )


DEVICE = Device("GENEActiv", "csv with a hundred lines of header (not the .bin file)", recognises, read)
