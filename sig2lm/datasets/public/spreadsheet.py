"""The first sheet of an .xlsx file as rows of text, with the standard library alone (ECMA-376, SpreadsheetML)."""

import re
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from sig2lm.errors import DatasetError

_SHEET, _STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_COLUMN = re.compile(r"[A-Z]+")


def read_sheet(path: Path) -> list[dict[str, str]]:
    """Read the cells of each row by the letters of their column; an empty cell has no key.

    Raises
    ------
    DatasetError
        If the file is no workbook, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as book:
            strings = _read_strings(book) if _STRINGS in book.namelist() else []
            rows = ElementTree.fromstring(book.read(_SHEET)).iterfind(".//{*}row")
            return [_read_row(row, strings) for row in rows]
    except (OSError, zipfile.BadZipFile, zlib.error, ElementTree.ParseError, LookupError, ValueError) as error:
        raise DatasetError(f"'{path}' is not readable as an .xlsx workbook: {error}; fetch it again") from error


def _read_strings(book: zipfile.ZipFile) -> list[str]:
    return [_text(item) for item in ElementTree.fromstring(book.read(_STRINGS)).iterfind("{*}si")]


def _read_row(row: ElementTree.Element, strings: list[str]) -> dict[str, str]:
    cells = {}
    for cell in row.iterfind("{*}c"):
        inline, value = cell.find("{*}is"), cell.find("{*}v")
        if inline is not None:
            text = _text(inline)
        elif value is not None and value.text:
            text = strings[int(value.text)] if cell.get("t") == "s" else value.text
        else:
            continue
        column = _COLUMN.match(cell.get("r", ""))
        if column and text.strip():
            cells[column[0]] = text.strip()
    return cells


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iterfind(".//{*}t"))
