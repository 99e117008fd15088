"""One reader for each file format: path -> Recording. Nothing is unpickled and nothing is fetched.

Text is UTF-8. Tables (csv, tsv, parquet) hold samples in rows; arrays (npy, npz) hold them in columns, channels first.
"""

import csv
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.recording import FloatMatrix, Recording

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
# What zipfile, zlib and numpy raise on damaged, encrypted or foreign archives.
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

Wanted = tuple[str, ...] | None
Reader = Callable[[Path, Wanted], Recording]


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
        raise SignalError(f"not a table of numbers: {_shorten(error)}") from error
    return _from_columns(table, chosen, time, named=header is not None)


def read_parquet(path: Path, wanted: Wanted) -> Recording:
    """Read parquet, one column for each channel."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            chosen, time = _choose_columns(tuple(file.schema_arrow.names), wanted)
            table = file.read(columns=[*chosen, *([time] if time else [])])
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise SignalError(f"not a parquet file: {_shorten(error)}") from error
    return _from_columns(table, chosen, time, named=True)


def read_npy(path: Path, wanted: Wanted) -> Recording:
    """Read a numpy array (C, T), or (T,) for one channel."""
    del wanted
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise SignalError(f"not a numpy array of numbers: {_shorten(error)}") from error
    return Recording(_as_matrix(array))


def read_npz(path: Path, wanted: Wanted) -> Recording:
    """Read what `save_signal` writes: values, and optionally sampling_rate, channels, units, period (NaN is None)."""
    del wanted
    try:
        # np.load closes only what it opened as a whole archive, so the file is opened here
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except _NPZ_ERRORS as error:
        raise SignalError(f"not an npz archive of numbers and names: {_shorten(error)}") from error
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


def read_wfdb(path: Path, wanted: Wanted) -> Recording:
    """Read a WFDB record by the path of its header or signal file, or by its bare name (PhysioNet's formats)."""
    del wanted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # wfdb 4.3 meets pandas 3.1 with an old argument
        import wfdb

    header = path.with_suffix(".hea") if path.suffix else path.with_name(f"{path.name}.hea")
    if not header.is_file():
        raise SignalError(f"a WFDB record needs its header beside it, found no '{header}'")
    try:
        try:
            record = wfdb.rdrecord(str(header.with_suffix("")))
        except ValueError:
            with TemporaryDirectory() as folder:
                record = wfdb.rdrecord(str(_without_date(header, Path(folder))))
    except FileNotFoundError as error:
        raise SignalError(f"the WFDB record lacks a file: '{Path(error.filename).name}'") from error
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, OSError) as error:
        raise SignalError(f"not a whole WFDB record: {_shorten(error)}") from error
    if record.p_signal is None or not record.n_sig:
        raise SignalError("the WFDB record holds no signals")
    return Recording(
        record.p_signal.T,
        channels=_distinct(record.sig_name),
        units=tuple(unit or "" for unit in record.units),
        sampling_rate=float(record.fs),
        states_clock=True,
    )


def read_edf(path: Path, wanted: Wanted) -> Recording:
    """Read EDF or EDF+C; channels of different rates must be selected so that one rate remains."""
    import edfio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # edfio warns of every departure from the standard that it can mend
            edf = edfio.read_edf(path, lazy_load_data=False)
            labels = _distinct([signal.label for signal in edf.signals])
            signals = dict(zip(labels, edf.signals, strict=True))
            if wanted and set(wanted) <= set(labels):
                signals = {name: signals[name] for name in wanted}
            rates = {name: float(signal.sampling_frequency) for name, signal in signals.items()}
            if len(set(rates.values())) > 1:
                told = ", ".join(f"{name} {rate:g} Hz" for name, rate in rates.items())
                raise SignalError(f"channels have different rates ({told}); select channels of one rate")
            if not edf.is_continuous:
                raise SignalError("the recording is interrupted (EDF+D); export it as EDF+C or cut it into pieces")
            rows = [np.asarray(signal.data) for signal in signals.values()]
    except (ValueError, OSError, IndexError, KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise SignalError(f"not a whole EDF file: {_shorten(error)}") from error
    if not rows:
        raise SignalError("the EDF file holds no signals")
    units = tuple(signal.physical_dimension for signal in signals.values())
    return Recording(np.stack(rows), tuple(signals), units, next(iter(rates.values())), states_clock=True)


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
        raise SignalError(f"not a text file in UTF-8: {_shorten(error)}") from error
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
            raise SignalError(f"column {name!r} holds dates that cannot be: {_shorten(error)}") from error
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
            (folder / name).symlink_to((header.parent / name).resolve())
    return folder / header.stem


def _npz_names(found: dict[str, npt.NDArray[Any]], key: str) -> tuple[str, ...] | None:
    return tuple(str(name) for name in found[key].reshape(-1)) if key in found else None


def _npz_number(found: dict[str, npt.NDArray[Any]], key: str) -> float | None:
    if key not in found:
        return None
    if found[key].size != 1 or found[key].dtype.kind not in "fiu":
        raise SignalError(f"the key {key!r} must hold one number, found {found[key].dtype} of shape {found[key].shape}")
    number = float(found[key].reshape(-1)[0])
    return None if np.isnan(number) else number


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Number the repeats, which WFDB and EDF allow: ECG, ECG -> ECG, ECG_2."""
    return tuple(f"{name}_{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names))


def _shorten(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
