"""What the families of text files share: the beginning as text, and rows of numbers below a header."""

from pathlib import Path

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
