"""Tables of samples: text of any common spelling, and parquet. Rows are samples, columns are channels beside a clock.

pyarrow reads the numbers; `layout` finds how a text is written and `roles` what its columns are. Nothing is unpickled.
"""

import codecs
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.clocks import NULLS
from sig2lm.signals.columns import ColumnName, read_name
from sig2lm.signals.layout import Layout, find_layout, is_number
from sig2lm.signals.options import ReadOptions
from sig2lm.signals.recording import Recording, shorten
from sig2lm.signals.roles import Roles, find_roles

_ROWS = 2_000  # of parquet, by which the roles of columns are found
_SPELLINGS = sorted(
    {spelling for null in NULLS for spelling in (null, null.upper(), null.capitalize(), f" {null}")} | {"NaN", "NaT"}
)
_RISING = 20  # rows at least, to tell a clock without a name
_WIDE = 50  # so many times more columns than rows are no channels
_ARROW_ERROR = re.compile(r"In CSV column #(\d+): Row #(\d+): .*invalid value '(.*)'", re.DOTALL)


def read_text(path: Path, options: ReadOptions) -> Recording:
    """Read a text table.

    Raises
    ------
    SignalError
        If it is no text, has rows of different lengths, or holds something else than numbers in a channel.
    """
    layout = find_layout(path)
    if layout.one_line or options.time_axis == 1 or _is_wide(layout):
        return _read_rows(path, layout, options)
    roles = text_roles(layout, options)
    columns, cut = _read_columns(path, layout, roles, options)
    if not len(columns[roles.places[0]]):
        raise SignalError("no rows follow the header; check the file")
    values = np.stack([columns[place] for place in roles.places])
    times, start, notes = _read_clock(roles, columns, layout)
    return Recording(
        values,
        channels=None if layout.columns is None else roles.names,
        units=_units(roles),
        sampling_rate=layout.sampling_rate if times is None else None,
        times=times,
        states_clock=times is None and layout.sampling_rate is not None,
        start=start,
        notes=(*layout.notes, *roles.notes, *notes, *cut),
    )


def text_roles(layout: Layout, options: ReadOptions) -> Roles:
    """Say what the columns of a text table are; without a header, all but clocks and counters are channels."""
    columns = layout.columns or tuple(_numbered(layout, place) for place in range(layout.num_cells))
    if layout.columns is None:
        options = ReadOptions(time_column=options.time_column)
    return find_roles(columns, layout.column, lambda cell: is_number(cell, layout.decimal), options)


def _numbered(layout: Layout, place: int) -> ColumnName:
    """A column without a name; one beside others that only rises, as no sensor does, is of time or counts rows."""
    raw = f"column_{place + 1}"
    cells = [cell.replace(layout.decimal, ".") for cell in layout.column(place)]
    rises = layout.num_cells > 1 and len(cells) >= _RISING and all(is_number(cell) for cell in cells)
    if not rises:
        return ColumnName(raw, raw)
    steps = np.diff(np.array(cells, dtype=np.float64))
    usual = float(np.median(steps))
    even = usual > 0 and steps.min() >= 0 and float(np.mean(np.abs(steps - usual) < 0.5 * usual)) > 0.8
    return ColumnName(raw, "time" if even else raw)


