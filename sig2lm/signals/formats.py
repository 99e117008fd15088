"""Which reader a file gets: that of its device, or of its format; both by content before the suffix is asked.

Tables hold samples in rows (`tables`); arrays hold them in columns, channels first. Nothing is unpickled, and nothing
is fetched.
"""

import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.archives import is_archive, unpacked
from sig2lm.signals.devices import device_of
from sig2lm.signals.edf import read_edf
from sig2lm.signals.heartbeats import choose_lead
from sig2lm.signals.npz_sizes import check_npz
from sig2lm.signals.options import ReadOptions
from sig2lm.signals.recording import FloatMatrix, Recording, Wanted, shorten
from sig2lm.signals.streams import Streams
from sig2lm.signals.tables import read_parquet, read_text
from sig2lm.signals.wfdb import read_wfdb

# What zipfile, zlib and numpy raise on damaged, encrypted or other archives.
_NPZ_ERRORS = (
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

GENERAL = (
    (
        "tables",
        "csv, tsv, txt and other text (Phyphox, Sensor Logger), parquet: samples in rows, a column for each channel",
    ),
    ("arrays", "npy, npz: channels first; what sig2lm saves is npz"),
    ("WFDB", "header and signal file of PhysioNet (.hea, .dat, .mat)"),
)
"""Formats that belong to no device, for ``sig2lm formats``."""

Reader = Callable[[Path, Wanted], Recording | Streams]
_TEXT = (".csv", ".tsv", ".txt", "")
READERS: dict[str, Reader] = {".hea": read_wfdb, ".dat": read_wfdb, ".mat": read_wfdb, ".edf": read_edf}


def read_recording(path: Path, options: ReadOptions, *, beats: bool = False) -> Recording:
    """Read a file, or the record of this name, as it is.

    Parameters
    ----------
    path, options
        As in `read_signal`.
    beats
        Whether intervals between beats are wanted, so that of a file without them only the ECG is read.

    Raises
    ------
    SignalError
        If it is missing, empty, damaged or of no kind that is read, or its channels have different clocks.
    """
    with unpacked(path) as inside:
        found = _read_file(inside, options)
        if isinstance(found, Streams):
            recording = found.choose(options.wanted, beats=beats)
        else:
            recording = _lead_of(found, options.wanted) if beats else found
    if options.time_column not in (None, "none") and recording.states_clock:
        raise SignalError(f"--time-column is {options.time_column!r}, but the file has no columns; leave it out")
    return recording


def _lead_of(recording: Recording, wanted: Wanted) -> Recording:
    """The ECG alone, where there is one: neither units nor values of other channels matter then."""
    sampled = recording.sampling_rate is not None or recording.times is not None
    if not sampled or not recording.channels or set(wanted or ()) & set(recording.channels):
        return recording
    lead = choose_lead(recording.channels, recording.units or ("",) * len(recording.channels))
    return recording if lead is None else recording.select((lead,))


def is_text_table(path: Path) -> bool:
    """Whether a file is read as a text table: it belongs to no device and has no format of its own."""
    return path.is_file() and not is_archive(path) and device_of(path) is None and _reader_of(path) is read_text


def _read_file(path: Path, options: ReadOptions) -> Recording | Streams:
    device = device_of(path) if path.exists() else None
    if device is not None:
        return device.read(path, options.wanted)
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        told = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        raise SignalError(f"expected a recording, found a folder of {told or 'no files'}; give one of its files")
    if path.suffix.lower() not in READERS and path.with_name(f"{path.name}.hea").is_file():
        return read_wfdb(path, options.wanted)
    if not path.is_file():
        raise SignalError("no such file; check the path")
    if path.stat().st_size == 0:
        raise SignalError("the file is empty")
    reader = _reader_of(path)
    try:
        return reader(path, options)
    except SignalError as error:
        if reader is read_text and path.suffix.lower() not in _TEXT:
            raise SignalError(f"{error}; `sig2lm formats` lists what is read") from error
        raise


def _reader_of(path: Path) -> Callable[[Path, ReadOptions], Recording | Streams]:
    suffix = path.suffix.lower()
    if suffix in READERS:
        reader = READERS[suffix]
        return lambda path, options: reader(path, options.wanted)
    return {".npy": read_npy, ".npz": read_npz, ".parquet": read_parquet}.get(suffix, read_text)


def read_npy(path: Path, options: ReadOptions) -> Recording:
    """Read a numpy array (C, T), or (T,) for one channel; (T, C) where ``time_axis`` says so."""
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except _NPZ_ERRORS as error:
        raise SignalError(f"not a numpy array of numbers: {shorten(error)}") from error
    if not isinstance(array, np.ndarray):  # numpy opens an archive by whatever suffix
        array.close()
        raise SignalError("not a numpy array of numbers, but an archive of them; call it .npz")
    return Recording(_as_matrix(array, options))


def read_npz(path: Path, options: ReadOptions) -> Recording:
    """Read what `save_signal` writes: values, and optionally sampling_rate, channels, units, period (NaN is None)."""
    try:
        check_npz(path)
        # np.load closes only what it opened as a whole archive, so the file is opened here
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except _NPZ_ERRORS as error:
        raise SignalError(f"not an npz archive of numbers and names: {shorten(error)}") from error
    if "values" not in found:
        raise SignalError(f"the key 'values' is missing, found {', '.join(sorted(found)) or 'no key'}; save it with it")
    channels = _npz_names(found, "channels")
    return Recording(
        _as_matrix(found["values"], options, len(channels or ())),
        channels=channels,
        units=_npz_names(found, "units"),
        sampling_rate=_npz_number(found, "sampling_rate"),
        period=_npz_number(found, "period"),
        states_clock="sampling_rate" in found or "period" in found,
    )


def _as_matrix(array: npt.NDArray[Any], options: ReadOptions, num_channels: int = 0) -> FloatMatrix:
    """Bring an array to (C, T); refuse one of more channels than samples, unless that is what is stated."""
    if array.dtype.kind not in "fiu":
        raise SignalError(f"values must be real numbers, found {array.dtype}")
    if array.ndim not in (1, 2):
        raise SignalError(f"values must be (channels, samples), found shape {array.shape}")
    matrix = np.atleast_2d(array)
    if options.time_axis == 0 and array.ndim == 2:
        matrix = matrix.T
    named = num_channels or len(options.names or ())
    if options.time_axis is None and matrix.shape[0] > matrix.shape[1] and named != matrix.shape[0]:
        raise SignalError(
            f"the array has the shape {array.shape}: {matrix.shape[0]} channels of {matrix.shape[1]} samples; say "
            "whether samples stand in rows (--time-axis 0) or in columns (--time-axis 1)"
        )
    return matrix.astype(np.float64)


def _npz_names(found: dict[str, npt.NDArray[Any]], key: str) -> tuple[str, ...] | None:
    return tuple(str(name) for name in found[key].reshape(-1)) if key in found else None


def _npz_number(found: dict[str, npt.NDArray[Any]], key: str) -> float | None:
    if key not in found:
        return None
    if found[key].size != 1 or found[key].dtype.kind not in "fiu":
        raise SignalError(f"the key {key!r} must hold one number, found {found[key].dtype} of shape {found[key].shape}")
    number = float(found[key].reshape(-1)[0])
    return None if np.isnan(number) else number
