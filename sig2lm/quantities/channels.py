"""Which channels of a signal serve a quantity, found by their units, their clock and, where units are silent, names."""

import re
from collections.abc import Callable
from functools import cache

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.quantities.quantity import Channels
from sig2lm.signals import Signal
from sig2lm.signals.heartbeats import are_intervals, ecg_lead
from sig2lm.signals.units import convert_values

DAY = 86400.0  # s
_PULSE = re.compile(r"bvp|ppg|pleth|pulse", re.IGNORECASE)
# Acceleration without gravity lies beside the whole in some recordings; the whole comes first.
_WITHOUT_GRAVITY = re.compile(r"body|user|linear", re.IGNORECASE)


@cache
def measures(unit: str, other: str) -> bool:
    """Whether values pass from one unit to the other."""
    try:
        convert_values(np.zeros(1, dtype=np.float32), unit, other)
    except SignalError:
        return False
    return True


def triads(unit: str) -> Callable[[Signal], list[Channels]]:
    """Find three sampled channels in a row that measure along the axes of one sensor."""

    def find(signal: Signal) -> list[Channels]:
        places = sampled(unit)(signal)
        found = [(first[0], second[0], third[0]) for first, second, third in zip(*[iter(places)] * 3, strict=False)]
        return sorted(found, key=lambda group: bool(_WITHOUT_GRAVITY.search(signal.channels[group[0]])))

    return find


def sampled(unit: str) -> Callable[[Signal], list[Channels]]:
    """Find single sampled channels by unit."""

    def find(signal: Signal) -> list[Channels]:
        if signal.sampling_rate is None:
            return []
        return [(place,) for place, own in enumerate(signal.units) if own and measures(own, unit)]

    return find


def pulse(signal: Signal) -> list[Channels]:
    """Find a sampled blood volume pulse, which has no unit of its own, by its name."""
    if signal.sampling_rate is None:
        return []
    return [(place,) for place, name in enumerate(signal.channels) if _PULSE.search(name)]


def electrocardiogram(signal: Signal) -> list[Channels]:
    """Find the lead of an ECG."""
    lead = ecg_lead(signal)
    return [] if lead is None else [(signal.channels.index(lead),)]


def intervals(signal: Signal) -> list[Channels]:
    """Find intervals between heart beats."""
    return [(0,)] if are_intervals(signal.units, signal.sampling_rate, signal.period) else []


def days(signal: Signal) -> list[Channels]:
    """Find the channels of daily rows."""
    return [(place,) for place in range(signal.num_channels)] if signal.period == DAY else []
