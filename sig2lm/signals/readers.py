"""Files in, signals out; and one format to save them in.

A file's own statements (names, units, clock) are kept and an argument that contradicts them is an error; what the file
leaves open, the arguments or a contract fill.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import replaced_file
from sig2lm.signals.checks import as_names
from sig2lm.signals.contract import Contract
from sig2lm.signals.devices import device_of
from sig2lm.signals.formats import READERS
from sig2lm.signals.heartbeats import are_intervals, choose_lead
from sig2lm.signals.recording import Recording, Wanted, rate_of_times
from sig2lm.signals.signal import Signal
from sig2lm.signals.streams import Streams
from sig2lm.signals.units import is_unit, same_unit
from sig2lm.signals.wfdb import read_wfdb


def read_signal(
    path: str | Path,
    *,
    sampling_rate: float | None = None,
    channels: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    period: float | None = None,
    allow_missing: bool = False,
) -> Signal:
    """Read one recording.

    csv and tsv (with a header line or not; samples in rows), npy ((C, T) or (T,)), npz (see `save_signal`), parquet,
    WFDB (the record's header, signal file or bare name) and EDF. In tables, a column named time, timestamp, t or
    seconds (or time_s, time_ms, timestamp_s, timestamp_ms; dates and times too) is no channel: it gives the sampling
    rate. Empty cells and NaN are missing samples.

    Parameters
    ----------
    path
        The file, or a WFDB record's name.
    sampling_rate
        Hz, for files that do not state it; it overrules a time column. A file without either is an event series.
    channels
        If the file names its channels and all of these are among them, they are selected; if none is, they name the
        file's channels in order.
    units
        One per channel, or a list of one for all; "" (dimensionless) where neither file nor argument says it.
    period
        Seconds between rows, for slow regular rows such as daily summaries.
    allow_missing
        Accept channels without any value.

    Raises
    ------
    SignalError
        If the file is missing, empty, of unknown kind, damaged, no table of numbers, contradicts an argument, or has a
        channel without values; the message begins with the path.
    """
    path = Path(path).expanduser()
    names = None if channels is None else as_names("channels", channels)
    try:
        recording = _name_channels(_read_recording(path, names), names)
        rate, rows_period = _stated_clock(recording, sampling_rate, period)
        signal = Signal(
            np.asarray(recording.values),
            rate,
            recording.channels or (),
            _stated_units(recording, units),
            rows_period,
        )
        return signal if allow_missing else _with_values(signal)
    except SignalError as error:
        raise SignalError(f"'{path}': {error}") from error


def read_signal_as(path: str | Path, contract: Contract, owner: str, *, allow_missing: bool = False) -> Signal:
    """Read one recording and bring it to a contract, which also fills what the file does not state.

    Names, units and clock that the file states are believed and converted (`Contract.conform`); channels without names
    are taken in the contract's order.

    Parameters
    ----------
    path, allow_missing
        As in `read_signal`.
    contract, owner
        As in `Contract.conform`.

    Raises
    ------
    SignalError
        As `read_signal` and `Contract.conform` do.
    """
    signal = read_signal_for(path, contract, allow_missing=allow_missing)
    try:
        return contract.conform(signal, owner)
    except SignalError as error:
        raise SignalError(f"'{path}': {error}") from error


def read_signal_for(path: str | Path, contract: Contract, *, allow_missing: bool = False) -> Signal:
    """Read one recording as it is, to be brought to a contract that fills what the file does not state.

    Parameters
    ----------
    path, allow_missing
        As in `read_signal`.
    contract
        Whose channels are read where the file has them by name; with names, units and clock for a file without them. A
        time column is believed where the contract has a sampling rate, or where the channels are none of the contract's
        (an ECG for RR intervals).

    Raises
    ------
    SignalError
        As `read_signal` does.
    """
    path = Path(path).expanduser()
    try:
        beats = are_intervals(contract.units, contract.sampling_rate, contract.period)
        recording = _read_recording(path, contract.channels, beats=beats)
        if recording.channels is None:
            recording = _name_channels(recording, contract.channels)
        elif set(contract.channels) <= set(recording.channels):
            recording = recording.select(contract.channels)
        channels = recording.channels or ()
        rate, period = recording.sampling_rate, recording.period
        if not recording.states_clock:
            rate, period = contract.sampling_rate, contract.period
            if recording.times is not None and (rate is not None or not set(channels) & set(contract.channels)):
                rate, period = rate_of_times(recording.times), None
        known = dict(zip(contract.channels, contract.units, strict=True))
        units = recording.units or tuple(known.get(name, "") for name in channels)
        signal = Signal(np.asarray(recording.values), rate, channels, units, period)
        return signal if allow_missing else _with_values(signal)
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


def _read_recording(path: Path, wanted: Wanted, *, beats: bool = False) -> Recording:
    found = _read_file(path, wanted)
    if isinstance(found, Streams):
        return found.choose(wanted, beats=beats)
    sampled = found.sampling_rate is not None or found.times is not None
    if beats and sampled and found.channels and found.units and not set(wanted or ()) & set(found.channels):
        # only the lead is needed, so neither the units nor the values of the other channels matter
        lead = choose_lead(found.channels, found.units)
        return found if lead is None else found.select((lead,))
    return found


def _read_file(path: Path, wanted: Wanted) -> Recording | Streams:
    device = device_of(path) if path.exists() else None
    if device is not None:
        return device.read(path, wanted)
    if path.is_dir():
        raise SignalError("expected a file, found a folder; give one recording")
    reader = READERS.get(path.suffix.lower())
    if reader is None and path.with_name(f"{path.name}.hea").is_file():
        return read_wfdb(path, wanted)
    if not path.is_file():
        raise SignalError("no such file; check the path")
    if reader is None:
        known = ", ".join(READERS)
        raise SignalError(f"files with the suffix {path.suffix!r} are not known; expected one of {known}")
    if path.stat().st_size == 0:
        raise SignalError("the file is empty")
    return reader(path, wanted)


def _name_channels(recording: Recording, names: tuple[str, ...] | None) -> Recording:
    count = recording.values.shape[0]
    found = recording.channels
    if names is None:
        recording.channels = found or tuple(f"channel_{i + 1}" for i in range(count))
        return recording
    if found and set(names) <= set(found):
        return recording.select(names)
    if found and set(names) & set(found):
        missing = ", ".join(name for name in names if name not in found)
        raise SignalError(f"channels are {', '.join(found)}, but {missing} was asked for too; select among these")
    if len(names) != count:
        hint = (
            "; arrays are channels first, save the transpose"
            if not found and len(names) == recording.values.shape[1]
            else ""
        )
        told = f" ({', '.join(found)})" if found else ""
        raise SignalError(
            f"{len(names)} channels are named ({', '.join(names)}), but the file holds {count}{told}{hint}"
        )
    recording.channels = names
    return recording


def _stated_clock(recording: Recording, rate: float | None, period: float | None) -> tuple[float | None, float | None]:
    given = rate is not None or period is not None
    if recording.states_clock:
        if given and (rate, period) != (recording.sampling_rate, recording.period):
            found = "no sampling_rate" if recording.sampling_rate is None else f"{recording.sampling_rate:g} Hz"
            found = found if recording.period is None else f"one row every {recording.period:g} s"
            asked = f"{rate:g} Hz" if rate is not None else f"one row every {period:g} s"
            raise SignalError(f"the file states {found}, but {asked} was given; leave it out, then call resample()")
        return recording.sampling_rate, recording.period
    if not given and recording.times is not None:
        return rate_of_times(recording.times), None
    return rate, period


def _stated_units(recording: Recording, units: Sequence[str] | None) -> tuple[str, ...]:
    count = recording.values.shape[0]
    if units is None:
        return recording.units or ("",) * count
    given = as_names("units", units)
    given = given * count if len(given) == 1 else given
    if len(given) != count:
        raise SignalError(f"{count} units are needed, one per channel, found {len(given)}: {', '.join(given)}")
    for channel, stated, unit in zip(recording.channels or (), recording.units or (), given, strict=False):
        if is_unit(stated) and not same_unit(stated, unit):
            raise SignalError(
                f"channel {channel} is in {stated or 'no unit'!r} by the file's own word, but {unit!r} was given; "
                "leave it out, then call convert()"
            )
    return given


def _with_values(signal: Signal) -> Signal:
    empty = [name for name, row in zip(signal.channels, signal.values, strict=True) if np.isnan(row).all()]
    if empty:
        raise SignalError(f"no value at all in channel {', '.join(empty)}; select other channels, or set allow_missing")
    return signal
