"""What a file leaves open, filled: names, clock and units, from the options or from a contract; and what is said of it.

A file's own statements are kept, and options that contradict them are refused.
"""

from dataclasses import dataclass, replace

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.contract import Contract
from sig2lm.signals.heartbeats import are_intervals
from sig2lm.signals.observed import interval_unit, intervals_of, same_names
from sig2lm.signals.options import ReadOptions
from sig2lm.signals.recording import FloatMatrix, Recording
from sig2lm.signals.regrid import AGREES, regrid
from sig2lm.signals.units import UNITLESS, is_unit, same_unit

_SLOW = 2.0  # s; rows that are further apart have a period and no sampling rate


def name_channels(recording: Recording, options: ReadOptions, contract: Contract | None) -> Recording:
    """Select and name channels: as the options say, else as the contract does, else as the file does."""
    count, found = recording.values.shape[0], recording.channels
    if options.channels is None and contract is not None:
        return _name_for(recording, contract)
    if options.channels is None:
        recording.channels = found or tuple(f"channel_{i + 1}" for i in range(count))
        return recording
    wanted, names = options.wanted or (), options.names or ()
    listed = ", ".join(found or ())
    if found and set(wanted) <= set(found):
        return replace(recording.select(wanted), channels=names)
    if found and (set(wanted) & set(found) or options.renames):
        missing = ", ".join(name for name in wanted if name not in found)
        raise SignalError(f"channels are {listed}, but {missing} was asked for too; choose among these (--channels)")
    if len(names) != count or options.renames:
        raise SignalError(
            f"--channels names {len(names)} ({', '.join(names)}), but the file holds {count}"
            f"{f' ({listed})' if found else ' without names'}; name them all, or write NAME=COLUMN"
        )
    return replace(recording, channels=names)


def _name_for(recording: Recording, contract: Contract) -> Recording:
    count, found = recording.values.shape[0], recording.channels
    if found is None:
        return replace(recording, channels=contract.channels if count == len(contract.channels) else _numbered(count))
    if set(contract.channels) <= set(found):
        return recording.select(contract.channels)
    if (same := same_names(contract.channels, found)) is None:
        return recording
    chosen = recording.select(same)
    said = f"the channels {', '.join(same)} are read as {', '.join(contract.channels)}"
    return replace(chosen, channels=contract.channels, notes=(*recording.notes, said))


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"channel_{i + 1}" for i in range(count))


def without_marks(values: FloatMatrix, options: ReadOptions) -> FloatMatrix:
    """Values in which the numbers that mark missing samples are NaN."""
    marks = []
    for mark in options.missing:
        try:
            marks.append(float(mark))
        except ValueError:
            continue
    return np.where(np.isin(values, marks), np.nan, values) if marks else values


@dataclass(frozen=True)
class Clocked:
    """A recording whose values stand on an even clock, or are events; and what was guessed of it."""

    recording: Recording
    sampling_rate: float | None = None
    period: float | None = None
    notes: tuple[str, ...] = ()


def find_clock(recording: Recording, options: ReadOptions, contract: Contract | None) -> Clocked:
    """The clock of a recording: that of the file or of its stamps, else what is stated, else the contract's."""
    rate, period = options.sampling_rate, options.period
    given = rate is not None or period is not None
    if options.time_column == "none":
        if not given and recording.states_clock:
            rate, period = recording.sampling_rate, recording.period
        elif given and recording.states_clock:
            own = _said(recording.sampling_rate, recording.period)
            return Clocked(recording, rate, period, (f"the file states {own}, but {_said(rate, period)} is believed",))
        return _assumed(recording, rate, period, contract)
    if recording.states_clock:
        if given and not _agree((rate, period), (recording.sampling_rate, recording.period)):
            raise SignalError(
                f"the file states {_said(recording.sampling_rate, recording.period)}, but {_said(rate, period)} was "
                "given; leave that out (it is resampled where needed), or have it believed (--time-column none)"
            )
        return _as_contract(recording, recording.sampling_rate, recording.period, contract)
    if recording.times is None:
        return _assumed(recording, rate, period, contract)
    if not given and (told := _are_events(recording, contract)):
        return Clocked(recording, notes=(told,))
    grid = regrid(recording.values, recording.times, rate if period is None else 1 / period)
    slow = grid.period if grid.period >= _SLOW else None
    clock = _as_contract(replace(recording, values=grid.values), grid.sampling_rate, period or slow, contract)
    return replace(clock, notes=(*grid.notes, f"{_said(clock.sampling_rate, clock.period)} by its clock"))