def read_parquet(path: Path, options: ReadOptions) -> Recording:
    """Read parquet, one column for each channel; an index of pandas is the clock, or nothing.

    Raises
    ------
    SignalError
        If it is no parquet, or a channel holds something else than numbers.
    """
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(_opened(path)) as file:
            schema = file.schema_arrow
            index = _index_columns(schema.pandas_metadata)
            names = [
                ColumnName("", "") if re.fullmatch(r"__index_level_\d+__", raw) else read_name(raw)
                for raw in schema.names
            ]
            head = next(file.iter_batches(batch_size=_ROWS), None)
            if head is None or head.num_rows == 0:
                raise SignalError("the table holds no rows")
            cells = [_as_cells(head.column(place)) for place in range(len(names))]
            roles = find_roles(names, cells.__getitem__, is_number, options)
            table = file.read(columns=[schema.names[place] for place in sorted({*roles.places, *roles.clock_places})])
    except (ArrowException, OSError, ValueError) as error:
        raise SignalError(f"not a parquet file: {shorten(error)}") from error
    kept = [place for place in roles.places if schema.names[place] not in index or options.wanted]
    values = np.stack([_as_floats(schema.names[place], table[schema.names[place]]) for place in kept])
    times, start = None, None
    notes: tuple[str, ...] = ()
    if roles.clock is not None:
        column = table[schema.names[roles.clock_places[0]]]
        numeric = _is_numeric(column)
        times, start = roles.clock.seconds(column.to_numpy() if numeric else _as_cells(column))
        notes = (str(roles.clock),)
    units = tuple(unit for place, unit in zip(roles.places, roles.units, strict=True) if place in kept)
    names_kept = tuple(name for place, name in zip(roles.places, roles.names, strict=True) if place in kept)
    return Recording(
        values,
        names_kept,
        tuple(unit or "" for unit in units) if any(units) else None,
        times=times,
        start=start,
        notes=(*roles.notes, *notes),
    )


def _index_columns(metadata: Any) -> list[str]:
    """Columns that pandas says are its index; what it says may be damaged."""
    found = metadata.get("index_columns") if isinstance(metadata, dict) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _units(roles: Roles) -> tuple[str, ...] | None:
    return tuple(unit or "" for unit in roles.units) if any(roles.units) else None


def _read_clock(
    roles: Roles, columns: dict[int, Any], layout: Layout
) -> tuple[npt.NDArray[np.float64] | None, float | None, tuple[str, ...]]:
    if roles.clock is None:
        return None, None, ()
    column = columns[roles.clock_places[0]]
    if len(roles.clock_places) == 2:
        column = [f"{a} {b}" for a, b in zip(column, columns[roles.clock_places[1]], strict=True)]
    times, start = roles.clock.seconds(column, layout.decimal)
    return times, start, (str(roles.clock),)


def _read_columns(
    path: Path, layout: Layout, roles: Roles, options: ReadOptions
) -> tuple[dict[int, Any], tuple[str, ...]]:
    """Read channels as float64 and stamps as they are; and say so if the last row is cut off."""
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow_csv

    size = layout.num_cells
    names = [str(i) for i in range(size)]
    types = {str(place): "float64" for place in roles.places} | {str(place): "string" for place in roles.clock_places}
    if roles.clock is not None and roles.clock.form is None:
        whole = all(cell.lstrip("+-").isdigit() for cell in layout.column(roles.clock_places[0]))
        types[str(roles.clock_places[0])] = "int64" if whole else "float64"
    short: list[Any] = []

    def judge(row: Any) -> str:
        short.append(row)
        return "skip" if len(short) == 1 else "error"

    source, skipped, above = _source(path, layout)
    try:
        table = arrow_csv.read_csv(
            source,
            # one thread, because only then messages name the row
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=skipped, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter="\t" if layout.delimiter is None else layout.delimiter, invalid_row_handler=judge
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=[*_SPELLINGS, *options.missing],
                strings_can_be_null=True,
                decimal_point=layout.decimal,
            ),
        )
    except ArrowInvalid as error:
        raise SignalError(_explain(error, short, layout, types, above)) from error
    cut: tuple[str, ...] = ()
    if short:
        if short[0].actual_columns > size or short[0].number < skipped + table.num_rows + 1 or table.num_rows < 2:
            raise SignalError(_ragged(short[0].number + above, short[0].actual_columns, size))
        cut = ("the last row is cut off and left out",)
    columns: dict[int, Any] = {}
    for name, kind in types.items():
        column = table[name]
        columns[int(name)] = column.to_pylist() if kind == "string" else column.to_numpy()
    return columns, cut


