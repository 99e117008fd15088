"""What the families of text files share: the beginning as text, and rows of numbers below a header."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import HEAD
from sig2lm.signals.recording import shorten

Floats = npt.NDArray[np.float64]


def encoding_of(head: bytes) -> str:
    """Return UTF-16 by its mark, else UTF-8, else Latin-1; "" where the bytes are no text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\0" in head:
        return ""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # only the last character may be cut in two
        return "utf-8-sig" if error.start >= len(head) - 3 and len(head) == HEAD else "latin-1"
    return "utf-8-sig"


def as_text(head: bytes) -> str:
    """Return the beginning of a file as text, without a mark of its encoding; "" where it is binary."""
    encoding = encoding_of(head)
    return head.decode(encoding, errors="ignore") if encoding else ""


def text_head(path: Path) -> str:
    """Return the first ``HEAD`` bytes of a file as text."""
    with path.open("rb") as file:
        return as_text(file.read(HEAD))


def read_numbers(
    path: Path, count: int, *, skip: int = 0, separator: str = ",", decimal: str = ".", expected: str = "rows"
) -> Floats:
    """Read rows of numbers.

    Parameters
    ----------
    path
        A text file.
    count
        Numbers in a row.
    skip
        Lines before the first row.
    separator, decimal
        Between numbers, and within them; a separator is one character or a regular expression.
    expected
        What the rows are, for the message.

    Returns
    -------
    (count, T) float64; NaN where a cell is empty.

    Raises
    ------
    SignalError
        If there are no rows, or they hold something else.
    """
    import pandas as pd

    with path.open("rb") as file:
        encoding = encoding_of(file.read(HEAD)) or "latin-1"
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            decimal=decimal,
            header=None,
            skiprows=skip,
            skipinitialspace=True,
            encoding=encoding,
            dtype=np.float64,
            engine="c" if len(separator) == 1 or separator == r"\s+" else "python",
        )
    except pd.errors.EmptyDataError as error:
        raise SignalError(f"expected {expected} of {count} numbers after the header, found none") from error
    except (ValueError, OverflowError) as error:
        raise SignalError(f"expected {expected} of {count} numbers: {shorten(error)}") from error
    if table.shape[1] != count:
        raise SignalError(f"expected {expected} of {count} numbers, found {table.shape[1]} in the first one")
    return np.ascontiguousarray(table.to_numpy().T)


def read_table(path: Path, columns: Sequence[str] | None = None, *, skip: int = 0, separator: str = ",") -> Any:
    """Read a table as texts, to be turned into numbers column by column.

    Parameters
    ----------
    path
        A text file.
    columns
        Names of its columns, where no line names them.
    skip
        Lines before the line of names, or before the first row.
    separator
        Between cells.

    Returns
    -------
    A pandas DataFrame of ``str``, "" where a cell is empty.

    Raises
    ------
    SignalError
        If there are no rows, or rows of different lengths.
    """
    import pandas as pd

    with path.open("rb") as file:
        encoding = encoding_of(file.read(HEAD)) or "latin-1"
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            header=0 if columns is None else None,
            names=columns,
            skiprows=skip,
            skipinitialspace=True,
            encoding=encoding,
            dtype=str,
            keep_default_na=False,
            index_col=False,
            encoding_errors="replace",
        )
    except pd.errors.EmptyDataError as error:
        raise SignalError("no rows follow the header") from error
    except (ValueError, OverflowError) as error:
        raise SignalError(f"rows of different lengths: {shorten(error)}") from error
    if table.empty:
        raise SignalError("no rows follow the header")
    return table


def numbers(column: Any, decimal: str = ".") -> Floats:
    """Turn a column of texts into (T,) float64, NaN where a cell is empty.

    Raises
    ------
    SignalError
        If a cell holds something else than a number; its row is named.
    """
    import pandas as pd

    texts = column.str.strip()
    texts = texts.str.replace(decimal, ".", regex=False) if decimal != "." else texts
    found = pd.to_numeric(texts, errors="coerce")
    wrong = found.isna() & ~texts.str.lower().isin(["", "nan", "null", "none", "na"])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise SignalError(f"row {row + 1} of {column.name!r} holds {texts.iloc[row][:40]!r} instead of a number")
    return np.asarray(found, dtype=np.float64)


def seconds_of(dates: Any, form: str = "ISO8601", *, dayfirst: bool = False) -> tuple[Floats, float]:
    """Turn a column (or a list) of dates into s from the first one (T,), and that one into s since 1970.

    A date without a time zone is taken as UTC: only the recorder knows where it was.

    Raises
    ------
    SignalError
        If a cell holds something else; its row is named.
    """
    import pandas as pd

    column = dates if isinstance(dates, pd.Series) else pd.Series(dates, name="times", dtype=str)
    found = pd.to_datetime(column.str.strip(), format=form, errors="coerce", utc=True, dayfirst=dayfirst)
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        raise SignalError(
            f"row {row + 1} of {column.name!r} holds {column.iloc[row][:40]!r} instead of a date and time"
        )
    since = found.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return (since - since[0]) * 1e-9, float(since[0]) * 1e-9
