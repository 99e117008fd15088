"""Movesense sensors as JSON of its apps: packets of samples with a time stamp in ms each.

Packets are found wherever they stand (under ``data``, ``Meas``, ``Body``). ECG, heart rate with RR intervals,
acceleration in m/s², rotation in degrees a second and magnetic field in uT are read; each has its own clock, so one is
chosen by name where a file holds several. Samples of a packet lie evenly before the next one. An ECG has no unit: the
file states none, and its scale differs between models.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.jsons import begins_json, load_json
from sig2lm.signals.devices.text import Floats
from sig2lm.signals.recording import Recording, Wanted
from sig2lm.signals.streams import Header, Streams

_XYZ = {
    "ArrayAcc": (("acc_x", "acc_y", "acc_z"), "m/s^2"),
    "ArrayGyro": (("gyro_x", "gyro_y", "gyro_z"), "deg/s"),
    "ArrayMagn": (("mag_x", "mag_y", "mag_z"), "uT"),
}
_MARK = re.compile(r'"(Samples|ArrayAcc|ArrayGyro|ArrayMagn|rrData)"\s*:\s*\[')
_DEEPEST = 12


def recognises(head: bytes, path: Path) -> bool:
    """By JSON with arrays of these names."""
    del path
    text = begins_json(head)
    return _MARK.search(text) is not None and ('"Timestamp"' in text or '"rrData"' in text)


def read(path: Path, wanted: Wanted) -> Streams:
    """Read what the packets hold."""
    del wanted
    packets: dict[str, list[tuple[Any, Any]]] = {}
    for packet in _packets(load_json(path), 0):
        for key in ("Samples", "rrData", *_XYZ):
            if isinstance(packet.get(key), list) and packet[key]:
                packets.setdefault(key, []).append((packet.get("Timestamp"), packet[key]))
    headers: list[Header] = []
    origin: list[tuple[str, int]] = []
    for key, found in packets.items():
        names, unit = _XYZ.get(key, (("rr",), "ms") if key == "rrData" else (("ecg",), ""))
        rate = None if key == "rrData" else _rate(found)
        headers += [Header(name, unit, rate) for name in names]
        origin += [(key, i) for i in range(len(names))]

    def load(places: list[int]) -> Recording:
        chosen = [headers[place] for place in places]
        kinds = list(dict.fromkeys(origin[place][0] for place in places))
        blocks = {kind: _values(kind, packets[kind]) for kind in kinds}
        shared = min(block.shape[1] for block in blocks.values())
        values = np.stack([blocks[origin[place][0]][origin[place][1], :shared] for place in places])
        names, units = tuple(header.name for header in chosen), tuple(header.unit for header in chosen)
        return Recording(values, names, units, chosen[0].sampling_rate, states_clock=True)

    return Streams(tuple(headers), load)


def _packets(node: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _packets(value, depth + 1)
    elif isinstance(node, list) and node and isinstance(node[0], dict | list):
        for value in node:
            yield from _packets(value, depth + 1)


def _rate(packets: list[tuple[Any, Any]]) -> float:
    """Return the rate by the time between the first and the last packet, which may be one of the rates it offers."""
    try:
        stamps = np.array([float(stamp) for stamp, _ in packets])
    except (TypeError, ValueError, OverflowError) as error:
        raise SignalError("a packet of samples has no time stamp") from error
    count = sum(len(samples) for _, samples in packets[:-1])
    if len(packets) < 2 or stamps[-1] <= stamps[0] or (np.diff(stamps) < 0).any():
        raise SignalError("the time stamps of the packets do not increase, so the rate is unknown")
    longest = np.diff(stamps).max()
    if longest > 2.5 * np.median(np.diff(stamps)):
        raise SignalError(f"packets were lost: {longest:g} ms lie between two of them; cut the recording there")
    rate = 1000 * count / (stamps[-1] - stamps[0])
    offered = min((13, 26, 52, 104, 208, 416, 833, 125, 128, 200, 250, 256, 500, 512), key=lambda hz: abs(hz - rate))
    return float(offered) if abs(offered - rate) < 0.02 * rate else float(f"{rate:.6g}")


def _values(kind: str, packets: list[tuple[Any, Any]]) -> Floats:
    samples = [sample for _, block in packets for sample in block]
    try:
        if kind in _XYZ:
            return np.array([[float(sample[axis]) for sample in samples] for axis in "xyz"])
        return np.array([[float(sample) for sample in samples]])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SignalError(f"a sample of {kind} is not what is expected: {error!r}") from error


DEVICE = Device("Movesense", "JSON of its apps: ECG, RR, acceleration, rotation, magnetic field", recognises, read)
