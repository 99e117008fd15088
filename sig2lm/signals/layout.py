"""How a text table is written: encoding, separator, decimal mark, where its rows begin, what its columns are called.

Everything is found in the first lines of a file. Samples stand in rows; what precedes them (a program's heading,
``sep=``, names, a row of units) is distinguished from them by the columns that hold numbers further down.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sig2lm.errors import SignalError
from sig2lm.signals.clocks import NULLS
from sig2lm.signals.columns import ColumnName, names_unit, read_name

HEAD = 1 << 18  # bytes that are looked at
_JUDGED = 60  # rows at the end of these by which columns are distinguished
_ROWS = 2_000  # rows that are kept to find the clock
_MOST_COLUMNS = 10_000
_LINES = re.compile(r"\r\n|\n|\r")
_NUMBER = {  # nothing is taken back (++), or a row of ten thousand digits would be tried in a hundred million ways
    ".": re.compile(r"[+-]?(\d++\.?\d*+|\.\d++)([eE][+-]?\d++)?"),
    ",": re.compile(r"[+-]?(\d++,?\d*+|,\d++)([eE][+-]?\d++)?"),
}
_DRESSED = re.compile(r"[+-]?\d++(\.\d++)? ?[^\W\d]\S{0,9}")  # a number with its unit
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_SEPARATOR = re.compile(r'^"?sep=(.)"?$')
_COMMENT = re.compile(r"^\s*(#+|%+|//)\s?")
_RATE = re.compile(
    r"\b(sampl\w*[ _-]?(rate|freq\w*|hz)|fs|sfreq|freq(uency)?|abtast(rate|frequenz)|fr[eé]quence d.[eé]chantillonnage|"
    r"frecuencia de muestreo)\b[^0-9\n]{0,20}?(?P<rate>\d+([.,]\d+)?)\s*(?P<kilo>khz)?",
    re.IGNORECASE,
)
_INTERVAL = re.compile(
    r"\b(?:sampl\w*|scan)[ _-]?(?:interval|period|time)\b[^0-9\n]{0,20}?(?P<size>\d+(?:[.,]\d+)?)\s*"
    r"(?P<unit>s|sec|ms|msec|us|µs)\b",
    re.IGNORECASE,
)
_STEP = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "µs": 1e-6}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class Layout:
    """How a text table is written.

    Attributes
    ----------
    encoding
        As Python names it.
    delimiter
        What separates cells; None is any white space.
    decimal
        "." or ",".
    skipped
        Lines before the first row of samples.
    columns
        Names, with the units of a row of units; None without a header.
    num_cells
        Cells in a row, without the empty one behind a closing separator.
    rows
        The cells of the first rows.
    one_line
        Whether all values of one channel stand in one row.
    closed
        Whether rows end with a separator or a semicolon.
    sampling_rate
        Hz, where the heading states it.
    notes
        What was guessed, a sentence each.
    """

    encoding: str
    delimiter: str | None
    decimal: str
    skipped: int
    columns: tuple[ColumnName, ...] | None
    num_cells: int
    rows: tuple[tuple[str, ...], ...]
    one_line: bool = False
    closed: bool = False
    sampling_rate: float | None = None
    notes: tuple[str, ...] = ()

    def cells(self, line: str) -> list[str]:
        """Cut a line into cells."""
        return _cells(line, self.delimiter, self.num_cells)

    def column(self, place: int) -> list[str]:
        """The cells of a column in the first rows."""
        return [row[place] for row in self.rows]


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a text is a number, infinity included."""
    return bool(_NUMBER[decimal].fullmatch(cell) or _INFINITE.fullmatch(cell))


def find_layout(path: Path) -> Layout:
    """Find how a text table is written.

    Raises
    ------
    SignalError
        If the file cannot be read, is no text, or holds no row with a number.
    """
    head, whole = _read_head(path)
    encoding = find_encoding(head)
    try:
        text = head.decode(encoding, errors="ignore" if not whole else "strict") if head else ""
    except UnicodeDecodeError as error:
        raise SignalError(f"expected a table in text, found bytes that are no {encoding}; check the file") from error
    if _CONTROL.search(text):
        raise SignalError("expected a table in text, found binary data; check the file")
    lines = _LINES.split(text)
    if not whole and len(lines) > 1:
        lines.pop()  # the file goes on in it
    layout = layout_of(lines, encoding)
    if not whole and len(lines) == 1 and layout.num_cells > 1:
        raise SignalError("expected rows of samples, found one line of over 262,144 bytes; write a row for each sample")
    return layout


