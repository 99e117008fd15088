"""Contract: what an encoder or a table expects of a signal, and the lossless way to meet it."""

from dataclasses import dataclass, replace
from typing import Any

from sig2lm.errors import SignalError
from sig2lm.signals.checks import as_names, as_positive
from sig2lm.signals.heartbeats import INTERVAL_NAMES, are_intervals, ecg_lead, find_heart_beats
from sig2lm.signals.leads import are_leads, as_leads
from sig2lm.signals.signal import Signal
from sig2lm.signals.units import check_unit


@dataclass(frozen=True)
class Contract:
    """What a consumer expects of a signal.

    Parameters
    ----------
    channels, units
        Names and units of the channels, in the order the consumer wants them.
    sampling_rate, period
        As in `Signal`.
    window
        Length the consumer was made for, in s (in rows for signals without a sampling rate); None is any length. It is
        told, not enforced: `conform` does not cut, since a longer recording can be cut in more than one way.

    Raises
    ------
    SignalError
        If the parts do not fit together.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    sampling_rate: float | None
    period: float | None = None
    window: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", as_names("channels", self.channels))
        object.__setattr__(self, "units", as_names("units", self.units))
        for name in ("sampling_rate", "period", "window"):
            object.__setattr__(self, name, as_positive(name, getattr(self, name)))
        if not self.channels:
            raise SignalError("a contract names at least one channel")
        if len(self.channels) != len(self.units):
            raise SignalError(
                f"channels and units must be as many, found {len(self.channels)} ({', '.join(self.channels)}) "
                f"and {len(self.units)} ({', '.join(self.units)})"
            )
        if len(set(self.channels)) != len(self.channels):
            raise SignalError(f"channel names must differ, found {', '.join(self.channels)}")
        if self.sampling_rate is not None and self.period is not None:
            raise SignalError("sampling_rate and period are both given; give one of them")
        for unit in self.units:
            check_unit(unit)

    def conform(self, signal: Signal, owner: str) -> Signal:
        """Return the signal as the consumer expects it: channels by name, units converted, rate resampled.

        An ECG becomes RR intervals where these are expected (:mod:`sig2lm.signals.heartbeats`), and intervals that a
        device calls otherwise (ppi, ibi) take the name that is expected. Leads that a device calls otherwise (AVR,
        MLII) take theirs, and where several leads are expected, those that a recording lacks are missing samples; the
        signal's notes say so.

        Parameters
        ----------
        signal
            May have further channels, in any order.
        owner
            Who expects it, for the message: "the encoder in 'runs/har'".

        Raises
        ------
        SignalError
            If a channel lacks, a unit measures something else, or only one of the two has a sampling rate or a period.
        """
        if self.takes_beats_of(signal):
            intervals = find_heart_beats(signal).intervals
            signal = Signal(intervals.values, None, self.channels, intervals.units)
        signal = self._with_intervals(signal)
        if are_leads(self.channels):
            signal = as_leads(signal, self.channels)
        missing = [name for name in self.channels if name not in signal.channels]
        if missing:
            raise SignalError(
                f"channels are {', '.join(signal.channels)}, but {owner} expects {', '.join(self.channels)}; "
                f"missing: {', '.join(missing)}; name them, as in --channels {missing[0]}=COLUMN,..."
            )
        if (signal.sampling_rate is None) != (self.sampling_rate is None) or signal.period != self.period:
            raise SignalError(
                f"sampling_rate is {_rate(signal)}, but {owner} expects {_rate(self)}; "
                "state the clock it was recorded with (--sampling-rate)"
            )
        try:
            signal = signal.select(self.channels).convert(self.units)
            return signal if self.sampling_rate is None else signal.resample(self.sampling_rate)
        except SignalError as error:
            raise SignalError(f"{error} (as {owner} expects)") from error

    def takes_beats_of(self, signal: Signal) -> bool:
        """Tell whether `conform` turns this signal, an ECG, into the RR intervals that are expected."""
        if set(self.channels) <= set(signal.channels):
            return False
        return are_intervals(self.units, self.sampling_rate, self.period) and ecg_lead(signal) is not None

    def _with_intervals(self, signal: Signal) -> Signal:
        """Name intervals between beats as they are expected: devices call them ppi, ibi or nn as well as rr."""
        if set(self.channels) <= set(signal.channels) or signal.sampling_rate is not None or signal.period is not None:
            return signal
        if not are_intervals(self.units, self.sampling_rate, self.period):
            return signal
        known = [name for name in signal.channels if name.casefold() in INTERVAL_NAMES]
        return replace(signal.select(known), channels=self.channels) if len(known) == 1 else signal

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {
            "channels": list(self.channels),
            "units": list(self.units),
            "sampling_rate": self.sampling_rate,
            "period": self.period,
            "window": self.window,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Contract":
        """Rebuild a contract from `to_dict`.

        Raises
        ------
        SignalError
            If a field lacks, is unknown or does not fit.
        """
        expected = {"channels", "units", "sampling_rate", "period", "window"}
        if not isinstance(data, dict) or set(data) != expected:
            found = ", ".join(sorted(data)) if isinstance(data, dict) else type(data).__name__
            raise SignalError(f"a contract has the fields {', '.join(sorted(expected))}, found {found}")
        for name in ("channels", "units"):
            if not isinstance(data[name], list | tuple):
                raise SignalError(f"{name} must be a list of names, found {data[name]!r}")
        return cls(**data)


def _rate(clocked: Signal | Contract) -> str:
    if clocked.sampling_rate is not None:
        return f"{clocked.sampling_rate:g} Hz"
    return "None (an event series)" if clocked.period is None else f"None (one row every {clocked.period:g} s)"
