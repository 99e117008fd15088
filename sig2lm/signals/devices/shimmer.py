"""Shimmer sensors, as Consensys and ShimmerCapture export them: csv or tab-separated text.

Above the rows stand the separator (``"sep=,"``), the names and the units. Names lose the sensor's own part and the
suffix (Shimmer_952D_Accel_LN_X_CAL becomes Accel_LN_X); calibrated columns are taken, and uncalibrated ones only where
the file has no others. The clock is the time stamp in ms.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, numbers, read_table, text_head
from sig2lm.signals.recording import Recording, Wanted

_SEPARATOR = re.compile(r'"?sep=(.)"?\s*$')
_NAME = re.compile(r"(?:Shimmer_[0-9A-Fa-f]{2,6}_)?(?P<signal>\w+?)_(?P<form>CAL|RAW|UNCAL)")
_NO_UNIT = {"no_units", "no units", "unitless", "n/a", "*"}
_SINCE_1970 = 1e11  # ms; smaller stamps count from when the sensor was switched on


def recognises(head: bytes, path: Path) -> bool:
    """By names of columns that begin with Shimmer_ and end with _CAL or _RAW."""
    del path
    lines = as_text(head).splitlines()[:3]
    return any("Shimmer_" in line and re.search(r"_(CAL|RAW|UNCAL)\b", line) for line in lines)


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the calibrated channels."""
    del wanted
    lines = text_head(path).splitlines()
    if len(lines) < 4:
        raise SignalError("expected names, units and rows, found no row")
    match = _SEPARATOR.match(lines[0])
    separator = match[1] if match else ("\t" if "\t" in lines[0] else ",")
    top = 1 if match else 0
    names = [cell.strip().strip('"') for cell in lines[top].split(separator)]
    units = [cell.strip().strip('"') for cell in lines[top + 1].split(separator)]
    if len(units) != len(names) or units[0].replace(".", "").isdigit():
        raise SignalError("expected a row of units below the names; export the file with its units")
    table = read_table(path, [f"{i} {name}" for i, name in enumerate(names)], skip=top + 2, separator=separator)
    parsed = {i: found for i, name in enumerate(names) if (found := _NAME.fullmatch(name))}
    clock = next((i for i, name in parsed.items() if name["signal"].startswith("Timestamp") and units[i] == "ms"), None)
    if clock is None:
        raise SignalError("found no time stamp in ms among the columns; export it with the signals")
    signals = {i: name for i, name in parsed.items() if "timestamp" not in name["signal"].casefold()}
    calibrated = {i: name for i, name in signals.items() if name["form"] == "CAL"} or signals
    if not calibrated:
        raise SignalError(f"found no signal among the columns {', '.join(names)}")
    counts = Counter(name["signal"] for name in calibrated.values())
    channels = tuple(name["signal"] if counts[name["signal"]] == 1 else names[i] for i, name in calibrated.items())
    stamps = numbers(table.iloc[:, clock])
    return Recording(
        np.stack([numbers(table.iloc[:, i]) for i in calibrated]),
        channels,
        tuple("" if units[i] in _NO_UNIT else units[i] for i in calibrated),
        times=(stamps - stamps[0]) / 1000,
        start=stamps[0] / 1000 if stamps[0] > _SINCE_1970 else None,
    )


DEVICE = Device("Shimmer", "csv and text of Consensys: names, units, time stamps in ms", recognises, read)
