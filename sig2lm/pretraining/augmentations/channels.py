"""What a contract tells about its channels: which form a vector, which share a sensor, how noisy they are.

A vector is three neighbours that share a unit and whose names differ in one letter: x, y, z. A device is the vectors
whose names are alike once the axis and the sensor's name (acc, gyro, mag and the like) are taken away: ``acc_x ...
gyro_z`` is one device, ``phone_acc_x ... watch_acc_z`` are two.
"""

import re
from collections.abc import Sequence

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals import Contract
from sig2lm.signals.units import convert_values, same_unit

Vector = tuple[int, int, int]
Devices = tuple[tuple[Vector, ...], ...]

_SENSOR = re.compile(
    r"linear|user|total|body|gravity|accelerometer|acceleration|accel|acc|gyroscope|gyro|gyr|rotation|rate|"
    r"angular|velocity|magnetometer|magnetic|mag|(?<![a-z])[agm](?![a-z])"
)
# One standard deviation. Acceleration: 0.05 g as in Um et al. 2017 (doi 10.1145/3136755.3136817). The others are
# choices of this project: small beside what each quantity does in a minute, or in a day. Others are left alone.
_NOISE = (
    (0.5, "m/s^2"),
    (0.1, "rad/s"),
    (0.03, "mV"),
    (0.01, "uS"),
    (0.02, "degC"),
    (1.0, "uT"),
    (1.0, "beats/min"),
)
_DAILY_NOISE = ((300.0, "count"), (10.0, "minute"))
_SIGNED = ("m/s^2", "rad/s", "V", "T")


def is_event_series(contract: Contract) -> bool:
    """Whether rows follow events (heart beats, say) and no clock."""
    return contract.sampling_rate is None and contract.period is None


def is_interval_series(contract: Contract) -> bool:
    """Whether this is a series of intervals between heart beats: one channel in a unit of time, no clock."""
    return is_event_series(contract) and len(contract.units) == 1 and amount(1.0, "s", contract.units[0]) is not None


def vector_devices(contract: Contract) -> Devices:
    """Find the 3-D vectors of each device."""
    devices: dict[str, list[Vector]] = {}
    first = 0
    while first + 2 < len(contract.channels):
        stem = _stem(contract, first)
        if stem is None:
            first += 1
            continue
        device = re.sub(r"[^a-z0-9]", "", _SENSOR.sub("", stem))
        devices.setdefault(device, []).append((first, first + 1, first + 2))
        first += 3
    return tuple(tuple(vectors) for vectors in devices.values())


def sensors(contract: Contract) -> tuple[tuple[int, ...], ...]:
    """Group neighbouring channels that share a unit; two vectors side by side are two sensors.

    In slow series, such as days, each channel is a quantity of its own.
    """
    if contract.period is not None:
        return tuple((number,) for number in range(len(contract.channels)))
    vectors = {vector[0]: vector for device in vector_devices(contract) for vector in device}
    groups: list[list[int]] = []
    number = 0
    while number < len(contract.channels):
        if number in vectors:
            groups.append(list(vectors[number]))
        elif groups and groups[-1][0] not in vectors and _share_unit(contract, groups[-1][-1], number):
            groups[-1].append(number)
        else:
            groups.append([number])
        number = groups[-1][-1] + 1
    return tuple(tuple(group) for group in groups)


def noise_levels(contract: Contract) -> tuple[float, ...]:
    """Typical sensor noise of each channel, in its unit; 0 where none is known."""
    known = _NOISE if contract.period is None else (*_NOISE, *_DAILY_NOISE)

    def level(unit: str) -> float:
        amounts = (amount(size, source, unit) for size, source in known)
        return next((size for size in amounts if size is not None), 0.0)

    return tuple(level(unit) for unit in contract.units)


def sizes_in(contract: Contract, size: float, unit: str) -> tuple[float, ...]:
    """``size`` in each channel's own unit; 0 for channels that measure something else."""
    return tuple(amount(size, unit, other) or 0.0 for other in contract.units)


def signed_channels(contract: Contract) -> tuple[int, ...]:
    """Channels whose sign says how the sensor was mounted: acceleration, rotation, magnetic field, voltage."""
    signed = (any(amount(1.0, unit, other) is not None for unit in _SIGNED) for other in contract.units)
    return tuple(number for number, found in enumerate(signed) if found)


def amount(size: float, source: str, target: str) -> float | None:
    """Convert a difference of ``size`` from one unit to another; None where they measure different things."""
    try:
        low, high = convert_values(np.array([0.0, size], dtype=np.float32), source, target)
    except SignalError:
        return None
    return float(high - low)


def refuse(name: str, contract: Contract, needs: str) -> SignalError:
    """Build the error for an augmentation that makes no sense for a contract."""
    channels = ", ".join(
        f"{channel} ({unit or '1'})" for channel, unit in zip(contract.channels, contract.units, strict=True)
    )
    return SignalError(f"the augmentation {name} needs {needs}, found {channels}; choose another one for this signal")


def _stem(contract: Contract, first: int) -> str | None:
    """The name that channels ``first`` to ``first + 2`` share, without the axis, if they are a vector."""
    names = [name.lower() for name in contract.channels[first : first + 3]]
    if not (_share_unit(contract, first, first + 1) and _share_unit(contract, first, first + 2)):
        return None
    for place, letter in enumerate(names[0]):
        head, tail = names[0][:place], names[0][place + 1 :]
        if letter == "x" and names[1:] == [f"{head}{axis}{tail}" for axis in "yz"]:
            return head + tail
    return None


def _share_unit(contract: Contract, *numbers: int) -> bool:
    units: Sequence[str] = [contract.units[number] for number in numbers]
    return all(same_unit(units[0], unit) for unit in units[1:])
