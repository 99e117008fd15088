"""Files in, signals out; and one format to save them in.

A file's own statements (names, units, clock) are kept, and options that contradict them are refused; what the file
leaves open, the options or a contract fill. What was guessed on the way is in ``Signal.notes``.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import replaced_file
from sig2lm.signals.contract import Contract
from sig2lm.signals.formats import read_recording
from sig2lm.signals.heartbeats import are_intervals
from sig2lm.signals.observed import interval_unit, intervals_of, odd_marks, same_names
from sig2lm.signals.options import ReadOptions, Stated
from sig2lm.signals.recording import Recording
from sig2lm.signals.regrid import AGREES, regrid
from sig2lm.signals.signal import Signal
from sig2lm.signals.units import UNITLESS, is_unit, same_unit

_SLOW = 2.0  # s; rows that are further apart have a period and no sampling rate


def read_signal(path: str | Path, *, allow_missing: bool = False, **stated: Unpack[Stated]) -> Signal:
    """Read one recording.

    Text tables (csv, tsv, txt, ...; with a header or not, samples in rows), parquet, npy ((C, T) or (T,)), npz (see
    `save_signal`), WFDB (the record's header, signal file or bare name), EDF, and what the devices of ``sig2lm formats``
    export. A column of time stamps is no channel: it is the clock, and an uneven one is put on a grid (`regrid`). Empty
    cells and NaN are missing samples.

    Parameters
    ----------
    path
        The file, or a WFDB record's name.
    allow_missing
        Accept channels without any value.
    stated
        The fields of `ReadOptions`: ``sampling_rate``, ``period``, ``channels``, ``units``, ``time_column``,
        ``missing``, ``start``, ``end``, ``time_axis``.

    Returns
    -------
    Signal
        Without a clock, an event series; its ``notes`` say what was guessed.

    Raises
    ------
    SignalError
        If the file is missing, empty, of unknown kind, damaged, no table of numbers, contradicts an option, or has a
        channel without values; the message begins with the path.
    """
    return _read(Path(path), ReadOptions.from_stated(stated), None, allow_missing)


def read_signal_for(
    path: str | Path, contract: Contract, options: ReadOptions | None = None, *, allow_missing: bool = False
) -> Signal:
    """Read one recording as it is, to be brought to a contract that fills what file and options do not state.

    Parameters
    ----------
    path, allow_missing
        As in `read_signal`.
    contract
        Whose channels are read where the file has them by name (case and punctuation aside); with names, units and
        clock for a file without them. A clock is not asked for where the contract is of events and the channels are its
        own.
    options
        What the user states.

    Raises
    ------
    SignalError
        As `read_signal` does.
    """
    return _read(Path(path), options or ReadOptions(), contract, allow_missing)


def read_signal_as(
    path: str | Path,
    contract: Contract,
    owner: str,
    options: ReadOptions | None = None,
    *,
    allow_missing: bool = False,
) -> Signal:
    """Read one recording and bring it to a contract, which also fills what the file does not state.

    Parameters
    ----------
    path, contract, options, allow_missing
        As in `read_signal_for`.
    owner
        As in `Contract.conform`.

    Raises
    ------
    SignalError
        As `read_signal` and `Contract.conform` do.
    """
    signal = read_signal_for(path, contract, options, allow_missing=allow_missing)
    try:
        return contract.conform(signal, owner)
    except SignalError as error:
        raise SignalError(f"'{path}': {error}") from error


def save_signal(signal: Signal, path: str | Path) -> None:
    """Write a signal as npz, whole or not at all; `read_signal` gives it back.

    The keys are values (C, T) float32, channels, units, and sampling_rate and period, where NaN stands for None.

    Raises
    ------
    SignalError
        If the name does not end in .npz.
    Sig2LMError
        If the file cannot be written.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".npz":
        raise SignalError(f"signals are saved as .npz, found '{path}'; change the suffix")
    with replaced_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            values=signal.values,
            channels=np.array(signal.channels),
            units=np.array(signal.units),
            sampling_rate=np.float64(np.nan if signal.sampling_rate is None else signal.sampling_rate),
            period=np.float64(np.nan if signal.period is None else signal.period),
        )


