"""Columns of time stamps: which are clocks, on what scale, and the seconds that they count.

Numbers count s, ms, us or ns, from 1970 or from the beginning; texts are dates or times of day. What the name or the
size of the stamps leaves open is guessed, and ``Clock.guessed`` says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.columns import ColumnName

Times = npt.NDArray[np.float64]

NULLS = frozenset({"", "nan", "na", "n/a", "null", "none", "-nan", "nat", "#n/a", "-", "--", "?"})
"""What stands for a missing cell, in small letters."""

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_DAY = 86400.0
# Time stamps since 1970, from 1998 to 2049, in each unit; and ticks of 100 ns since 1601 or the year 1 (Windows, .NET).
_EPOCHS = (
    (9e8, 2.5e9, 1.0, 0.0),
    (9e11, 2.5e12, 1e-3, 0.0),
    (9e14, 2.5e15, 1e-6, 0.0),
    (9e17, 2.5e18, 1e-9, 0.0),
    (1.25e17, 1.42e17, 1e-7, 11_644_473_600.0),
    (6.3e17, 6.47e17, 1e-7, 62_135_596_800.0),
)
_FASTEST = 1e-4  # s; a clock whose steps are shorter counts days, as spreadsheets do
_WRAPS = 2**32  # devices count in so many steps, and begin again
_RISING = 9  # steps at least, to tell a clock by its unit alone
_SLOWEST = 2.0  # s; a clock without a unit whose steps are longer counts something smaller than seconds
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?([.,:]\d{3,}|[.,]\d+)?( ?[AaPp][Mm])?$")
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
)  # fmt: skip
_HOURS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M:%S.%f %p", "%I:%M %p")
_TRIED = 200


@dataclass(frozen=True)
class Clock:
    """How a column of time stamps is read.

    Attributes
    ----------
    column
        Its name.
    scale
        Seconds in a step of a clock of numbers.
    before_1970
        Where the zero of a clock of numbers lies, s before 1970; None where it is not known.
    form
        Of a clock of texts, how pandas reads them; "ISO8601" too.
    time_of_day
        Whether the texts have no date, so that they begin again at midnight.
    guessed
        What was guessed, as in "counts ms, since it steps by 33".
    """

    column: str
    scale: float = 1.0
    before_1970: float | None = None
    form: str | None = None
    time_of_day: bool = False
    guessed: str = ""

    def __str__(self) -> str:
        named = f"the column {self.column!r}" if self.column else "the index"
        return f"the clock is {named}{', which ' * bool(self.guessed)}{self.guessed}"

    def seconds(self, column: Any, decimal: str = ".") -> tuple[Times, float | None]:
        """Read stamps: (T,) s from the first one, NaN where there is none, and when that was (s since 1970).

        Parameters
        ----------
        column
            Text, numbers or dates, as pyarrow or pandas hold them.
        decimal
            The mark of decimals in texts.

        Raises
        ------
        SignalError
            If one is no time stamp of this form; its row is named.
        """
        if self.form is not None:
            return self._from_texts(column)
        numbers = _as_numbers(column, self.column, decimal)
        known = numbers[~np.isnan(numbers)] if numbers.dtype.kind == "f" else numbers
        if not len(known):
            raise SignalError(f"the column {self.column!r} holds no time; leave it out (--time-column none)")
        if numbers.dtype.kind == "i":
            numbers = _unwrapped(numbers)
        # whole numbers are subtracted as such: ns since 1970 need more digits than a float has
        times = (numbers - known[0]).astype(np.float64) * self.scale
        return times, None if self.before_1970 is None else float(known[0]) * self.scale - self.before_1970

    def _from_texts(self, column: Any) -> tuple[Times, float | None]:

        texts = _as_texts(column).str.strip(" '")
        if self.time_of_day:
            texts = "1970-01-01 " + texts
        stamps = _parse(texts, self.form or "ISO8601")
        wrong = stamps.isna() & texts.notna() & ~texts.str.strip().str.lower().isin(list(NULLS))
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise SignalError(
                f"the time in row {row + 1} of the column {self.column!r} is {texts.iloc[row]!r}, and others are read "
                f"as {self.form}; correct it, or name another clock (--time-column)"
            )
        if not stamps.notna().any():
            raise SignalError(f"the column {self.column!r} holds no time; leave it out (--time-column none)")
        first = stamps.dropna().iloc[0]
        times = (stamps - first).dt.total_seconds().to_numpy(dtype=np.float64)
        if self.time_of_day:
            times = times + _DAY * np.cumsum(np.diff(times, prepend=times[:1]) < -_DAY / 2)
            return times, None
        return times, float(first.timestamp())


def find_clock(name: ColumnName, cells: Sequence[str], unit: str | None = None) -> Clock | Literal["counter"] | None:
    """Say how a column is a clock, that it counts rows, or that it is neither (None).

    A column that counts rows one by one is no clock unless its name says that it counts a unit of time.

    Parameters
    ----------
    name
        Of the column; an empty one is that of an index.
    cells
        The first ones, as text.
    unit
        A unit that is stated elsewhere, or by the user: then it is a clock.

    Examples
    --------
    >>> find_clock(ColumnName("time", "time"), ["0", "33", "67", "100"]).scale
    0.001
    >>> find_clock(ColumnName("timestamp", "timestamp"), ["0", "1", "2", "3"])
    'counter'
    """
    present = [cell.strip(" '") for cell in cells if cell.strip(" '").lower() not in NULLS]
    if not present:
        return None
    if all(_DATE.match(cell) or _TIME_OF_DAY.match(cell) for cell in present) and not (name.unit and not name.seconds):
        return _clock_of_texts(name.raw, present)
    try:
        numbers = np.array([float(cell.replace(",", ".")) for cell in present])
    except ValueError:
        return None
    scale = UNITS.get(unit) if unit else name.seconds
    steps = np.diff(numbers)
    named = name.speaks_of_time or unit is not None
    if scale is None and _counts(steps) and (named or name.speaks_of_counting) and not _epoch(numbers):
        return "counter"
    if scale is None and name.only_counts and len(steps) > 2 and set(steps.tolist()) <= {0.0, 1.0}:
        return "counter"  # of packets that hold several rows each
    if len(steps) >= _RISING and steps.min() > 0 and name.unit and scale and not name.is_duration:
        named = True  # as X[s]: a column that only rises, in a unit of time
    if not named and not (name.raw == "" and len(steps) and steps.min() > 0):
        return None
    if not (name.only_time or unit) and (len(steps) == 0 or np.mean(steps < 0) > 0.1 or steps.max() <= 0):
        return None
    return _clock_of_numbers(name.raw, numbers, steps, scale)


def _is_whole(seconds: float) -> bool:
    return seconds > 0.99 and abs(seconds - round(seconds)) < 0.01


def _unwrapped(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Stamps of a counter of 32 bits, which go on where it begins again."""
    steps = np.diff(numbers)
    forward = steps[steps > 0]
    if not len(forward) or not (steps < 0).any():
        return numbers
    again = (steps < 0) & (np.abs(steps + _WRAPS) < 100 * np.median(forward))
    return np.asarray(numbers + _WRAPS * np.concatenate([[0], np.cumsum(again)]))


