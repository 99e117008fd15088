"""One reader for each file format: path -> Recording. Nothing is unpickled and nothing is fetched.

Text is UTF-8. Tables (csv, tsv, parquet) hold samples in rows; arrays (npy, npz) hold them in columns, channels first.
"""

import csv
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.edf import read_edf
from sig2lm.signals.recording import FloatMatrix, Recording, Wanted, shorten
from sig2lm.signals.streams import Streams
from sig2lm.signals.wfdb import read_wfdb

# Names of a time column, with the seconds its unit takes.
_TIME_UNITS = {
    "time": 1.0,
    "timestamp": 1.0,
    "t": 1.0,
    "seconds": 1.0,
    "time_s": 1.0,
    "timestamp_s": 1.0,
    "time_ms": 1e-3,
    "timestamp_ms": 1e-3,
}
# Seconds since 1970 stay below this for three thousand years; a larger number counts milliseconds since then.
_EPOCH_MILLISECONDS = 1e11
# What zipfile, zlib and numpy raise on damaged, encrypted or external archives.
_NPZ_ERRORS = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
_NULLS = ["", "NaN", "nan", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None"]

Reader = Callable[[Path, Wanted], Recording | Streams]


def read_delimited(path: Path, wanted: Wanted) -> Recording:
    """Read csv or tsv, with or without a header line.

    A first line of numbers is data; any other is the header. A first column without a name holds row numbers, not a
    channel.
    """
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow_csv

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    first = _first_line(path, delimiter)
    header = None if all(map(_is_number, first)) else tuple(name.strip() for name in first)
    names = header or tuple(f"channel_{i + 1}" for i in range(len(first)))
    chosen, time = _choose_columns(names, wanted if header else None)
    try:
        table = arrow_csv.read_csv(
            path,
            # one thread, because only then the message of an error tells the row
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1 if header else 0, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=[*chosen, *([time] if time else [])],
                column_types=dict.fromkeys(chosen, "float64"),
                null_values=_NULLS,
            ),
        )
    except ArrowInvalid as error:
        raise SignalError(f"not a table of numbers: {shorten(error)}") from error
    return _from_columns(table, chosen, time, named=header is not None)


def read_parquet(path: Path, wanted: Wanted) -> Recording:
    """Read parquet, one column for each channel."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            chosen, time = _choose_columns(tuple(file.schema_arrow.names), wanted)
            table = file.read(columns=[*chosen, *([time] if time else [])])
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise SignalError(f"not a parquet file: {shorten(error)}") from error
    return _from_columns(table, chosen, time, named=True)


def read_npy(path: Path, wanted: Wanted) -> Recording:
    """Read a numpy array (C, T), or (T,) for one channel."""
    del wanted
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise SignalError(f"not a numpy array of numbers: {shorten(error)}") from error
    return Recording(_as_matrix(array))


def read_npz(path: Path, wanted: Wanted) -> Recording:
    """Read what `save_signal` writes: values, and optionally sampling_rate, channels, units, period (NaN is None)."""
    del wanted
    try:
        # np.load closes only what it opened as a whole archive, so the file is opened here
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except _NPZ_ERRORS as error:
        raise SignalError(f"not an npz archive of numbers and names: {shorten(error)}") from error
    if "values" not in found:
        raise SignalError(f"the key 'values' is missing, found {', '.join(sorted(found)) or 'no key'}; save it with it")
    return Recording(
        _as_matrix(found["values"]),
        channels=_npz_names(found, "channels"),
        units=_npz_names(found, "units"),
        sampling_rate=_npz_number(found, "sampling_rate"),
        period=_npz_number(found, "period"),
        states_clock="sampling_rate" in found or "period" in found,
    )


GENERAL = (
    ("tables", "csv, tsv, parquet: samples in rows, a column for each channel"),
    ("arrays", "npy, npz: channels first; what sig2lm saves is npz"),
    ("WFDB", "header and signal file of PhysioNet (.hea, .dat, .mat)"),
)
"""Formats that belong to no device, for ``sig2lm formats``."""

READERS: dict[str, Reader] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".npy": read_npy,
    ".npz": read_npz,
    ".parquet": read_parquet,
    ".hea": read_wfdb,
    ".dat": read_wfdb,
    ".mat": read_wfdb,
    ".edf": read_edf,
}


def _first_line(path: Path, delimiter: str) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file, delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise SignalError(f"not a text file in UTF-8: {shorten(error)}") from error
    if any("\0" in field for field in first):
        raise SignalError("not a text file: it holds zero bytes")
    if not any(field.strip() for field in first):
        raise SignalError("the first line is empty; a header or numbers are expected there")
    return first


def _is_number(text: str) -> bool:
    if text.strip() in _NULLS:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _choose_columns(names: tuple[str, ...], wanted: Wanted) -> tuple[list[str], str | None]:
    """Return the channels' columns and the time column's name."""
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise SignalError(f"column names must differ, found more than one {', '.join(doubles)}")
    by_name = wanted is not None and set(wanted) <= set(names)
    channels = wanted if by_name and wanted else ()
    time = next((name for name in names if name.lower() in _TIME_UNITS and name not in channels), None)
    if channels:
        return list(channels), time
    chosen = [name for i, name in enumerate(names) if name != time and not (i == 0 and name == "")]
    if not chosen:
        raise SignalError(f"no channel is left beside the time column, found only {', '.join(names)}")
    return chosen, time


def _from_columns(table: Any, chosen: list[str], time: str | None, *, named: bool) -> Recording:
    if table.num_rows == 0:
        raise SignalError("no rows follow the header")
    values = np.stack([_as_floats(name, table[name]) for name in chosen])
    times = None if time is None else _as_seconds(time, table[time])
    return Recording(values, channels=tuple(chosen) if named else None, times=times)


def _as_floats(name: str, column: Any) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(fits(column.type) for fits in numeric):
        raise SignalError(f"column {name!r} must hold numbers, found {column.type}; select channels without it")
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _as_seconds(name: str, column: Any) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        try:
            stamps = column.cast(pa.timestamp("ns")).to_numpy()
        except pa.ArrowInvalid as error:
            raise SignalError(f"column {name!r} holds dates that cannot be: {shorten(error)}") from error
        return np.asarray((stamps - stamps[0]) / np.timedelta64(1, "s"), dtype=np.float64)
    times = _as_floats(name, column)
    epoch = times.size > 0 and abs(times[0]) > _EPOCH_MILLISECONDS
    return np.asarray((times - times[0]) * (1e-3 if epoch else _TIME_UNITS[name.lower()]))


def _as_matrix(array: npt.NDArray[Any]) -> FloatMatrix:
    if array.dtype.kind not in "fiu":
        raise SignalError(f"values must be real numbers, found {array.dtype}")
    if array.ndim not in (1, 2):
        raise SignalError(f"values must be (channels, samples), found shape {array.shape}")
    return np.atleast_2d(array).astype(np.float64)


def _npz_names(found: dict[str, npt.NDArray[Any]], key: str) -> tuple[str, ...] | None:
    return tuple(str(name) for name in found[key].reshape(-1)) if key in found else None


def _npz_number(found: dict[str, npt.NDArray[Any]], key: str) -> float | None:
    if key not in found:
        return None
    if found[key].size != 1 or found[key].dtype.kind not in "fiu":
        raise SignalError(f"the key {key!r} must hold one number, found {found[key].dtype} of shape {found[key].shape}")
    number = float(found[key].reshape(-1)[0])
    return None if np.isnan(number) else number
