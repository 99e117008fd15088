"""A long recording in windows that meet a contract, each made when its turn comes.

The windows are those of ``contract.conform(signal).windows(length, stride)``, but the recording is selected, resampled
and converted block by block, so what is held beside it does not grow with its length.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.contract import Contract
from sig2lm.signals.heartbeats import find_heart_beats
from sig2lm.signals.signal import Signal
from sig2lm.signals.units import FloatArray, convert_values

_BLOCK = 16_384  # samples of each channel that are conformed at once
_TRIED = 64  # samples that are conformed ahead, for the errors that this may raise

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SignalWindows:
    """The windows of a recording; make them with :meth:`over`.

    Attributes
    ----------
    signal
        The recording: as it came where it is sampled, else conformed.
    contract
        What every window meets.
    length, stride
        Of the windows: in s for sampled signals, in rows for the others.
    times
        Of signals without a sampling rate, where their T rows begin and the last one ends: (T + 1,), s; None for
        sampled ones.
    beats
        How many heart beats were found where an ECG became RR intervals, and its lead.
    """

    signal: Signal
    contract: Contract
    length: float
    stride: float
    times: Times | None = None
    beats: tuple[int, str] | None = None

    @classmethod
    def from_signal(
        cls, signal: Signal, contract: Contract, owner: str, length: float | None = None, stride: float | None = None
    ) -> "SignalWindows":
        """Plan the windows of a recording.

        Parameters
        ----------
        signal
            What `Contract.conform` takes, an ECG for RR intervals included.
        contract, owner
            As in `Contract.conform`.
        length, stride
            In s for sampled signals, in rows for the others. Without a length, the contract's window; without a stride
            the windows stand side by side.

        Raises
        ------
        SignalError
            As `Contract.conform` does; or when there is no length, one of them does not reach a sample, or the events
            of a series are counts without times.
        """
        length = length or contract.window
        if length is None:
            raise SignalError(f"expected the length of a window, since {owner} names none; state it")
        stride = stride or length
        if min(length, stride) * (contract.sampling_rate or 1.0) < 1:
            unit = "s" if contract.sampling_rate else "rows"
            raise SignalError(f"window length and stride must reach one sample, found {length:g} and {stride:g} {unit}")
        if contract.sampling_rate is not None:
            contract.conform(replace(signal, values=signal.values[:, :_TRIED]), owner)
            return cls(signal, contract, length, stride)
        if contract.takes_beats_of(signal):
            found = find_heart_beats(signal)
            intervals = replace(found.intervals, channels=contract.channels)
            beats = len(found.times), found.lead
            return cls(contract.conform(intervals, owner), contract, length, stride, found.times, beats)
        conformed = contract.conform(signal, owner)
        return cls(conformed, contract, length, stride, _row_times(conformed))

    def __len__(self) -> int:
        room = self._num_samples - self.count
        if room < 0:
            return 0
        number = int(room / (self.stride * self._rate)) + 1  # rounding may take one off, or let one more in
        return next(count for count in (number + 1, number, number - 1) if self._first(count - 1) <= room)

    def __iter__(self) -> Iterator[FloatArray]:
        """Yield the values (C, T) of each window, in the contract's channels, units and rate."""
        number, count = 0, len(self)
        while number < count:
            first = self._first(number)
            stop = number + 1
            while stop < count and self._first(stop) + self.count - first <= _BLOCK:
                stop += 1
            block = self._conformed(first, self._first(stop - 1) + self.count)
            for place in range(number, stop):
                begin = self._first(place) - first
                yield block[:, begin : begin + self.count]
            number = stop

    def span(self, number: int) -> tuple[float, float]:
        """Where a window begins and ends, s from the beginning of the recording."""
        first = self._first(number)
        if self.times is None:
            return first / self._rate, (first + self.count) / self._rate
        return float(self.times[first]), float(self.times[first + self.count])

    @property
    def end(self) -> float:
        """Where the recording ends, s from its beginning."""
        return self._num_samples / self._rate if self.times is None else float(self.times[-1])

    @property
    def left_over(self) -> float:
        """Seconds behind the last window, too few for another one."""
        return self.end - self.span(len(self) - 1)[1] if len(self) else self.end

    @property
    def _rate(self) -> float:
        return self.contract.sampling_rate or 1.0

    @property
    def count(self) -> int:
        """Samples in a window, as the contract counts them."""
        return round(self.length * self._rate)

    @cached_property
    def _resampled(self) -> bool:
        source = self.signal.sampling_rate
        return source is not None and not math.isclose(source, self._rate, rel_tol=1e-6)

    @cached_property
    def _num_samples(self) -> int:
        if not self._resampled:
            return self.signal.num_samples
        from sig2lm.signals.resampling import resampled_length

        return resampled_length(self.signal.num_samples, self.signal.sampling_rate or 1.0, self._rate)

    def _first(self, number: int) -> int:
        """First sample of a window, counted as `Signal.windows` does."""
        return round(number * self.stride * self._rate)

    def _conformed(self, first: int, last: int) -> FloatArray:
        """Samples of the conformed recording, (C, last - first)."""
        signal, contract = self.signal, self.contract
        if self.times is not None:
            return signal.values[:, first:last]
        places = [signal.channels.index(name) for name in contract.channels]
        rows = [signal.values[place] for place in places]
        if self._resampled:
            from sig2lm.signals.resampling import resample_span

            rows = list(resample_span(rows, signal.sampling_rate or 1.0, self._rate, first, last))
        else:
            rows = [row[first:last] for row in rows]
        units = zip((signal.units[place] for place in places), contract.units, strict=True)
        return np.stack([convert_values(row, *pair) for row, pair in zip(rows, units, strict=True)])


def _row_times(signal: Signal) -> Times:
    """Where rows begin and the last one ends, (T + 1,) s: by the period, or by the sum of intervals between events."""
    if (times := signal.row_times()) is not None:
        return times
    raise SignalError(
        f"the events of {', '.join(signal.channels)} ({', '.join(signal.units)}) have no times, so "
        "their windows have none; state a unit of time or a period"
    )
