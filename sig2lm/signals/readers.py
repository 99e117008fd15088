"""Files in, signals out; and one format to save them in. What was guessed on the way is in ``Signal.notes``."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import expanded, replaced_file
from sig2lm.signals.contract import Contract
from sig2lm.signals.filling import find_clock, find_units, name_channels, without_marks
from sig2lm.signals.formats import read_recording
from sig2lm.signals.heartbeats import are_intervals
from sig2lm.signals.observed import odd_marks
from sig2lm.signals.options import ReadOptions, Stated
from sig2lm.signals.signal import Signal


def read_signal(path: str | Path, *, allow_missing: bool = False, **stated: Unpack[Stated]) -> Signal:
    """Read one recording.

    Text tables (csv, tsv, txt, ...; with a header or not, samples in rows), parquet, npy ((C, T) or (T,)), npz (see
    `save_signal`), WFDB (the record's header, signal file or bare name), EDF, and what the devices export that ``sig2lm
    formats`` lists. A column of time stamps is no channel: it is the clock, and an uneven one is put on a grid
    (`regrid`). Empty cells and NaN are missing samples.

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
    path = expanded(path)
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
    path = expanded(path)
    asked = options
    if contract is not None and options.channels is None:
        asked = replace(options, channels=contract.channels)
    try:
        beats = contract is not None and are_intervals(contract.units, contract.sampling_rate, contract.period)
        recording = name_channels(read_recording(path, asked, beats=beats), options, contract)
        recording.values = without_marks(recording.values, options)
        clock = find_clock(recording, options, contract)
        units, said = find_units(recording, options, contract)
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


def _check_values(signal: Signal) -> None:
    empty = [name for name, row in zip(signal.channels, signal.values, strict=True) if np.isnan(row).all()]
    if empty:
        raise SignalError(f"no value at all in channel {', '.join(empty)}; choose other channels (--channels)")