def find_encoding(head: bytes) -> str:
    """Find the encoding of a text by its first bytes.

    Raises
    ------
    SignalError
        If it is no text.
    """
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    if b"\0" in head:
        raise SignalError("expected a table in text, found binary data (zero bytes); check the file")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < HEAD:  # else a character is cut at the end
            return "cp1252" if _of_windows(head) else "latin-1"
    return "utf-8"


def _of_windows(head: bytes) -> bool:
    """Whether bytes are letters in Windows' encoding and control codes in Latin-1."""
    letters = {byte for byte in head if 0x80 <= byte < 0xA0}
    return bool(letters) and letters.isdisjoint(b"\x81\x8d\x8f\x90\x9d")


def layout_of(lines: Sequence[str], encoding: str = "utf-8") -> Layout:
    """Find how a table is written from its first lines.

    Raises
    ------
    SignalError
        If no line holds a number.
    """
    filled = [(number, line) for number, line in enumerate(lines) if line.strip()]
    if not filled:
        raise SignalError("expected rows of numbers, found an empty file; check the path")
    given = _SEPARATOR.match(filled[0][1].strip())
    if given:
        filled = filled[1:] or filled
    delimiter, decimal = _find_delimiter([line for _, line in filled[-_JUDGED:]], given[1] if given else None)
    cut = [(number, _cells(line, delimiter)) for number, line in filled]
    size = _usual_size([cells for _, cells in cut], decimal)
    if size > _MOST_COLUMNS and len(cut) > 1:
        raise SignalError(f"expected at most {_MOST_COLUMNS:,} columns, found {size:,}; write samples in rows")
    if delimiter is None and size == 1:
        cut = [(number, [line.strip()]) for number, line in filled]  # names may hold blanks
    closed = any(len(cells) > size for _, cells in cut[-_JUDGED:]) or (
        delimiter != ";" and any(line.rstrip().endswith(";") for _, line in filled[-_JUDGED:])
    )
    first = _first_row(cut, size, decimal)
    columns, notes = _find_columns(cut, first, size, decimal)
    if columns is None and (header := _column_numbers(cut, first, decimal)):
        columns, first = header, first + 1
        notes = (*notes, f"the first line ({', '.join(name.raw for name in header[:4])}, ...) numbers the columns")
    rows = tuple(tuple(cells) for _, cells in cut[first:] if len(cells) == size)
    one_line = columns is None and len(cut) - first == 1 and size > 8
    heading = " \n".join(line for number, line in filled if number < cut[first][0])
    rate = _stated_rate(heading)
    notes = (
        *([f"the text is read as {encoding}"] if encoding not in ("utf-8", "utf-8-sig") else []),
        *(["numbers are written with a decimal comma"] if decimal == "," else []),
        *notes,
        *(["all values stand in one row, so they are one channel"] if one_line else []),
        *([f"the heading states {rate:g} Hz"] if rate else []),
    )
    return Layout(
        encoding, delimiter, decimal, cut[first][0], columns, size, rows[:_ROWS], one_line, closed, rate, notes
    )


def _read_head(path: Path) -> tuple[bytes, bool]:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            return head, not file.read(1)
    except OSError as error:
        raise SignalError(f"expected a file, cannot read it ({error.strerror}); check the path") from error


def _find_delimiter(lines: list[str], given: str | None) -> tuple[str | None, str]:
    """The separator and the decimal mark under which most lines hold equally many cells with numbers."""
    best: tuple[float, str | None, str] = (0.0, None, ".")
    lines = [line for line in lines if any(letter.isdigit() for letter in line)] or lines
    for delimiter in [given] if given else ["\t", ";", "|", ",", None]:
        cut = [_cells(line, delimiter) for line in lines]
        for decimal in ".,":
            sizes = Counter(
                len(cells) for cells in cut if any(is_number(cell, decimal) for cell in cells) and len(cells) > 1
            )
            found = sizes.most_common(1)[0][1] / len(lines) if sizes else 0.0
            numbers = sum(is_number(cell, decimal) for cells in cut for cell in cells)
            score = found + numbers * 1e-9
            if (found >= 0.5 and best[0] < 0.5) or (delimiter == best[1] and score > best[0]):
                best = score, delimiter, decimal
    if best[0] >= 0.5 and not (best[1] == "," and _are_decimals(lines)):
        if best[1:] == (None, "."):
            _check_bare(lines)
        return best[1], best[2]
    commas = sum(bool(_NUMBER[","].fullmatch(line.strip())) and "," in line for line in lines)
    return given, "," if commas > len(lines) / 2 else "."


