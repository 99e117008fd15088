"""Series: the numbers under analysis, together with the text they come as.

A `sig2lm.signals.Signal` is float32 and knows nothing of text. What a tokenizer sees is text, so a series keeps both:
the values as float64, and every row as it stands in the file. Reading text files is in `sig2lm.tokenization.reading`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.roles import LeftOut

if TYPE_CHECKING:
    from sig2lm.signals import Signal

Values = npt.NDArray[np.float64]
MISSING = "nan"


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers and their text.

    Attributes
    ----------
    name
        What the report calls it.
    values
        (C, T) float64, NaN where missing.
    channels
        C names.
    rows
        T rows of C cells: the channels as written, a missing value as `MISSING`.
    lines
        T whole rows of the source, skipped columns included.
    duration
        Seconds that the T rows last, or None where nothing says so.
    skipped
        Columns of the source that are no channels.
    file
        The text file behind it, or None.
    file_has_more
        True where the file holds more rows than the T read here.
    notes
        What was guessed when it was read, a sentence each.
    """

    name: str
    values: Values
    channels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    duration: float | None = None
    skipped: tuple[LeftOut, ...] = ()
    file: Path | None = None
    file_has_more: bool = False
    notes: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        """T."""
        return int(self.values.shape[1])

    @property
    def num_values(self) -> int:
        """C * T, missing values included."""
        return int(self.values.size)

    @property
    def text(self) -> str:
        """The channels as a person would paste them: commas between cells, a line for each row."""
        return "\n".join(",".join(row) for row in self.rows)

    def summary(self) -> dict[str, Any]:
        """Describe the series for the report's JSON."""
        return {
            "channels": list(self.channels),
            "rows": self.num_rows,
            "values": self.num_values,
            "missing": int(np.isnan(self.values).sum()),
            "duration_s": self.duration,
            "file_has_more": self.file_has_more,
            "skipped": [{"name": column.name, "reason": column.reason} for column in self.skipped],
            "excerpt": list(self.lines[:5]),
        }


def shortest(value: float) -> str:
    """Write a number with the fewest characters that read back as the same float64; ``nan`` where it is missing."""
    if math.isnan(value):
        return MISSING
    return repr(value).removesuffix(".0").replace("e+", "e")


def series_from_values(values: npt.ArrayLike, name: str = "series", duration: float | None = None) -> Series:
    """Make a series of numbers without a file.

    Parameters
    ----------
    values
        (T,) or (C, T). float32 is written as float32 prints (0.1, not 0.10000000149011612).
    name
        What the report calls it.
    duration
        Seconds that it lasts.

    Raises
    ------
    SignalError
        It is not one or two dimensional, empty, all missing, not numeric or infinite.
    """
    try:
        array = np.atleast_2d(np.asarray(values))
        array = (array.astype(np.str_) if array.dtype == np.float32 else array).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise SignalError(f"expected numbers in {name!r}, found something else ({error})") from error
    if array.ndim != 2 or array.size == 0:
        raise SignalError(f"expected values (T,) or (C, T) in {name!r}, found shape {array.shape}")
    if np.isinf(array).any():
        raise SignalError(f"expected finite numbers or NaN in {name!r}, found infinity; mark missing values as NaN")
    if np.isnan(array).all():
        raise SignalError(f"expected numbers in {name!r}, found only missing values; check the source")
    rows = tuple(tuple(shortest(value) for value in row) for row in array.T.tolist())
    channels = tuple(f"channel {i + 1}" for i in range(array.shape[0]))
    return Series(name, array, channels, rows, tuple(",".join(row) for row in rows), duration)


def series_from_signal(signal: Signal, name: str) -> Series:
    """Make a series of a `sig2lm.signals.Signal`."""
    series = series_from_values(signal.values, name, signal.duration)
    return Series(name, series.values, signal.channels, series.rows, series.lines, series.duration)
