"""Withings: ``raw_*.csv`` of a Health Mate export, and the ECG of its web interface as JSON.

A row of a csv holds a start, and lists of durations and values that follow each other from there on. Values stand at
their times, which are uneven. What they are is known from the file's name only (raw_hr_hr.csv: heart rate).
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import parse_json
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.jsons import begins_json, load_json
from sig2lm.signals.devices.text import as_text, read_table, seconds_of, text_head
from sig2lm.signals.recording import Recording, Wanted

_HEADER = re.compile(r'"?start"?,"?duration"?,"?value"?\s*\n', re.IGNORECASE)
_ECG = re.compile(r'"sampling_frequency"\s*:')
_KINDS = {
    "hr": ("heart_rate", "beats/min"),
    "steps": ("steps", "count"),
    "spo2": ("spo2", "%"),
    "distance": ("distance", "m"),
    "altitude": ("altitude", "m"),
    "temperature": ("temperature", "degC"),
}


def recognises(head: bytes, path: Path) -> bool:
    """By the names of the columns, or of the fields."""
    del path
    text = begins_json(head)
    return _HEADER.match(as_text(head)) is not None or ('"signal"' in text and _ECG.search(text) is not None)


def read(path: Path, wanted: Wanted) -> Recording:
    """Read one file."""
    del wanted
    return _read_csv(path) if _HEADER.match(text_head(path)) else _read_ecg(path)


def _read_csv(path: Path) -> Recording:
    table = read_table(path)
    starts, first = seconds_of(table.iloc[:, 0])
    times: list[float] = []
    values: list[float] = []
    for row, (begin, durations, found) in enumerate(zip(starts, table.iloc[:, 1], table.iloc[:, 2], strict=True)):
        try:
            lengths = np.array(parse_json(durations), dtype=np.float64).reshape(-1)
            held = np.array(parse_json(found), dtype=np.float64).reshape(-1)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise SignalError(f"row {row + 1} holds no lists of numbers: {durations[:30]}, {found[:30]}") from error
        if not np.isfinite(lengths).all():
            raise SignalError(f"row {row + 1} holds a duration that is not finite: {durations[:30]}")
        if len(lengths) != len(held):
            raise SignalError(f"row {row + 1} holds {len(lengths)} durations for {len(held)} values")
        times += (begin + np.r_[0.0, np.cumsum(lengths[:-1])]).tolist()
        values += held.tolist()
    order = np.argsort(times, kind="stable")
    stamps = np.array(times)[order]
    words = re.split(r"[^a-z0-9]+", path.stem.casefold())
    name, unit = next((_KINDS[word] for word in reversed(words) if word in _KINDS), ("value", ""))
    return Recording(
        np.array([values])[:, order], (name,), (unit,), times=stamps - stamps[0], start=first + float(stamps[0])
    )


def _read_ecg(path: Path) -> Recording:
    data = load_json(path)
    try:
        body = data.get("body", data)
        values, rate = np.array([body["signal"]], dtype=np.float64), float(body["sampling_frequency"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise SignalError(f"the JSON is not that of a Withings ECG: {error!r}") from error
    return Recording(values, ("ecg",), ("uV",), rate, states_clock=True)


DEVICE = Device("Withings", "raw_*.csv of an export; the ECG of its web interface as JSON", recognises, read)