def _are_events(recording: Recording, contract: Contract | None) -> str:
    """Why time stamps are those of events; empty where they are of samples."""
    channels = set(recording.channels or ())
    if contract is not None:
        own = bool(channels & set(contract.channels))
        events = own and contract.sampling_rate is None and contract.period is None
        return "its rows are events, so their times are not used" if events else ""
    assert recording.times is not None
    place = intervals_of(recording.values, recording.times)
    return (
        ""
        if place is None
        else f"{(recording.channels or ())[place]} holds the intervals between its rows, so these are events"
    )


def _as_contract(recording: Recording, rate: float | None, period: float | None, contract: Contract | None) -> Clocked:
    """The same clock as a rate or as a period, as the contract has it; else as a period where there is one."""
    spacing = period if period is not None or rate is None else 1 / rate
    if spacing is not None and contract is not None and contract.period is not None:
        near = abs(spacing / contract.period - 1) <= AGREES
        return Clocked(recording, period=contract.period if near else spacing)
    if spacing is not None and contract is not None and contract.sampling_rate is not None:
        return Clocked(recording, rate or 1 / spacing)
    return Clocked(recording, None if period is not None else rate, period)


def _assumed(recording: Recording, rate: float | None, period: float | None, contract: Contract | None) -> Clocked:
    """The clock of a file without one."""
    if rate is not None or period is not None:
        return _as_contract(replace(recording, states_clock=True), rate, period, contract)
    if contract is None:
        return Clocked(recording, notes=("no clock is stated, so its rows are events; --sampling-rate gives them one",))
    if contract.sampling_rate is None and contract.period is None:
        return Clocked(recording)
    taken = _said(contract.sampling_rate, contract.period)
    said = f"no clock is stated, so {taken} is taken; --sampling-rate says otherwise"
    return Clocked(recording, contract.sampling_rate, contract.period, (said,))


def _agree(first: tuple[float | None, float | None], second: tuple[float | None, float | None]) -> bool:
    periods = [1 / rate if rate is not None else period for rate, period in (first, second)]
    if periods[0] is None or periods[1] is None:
        return periods[0] is periods[1]
    return abs(periods[0] / periods[1] - 1) < 1e-6


def _said(rate: float | None, period: float | None) -> str:
    if rate is not None:
        return f"{rate:g} Hz"
    return "no sampling rate" if period is None else f"one row every {period:g} s"


def find_units(
    recording: Recording, options: ReadOptions, contract: Contract | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The unit of each channel, and what was taken from the contract."""
    channels = recording.channels or ()
    stated = recording.units or ("",) * len(channels)
    if options.units is not None:
        return _given_units(channels, stated, options.units), ()
    if contract is None:
        return stated, ()
    known = dict(zip(contract.channels, contract.units, strict=True))
    units = tuple(unit or known.get(name, "") for name, unit in zip(channels, stated, strict=True))
    if are_intervals(contract.units, contract.sampling_rate, contract.period) and channels == contract.channels:
        if stated[0] not in UNITLESS:
            return stated, ()
        unit = interval_unit(recording.values, contract.units[0])
        said = (f"no unit is stated; values around {np.nanmedian(recording.values):.4g} are intervals in {unit}",)
        return (unit,), said if unit != contract.units[0] else ()
    taken = sorted({unit for unit, own in zip(units, stated, strict=True) if unit and not own})
    guess = f"no unit is stated, so {', '.join(taken)} is taken; --units says otherwise"
    return units, (guess,) if taken else ()


def _given_units(channels: tuple[str, ...], stated: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    given = given * len(channels) if len(given) == 1 else given
    if len(given) != len(channels):
        raise SignalError(
            f"{len(channels)} units are needed (--units), one for each of {', '.join(channels)}, found {len(given)}: "
            f"{', '.join(given)}"
        )
    for channel, own, unit in zip(channels, stated, given, strict=True):
        if own not in UNITLESS and is_unit(own) and not same_unit(own, unit):
            raise SignalError(
                f"channel {channel} is in {own!r} by the file's own word, but --units says {unit!r}; leave it out, "
                "since units are converted where needed"
            )
    return given
