"""Axivity AX3 and AX6 as csv of OmGui: no header, a date and time, then x, y, z in g (AX6: a gyroscope in deg/s too).

Nothing in the file names the device, so it is taken for one by its layout, and only where the values lie about 1 g;
that is said.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, numbers, read_table, seconds_of, text_head
from sig2lm.signals.recording import Recording, Wanted

_NUMBER = r"-?\d+(?:\.\d+)?"
_ROW = re.compile(
    rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3,6}},({_NUMBER}),({_NUMBER}),({_NUMBER})((?:,{_NUMBER}){{3}})?"
)
_COLUMNS = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
_NEAR_ONE = (0.6, 1.6)  # g; the median of any wear


def recognises(head: bytes, path: Path) -> bool:
    """By rows without a header, and acceleration about 1 g."""
    del path
    lines = as_text(head).splitlines()
    rows = [match for line in lines[:-1] if (match := _ROW.fullmatch(line.strip()))]
    if len(rows) < 2 or len(rows) < len(lines) - 2:
        return False
    length = np.median([np.linalg.norm([float(cell) for cell in row.group(1, 2, 3)]) for row in rows])
    return bool(_NEAR_ONE[0] <= length <= _NEAR_ONE[1])


def read(path: Path, wanted: Wanted) -> Recording:
    """Read acceleration, and rotation where it is there."""
    del wanted
    count = text_head(path).split("\n", 1)[0].count(",")
    if count not in (3, 6):
        raise SignalError(f"expected a time and 3 or 6 numbers in a row, found {count + 1} cells")
    channels = _COLUMNS[:count]
    table = read_table(path, ("time", *channels))
    times, start = seconds_of(table["time"])
    units = ("g",) * 3 + ("deg/s",) * (count - 3)
    values = np.stack([numbers(table[name]) for name in channels])
    notes = ("read as a csv of Axivity by its layout: acceleration in g",)
    return Recording(values, channels, units, times=times, start=start, notes=notes)


DEVICE = Device("Axivity", "csv of OmGui for AX3 and AX6 (not the .cwa file)", recognises, read)
