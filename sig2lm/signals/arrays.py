"""Arrays and data frames become signals: what they do not say, a caller states or a contract fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.checks import as_names
from sig2lm.signals.contract import Contract
from sig2lm.signals.signal import Signal


@dataclass(frozen=True)
class ArrayClock:
    """What a caller states of arrays, in the fields of :class:`Signal`; and whether values are taken as they are.

    Attributes
    ----------
    sampling_rate, period
        Hz, or s between rows. A rate is never assumed; a period is that of the contract where none is stated.
    channels, units
        Names and units of the rows; by default those of the contract.
    believe
        Of signals too: take values that cannot be what they are said to be, and say nothing of them.
    """

    sampling_rate: float | None = None
    channels: Sequence[str] | None = None
    units: Sequence[str] | None = None
    period: float | None = None
    believe: bool = False

    @classmethod
    def names(cls) -> list[str]:
        """The names of what can be stated."""
        return [field.name for field in fields(cls)]

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Self:
        """Take out of a caller's keywords what is stated of arrays, and leave the others."""
        return cls(**{name: options.pop(name) for name in cls.names() if name in options})

    @property
    def stated(self) -> list[str]:
        """The names of what is stated."""
        return [name for name in self.names() if name != "believe" and getattr(self, name) is not None]


def as_signal(data: Any, contract: Contract, owner: str, clock: ArrayClock | None = None) -> Signal:
    """Return a signal of what somebody has at hand.

    Parameters
    ----------
    data
        A :class:`Signal`, as it is; an array or torch tensor (C, T), of one channel also (T,); or a pandas data frame
        with a row for each sample, whose columns are the channels (by name, or by number in the contract's order).
    contract
        Of whoever will read it; it names the channels and their units where nobody does.
    owner
        Who that is, for the message.
    clock
        What is stated of the array.

    Raises
    ------
    SignalError
        When it is something else, has another shape, or its rate is not stated; or when something is stated of a
        signal, which states it itself.

    Examples
    --------
    >>> motion = Contract(("x", "y"), ("m/s^2", "m/s^2"), 50.0)
    >>> as_signal(np.zeros((2, 100)), motion, "the encoder", ArrayClock(sampling_rate=25)).duration
    4.0
    """
    clock = clock or ArrayClock()
    if isinstance(data, Signal):
        if clock.stated:
            raise SignalError(
                f"a Signal states its {clock.stated[0]} itself; leave out {', '.join(clock.stated)}, or pass an array"
            )
        return data
    wanted = contract.channels if clock.channels is None else as_names("channels", clock.channels)
    values, named = _values(data, wanted, owner)
    channels = wanted if clock.channels is not None or named is None else named
    if len(values) != len(channels):
        turned = values.ndim == 2 and values.shape[1] == len(channels)
        raise SignalError(
            f"expected an array of shape ({len(channels)}, samples) for the channels {', '.join(channels)} of {owner}, "
            f"found shape {values.shape}; " + ("pass its transpose (array.T)" if turned else "pass channels=[...]")
        )
    rate, period = clock.sampling_rate, clock.period
    if contract.sampling_rate is not None and rate is None and period is None:
        raise SignalError(
            f"an array does not state its sampling rate, and {owner} needs one (it reads {contract.sampling_rate:g} "
            "Hz, to which others are converted); pass sampling_rate=..., in Hz"
        )
    if rate is None and period is None:
        period = contract.period
    return Signal(values, rate, channels, _units(clock, channels, contract, owner), period)


def _values(data: Any, wanted: tuple[str, ...], owner: str) -> tuple[Any, tuple[str, ...] | None]:
    """Values (C, T), and the names of their channels where the data has some; of a frame the wanted ones, if there."""
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):  # a data frame
        names = [str(name) for name in data.columns]
        if all(isinstance(name, int | np.integer) for name in data.columns):
            return data.to_numpy().T, None
        if set(wanted) <= set(names):
            return data[list(wanted)].to_numpy().T, wanted
        return data.to_numpy().T, tuple(names)
    if hasattr(data, "detach"):  # a torch tensor, on whatever device
        data = data.detach().cpu().float().numpy()
    if isinstance(data, str | bytes) or hasattr(data, "__fspath__"):
        raise SignalError(
            f"expected a signal or an array, found the path {str(data)!r}; read it with read_signal first"
        )
    if isinstance(data, Sequence | Mapping) or not hasattr(data, "__array__"):
        raise SignalError(
            f"expected a Signal, an array or a data frame for {owner}, found {type(data).__name__}; "
            "make an array of it (numpy.asarray)"
        )
    values = np.asarray(data)
    return (values[None] if values.ndim == 1 and len(wanted) == 1 else values), None


def _units(clock: ArrayClock, channels: tuple[str, ...], contract: Contract, owner: str) -> tuple[str, ...]:
    if clock.units is not None:
        return as_names("units", clock.units)
    known = dict(zip(contract.channels, contract.units, strict=True))
    if unknown := [name for name in channels if name not in known]:
        raise SignalError(
            f"the unit of {', '.join(unknown)} is not known: {owner} reads {', '.join(known)}; "
            "pass units=[...], one for each channel, or only the channels that are read"
        )
    return tuple(known[name] for name in channels)