def _check_bare(lines: list[str]) -> None:
    """Refuse lines such as ``0.1 s,72 bpm``: blanks seem to separate cells, and a mark really does."""
    for mark in "\t;|,":
        parts = lines[0].split(mark)
        if len(parts) > 1 and all(line.count(mark) == len(parts) - 1 for line in lines):
            dressed = next((part.strip() for part in parts if _DRESSED.fullmatch(part.strip())), None)
            if dressed:
                raise SignalError(
                    f"expected numbers alone in cells, found {dressed!r}; write the unit into the name of the column"
                )


def _are_decimals(lines: list[str]) -> bool:
    """Whether lines like ``0,812`` are one number each: whole numbers are never written with zeros in front."""
    pairs = [line.strip().split(",") for line in lines]
    pairs = [pair for pair in pairs if len(pair) == 2 and is_number(pair[0]) and pair[1].isdigit()]
    return len(pairs) > len(lines) / 2 and any(len(pair[1]) > 1 and pair[1][0] == "0" for pair in pairs)


def _cells(line: str, delimiter: str | None, size: int | None = None) -> list[str]:
    """Cut a line; cells behind a closing separator are dropped down to ``size``, or one of them where that is open."""
    line = line.strip(" \r\n") if delimiter == "\t" else line.strip()
    if delimiter != ";":
        line = line.rstrip(";").rstrip(" ")  # WISDM and others close a row with a semicolon
    if delimiter is None:
        return [cell.strip('"') for cell in line.split()]
    if '"' in line:
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        except csv.Error as error:
            raise SignalError(f"expected cells of a table, but {error}; check the quotes in the file") from error
    else:
        cells = [cell.strip(" '") for cell in line.split(delimiter)]  # PhysioNet writes 'ECG' between such quotes
    if size is not None:
        while len(cells) > size and not cells[-1]:
            cells.pop()
    return cells


def _usual_size(rows: list[list[str]], decimal: str) -> int:
    judged = rows[-_JUDGED:]
    counted = [cells for cells in judged if any(is_number(cell, decimal) for cell in cells)]
    if not counted:
        held = ", ".join(rows[-1])[:60]
        raise SignalError(f"expected rows of numbers, found none (the last line looked at holds {held!r})")
    size = Counter(map(len, counted)).most_common(1)[0][0]
    closed = [cells for cells in counted if len(cells) == size]
    # by a channel that ends before the others
    used = any(len(cells) == size and is_number(cells[-1], decimal) for cells in rows)
    if size > 1 and all(not cells[-1] for cells in closed) and len(closed) > 1 and not used:
        size -= 1  # rows end with a separator
    return size


def _first_row(cut: list[tuple[int, list[str]]], size: int, decimal: str) -> int:
    """Place of the first line of samples: it holds numbers wherever the last lines do."""
    for _, cells in cut:
        while len(cells) > size and not cells[-1]:
            cells.pop()
    judged = [cells for _, cells in cut[-_JUDGED:] if len(cells) == size]
    numeric = [place for place in range(size) if _share(judged, place, decimal) > 0.5]
    if not numeric:  # few rows below a header
        numeric = [place for place in range(size) if is_number(judged[-1][place], decimal)]
    for place, (_, cells) in enumerate(cut):
        if len(cells) != size or not numeric or _COMMENT.match(cells[0]):
            continue
        held = [cells[column] for column in numeric]
        numbers = sum(is_number(cell, decimal) for cell in held)
        if numbers and numbers + sum(cell.lower() in NULLS for cell in held) > 0.5 * len(held):
            while place and len(cut[place - 1][1]) == size and {cell.lower() for cell in cut[place - 1][1]} <= NULLS:
                place -= 1  # a recording may begin with missing samples
            return place
    raise SignalError("expected rows of numbers, found none; check the file")


def _share(rows: list[list[str]], place: int, decimal: str) -> float:
    """Share of numbers among the cells of a column that are not missing."""
    present = [row[place] for row in rows if row[place].lower() not in NULLS]
    return sum(is_number(cell, decimal) for cell in present) / len(present) if present else 0.0


