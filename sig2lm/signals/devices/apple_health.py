"""Apple Health's ``export.xml``: the heart rate of all sources, at its times.

The file is read line by line as text, since it may be a gigabyte, and no entity of XML is ever resolved. A measurement
every few minutes is usual, every few seconds in a workout.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text, seconds_of
from sig2lm.signals.recording import Recording, Wanted

_KIND = 'type="HKQuantityTypeIdentifierHeartRate"'
_FIELD = re.compile(r'(\w+)="([^"]*)"')


def recognises(head: bytes, path: Path) -> bool:
    """By the root of its XML; a folder by the file in it."""
    if path.is_dir():
        return _export(path) is not None
    text = as_text(head)
    return text.lstrip().startswith("<?xml") and ("<HealthData" in text or "<!DOCTYPE HealthData" in text)


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the heart rate."""
    del wanted
    file = _export(path) if path.is_dir() else path
    assert file is not None
    stamps: list[str] = []
    values: list[float] = []
    sources: set[str] = set()
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if _KIND not in line:
                continue
            fields = dict(_FIELD.findall(line))
            try:
                values.append(float(fields["value"]) * (60 if fields.get("unit") == "count/s" else 1))
                stamps.append(fields["startDate"])
            except (KeyError, ValueError) as error:
                raise SignalError(
                    f"a heart rate in '{file.name}' lacks a value or a date: {line.strip()[:80]}"
                ) from error
            sources.add(fields.get("sourceName", ""))
    if not values:
        raise SignalError("the export holds no heart rate")
    times, start = seconds_of(stamps, "%Y-%m-%d %H:%M:%S %z")
    order = np.argsort(times, kind="stable")
    notes = (f"heart rates of {len(sources)} sources stand side by side",) if len(sources) > 1 else ()
    return Recording(
        np.array([values])[:, order],
        ("heart_rate",),
        ("beats/min",),
        times=times[order] - times.min(),
        start=start + float(times.min()),
        notes=notes,
    )


def _export(folder: Path) -> Path | None:
    found = [file for file in (folder / "export.xml", folder / "apple_health_export" / "export.xml") if file.is_file()]
    return found[0] if found else None


DEVICE = Device("Apple Health", "the heart rate of export.xml", recognises, read)
