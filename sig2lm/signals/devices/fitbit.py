"""Fitbit exports: heart rate, steps and others of Takeout (JSON), of the web interface (JSON) and csv of Takeout.

Values stand at their times, which are uneven: a watch writes its heart rate every 5 to 15 s. Takeout's times are local
times without a zone.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.jsons import begins_json, load_json
from sig2lm.signals.devices.text import as_text, numbers, read_table, seconds_of, text_head
from sig2lm.signals.recording import Recording, Wanted

_TAKEOUT = re.compile(r'\[\s*\{\s*"dateTime"\s*:\s*"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"\s*,\s*"value"')
_INTRADAY = re.compile(r'"activities-(\w+)-intraday"')
_CSV = re.compile(r"timestamp,(beats per minute|steps)\s*\n", re.IGNORECASE)
_UNITS = {"heart_rate": "beats/min", "steps": "count", "confidence": ""}


def recognises(head: bytes, path: Path) -> bool:
    """By the names in JSON, or the names of the columns."""
    del path
    text = begins_json(head)
    return bool(_TAKEOUT.match(text) or _INTRADAY.search(text) or _CSV.match(as_text(head)))


def read(path: Path, wanted: Wanted) -> Recording:
    """Read one export."""
    del wanted
    text = text_head(path)
    if _CSV.match(text):
        table = read_table(path)
        times, start = seconds_of(table.iloc[:, 0])
        name = "heart_rate" if "beats" in table.columns[1] else "steps"
        return Recording(numbers(table.iloc[:, 1])[None], (name,), (_UNITS[name],), times=times, start=start)
    data = load_json(path)
    try:
        return _read_takeout(data, path) if isinstance(data, list) else _read_intraday(data)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError, StopIteration) as error:
        raise SignalError(f"an entry is not what Fitbit exports: {error!r}") from error


def _read_takeout(entries: list[dict[str, Any]], path: Path) -> Recording:
    times, start = seconds_of([entry["dateTime"] for entry in entries], "%m/%d/%y %H:%M:%S")
    order = np.argsort(times, kind="stable")
    found = [entry["value"] for entry in entries]
    if isinstance(found[0], dict):
        rows = {"heart_rate" if key == "bpm" else key: [float(value[key]) for value in found] for key in found[0]}
        if "heart_rate" in rows:
            rows = {"heart_rate": rows["heart_rate"]}
    else:
        name = re.split(r"[-_]\d{4}", path.stem)[0].replace("-", "_")
        rows = {name or "value": [float(value) for value in found]}
    units = tuple(_UNITS.get(name, "") for name in rows)
    values = np.array(list(rows.values()))[:, order]
    return Recording(values, tuple(rows), units, times=times[order] - times[order][0], start=start + times.min())


def _read_intraday(data: dict[str, Any]) -> Recording:
    key = next(key for key in data if _INTRADAY.fullmatch(f'"{key}"'))
    kind = key.split("-")[1]
    name = "heart_rate" if kind == "heart" else kind
    day = data[f"activities-{kind}"][0]["dateTime"]
    entries = data[key]["dataset"]
    stamps = [f"{day} {entry['time']}" for entry in entries]
    times, start = seconds_of(stamps)
    values = np.array([[float(entry["value"]) for entry in entries]])
    return Recording(values, (name,), (_UNITS.get(name, ""),), times=times, start=start)


DEVICE = Device("Fitbit", "heart rate, steps and others as JSON or csv of an export", recognises, read)
