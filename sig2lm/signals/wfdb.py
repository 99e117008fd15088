"""WFDB records, the format of PhysioNet."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from sig2lm.errors import SignalError
from sig2lm.signals.recording import Recording, Wanted, distinct, shorten


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
        raise SignalError(f"not a whole WFDB record: {shorten(error)}") from error
    if record.p_signal is None or not record.n_sig:
        raise SignalError("the WFDB record holds no signals")
    return Recording(
        record.p_signal.T,
        channels=distinct(record.sig_name),
        units=tuple(unit or "" for unit in record.units),
        sampling_rate=float(record.fs),
        states_clock=True,
    )


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
