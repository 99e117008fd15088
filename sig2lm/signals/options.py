"""What a user states of a file beside what the file says: on the command line, in a manifest or in Python."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict, cast

from sig2lm.arguments import as_float
from sig2lm.errors import SignalError
from sig2lm.signals.checks import as_names, as_positive
from sig2lm.signals.recording import Wanted


class Stated(TypedDict, total=False):
    """Keywords of `read_signal`; their meaning is that of the fields of `ReadOptions`."""

    sampling_rate: float | None
    period: float | None
    channels: Sequence[str] | None
    units: Sequence[str] | None
    time_column: str | None
    missing: Sequence[str | float] | None
    start: float | None
    end: float | None
    time_axis: int | None


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read; None leaves it to the file.

    Attributes
    ----------
    sampling_rate
        Hz. A file whose own clock says otherwise is refused, unless ``time_column`` is "none".
    period
        Seconds between rows, for slow regular rows such as daily summaries.
    channels
        Which columns are read, in this order; NAME=COLUMN gives one another name. If the file has none of these names
        (and no NAME=COLUMN is among them), they name its channels in order.
    units
        One for each channel, or one for all.
    time_column
        The column that is the clock, as NAME or, with the unit that it counts, NAME:ms (s, ms, us, ns, min, h);
        "none" for no clock.
    missing
        Numbers or words that stand for a missing sample, beside empty cells and NaN.
    start, end
        What is kept, s from the first sample.
    time_axis
        Of arrays without names: 1 where samples stand in columns, (C, T), as it is by default; 0 for (T, C). Of text
        tables: 0 by default.

    Raises
    ------
    SignalError
        If a value makes no sense.

    Examples
    --------
    >>> options = ReadOptions(channels=("x=Acc X", "y"))
    >>> options.wanted, options.names
    (('Acc X', 'y'), ('x', 'y'))
    """

    sampling_rate: float | None = None
    period: float | None = None
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    time_column: str | None = None
    missing: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    time_axis: int | None = None

    def __post_init__(self) -> None:
        for name in ("sampling_rate", "period"):
            object.__setattr__(self, name, as_positive(f"--{name.replace('_', '-')}", getattr(self, name)))
        for name in ("channels", "units"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_names(f"--{name}", getattr(self, name)))
        if self.sampling_rate is not None and self.period is not None:
            raise SignalError("--sampling-rate and a period are both given; give one of them")
        missing = () if self.missing is None else self.missing
        if isinstance(missing, str | int | float):
            missing = (missing,)
        object.__setattr__(
            self, "missing", tuple(f"{mark:g}" if isinstance(mark, float) else str(mark) for mark in missing)
        )
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(as_float(value)) and value >= 0):
                raise SignalError(f"--{name} is {value}, expected seconds from the first sample")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise SignalError(f"--end ({self.end:g} s) must come after --start ({self.start:g} s)")
        if self.time_axis not in (None, 0, 1):
            raise SignalError(f"--time-axis is {self.time_axis}, expected 0 (samples in rows) or 1 (in columns)")
        if self.channels is not None and len(set(self.names or ())) < len(self.channels):
            raise SignalError(f"--channels must differ, found {', '.join(self.channels)}")

    @classmethod
    def from_stated(cls, stated: Stated) -> Self:
        """Read the keywords of `read_signal`."""
        return cls(**stated)  # type: ignore[arg-type]  # __post_init__ brings sequences to one form

    @property
    def stated(self) -> Stated:
        """The keywords of `read_signal` that make the same options."""
        return cast(Stated, {name: getattr(self, name) for name in Stated.__annotations__})

    @property
    def wanted(self) -> Wanted:
        """Columns of the file that are asked for."""
        return None if self.channels is None else tuple(channel.rpartition("=")[2] for channel in self.channels)

    @property
    def names(self) -> Wanted:
        """Names that the channels get."""
        return (
            None if self.channels is None else tuple(channel.rpartition("=")[0] or channel for channel in self.channels)
        )

    @property
    def renames(self) -> bool:
        """Whether a column is given another name, so that it must exist."""
        return self.names != self.wanted
