"""WFDB records, the format of PhysioNet, each channel at its own rate (wfdb)."""

import math
import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import real_path
from sig2lm.signals.recording import Recording, Wanted, distinct, shorten
from sig2lm.signals.streams import Header, Streams

# What wfdb raises on headers that make no sense, and on signal files that end early.
_ERRORS = (ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, OSError, MemoryError)
# Bytes that a sample takes in a signal file; formats of 500 and above are compressed (FLAC).
_BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}

# Name, number of signals, rate (counter frequency behind it), number of samples.
_RECORD = re.compile(r"[\w-]+(/\d+)? \d+( (?=[^ ]*[1-9])\d*\.?\d+(e[-+]?\d+)?(/\S+)?( \d+( |$)|$)|$)", re.IGNORECASE)
# What stands in the third field of a line about a signal, and the characters of a unit that wfdb takes over.
_GAIN = re.compile(r"[-+]?\d*+\.?\d*+(e[-+]?\d+)?(\(-?\d+\))?(/(?P<unit>\S+))?", re.IGNORECASE)
_UNIT = re.compile(r"[\w^/%-]+", re.ASCII)


def read_wfdb(path: Path, wanted: Wanted) -> Streams:
    """Read a WFDB record by the path of its header or signal file, or by its bare name.

    Channels with several samples a frame keep their own rate. Channels without a description are numbered. A gain of 0
    means uncalibrated, where the standard assumes 200 units per mV; that is noted.
    """
    del wanted
    header = _header_of(path)
    try:
        _check_lines(header)
        record = _read_header(header)
        _check_sizes(record, header.parent)
        headers, notes = _headers(record)
        several = hasattr(record, "segments")
        if several and len({entry.clock for entry in headers}) > 1:
            raise SignalError("a WFDB record of several segments with several samples a frame is not read")
    except FileNotFoundError as error:
        raise SignalError(f"the WFDB record lacks a file: '{Path(error.filename).name}'") from error
    except _ERRORS as error:
        raise SignalError(f"not a whole WFDB record: {shorten(error)}") from error

    def load(places: list[int]) -> Recording:
        try:
            values = _read_signals(header, places, several)
        except FileNotFoundError as error:
            raise SignalError(f"the WFDB record lacks a file: '{Path(error.filename).name}'") from error
        except _ERRORS as error:
            raise SignalError(f"not a whole WFDB record: {shorten(error)}") from error
        return Recording(
            np.stack(values),
            tuple(headers[place].name for place in places),
            tuple(headers[place].unit for place in places),
            headers[places[0]].sampling_rate,
            states_clock=True,
            notes=notes,
        )

    return Streams(headers, load)


def _read_header(header: Path) -> Any:
    return _with_wfdb(header, lambda wfdb, name: wfdb.rdheader(name, rd_segments=True))


def _read_signals(header: Path, places: list[int], several: bool) -> list[Any]:
    def read(wfdb: Any, name: str) -> list[Any]:
        if several:  # wfdb joins segments of one sample a frame only
            record = wfdb.rdrecord(name, channels=places, m2s=False)
            return (
                _join(record, len(places))
                if record.layout == "fixed"
                else list(record.multi_to_single(True).p_signal.T)
            )
        return list(wfdb.rdrecord(name, channels=places, smooth_frames=False).e_p_signal)

    values: list[Any] = _with_wfdb(header, read)
    return values


def _join(record: Any, count: int) -> list[Any]:
    """Join segments of one layout; a gap, which has no segment, is missing."""
    parts = [
        np.full((length, count), np.nan) if segment is None else segment.p_signal
        for segment, length in zip(record.segments, record.seg_len, strict=True)
    ]
    return list(np.concatenate(parts).T)


