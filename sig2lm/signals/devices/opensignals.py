"""OpenSignals text files (BITalino, biosignalsplux): a header in JSON, then rows of raw numbers.

The rate and the channels come from the header. Counters and digital inputs and outputs are no channels; where the
counter jumps, samples were lost and are missing. Values are those of the converter, without a unit: what a number means
depends on the sensor and the device's supply. A channel is named after its sensor (ECG), or after its input (A2) where
the sensor is not named or several are of one kind.
"""

from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import parse_json
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.lost import put_lost
from sig2lm.signals.devices.text import as_text, read_numbers, text_head
from sig2lm.signals.recording import Recording, Wanted, distinct

_NO_SENSOR = {"", "RAW", "CUSTOM", "UNKNOWN", "OTHER"}


def recognises(head: bytes, path: Path) -> bool:
    """By the first line."""
    del path
    return as_text(head).lstrip().startswith("# OpenSignals Text File Format")


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the analog channels of all devices in the file."""
    del wanted
    lines = text_head(path).splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith("# EndOfHeader")), None)
    header = next((line for line in lines[:end] if line.startswith("# {")), None)
    if end is None or header is None:
        raise SignalError("expected a header in JSON that ends with '# EndOfHeader', found none")
    try:
        devices = list(parse_json(header[2:]).values())
        columns = [column for device in devices for column in device["column"]]
        rates = {float(device["sampling rate"]) for device in devices}
        names = [name for device in devices for name in _names(device)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignalError(f"the header in JSON lacks what it should say: {error!r}") from error
    if len(rates) != 1 or not 0 < min(rates) <= 1e6:
        raise SignalError(f"expected one rate for all devices, found {', '.join(f'{rate:g} Hz' for rate in rates)}")
    values = read_numbers(path, len(columns), skip=end + 1, separator=r"\s+")
    places = [i for i, name in enumerate(names) if name]
    if not places:
        raise SignalError(f"found no analog channel among {', '.join(columns)}")
    channels = distinct([names[i] for i in places])
    lost: tuple[str, ...] = ()
    kept = values[places]
    if len(devices) == 1 and columns[0] == "nSeq":
        steps = np.diff(values[0]).astype(np.int64) % 2 ** int(devices[0].get("resolution", [4])[0])
        kept, lost = put_lost(kept, steps)
    notes = ("values are those of the converter; convert them by the sensor's transfer function to get a unit",)
    return Recording(
        kept, channels, ("adc",) * len(places), next(iter(rates)), states_clock=True, notes=(*lost, *notes)
    )


def _names(device: dict[str, Any]) -> list[str]:
    """Names of a device's channels, one a column; "" for counters and digital lines."""
    columns = device["column"]
    sensors = [str(sensor) for sensor in device.get("sensor", [])]
    labels = [str(label) for label in device.get("label", columns[len(columns) - len(sensors) :])]
    if len(sensors) != len(labels) or len(sensors) > len(columns):
        raise ValueError(f"{len(sensors)} sensors for {len(labels)} channels")
    named = [
        sensor if sensor.upper() not in _NO_SENSOR and sensors.count(sensor) == 1 else label
        for sensor, label in zip(sensors, labels, strict=True)
    ]
    return [""] * (len(columns) - len(named)) + named


DEVICE = Device("OpenSignals", "text files of BITalino and biosignalsplux", recognises, read)
