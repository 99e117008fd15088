"""Read numbers for analysis without changing how they are written.

Which columns of a text table are channels, and which is the clock, is decided where `sig2lm.signals.read_signal`
decides it; here the cells of the channels are kept as text, because text is what a tokenizer sees. Every other kind of
file goes through `read_signal`. Only the first rows are kept; how many tokens a whole long file has is counted by
`sig2lm.tokenization.streaming`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.files import expanded
from sig2lm.signals.clocks import NULLS
from sig2lm.signals.formats import is_text_table
from sig2lm.signals.layout import Layout, find_layout, is_number
from sig2lm.signals.options import ReadOptions, Stated
from sig2lm.signals.readers import read_signal
from sig2lm.signals.regrid import regrid
from sig2lm.signals.roles import LeftOut, Roles
from sig2lm.signals.tables import text_roles
from sig2lm.tokenization.series import MISSING, Series, Values, series_from_signal, series_from_values

SAMPLE_ROWS = 10_000
FLOAT32_MAX = float(np.finfo(np.float32).max)
LARGEST_EXACT_INTEGER = 2**53  # beyond it a float64 skips integers
LONGEST_LINE = 16_000_000  # characters

Cells = list[list[str]]


def read_series(path: str | Path, *, rows: int = SAMPLE_ROWS, **stated: Unpack[Stated]) -> Series:
    """Read the first rows of a file as a series.

    Columns that are no channels, and integers that a float64 cannot keep, are named in ``skipped``.

    Parameters
    ----------
    path
        A text table of any spelling, or any other file that `sig2lm.signals.read_signal` takes.
    rows
        How many rows to keep.
    stated
        As in `sig2lm.signals.read_signal`.

    Raises
    ------
    SignalError
        If `read_signal` refuses the file, or a channel holds infinity or a number beyond what a float32 signal can hold
        (3.4e38).
    """
    path = expanded(path)
    options = ReadOptions.from_stated(stated)
    try:
        if not is_text_table(path) or options.time_axis == 1:
            return _from_signal(path, rows, stated)
        layout = find_layout(path)
        if layout.one_line:
            cells = [[cell] for cell in layout.rows[0][:rows]]
            names = options.names or ("channel_1",)
            return _series(path, cells, [cell for (cell,) in cells], names, layout, len(layout.rows[0]) > rows)
        return _from_table(path, layout, rows, options)
    except SignalError as error:
        raise error if str(path) in str(error) else SignalError(f"'{path}': {error}") from error


def as_series(series: Any, name: str = "series") -> Series:
    """Take a series in any form: a `Series`, a `Signal`, an array (T,) or (C, T), or the path of a file."""
    if isinstance(series, Series):
        return series
    if isinstance(series, str | Path):
        return read_series(series)
    if hasattr(series, "channels") and hasattr(series, "values"):
        return series_from_signal(series, name)
    return series_from_values(series, name)


def ragged(line: int, found: int, expected: int) -> SignalError:
    """Build the error for a row with too many or too few cells."""
    told = f"expected {expected} cells in each row, found {found} in line {line}"
    return SignalError(f"{told}; correct or remove that row")


def _from_signal(path: Path, rows: int, stated: Stated) -> Series:
    signal = read_signal(path, **stated)
    series = series_from_signal(replace(signal, values=signal.values[:, :rows]), path.stem)
    return replace(series, notes=signal.notes)


def _from_table(path: Path, layout: Layout, rows: int, options: ReadOptions) -> Series:
    roles = text_roles(layout, options)
    numbered = list(islice(_lines(path, layout), rows + 1))
    table = []
    for number, line in numbered[:rows]:
        cells = layout.cells(line)
        if len(cells) != layout.num_cells:
            raise ragged(number, len(cells), layout.num_cells)
        table.append(cells)
    if not table:
        raise SignalError("expected rows of numbers, found only a header; check the file")
    lines = [line for _, line in numbered[:rows]]
    wanted = [[cells[place] for place in roles.places] for cells in table]
    names = roles.names if layout.columns else tuple(f"channel_{i + 1}" for i in range(len(roles.places)))
    names = names if options.names is None or len(options.names) != len(names) else options.names
    series = _series(path, wanted, lines, names, layout, len(numbered) > rows, options)
    return _clocked(series, roles, layout, table, options)


def _series(
    path: Path,
    cells: Cells,
    lines: list[str],
    names: tuple[str, ...],
    layout: Layout,
    more: bool,
    options: ReadOptions | None = None,
) -> Series:
    """Keep the columns whose numbers can be kept, as text and as values."""
    marks = NULLS | {mark.lower() for mark in (options.missing if options else ())}
    # commas stand between the cells of rows, so they cannot be the mark of decimals there
    written = [
        [MISSING if row[i].lower() in marks else row[i].replace(layout.decimal, ".") for row in cells]
        for i in range(len(names))
    ]
    skipped, kept, values = [], [], []
    for i, name in enumerate(names):
        left_out = _why_unusable(name, written[i])
        if left_out is None:
            kept.append(i)
            values.append([float(cell) for cell in written[i]])
        else:
            skipped.append(left_out)
    if not kept:
        raise SignalError(f"expected a column of numbers, found none ({'; '.join(map(str, skipped[:4]))})")
    return Series(
        name=path.stem,
        values=np.array(values, dtype=np.float64),
        channels=tuple(names[i] for i in kept),
        rows=tuple(zip(*(written[i] for i in kept), strict=True)),
        lines=tuple(lines),
        skipped=tuple(skipped),
        file=path,
        file_has_more=more,
        notes=layout.notes,
    )


def _clocked(series: Series, roles: Roles, layout: Layout, table: Cells, options: ReadOptions) -> Series:
    """Say how long the rows last, by their clock, and keep those of the span asked for."""
    rate = options.sampling_rate or (1 / options.period if options.period else None) or layout.sampling_rate
    times = np.arange(series.num_rows) / rate if rate else None
    skipped = (*roles.left_out, *series.skipped)
    notes: tuple[str, ...] = ()
    if roles.clock is not None:
        columns = [[row[place] for row in table] for place in roles.clock_places]
        stamps = columns[0] if len(columns) == 1 else [" ".join(pair) for pair in zip(*columns, strict=True)]
        times, _ = roles.clock.seconds(stamps, layout.decimal)
        grid = regrid(series.values, times, options.sampling_rate)
        rate = grid.sampling_rate
        skipped = (LeftOut(roles.clock.column or "(index)", f"it is the clock, {rate:g} rows per second"), *skipped)
        notes = (str(roles.clock), *grid.notes)
    series = replace(series, skipped=skipped, notes=(*series.notes, *notes), duration=None)
    if options.start is not None or options.end is not None:
        series = _within(series, times, options)
        times = None if times is None else times[: series.num_rows]
    return replace(series, duration=_lasting(series.num_rows, times, rate) if rate else None)


def _within(series: Series, times: Values | None, options: ReadOptions) -> Series:
    if times is None:
        raise SignalError("--start and --end need a clock; state --sampling-rate")
    inside = np.flatnonzero((times >= (options.start or 0.0)) & (times < (options.end or math.inf)))
    if not len(inside):
        raise SignalError(f"no row lies within --start and --end; the rows read last {np.nanmax(times):g} s")
    first, last = int(inside[0]), int(inside[-1]) + 1
    return replace(
        series, values=series.values[:, first:last], rows=series.rows[first:last], lines=series.lines[first:last]
    )


def _lasting(rows: int, times: Values | None, rate: float) -> float:
    span = 0.0 if times is None else float(np.nanmax(times) - np.nanmin(times))
    return max(rows / rate, span + 1 / rate)


def _why_unusable(name: str, cells: list[str]) -> LeftOut | None:
    present = [cell for cell in cells if cell != MISSING]
    if not present:
        return LeftOut(name, "it holds no value")
    wrong = next((cell for cell in present if not is_number(cell)), None)
    if wrong is not None:
        return LeftOut(name, "it holds text", wrong[:40])
    for cell in present:
        value = float(cell)
        if math.isinf(value) or abs(value) > FLOAT32_MAX:
            raise SignalError(f"expected numbers up to 3.4e38 in column {name!r}, found {cell[:40]}; mark it as nan")
        if abs(value) > LARGEST_EXACT_INTEGER and cell.lstrip("+-").isdigit():
            reason = "it holds integers beyond 2^53, which a float cannot keep; they look like names, not values"
            return LeftOut(name, reason, cell[:40])
    return None


def _lines(path: Path, layout: Layout) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) for each line of samples that is not blank."""
    try:
        with path.open("rb") as file, io.TextIOWrapper(file, layout.encoding, newline="") as text:
            for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), start=1):
                if "\0" in line:
                    raise SignalError(f"expected text, found binary data in line {number}; check the file")
                if len(line) == LONGEST_LINE:
                    raise SignalError("expected rows, found a line of over 16 million characters")
                if number > layout.skipped and line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeError as error:
        raise SignalError("expected text in one encoding, found binary data or another encoding") from error
    except OSError as error:
        raise SignalError(f"expected a file, cannot read it ({error.strerror}); check the path") from error
