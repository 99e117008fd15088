"""Ways to write numbers as text that can be read back, each with the error it makes.

Formats of the literature are written again from their descriptions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

import numpy as np

from sig2lm.errors import TokenizerError
from sig2lm.tokenization.serializer import Cells, Serializer, read_floats, rounding_error, write_cells
from sig2lm.tokenization.series import MISSING, Values, shortest


def _ticks(value: float, decimals: int) -> int:
    """Round value * 10**decimals to an integer, exactly, halves to even."""
    return int(Decimal(repr(value)).scaleb(decimals).to_integral_value())


def _untick(text: str, decimals: int) -> float:
    return float("nan") if text.lower() == MISSING else float(Decimal(int(text)).scaleb(-decimals))


@dataclass(frozen=True)
class Plain(Serializer):
    """The shortest text that reads back as the same float64. Example: 7.091625, 8.0 become 7.091625, 8."""

    @property
    def name(self) -> str:
        """``plain``."""
        return "plain"

    @property
    def error(self) -> str:
        """The error it makes, in words."""
        return "none"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        return write_cells(values, shortest)

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        return read_floats(cells)

    def bound(self, values: Values) -> Values:
        """Zero."""
        return np.zeros_like(values)


@dataclass(frozen=True)
class Fixed(Serializer):
    """A fixed number of decimals. Example with 2: 7.091625, -0.001 become 7.09, 0.00."""

    decimals: int = 2

    @property
    def name(self) -> str:
        """``fixed:DECIMALS``."""
        return f"fixed:{self.decimals}"

    @property
    def error(self) -> str:
        """The error it makes, in words."""
        return f"at most {shortest(0.5 * 10.0**-self.decimals)}"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        return write_cells(values, self._write)

    def _write(self, value: float) -> str:
        text = f"{value:.{self.decimals}f}"
        return text.lstrip("-") if not text.strip("-0.") else text  # no "-0.00"

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        return read_floats(cells)

    def bound(self, values: Values) -> Values:
        """Half of the last decimal."""
        return 0.5 * 10.0**-self.decimals + rounding_error(values)


@dataclass(frozen=True)
class Significant(Serializer):
    """A fixed number of significant digits. Example with 3: 90426.7, 0.0012345 become 90400, 0.00123."""

    digits: int = 3

    @property
    def name(self) -> str:
        """``significant:DIGITS``."""
        return f"significant:{self.digits}"

    @property
    def error(self) -> str:
        """The error it makes, in words."""
        return f"at most {shortest(50 * 10.0 ** (1 - self.digits))}% of the value"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        return write_cells(values, self._write)

    def _write(self, value: float) -> str:
        rounded = float(f"{value:.{self.digits}g}")
        if rounded == 0:
            return "0"
        if 1e-6 <= abs(rounded) < 1e15:
            return np.format_float_positional(rounded, trim="-")
        return shortest(rounded)

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        return read_floats(cells)

    def bound(self, values: Values) -> Values:
        """Half of the last significant digit; at most 0.5 * 10**(1 - digits) of the value."""
        return 0.5 * 10.0 ** (1 - self.digits) * np.abs(values) + rounding_error(values)


@dataclass(frozen=True)
class Scaled(Serializer):
    """Integers: the value times a power of ten, rounded. Example with 2: 7.091625, -0.59 become 709, -59."""

    decimals: int = 2

    @property
    def name(self) -> str:
        """``scaled:DECIMALS``."""
        return f"scaled:{self.decimals}"

    @property
    def error(self) -> str:
        """The error it makes, in words."""
        return f"at most {shortest(0.5 * 10.0**-self.decimals)}"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        return write_cells(values, lambda value: str(_ticks(value, self.decimals)))

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        return np.array([[_untick(cell, self.decimals) for cell in row] for row in cells], dtype=np.float64).T

    def bound(self, values: Values) -> Values:
        """Half of the last decimal kept."""
        return 0.5 * 10.0**-self.decimals + rounding_error(values)


@dataclass(frozen=True)
class Grouped(Scaled):
    """Scaled integers whose digits are grouped by threes from the right. Example with 3: 1234.567 becomes 1 234 567.

    A space forces the tokenizer to cut at the thousands, whatever its own grouping. Source: Singh & Strouse 2024,
    arXiv 2402.14903, who group with commas and find that other separators serve as well; the comma is the cell's here.
    """

    @property
    def name(self) -> str:
        """``grouped:DECIMALS``."""
        return f"grouped:{self.decimals}"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        return write_cells(values, lambda value: f"{_ticks(value, self.decimals):,}".replace(",", " "))


@dataclass(frozen=True)
class Spaced(Scaled):
    """LLMTime: rescaled, without decimal point, a space between digits. Example with 2, unscaled: 12.3 becomes 1 2 3 0.

    Each channel is written as (x - offset) / scale, so that most values lie between 0 and 1. Offset and scale are said
    once, outside of the series; `fit` chooses them as the paper does. Source: Gruver et al. 2023, arXiv 2310.07820.
    """

    cell: str = " , "
    offsets: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """``spaced:DECIMALS``."""
        return f"spaced:{self.decimals}"

    @property
    def error(self) -> str:
        """The error it makes, in words."""
        half = 0.5 * 10.0**-self.decimals
        return f"at most {shortest(half)}" + (" of each channel's scale" if self.scales else "")

    def fit(self, values: Values, alpha: float = 0.95, beta: float = 0.3) -> Spaced:
        """Choose offset and scale: `beta` ranges below the minimum, and the `alpha` quantile of what is then left."""
        offsets, scales = [], []
        for channel in values:
            known = channel[~np.isnan(channel)]
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            offset = low - beta * (high - low)
            quantile = float(np.quantile(known - offset, alpha)) if len(known) else 0.0
            offsets.append(offset)
            scales.append(quantile if quantile > 0 and math.isfinite(quantile) else 1.0)
        return replace(self, offsets=tuple(offsets), scales=tuple(scales))

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        offsets, scales = self._parameters(len(values))
        return write_cells((values - offsets) / scales, self._write)

    def _write(self, value: float) -> str:
        ticks = _ticks(value, self.decimals)
        return "-" * (ticks < 0) + " ".join(str(abs(ticks)))

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        scaled = super().read(cells)
        offsets, scales = self._parameters(len(scaled))
        return np.asarray(scaled * scales + offsets)

    def bound(self, values: Values) -> Values:
        """Half of the last decimal, times the scale of the channel."""
        offsets, scales = self._parameters(len(values))
        return np.asarray(0.5 * 10.0**-self.decimals * scales + 4 * rounding_error(np.abs(values) + np.abs(offsets)))

    def _parameters(self, num_channels: int) -> tuple[Values, Values]:
        offsets = self.offsets or (0.0,) * num_channels
        scales = self.scales or (1.0,) * num_channels
        return np.array(offsets)[:, None], np.array(scales)[:, None]


@dataclass(frozen=True)
class Differences(Scaled):
    """Scaled integers, each less the one before it in its channel. Example with 1: 7.1, 7.3, 7.2 become 71, 2, -1.

    The first value of a channel is written whole. After a missing value the difference is to the last one known.
    Rounding comes before differencing, so the error does not add up.
    """

    cumulative: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """``differences:DECIMALS``."""
        return f"differences:{self.decimals}"

    def cells(self, values: Values) -> Cells:
        """Write values (C, T) as T rows of C cells."""
        last = [0] * len(values)
        rows = []
        for row in values.T.tolist():
            written = []
            for channel, value in enumerate(row):
                if math.isnan(value):
                    written.append(MISSING)
                    continue
                ticks = _ticks(value, self.decimals)
                written.append(str(ticks - last[channel]))
                last[channel] = ticks
            rows.append(written)
        return rows

    def read(self, cells: Cells) -> Values:
        """Read cells back into values (C, T)."""
        last = [0] * len(cells[0])
        rows = []
        for row in cells:
            found = []
            for channel, cell in enumerate(row):
                if cell.lower() == MISSING:
                    found.append(math.nan)
                    continue
                last[channel] += int(cell)
                found.append(_untick(str(last[channel]), self.decimals))
            rows.append(found)
        return np.array(rows, dtype=np.float64).T


KINDS: dict[str, Callable[[int], Serializer]] = {
    "plain": lambda _: Plain(),
    "fixed": lambda n: Fixed(decimals=n),
    "significant": lambda n: Significant(digits=n),
    "scaled": lambda n: Scaled(decimals=n),
    "grouped": lambda n: Grouped(decimals=n),
    "spaced": lambda n: Spaced(decimals=n),
    "differences": lambda n: Differences(decimals=n),
}
LARGEST_PARAMETER = 17


def build_serializer(name: str, values: Values) -> Serializer:
    """Build a serializer by name, fitted to the values where it has something to fit.

    Parameters
    ----------
    name
        ``plain``, or ``fixed:2``, ``significant:3``, ``scaled:2``, ``grouped:2``, ``spaced:2``, ``differences:2`` with
        any number of decimals or digits; without a number the decimals are those of `enough_decimals`.
    values
        (C, T).

    Raises
    ------
    TokenizerError
        No such serializer, or a parameter that is no number from 0 to 17.
    """
    kind, _, parameter = name.partition(":")
    if kind not in KINDS:
        raise TokenizerError(f"expected a serializer of {', '.join(KINDS)}, found {name!r}; write it as fixed:2")
    usable = parameter.isdecimal() and int(kind == "significant") <= int(parameter) <= LARGEST_PARAMETER
    if parameter and (kind == "plain" or not usable):
        raise TokenizerError(
            f"expected {kind}:N with N from 0 to {LARGEST_PARAMETER}, found {name!r}; write it as fixed:2"
        )
    default = 3 if kind in ("significant", "spaced") else enough_decimals(values)
    serializer = KINDS[kind](int(parameter) if parameter else default)
    return serializer.fit(values) if isinstance(serializer, Spaced) else serializer


def default_serializers(values: Values) -> list[Serializer]:
    """One serializer of each kind, and two more numbers of significant digits, with enough decimals for the values."""
    names = ["plain", "fixed", "significant:2", "significant:3", "significant:4", "scaled", "spaced:2", "spaced:3"]
    return [build_serializer(name, values) for name in [*names, "grouped", "differences"]]


def enough_decimals(values: Values, share: float = 0.01) -> int:
    """Find how many decimals keep the rounding error (its root mean square) below a share of each channel's deviation.

    Rounding to d decimals has a root mean square error of 10**-d / sqrt(12) (uniform error). A channel that never
    changes asks for none. Example: a channel with standard deviation 5 needs 10**-d <= 0.05 * sqrt(12) = 0.17: d = 1.
    """
    needed = 0
    for channel in values:
        known = channel[~np.isnan(channel)]
        deviation = float(np.std(known)) if len(known) else 0.0
        if deviation > 0 and math.isfinite(deviation):
            needed = max(needed, math.ceil(-math.log10(share * deviation * math.sqrt(12))))
    return min(needed, LARGEST_PARAMETER)
