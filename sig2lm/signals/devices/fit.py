"""FIT files of Garmin and others (the package fitdecode, extra ``sig2lm[fit]``): records and intervals between beats.

Records (heart rate, cadence, speed, altitude, ...) stand at their time stamps, usually one a second; ``rr`` is the
event series of RR intervals that some watches and straps store. They have different clocks, so one is chosen by name
where a file holds both.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import Floats
from sig2lm.signals.recording import Recording, Wanted, shorten
from sig2lm.signals.streams import Header, Streams
from sig2lm.signals.units import is_unit

_CLOCK = "by its time stamps"
_SHORTER = {"bpm": "beats/min", "semicircles": "", "C": "degC"}


def recognises(head: bytes, path: Path) -> bool:
    """By the mark in the header."""
    del path
    return len(head) >= 12 and head[0] in (12, 14) and head[8:12] == b".FIT"


def read(path: Path, wanted: Wanted) -> Streams:
    """Read records and RR intervals."""
    del wanted
    stamps, records, units, intervals = _decode(path)
    names = sorted(name for name in units if any(name in record for record in records))
    headers = [Header(name, units[name], None, _CLOCK) for name in names]
    headers += [Header("rr", "ms", None)] if intervals else []
    if not headers:
        raise SignalError("the file holds neither records nor intervals between beats")

    def load(places: list[int]) -> Recording:
        chosen = [headers[place] for place in places]
        if chosen[0].name == "rr":
            return Recording(1000 * np.array([intervals]), ("rr",), ("ms",), states_clock=True)
        values = np.array([[record.get(header.name, np.nan) for record in records] for header in chosen])
        times = stamps - stamps[0]
        return Recording(
            values,
            tuple(header.name for header in chosen),
            tuple(header.unit for header in chosen),
            times=times,
            start=float(stamps[0]),
        )

    return Streams(tuple(headers), load)


def _decode(path: Path) -> tuple[Floats, list[dict[str, float]], dict[str, str], list[float]]:
    """Return when records were made (s since 1970), their numbers, the numbers' units, and RR intervals in s."""
    try:
        import fitdecode
    except ImportError as error:
        raise SignalError(
            "reading FIT files needs the package fitdecode, which is not installed; pip install 'sig2lm[fit]'"
        ) from error
    stamps: list[float] = []
    records: list[dict[str, float]] = []
    units: dict[str, str] = {}
    intervals: list[float] = []
    try:
        with warnings.catch_warnings(), fitdecode.FitReader(str(path)) as reader:
            warnings.simplefilter("ignore")
            for frame in reader:
                if not isinstance(frame, fitdecode.FitDataMessage):
                    continue
                if frame.name == "hrv":
                    intervals += [float(value) for value in _tuple(frame.get_value("time", fallback=())) if value]
                elif frame.name == "record" and frame.has_field("timestamp"):
                    found = {field.name: field for field in frame.fields if _is_number(field.value)}
                    stamps.append(frame.get_value("timestamp").timestamp())
                    records.append({name: float(field.value) for name, field in found.items()})
                    units |= {name: _unit(field.units) for name, field in found.items()}
    except Exception as error:  # what it makes of damaged bytes has no common kind; it asserts, too
        raise SignalError(f"not a whole FIT file: {shorten(error)}") from error
    return np.array(stamps), records, units, intervals


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit(unit: str | None) -> str:
    unit = _SHORTER.get(unit or "", unit or "")
    return unit if is_unit(unit) else ""


DEVICE = Device("Garmin FIT", "records and RR intervals of .fit (extra sig2lm[fit])", recognises, read)
