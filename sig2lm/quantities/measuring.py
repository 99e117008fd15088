"""From signals to measured facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.quantities.quantity import Channels, Measurement, Quantity
from sig2lm.quantities.registry import QUANTITIES
from sig2lm.signals import Signal
from sig2lm.signals.heartbeats import ecg_lead, find_heart_beats
from sig2lm.signals.units import FloatArray, convert_values

Measurements = dict[str, Measurement]


def measure(signal: Signal | Mapping[str, Signal], names: Sequence[str] | None = None) -> Measurements:
    """Measure what a signal carries.

    Parameters
    ----------
    signal
        One signal, or several by name that belong together (a wristband's).
    names
        Quantities to measure, of ``QUANTITIES``; by default all.

    Returns
    -------
    dict
        Measurements by name, in the order of ``QUANTITIES``. A quantity that the signal does not carry (no such
        channel, too short, too many samples missing) has no key. Of several signals that carry the same quantity each
        has its own: ``step rate of the phone``.

    Raises
    ------
    SignalError
        If a name is unknown.

    Examples
    --------
    >>> rr = Signal([[800.0, 820.0, 790.0, 810.0, 800.0]], None, ("rr",), ("ms",))
    >>> print(measure(rr)["heart rate"])
    heart rate 75 beats per minute
    >>> "step rate" in measure(rr)
    False
    """
    if isinstance(signal, Signal):
        return measure_many([signal], names)[0]
    return together({name: measure(one, names) for name, one in signal.items()}, signal)


def together(found: Mapping[str, Measurements], signals: Mapping[str, Signal]) -> Measurements:
    """Merge the measurements of several named signals.

    What several of them may carry is distinguished by its signal, also where only one of them does.
    """
    several = {
        each.name
        for each in QUANTITIES.values()
        if sum(bool(each.need.groups(signal)) for signal in signals.values()) > 1
    }
    names = [name for measured in found.values() for name in measured]
    merged = {}
    for signal, measured in found.items():
        for name, fact in measured.items():
            if name in several or names.count(name) > 1:
                fact = replace(fact, name=f"{name} of the {signal.replace('_', ' ')}")
            merged[fact.name] = fact
    return merged


def measure_many(signals: Sequence[Signal], names: Sequence[str] | None = None) -> list[Measurements]:
    """Measure several signals; those of one kind and length are computed together. See :func:`measure`."""
    wanted = _wanted(names)
    found: list[Measurements] = [{} for _ in signals]
    for kind in _kinds(signals):
        parts = [signals[number] for number in kind]
        _measure_kind(parts, wanted, [found[number] for number in kind])
        if QUANTITIES["signal quality"].need.groups(parts[0]) and find_spec("sleepecg"):
            _measure_beats(parts, wanted, [found[number] for number in kind])
    return found


def lacking_packages(signal: Signal) -> dict[str, list[str]]:
    """Return packages that are not installed, each with the quantities of this signal that need it."""
    lacking: dict[str, list[str]] = {}
    for each in QUANTITIES.values():
        if each.need.package is not None and not each.need.installed and each.need.groups(signal):
            lacking.setdefault(each.need.package, []).append(each.name)
    return lacking


def _wanted(names: Sequence[str] | None) -> list[Quantity]:
    if names is None:
        return list(QUANTITIES.values())
    if unknown := [name for name in names if name not in QUANTITIES]:
        raise SignalError(f"there is no quantity '{unknown[0]}'; choose among {', '.join(QUANTITIES)}")
    return [QUANTITIES[name] for name in names]


def _kinds(signals: Sequence[Signal]) -> list[list[int]]:
    """Numbers of the signals that have one clock, one length and the same channels."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for number, signal in enumerate(signals):
        kind = signal.channels, signal.units, signal.sampling_rate, signal.period, signal.num_samples
        kinds.setdefault(kind, []).append(number)
    return list(kinds.values())


def _measure_kind(parts: Sequence[Signal], wanted: Sequence[Quantity], found: Sequence[Measurements]) -> None:
    """Measure signals of one kind and add what they carry."""
    stacked = np.stack([part.values for part in parts])
    for each in wanted:
        for group in each.need.groups(parts[0]) if each.need.installed else []:
            for one, fact in zip(found, _measure_group(each, stacked, parts[0], group), strict=True):
                if fact is not None:
                    one.setdefault(fact.name, fact)


def _measure_beats(parts: Sequence[Signal], wanted: Sequence[Quantity], found: Sequence[Measurements]) -> None:
    """Measure the intervals between the beats of ECGs, of those in which beats are found."""
    for part, one in zip(parts, found, strict=True):
        lead = ecg_lead(part)
        try:
            intervals = find_heart_beats(part, lead).intervals
        except SignalError:  # fewer than two beats
            continue
        _measure_kind([replace(intervals, channels=(f"beats in {lead}",))], wanted, [one])


def _measure_group(each: Quantity, stacked: FloatArray, first: Signal, group: Channels) -> list[Measurement | None]:
    units = [first.units[place] for place in group]
    rows = [stacked[:, place] for place in group]
    if each.need.unit is not None:
        rows = [convert_values(row, unit, each.need.unit) for row, unit in zip(rows, units, strict=True)]
    values = each.compute(np.stack(rows, axis=1).astype(np.float64), first.sampling_rate or 1.0)
    return [_fact(each, float(value), first, group) if np.isfinite(value) else None for value in values]


def _fact(each: Quantity, value: float, signal: Signal, group: Channels) -> Measurement:
    channel, unit = signal.channels[group[0]].replace("_", " "), signal.units[group[0]]
    unit = "steps" if unit == "count" and channel.endswith("steps") else unit
    return Measurement(
        each.name.format(channel=channel),
        value,
        each.unit.format(unit=unit),
        max(each.tolerance, each.relative * abs(value)),
        each.method,
        tuple(signal.channels[place] for place in group),
        tuple(word.format(channel=channel) for word in each.words),
    )