def _find_columns(
    cut: list[tuple[int, list[str]]], first: int, size: int, decimal: str
) -> tuple[tuple[ColumnName, ...] | None, tuple[str, ...]]:
    """Names, and units in a row of their own, from the lines above the first row."""
    above = [_without_comment(cells) for _, cells in cut[:first]]
    units = None
    if len(above) > 1 and _are_units(above[-1], size) and _are_names(above[-2], size, decimal):
        units = above.pop()
    if not above or not _are_names(above[-1], size, decimal):
        return None, ()
    header = above[-1]
    header = ["", *header] if len(header) == size - 1 else header[:size]  # R leaves out the name of its index
    names = _grouped([read_name(raw) for raw in header], above[-2] if len(above) > 1 else [])
    twice = [name for name, count in Counter(name.name for name in names).items() if count > 1]
    names = [ColumnName(name.raw, name.raw, name.unit) if name.name in twice else name for name in names]
    if units is None:
        return tuple(names), ()
    units = [_bare(unit) for unit in [*units, *[""] * size][:size]]
    known = [unit if names_unit(unit) else None for unit in units]
    unknown = {unit for unit, fits in zip(units, known, strict=True) if unit and fits is None}
    told = (f"units that are not known are left open: {', '.join(sorted(unknown))}",) if unknown else ()
    read = [ColumnName(name.raw, name.name, unit or name.unit) for name, unit in zip(names, known, strict=True)]
    return tuple(read), ("units are taken from the row below the names", *told)


def _grouped(names: list[ColumnName], above: list[str]) -> list[ColumnName]:
    """Names that several columns share, told apart by the groups that a row above them names (Excel's merged cells)."""
    shared = len({name.name for name in names}) < len(names)
    if not shared or len(above) > len(names) or sum(map(bool, above)) < 2 or not above[0]:
        return names
    group, found = "", []
    for place, name in enumerate(names):
        group = (above[place] if place < len(above) else "") or group
        found.append(ColumnName(name.raw, f"{group} {name.name}".strip(), name.unit))
    return found if len({name.name for name in found}) == len(names) else names


def _without_comment(cells: list[str]) -> list[str]:
    """Take a mark of comments off a line: the last of them often holds the names."""
    if not cells or not (mark := _COMMENT.match(cells[0])):
        return cells
    rest = cells[0][mark.end() :].strip()
    return [rest, *cells[1:]] if rest else cells[1:]


def _are_names(cells: list[str], size: int, decimal: str) -> bool:
    fits = size - 1 <= len(cells) <= size + 1 and (len(cells) <= size or not cells[-1])
    named = [cell for cell in cells if cell]
    return fits and len(named) >= max(1, size // 2) and not all(is_number(cell, decimal) for cell in named)


def _are_units(cells: list[str], size: int) -> bool:
    named = [_bare(cell) for cell in cells if _bare(cell)]
    known = sum(names_unit(cell) for cell in named)
    return len(cells) <= size + 1 and bool(named) and 2 * known >= len(named)


def _bare(unit: str) -> str:
    """A unit without the brackets around it."""
    return unit[1:-1].strip() if unit[:1] in "([" and unit[-1:] in ")]" else unit


def _column_numbers(cut: list[tuple[int, list[str]]], first: int, decimal: str) -> tuple[ColumnName, ...] | None:
    """The header 0, 1, 2, ... that pandas writes above a table without names: whole above numbers that are not."""
    header, rows = cut[first][1], [cells for _, cells in cut[first + 1 :]]
    numbers = header[1:] if header and not header[0] else header
    broken = any(decimal in cell for cells in rows[:_JUDGED] for cell in cells)
    if len(numbers) < 2 or numbers != [str(i) for i in range(len(numbers))] or not broken or not rows:
        return None
    return tuple(ColumnName(raw, raw) for raw in header)


def _stated_rate(heading: str) -> float | None:
    """The sampling rate that a heading states, in Hz."""
    if found := _RATE.search(heading):
        return float(found["rate"].replace(",", ".")) * (1000 if found["kilo"] else 1) or None
    if found := _INTERVAL.search(heading):
        interval = float(found["size"].replace(",", ".")) * _STEP[found["unit"].lower()]
        return 1 / interval if interval else None
    return None
