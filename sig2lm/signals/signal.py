"""Signal: what a sensor recorded, with the units and the clock that make its numbers mean something.

A value object: every method returns a new Signal and none changes one. Reading files is `readers`, what a consumer
expects of a signal is `contract`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.checks import as_names, as_positive, as_values
from sig2lm.signals.units import FloatArray, check_unit, convert_values


@dataclass(frozen=True, eq=False)
class Signal:
    """A recording of C channels and T samples.

    Three kinds of time are distinguished: samples at a `sampling_rate`; rows at a slow, regular `period` (daily
    summaries); and event series with neither, such as RR intervals, where each value is one event.

    Parameters
    ----------
    values
        (C, T), converted to float32. NaN is a missing sample; infinity is refused.
    sampling_rate
        Hz; None for event series and for rows with a period.
    channels
        One name per channel, none twice.
    units
        One unit per channel, as pint reads them ("" is dimensionless).
    period
        Seconds between rows when they are slow and regular, 86400.0 for daily ones.
    start
        When the first sample was taken, s since 1970 (UTC, or the clock of the recorder), where that is known.
    notes
        What was guessed or left out when it was read, a sentence each.

    Raises
    ------
    SignalError
        If the parts do not fit together.

    Examples
    --------
    >>> ecg = Signal([[0.0, 1.0, 0.0, -1.0]], 2.0, ("ecg",), ("mV",))
    >>> ecg.duration, ecg.num_samples
    (2.0, 4)
    >>> ecg.convert(["uV"]).values
    array([[    0.,  1000.,     0., -1000.]], dtype=float32)
    """

    values: FloatArray
    sampling_rate: float | None
    channels: tuple[str, ...]
    units: tuple[str, ...]
    period: float | None = None
    start: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", as_values(self.values))
        object.__setattr__(self, "channels", as_names("channels", self.channels))
        object.__setattr__(self, "units", as_names("units", self.units))
        for name in ("sampling_rate", "period"):
            object.__setattr__(self, name, as_positive(name, getattr(self, name)))
        if self.sampling_rate is not None and self.period is not None:
            raise SignalError(
                f"sampling_rate ({self.sampling_rate:g} Hz) and period ({self.period:g} s) exclude each other; give one"
            )
        for name in ("channels", "units"):
            if len(getattr(self, name)) != self.num_channels:
                raise SignalError(
                    f"values have {self.num_channels} channels (shape {self.values.shape}: channels first), "
                    f"but {len(getattr(self, name))} {name} are named: {', '.join(getattr(self, name))}"
                )
        if len(set(self.channels)) != len(self.channels):
            raise SignalError(f"channel names must differ, found {', '.join(self.channels)}")
        for unit in self.units:
            check_unit(unit)

    @property
    def num_channels(self) -> int:
        """C."""
        return int(self.values.shape[0])

    @property
    def num_samples(self) -> int:
        """T."""
        return int(self.values.shape[1])

    @property
    def duration(self) -> float | None:
        """Seconds: samples / rate, rows * period, or the sum of the intervals for RR in a unit of time; else None."""
        if (rate := self._rows_per_second()) is not None:
            return self.num_samples / rate
        events = self.row_times()
        return None if events is None else float(events[-1])

    def resample(self, sampling_rate: float) -> "Signal":
        """Return the signal at another rate, anti-aliased; gaps stay gaps and a constant stays that constant.

        Flat up to 80 % of the lower Nyquist frequency and 60 dB down from it on; see `signals.resampling`.

        Raises
        ------
        SignalError
            If the signal has no sampling rate, or the rate is not positive or more than 20 times the present one.
        """
        target = as_positive("sampling_rate", sampling_rate)
        if self.sampling_rate is None or target is None:
            raise SignalError(
                f"a signal {self._clock()} cannot be resampled; only one with a sampling_rate can be, to a rate in Hz"
            )
        if math.isclose(self.sampling_rate, target, rel_tol=1e-6):
            return replace(self, sampling_rate=target)
        from sig2lm.signals.resampling import resample_values

        return replace(self, values=resample_values(self.values, self.sampling_rate, target), sampling_rate=target)

    def select(self, channels: Sequence[str]) -> "Signal":
        """Return the named channels, in the order given."""
        names = as_names("channels", channels)
        missing = [name for name in names if name not in self.channels]
        if missing:
            raise SignalError(
                f"no channel named {', '.join(missing)}; the signal has {', '.join(self.channels)}; "
                "rename its channels or select others"
            )
        if names == self.channels:
            return self
        places = [self.channels.index(name) for name in names]
        return replace(self, values=self.values[places], channels=names, units=tuple(self.units[i] for i in places))

    def convert(self, units: Sequence[str]) -> "Signal":
        """Return the signal in other units, one per channel; "g" is standard gravity for accelerations.

        Raises
        ------
        SignalError
            If a unit is unknown or measures something else than the channel's.
        """
        names = as_names("units", units)
        if len(names) != self.num_channels:
            raise SignalError(
                f"{self.num_channels} units are needed, one per channel, found {len(names)}: {', '.join(names)}"
            )
        if names == self.units:
            return self
        rows = []
        for channel, row, source, target in zip(self.channels, self.values, self.units, names, strict=True):
            try:
                rows.append(convert_values(row, source, target))
            except SignalError as error:
                raise SignalError(f"channel {channel}: {error}") from error
        return replace(self, values=np.stack(rows), units=names)

    def slice(self, start: float, end: float) -> "Signal":
        """Return what lies in [start, end), s from the first sample.

        Of intervals between events, those that begin in the span are kept.

        Raises
        ------
        SignalError
            If the signal is of events without times, or the span is empty or outside of it.
        """
        rate, duration, times = self._rows_per_second(), self.duration, self.row_times()
        if duration is None or times is None:
            raise SignalError(f"a signal {self._clock()} has no time axis to slice; use windows(), which counts rows")
        if not (0 <= start < end <= duration + 0.5 / (rate or 1000.0)):
            raise SignalError(
                f"start and end must lie in order within 0 to {duration:g} s, found {start:g} to {end:g} s"
            )
        if rate is not None:
            first, last = round(start * rate), round(end * rate)
        else:
            first, last = np.searchsorted(times[:-1], [start, end]).tolist()
        if first == last:
            raise SignalError(f"{start:g} to {end:g} s holds no sample of a signal {self._clock()}; take a longer span")
        return replace(self, values=self.values[:, first:last], start=self._after(start))

    def windows(self, length: float, stride: float | None = None) -> Iterator[tuple[float, "Signal"]]:
        """Yield (start, window) pairs; an incomplete last window is left out.

        Parameters
        ----------
        length, stride
            In seconds for sampled signals, in rows for the others. Without a stride the windows stand side by side.
        """
        stride = length if stride is None else stride
        rate = self.sampling_rate or 1.0
        count = round(length * rate)
        if count < 1 or not stride * rate >= 1:
            unit = "s" if self.sampling_rate else "rows"
            raise SignalError(f"window length and stride must reach one sample, found {length:g} and {stride:g} {unit}")
        index = 0
        while (first := round(index * stride * rate)) + count <= self.num_samples:
            begin = self._after(first / rate * (self.period or 1.0))
            yield first / rate, replace(self, values=self.values[:, first : first + count], start=begin)
            index += 1

    def describe(self) -> str:
        """Say in words and numbers what the signal holds: its clock, then each channel's statistics with units."""
        from sig2lm.signals.description import describe_signal

        return describe_signal(self)

    def summary(self) -> dict[str, Any]:
        """Return the numbers of `describe`, ready for JSON; statistics of a channel without values are None."""
        from sig2lm.signals.description import summarise_signal

        return summarise_signal(self)

    def row_times(self) -> npt.NDArray[np.float64] | None:
        """When rows begin and the last one ends, (T + 1,) s; of events by their intervals, if these have any."""
        if (rate := self._rows_per_second()) is not None:
            return np.arange(self.num_samples + 1) / rate
        for row, unit in zip(self.values, self.units, strict=True):
            try:
                return np.concatenate([[0.0], np.nancumsum(convert_values(row, unit, "s"), dtype=np.float64)])
            except SignalError:
                continue
        return None

    def _after(self, seconds: float) -> float | None:
        return None if self.start is None else self.start + seconds

    def _rows_per_second(self) -> float | None:
        return 1 / self.period if self.period is not None else self.sampling_rate

    def _clock(self) -> str:
        if self.sampling_rate is not None:
            return f"at {self.sampling_rate:g} Hz"
        return "of events, without a sampling_rate" if self.period is None else f"with one row every {self.period:g} s"