def _read(path: Path, options: ReadOptions, contract: Contract | None, allow_missing: bool) -> Signal:
    path = path.expanduser()
    asked = options
    if contract is not None and options.channels is None:
        asked = replace(options, channels=contract.channels)
    try:
        beats = contract is not None and are_intervals(contract.units, contract.sampling_rate, contract.period)
        recording = _name_channels(read_recording(path, asked, beats=beats), options, contract)
        recording.values = _without_marks(recording.values, options)
        clock = _find_clock(recording, options, contract)
        units, said = _find_units(recording, options, contract)
        signal = Signal(
            clock.recording.values,
            clock.sampling_rate,
            recording.channels or (),
            units,
            clock.period,
            recording.start,
            (*recording.notes, *clock.notes, *said),
        )
        if not allow_missing:
            _check_values(signal)
        signal = replace(signal, notes=(*signal.notes, *odd_marks(signal)))
        if options.start is None and options.end is None:
            return signal
        return signal.slice(options.start or 0.0, options.end or signal.duration or 0.0)
    except SignalError as error:
        raise SignalError(f"'{path}': {error}") from error


def _name_channels(recording: Recording, options: ReadOptions, contract: Contract | None) -> Recording:
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


def _without_marks(values: np.ndarray, options: ReadOptions) -> np.ndarray:
    """Values in which the numbers that mark missing samples are NaN."""
    marks = []
    for mark in options.missing:
        try:
            marks.append(float(mark))
        except ValueError:
            continue
    return np.where(np.isin(values, marks), np.nan, values) if marks else values


@dataclass(frozen=True)
class _Clock:
    recording: Recording
    sampling_rate: float | None = None
    period: float | None = None
    notes: tuple[str, ...] = ()


def _find_clock(recording: Recording, options: ReadOptions, contract: Contract | None) -> _Clock:
    """The clock of a recording: what the file states or its time stamps give, else what is stated, else the contract."""
    rate, period = options.sampling_rate, options.period
    given = rate is not None or period is not None
    if options.time_column == "none":
        if not given and recording.states_clock:
            rate, period = recording.sampling_rate, recording.period
        elif given and recording.states_clock:
            said = f"the file states {_said(recording.sampling_rate, recording.period)}, but {_said(rate, period)} is believed"
            return _Clock(recording, rate, period, (said,))
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
        return _Clock(recording, notes=(told,))
    grid = regrid(recording.values, recording.times, rate if period is None else 1 / period)
    clock = _as_contract(replace(recording, values=grid.values), grid.sampling_rate, period, contract)
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
    return "" if place is None else f"{(recording.channels or ())[place]} holds the intervals between its rows, so these are events"


def _as_contract(
    recording: Recording, rate: float | None, period: float | None, contract: Contract | None
) -> _Clock:
    """The same clock as a rate or as a period, as the contract has it; else as a period where rows are slow."""
    if rate is not None and contract is not None and contract.period is not None:
        near = abs(rate * contract.period - 1) <= AGREES
        return _Clock(recording, period=contract.period if near else 1 / rate)
    if contract is not None and contract.sampling_rate is not None:
        return _Clock(recording, rate if rate is not None else 1 / period if period is not None else None)
    if rate is not None and 1 / rate >= _SLOW and not recording.states_clock:
        return _Clock(recording, period=float(f"{1 / rate:.6g}"))
    return _Clock(recording, None if period is not None else rate, period)


def _assumed(recording: Recording, rate: float | None, period: float | None, contract: Contract | None) -> _Clock:
    """The clock of a file without one."""
    if rate is not None or period is not None:
        return _as_contract(replace(recording, states_clock=True), rate, period, contract)
    if contract is None:
        return _Clock(recording, notes=("no clock is stated, so its rows are events; --sampling-rate gives them one",))
    if contract.sampling_rate is None and contract.period is None:
        return _Clock(recording)
    said = f"no clock is stated, so {_said(contract.sampling_rate, contract.period)} is taken; --sampling-rate says otherwise"
    return _Clock(recording, contract.sampling_rate, contract.period, (said,))


def _agree(first: tuple[float | None, float | None], second: tuple[float | None, float | None]) -> bool:
    periods = [1 / rate if rate is not None else period for rate, period in (first, second)]
    if periods[0] is None or periods[1] is None:
        return periods[0] is periods[1]
    return abs(periods[0] / periods[1] - 1) < 1e-6


def _said(rate: float | None, period: float | None) -> str:
    if rate is not None:
        return f"{rate:g} Hz"
    return "no sampling rate" if period is None else f"one row every {period:g} s"


def _find_units(
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
    said = f"no unit is stated, so {', '.join(taken)} is taken; --units says otherwise"
    return units, (said,) if taken else ()


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
                f"channel {channel} is in {own!r} by the file's own word, but --units says {unit!r}; leave it out, since "
                "units are converted where needed"
            )
    return given


def _check_values(signal: Signal) -> None:
    empty = [name for name, row in zip(signal.channels, signal.values, strict=True) if np.isnan(row).all()]
    if empty:
        raise SignalError(f"no value at all in channel {', '.join(empty)}; choose other channels (--channels)")