def _with_wfdb(header: Path, read: Any) -> Any:
    """Apply a function of wfdb to a record; a header that is refused for its date is tried again without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # wfdb 4.3 meets pandas 3.1 with an old argument
        import wfdb

        try:
            return read(wfdb, str(header.with_suffix("")))
        except ValueError:
            with TemporaryDirectory() as folder:
                return read(wfdb, str(_without_date(header, Path(folder))))


def _header_of(path: Path) -> Path:
    """Return the header of a record: that of the same name, or else the one beside it whose lines name the file."""
    header = path.with_suffix(".hea") if path.suffix else path.with_name(f"{path.name}.hea")
    if header.is_file():
        return header
    naming = [one for one in sorted(path.parent.glob("*.hea")) if path.suffix and _names(one, path.name)]
    if len(naming) == 1:
        return naming[0]
    found = f"several that name it ({', '.join(one.name for one in naming)})" if naming else f"no '{header}'"
    raise SignalError(f"a WFDB record needs its header beside it, found {found}; give the record's .hea file")


def _names(header: Path, signal_file: str) -> bool:
    """Whether a line of a header is about a signal file."""
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == [signal_file] for line in lines)


def _check_lines(header: Path) -> None:
    """Hold each line about a signal against the standard's grammar: wfdb passes over what it does not understand.

    Raises
    ------
    SignalError
        If a line says something else, such as a unit with a damaged character.
    """
    with header.open(encoding="utf-8", errors="replace") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    if not lines or not _RECORD.match(" ".join(lines[0])):
        raise SignalError(
            "not a whole WFDB record: expected a name, how many channels, the rate in Hz and how many samples, "
            f"found {' '.join(lines[0] if lines else [])[:80]!r}"
        )
    if "/" in lines[0][0]:  # segments are listed instead of signals
        return
    for fields in lines[1:]:
        gain = _GAIN.fullmatch(fields[2]) if len(fields) > 2 else None
        if len(fields) > 2 and gain is None:
            raise SignalError(f"not a whole WFDB record: expected gain(baseline)/unit, found {fields[2]!r}")
        if gain is not None and gain["unit"] is not None and not _UNIT.fullmatch(gain["unit"]):
            raise SignalError(
                f"the unit {gain['unit']!r} in '{header.name}' is not one that WFDB can write; correct it there"
            )


def _headers(record: Any) -> tuple[tuple[Header, ...], tuple[str, ...]]:
    described = _describing(record)
    if not described.n_sig or not described.sig_name:
        raise SignalError("the WFDB record holds no signals")
    rate = float(record.fs)
    if not (math.isfinite(rate) and rate > 0):
        raise SignalError(f"not a whole WFDB record: its rate is {rate:g} Hz")
    names = distinct([name or f"channel_{i + 1}" for i, name in enumerate(described.sig_name)])
    frames = described.samps_per_frame or [1] * len(names)
    units = described.units or [""] * len(names)
    headers = tuple(
        Header(name, unit or "", rate * frame) for name, unit, frame in zip(names, units, frames, strict=True)
    )
    gains = described.adc_gain or []
    bare = [name for name, gain in zip(names, gains, strict=False) if not gain]
    notes = (f"{', '.join(bare)}: the header states no gain, so 200 units are taken for 1 mV",) if bare else ()
    return headers, notes


def _describing(record: Any) -> Any:
    """Return the header that names the channels: of a record of several segments the first that is no gap."""
    segments = getattr(record, "segments", None)
    if segments is None:
        return record
    return next(segment for segment in segments if segment is not None and segment.n_sig)


def _check_sizes(record: Any, folder: Path) -> None:
    """Refuse headers that claim more samples than their signal files hold, before memory is taken for them."""
    segments = getattr(record, "segments", None)
    if segments is not None:
        held = sum(segment.sig_len or 0 for segment in segments if segment is not None)
        gaps = sum(length for segment, length in zip(segments, record.seg_len or [], strict=False) if segment is None)
        if record.sig_len is not None and record.sig_len > held + gaps:
            raise SignalError(f"not a whole WFDB record: it claims {record.sig_len} samples, its segments {held}")
        if gaps > 10 * max(held, 1):
            raise SignalError(f"not a whole WFDB record: {gaps} of its {gaps + held} samples are in no file")
        for segment in segments:
            if segment is not None and segment.n_sig:
                _check_sizes(segment, folder)
        return
    if record.sig_len is None:  # then the files' lengths decide
        return
    for name in dict.fromkeys(record.file_name or []):
        if name == "~":
            continue
        places = [i for i, other in enumerate(record.file_name) if other == name]
        file = folder / name
        if Path(name).name != name:
            raise SignalError(f"not a whole WFDB record: its signal file '{name}' is in another folder")
        if not file.is_file():
            raise FileNotFoundError(2, "no such file", str(file))
        claimed = record.sig_len * sum(record.samps_per_frame[i] for i in places)
        held = _samples_in(file, str(record.fmt[places[0]]), (record.byte_offset or [0])[places[0]] or 0)
        if held is not None and claimed > held:
            raise SignalError(
                f"not a whole WFDB record: its header claims {claimed} samples in '{name}', which holds {held}"
            )


def _samples_in(file: Path, form: str, offset: int) -> int | None:
    if form in _BYTES:
        return int((file.stat().st_size - offset) / _BYTES[form])
    import soundfile

    try:
        info = soundfile.info(str(file))
    except RuntimeError as error:
        raise ValueError(f"'{file.name}' is no FLAC file") from error
    return int(info.frames * info.channels)


def _without_date(header: Path, folder: Path) -> Path:
    """Copy the header without its time and date, and link the signal files.

    CinC 2017 writes the date first, which wfdb refuses; neither is needed here.
    """
    lines = header.read_text(encoding="ascii").splitlines()
    first, *signals = [line for line in lines if line.strip() and not line.startswith("#")]
    text = "\n".join([" ".join(first.split()[:4]), *signals])
    (folder / header.name).write_text(text + "\n", encoding="ascii")
    for name in {line.split()[0] for line in signals}:
        if Path(name).name == name and (header.parent / name).is_file():
            (folder / name).symlink_to(real_path(header.parent / name))
    return folder / header.stem
