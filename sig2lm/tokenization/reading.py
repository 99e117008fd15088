"""Read numbers for analysis without changing how they are written.

Text tables (``.csv``, ``.tsv``, ``.txt``) are read here, cell by cell, because their text is what a tokenizer sees.
Every other kind of file goes through `sig2lm.signals.read_signal`. Only the first rows are kept; how many tokens a
whole long file has is counted by `sig2lm.tokenization.streaming`.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.tokenization.series import MISSING, Series, SkippedColumn, series_from_signal, series_from_values

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
SAMPLE_ROWS = 10_000
MISSING_SPELLINGS = frozenset({"", "nan", "na", "n/a", "null", "none"})
TIME_NAMES = frozenset({"time", "timestamp", "t", "seconds"})
FLOAT32_MAX = float(np.finfo(np.float32).max)
LARGEST_EXACT_INTEGER = 2**53  # beyond it a float64 skips integers
LONGEST_LINE = 16_000_000  # characters
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a text table is written: what separates cells (None is any white space), how many there are, its header."""

    delimiter: str | None
    num_cells: int
    header: tuple[str, ...] | None

    def cells(self, line: str) -> list[str]:
        """Cut a line into cells."""
        return _cells(line, self.delimiter)


def read_series(path: str | Path, *, rows: int = SAMPLE_ROWS, sampling_rate: float | None = None) -> Series:
    """Read the first rows of a file as a series.

    Columns that hold no numbers, a time column, and integers that a float64 cannot keep are not channels; they are
    named in ``skipped``.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv`` or ``.txt`` table, with or without header, cells separated by tabs, semicolons, commas or
        white space; or any file that `sig2lm.signals.read_signal` takes.
    rows
        How many rows to keep.
    sampling_rate
        Hz, where the file has no time column to give it.

    Raises
    ------
    SignalError
        The file is missing, empty, binary, ragged or without a numeric column, or holds infinity or a number beyond
        what a float32 signal can hold (3.4e38).
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in TEXT_SUFFIXES:
        from sig2lm.signals import read_signal

        signal = read_signal(path, sampling_rate=sampling_rate)
        kept = type(signal)(signal.values[:, :rows], signal.sampling_rate, signal.channels, signal.units, signal.period)
        return series_from_signal(kept, path.stem)
    numbered = list(islice(_lines(path), rows + 2))
    if not numbered:
        raise SignalError(f"expected rows of numbers in {path}, found an empty file; check the path")
    layout = find_layout([line for _, line in numbered[:20]])
    body = numbered[1:] if layout.header else numbered
    table = _table(path, layout, body[:rows])
    return _assemble(path, layout, table, [line for _, line in body[:rows]], sampling_rate, len(body) > rows)


def find_layout(lines: list[str]) -> Layout:
    """Find how a table is written from its first lines (at least one)."""
    delimiter = _find_delimiter(lines)
    first = _cells(lines[0], delimiter)
    header = None
    if len(lines) > 1:
        second = _cells(lines[1], delimiter)
        numeric = [i for i, cell in enumerate(second) if cell and _is_number(cell)]
        titled = [i < len(first) and not NUMBER.fullmatch(first[i]) for i in numeric]
        if numeric and all(titled) and any(cell.lower() not in MISSING_SPELLINGS for cell in first):
            header = tuple(cell or f"column {i + 1}" for i, cell in enumerate(first))
    return Layout(delimiter, len(first), header)


def _find_delimiter(lines: list[str]) -> str | None:
    for delimiter in ("\t", ";", ","):
        if 2 * sum(delimiter in line.strip(" \r\n").rstrip(";") for line in lines) >= len(lines):
            return delimiter
    return None


def _cells(line: str, delimiter: str | None) -> list[str]:
    line = line.strip(" \r\n") if delimiter == "\t" else line.strip()
    if delimiter != ";":
        line = line.rstrip(";").rstrip(" ")  # WISDM and others close a row with a semicolon
    if '"' in line and delimiter is not None:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    return [cell.strip() for cell in line.split(delimiter)]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) for each line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
                if "\0" in line:
                    raise SignalError(f"expected text in {path}, found binary data in line {number}; check the file")
                if len(line) == LONGEST_LINE:
                    raise SignalError(f"expected rows in {path}, found a line of over 16 million characters")
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SignalError(f"expected UTF-8 text in {path}, found binary data or another encoding") from error
    except OSError as error:
        raise SignalError(f"expected a file at {path}, cannot read it ({error.strerror}); check the path") from error


def _table(path: Path, layout: Layout, numbered: list[tuple[int, str]]) -> list[list[str]]:
    table = []
    for number, line in numbered:
        cells = layout.cells(line)
        if len(cells) != layout.num_cells:
            raise ragged(path, number, len(cells), layout.num_cells)
        table.append(cells)
    if not table:
        raise SignalError(f"expected rows of numbers in {path}, found only a header; check the file")
    return table


def ragged(path: Path, line: int, found: int, expected: int) -> SignalError:
    """Build the error for a row with too many or too few cells."""
    message = f"expected {expected} cells in each row of {path}, found {found} in line {line}; mend or remove that row"
    return SignalError(message)


def _assemble(
    path: Path, layout: Layout, table: list[list[str]], lines: list[str], sampling_rate: float | None, more: bool
) -> Series:
    names = layout.header or tuple(f"column {i + 1}" for i in range(layout.num_cells))
    channels, written, values, skipped = [], [], [], []
    rate = sampling_rate
    for i, name in enumerate(names):
        cells = [row[i] for row in table]
        reason, example = _why_not_numeric(cells)
        if not reason and layout.header and name.lower() in TIME_NAMES:
            found = _rate(cells)
            rate = rate or found
            reason = f"it is the clock, {found:g} rows per second" if found else "it is a clock that does not advance"
        if not reason:
            reason, example = _why_unusable(path, name, cells)
        if reason:
            skipped.append(SkippedColumn(name, reason, example))
            continue
        channels.append(name)
        written.append([MISSING if cell.lower() in MISSING_SPELLINGS else cell for cell in cells])
        values.append([float(cell) for cell in written[-1]])
    if not channels:
        listed = "; ".join(str(column) for column in skipped[:4])
        raise SignalError(f"expected a column of numbers in {path}, found none ({listed}); check the file")
    return Series(
        name=path.stem,
        values=np.array(values, dtype=np.float64),
        channels=tuple(channels),
        rows=tuple(zip(*written, strict=True)),
        lines=tuple(lines),
        duration=len(table) / rate if rate else None,
        skipped=tuple(skipped),
        file=path,
        file_has_more=more,
    )


def _why_not_numeric(cells: list[str]) -> tuple[str, str]:
    wrong = next((cell for cell in cells if not _is_number(cell)), None)
    if wrong is not None:
        hint = ", a decimal comma is no number here" if re.fullmatch(r"-?\d+,\d+", wrong) else ""
        return f"it holds text{hint}", wrong[:40]
    if all(cell.lower() in MISSING_SPELLINGS for cell in cells):
        return "it holds no value", ""
    return "", ""


def _is_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or INFINITE.fullmatch(cell)) or cell.lower() in MISSING_SPELLINGS


def _why_unusable(path: Path, name: str, cells: list[str]) -> tuple[str, str]:
    for cell in cells:
        if cell.lower() in MISSING_SPELLINGS:
            continue
        value = float(cell)
        if math.isinf(value) or abs(value) > FLOAT32_MAX:
            message = f"expected numbers up to 3.4e38 in column {name!r} of {path}, found {cell[:40]}; mark it as nan"
            raise SignalError(message)
        if abs(value) > LARGEST_EXACT_INTEGER and cell.lstrip("+-").isdigit():
            return "it holds integers beyond 2^53, which a float cannot keep; they look like names, not values", cell[
                :40
            ]
    return "", ""


def _rate(cells: list[str]) -> float | None:
    """Rows per second of a time column in seconds, or in epoch milli-, micro- or nanoseconds, told by their size."""
    times = np.array([float(cell) if cell.lower() not in MISSING_SPELLINGS else math.nan for cell in cells])
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return None
    size = float(np.nanmax(np.abs(times)))
    ticks = 1e9 if size >= 1e17 else 1e6 if size >= 1e14 else 1e3 if size >= 1e11 else 1.0
    return float(ticks / np.median(steps))


def as_series(series: Any, name: str = "series") -> Series:
    """Take a series in any form: a `Series`, a `Signal`, an array (T,) or (C, T), or the path of a file."""
    if isinstance(series, Series):
        return series
    if isinstance(series, str | Path):
        return read_series(series)
    if hasattr(series, "values") and hasattr(series, "channels"):
        return series_from_signal(series, name)
    return series_from_values(series, name)
