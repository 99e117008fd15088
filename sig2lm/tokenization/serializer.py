"""The base of all serializers: cells, separators, reading back. The kinds are in `sig2lm.tokenization.serializers`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sig2lm.errors import TokenizerError
from sig2lm.tokenization.series import MISSING, Values

Cells = list[list[str]]  # T rows of C cells


@dataclass(frozen=True)
class Serializer(ABC):
    """One way to write values.

    Cells and rows are joined by the separators; reading back ignores white space inside cells, because some tokenizers
    add or drop it.

    Attributes
    ----------
    cell, row
        What stands between cells and between rows.
    cumulative
        Whether a value can only be known by adding up all before it.
    """

    cell: str = ","
    row: str = "\n"
    cumulative: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """The name with its parameter, as `build_serializer` takes it: ``fixed:2``."""

    @property
    @abstractmethod
    def error(self) -> str:
        """The error it makes, in words."""

    @abstractmethod
    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells; missing values become ``nan``."""

    @abstractmethod
    def read(self, cells: Cells) -> Values:
        """Turn T rows of C cells, free of white space, into values (C, T)."""

    @abstractmethod
    def bound(self, values: Values) -> Values:
        """Give the largest absolute error (C, T) that reading back can show, float64 rounding included."""

    def encode(self, values: Values) -> str:
        """Write values (C, T) as one text."""
        return self.join(self.cells(values))

    def join(self, cells: Sequence[Sequence[str]]) -> str:
        """Join rows of cells into one text."""
        return self.row.join(self.cell.join(row) for row in cells)

    def decode(self, text: str) -> Values:
        """Read a text of `encode` back into values (C, T).

        Raises
        ------
        TokenizerError
            The text is not one that this serializer wrote.
        """
        rows = text.split(self.row.strip() or self.row)
        cells = [["".join(cell.split()) for cell in row.split(self.cell.strip() or self.cell)] for row in rows]
        try:
            if len({len(row) for row in cells}) > 1:
                raise ValueError("rows of different lengths")
            return self.read(cells)
        except ValueError as error:
            raise TokenizerError(f"expected a text written by {self.name}, cannot read it back ({error})") from error

    def with_row(self, row: str) -> Serializer:
        """The same serializer with another separator between rows."""
        return replace(self, row=row)


def write_cells(values: Values, write: Callable[[float], str]) -> Cells:
    """Write values (C, T) as T rows of C cells, a missing value as ``nan``."""
    return [[MISSING if math.isnan(value) else write(value) for value in row] for row in values.T.tolist()]


def read_floats(cells: Cells) -> Values:
    """Read T rows of C cells as values (C, T)."""
    return np.array([[float(cell) for cell in row] for row in cells], dtype=np.float64).T


def rounding_error(values: Values) -> Values:
    """Give the error of float64 arithmetic itself: a few units in the last place."""
    return np.asarray(4 * np.spacing(np.abs(values)))