def _source(path: Path, layout: Layout) -> tuple[Any, int, int]:
    """What pyarrow reads, and how many lines it skips: the file, or its rows with the lines above cut off (third)."""
    simple = layout.delimiter is not None or layout.num_cells == 1
    encoding = layout.encoding
    if encoding in ("utf-8", "utf-8-sig"):
        if not _is_utf8(path):
            encoding = "latin-1"  # which shows behind the first lines only
        elif simple and not layout.closed:
            return _opened(path), layout.skipped, 0
    try:
        text = path.read_text(encoding=encoding)
    except UnicodeError as error:
        raise SignalError(f"the text is read as {layout.encoding}, but {shorten(error)}; save it as UTF-8") from error
    lines = text.split("\n")[layout.skipped :]
    cut = [(layout.delimiter or "\t").join(layout.cells(line)) for line in lines if line.strip()]
    return io.BytesIO("\n".join(cut).encode()), 0, layout.skipped


def _is_utf8(path: Path) -> bool:
    """Whether all of a file is; pyarrow says of other rows that they cannot be decoded, past all handlers."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _opened(path: Path) -> Path | io.BytesIO:
    """A path that pyarrow can open: it takes no names that are not UTF-8, so files of such names are read before."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return io.BytesIO(path.read_bytes())
    return path


def _explain(error: Exception, short: list[Any], layout: Layout, types: dict[str, str], above: int) -> str:
    if len(short) > 1:
        return _ragged(short[0].number + above, short[0].actual_columns, layout.num_cells)
    if found := _ARROW_ERROR.search(str(error)):
        place, row, cell = int(found[1]), int(found[2]) + above, found[3][:40]
        name = layout.columns[place].raw if layout.columns else f"column_{place + 1}"
        if is_number(cell, "," if layout.decimal == "." else "."):
            return (
                f"the column {name!r} holds {cell!r} in row {row}, and numbers elsewhere are written with "
                f"{layout.decimal!r}; write one mark of decimals throughout"
            )
        if types.get(str(place)) == "float64":
            return (
                f"the column {name!r} holds {cell!r} in row {row}, where a number is expected; correct it, say that it "
                f"marks a missing sample (--missing {cell!r}), or choose other columns (--channels)"
            )
    return f"not a table of numbers: {shorten(error)}"


def _ragged(row: int, found: int, expected: int) -> str:
    return f"expected {expected} cells in each row, found {found} in row {row}; correct or remove that row"


def _is_wide(layout: Layout) -> bool:
    return layout.columns is None and layout.num_cells > _WIDE and layout.num_cells > _WIDE * len(layout.rows)


def _read_rows(path: Path, layout: Layout, options: ReadOptions) -> Recording:
    """Read a table without names whose rows are channels."""
    if not layout.one_line and options.time_axis is None:
        raise SignalError(
            f"found {layout.num_cells} columns and {len(layout.rows)} rows; say whether samples stand in rows "
            "(--time-axis 0) or in columns (--time-axis 1)"
        )
    if layout.columns is not None:
        raise SignalError("--time-axis 1 is for tables without a header, found names in it; leave it out")
    marks = {mark.lower() for mark in options.missing} | NULLS
    try:
        lines = path.read_text(encoding=layout.encoding).split("\n")[layout.skipped :]
        rows = [layout.cells(line) for line in lines if line.strip()]
        values = np.array(
            [
                [np.nan if cell.lower() in marks else float(cell.replace(layout.decimal, ".")) for cell in row]
                for row in rows
            ]
        )
    except ValueError as error:
        raise SignalError(f"not a table of numbers: {shorten(error)}") from error
    return Recording(
        values, sampling_rate=layout.sampling_rate, states_clock=bool(layout.sampling_rate), notes=layout.notes
    )


def _is_numeric(column: Any) -> bool:
    import pyarrow as pa

    fits = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(fit(column.type) for fit in fits)


def _as_cells(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _as_floats(name: str, column: Any) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if not _is_numeric(column):
        raise SignalError(f"column {name!r} must hold numbers, found {column.type}; choose others (--channels)")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
