"""The ECG of an Apple Watch, as Apple Health exports it: ``electrocardiograms/ecg_DATE.csv``.

About ten lines say who, when and how, in the language of the phone and with its decimal mark; then one value of lead I
a line. The person's name and date of birth, which stand in the file, are not read.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, read_numbers, text_head
from sig2lm.signals.recording import Recording, Wanted
from sig2lm.signals.units import convert_values, is_unit

_LINES = 20
_RATE = re.compile(r'"?(\d+)(?:[.,](\d+))?\s*(?:hertz|hz)\b', re.IGNORECASE)
_VALUE = re.compile(r"-?\d+(?:[.,]\d+)?\s*$")


def recognises(head: bytes, path: Path) -> bool:
    """By a rate in hertz, a unit of voltage and single values below them."""
    del path
    lines = as_text(head).splitlines()[: _LINES + 10]
    begin = _first_value(lines)
    return 4 <= begin < len(lines) and _rate(lines[:begin]) is not None and _unit(lines[:begin]) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the lead."""
    del wanted
    lines = text_head(path).splitlines()
    begin = _first_value(lines)
    rate, unit = _rate(lines[:begin]), _unit(lines[:begin])
    assert rate is not None
    assert unit is not None
    comma = any("," in line for line in lines[begin:])
    values = read_numbers(path, 1, skip=begin, separator=";", decimal="," if comma else ".", expected="lines")
    if np.isnan(values).any():
        raise SignalError("a line among the values is empty")
    return Recording(values, ("ecg",), (unit,), rate, states_clock=True)


def _first_value(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if _VALUE.match(line)), len(lines))


def _rate(lines: list[str]) -> float | None:
    match = next((match for line in lines if (match := _RATE.search(line))), None)
    return None if match is None else float(f"{match[1]}.{match[2] or 0}")


def _unit(lines: list[str]) -> str | None:
    for line in lines:
        unit = line.rpartition(",")[2].strip(' "')
        if unit and is_unit(unit):
            try:
                convert_values(np.zeros(1, dtype=np.float32), unit, "mV")
            except SignalError:
                continue
            return unit
    return None


DEVICE = Device("Apple Watch ECG", "ecg_DATE.csv of an Apple Health export, in any language", recognises, read)