def _counts(steps: npt.NDArray[np.float64]) -> bool:
    """Whether steps are those of a counter: all 1, but where it begins again (0 to 15, 0 to 255, ...)."""
    if len(steps) < 2:
        return False
    ones = steps == 1
    return bool(ones.all() or (ones.mean() > 0.9 and set(steps[~ones].tolist()) <= {-15.0, -255.0, -65535.0}))


def _epoch(numbers: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Seconds in a step of stamps that count from a known zero, and where that is (s before 1970); None otherwise."""
    size = float(np.median(np.abs(numbers)))
    return next(((scale, zero) for least, most, scale, zero in _EPOCHS if least <= size < most), None)


def _clock_of_numbers(
    column: str, numbers: npt.NDArray[np.float64], steps: npt.NDArray[np.float64], scale: float | None
) -> Clock:
    epoch = _epoch(numbers)
    if epoch is not None and scale in (None, epoch[0], 1.0):  # "time_s" is often a name for any clock
        known = scale == epoch[0]
        said = f"counts {_name_of(epoch[0])} since {_zero_of(epoch[1])}, by its size"
        return Clock(column, *epoch, guessed="" if known else said)
    if scale is not None:  # a device's own count, in the unit that its name states
        return Clock(column, scale)
    forward = steps[steps > 0]
    usual = float(np.median(forward)) if len(forward) else 1.0
    if usual < _FASTEST and (2e4 < numbers[0] < 1e6 or (0 <= numbers[0] < 1 and _is_whole(usual * _DAY))):
        return Clock(column, _DAY, guessed="counts days, as spreadsheets do")
    if usual <= _SLOWEST:
        return Clock(column)
    even = bool((forward == usual).all())
    if even and usual % 15 == 0 and usual < 1e5:
        return Clock(column, guessed=f"counts s, since it steps by {usual:g}")
    scale = next(scale for limit, scale in ((2e3, 1e-3), (2e6, 1e-6), (np.inf, 1e-9)) if usual < limit)
    rate = 1 / usual / scale
    return Clock(column, scale, guessed=f"counts {_name_of(scale)}, since it steps by {usual:g} ({rate:.4g} Hz)")


def _clock_of_texts(column: str, cells: list[str]) -> Clock | None:
    import pandas as pd

    step = max(1, len(cells) // _TRIED)
    texts = pd.Series(cells[::step], dtype="str")
    if _TIME_OF_DAY.match(cells[0]):
        for form in ("ISO8601", *(f"%Y-%m-%d {hours}" for hours in _HOURS)):
            if _parse("1970-01-01 " + texts, form).notna().all():
                return Clock(column, form=form, time_of_day=True)
        return None
    found = []
    for form in ("ISO8601", *_DATES, *(f"{date}{gap}{hours}" for date in _DATES for gap in " T" for hours in _HOURS)):
        stamps = _parse(texts, form)
        if stamps.notna().all():
            if form == "ISO8601":
                return Clock(column, form=form)
            found.append((bool((stamps.diff().dropna() < pd.Timedelta(0)).any()), form))
    if not found:
        return None
    fewest, form = min(found, key=lambda pair: pair[0])
    rivals = [other for backward, other in found if backward == fewest and other[:2] != form[:2]]
    return Clock(column, form=form, guessed="is read with the day first" if rivals and form[:2] == "%d" else "")


def _parse(texts: Any, form: str) -> Any:
    """Time stamps in UTC of a pandas series of texts; NaT where one has another form."""
    import pandas as pd

    texts = texts.str.strip(" '").str.replace(",", ".", regex=False)
    texts = texts.str.replace(r"(:\d{2}):(\d{3})$", r"\1.\2", regex=True)  # ms behind a colon
    texts = texts.str.replace(r"(^|\s)(\d{1,2}:\d{2}\.\d+)$", r"\g<1>0:\2", regex=True)  # minutes and seconds
    if ".%f" in form:  # printers leave out a fraction that is zero
        whole = ~texts.str.contains(r":\d+\.\d", regex=True, na=False)
        texts = texts.where(~whole, texts.str.replace(r"(:\d+:\d+)", r"\1.0", regex=True))
    return pd.to_datetime(texts, format=form, utc=True, errors="coerce")


def _as_texts(column: Any) -> Any:
    import pandas as pd

    if isinstance(column, pd.Series):
        return column.astype("str")
    return pd.Series(column.to_pylist() if hasattr(column, "to_pylist") else list(column), dtype="str")


def _as_numbers(column: Any, name: str, decimal: str) -> npt.NDArray[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiu":
        return column
    import pandas as pd

    texts = _as_texts(column).str.strip()
    if decimal != ".":
        texts = texts.str.replace(decimal, ".", regex=False)
    texts = texts.mask(texts.str.lower().isin(list(NULLS)))
    try:
        numbers = pd.to_numeric(texts)
    except (ValueError, TypeError) as error:
        raise SignalError(
            f"the column {name!r} is the clock, but {' '.join(str(error).split())}; correct it, or name another clock "
            "(--time-column NAME, or none)"
        ) from error
    return np.asarray(numbers.to_numpy() if numbers.dtype.kind == "i" else numbers.to_numpy(dtype=np.float64))


def _name_of(scale: float) -> str:
    return next((name for name, value in UNITS.items() if value == scale), "100 ns")


def _zero_of(before_1970: float) -> str:
    return {0.0: "1970", 11_644_473_600.0: "1601"}.get(before_1970, "the year 1")
