"""What official layouts share: a folder that may lie in another one, and csv files whose every line must be right."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from sig2lm.errors import DatasetError

_Row = TypeVar("_Row")


def folder_and_inner(source: Path) -> list[Path]:
    """Return a folder and those in it: archives unpack into a folder of their own, which users give or do not."""
    return [source, *sorted(path for path in source.iterdir() if path.is_dir())]


@contextmanager
def csv_file(path: Path) -> Iterator[TextIO]:
    """Open a csv file to be read by :mod:`csv`; bytes that are no UTF-8 are replaced.

    Raises
    ------
    DatasetError
        If what is read in the block is no csv.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            yield file
        except csv.Error as error:
            raise DatasetError(f"'{path}' is not readable as csv: {error}; get the file again") from error


def read_lines(path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], _Row], what: str) -> list[_Row]:
    """Read each line of a csv file that has a header.

    Parameters
    ----------
    columns
        That the header must have.
    parse
        Cells by column to what a line says; raises ValueError about one that cannot be right.
    what
        A line in words, such as ``report``.

    Raises
    ------
    DatasetError
        If the file is missing, is no such csv, or holds no line; a line that is wrong is named by its number.
    """
    found = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if lacking := [name for name in columns if name not in (reader.fieldnames or [])]:
                raise DatasetError(f"'{path}': the header lacks {', '.join(lacking)}; fetch the file again")
            for cells in reader:
                try:
                    found.append(parse(cells))
                except ValueError as error:
                    raise DatasetError(f"'{path}' line {reader.line_num}: {error}; fetch the file again") from error
    except FileNotFoundError as error:
        raise DatasetError(f"expected each {what} in '{path}', found no such file; fetch it again") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path}' is not readable as csv in UTF-8: {error}; fetch the file again") from error
    if not found:
        raise DatasetError(f"'{path}' holds no {what}; fetch the file again")
    return found
