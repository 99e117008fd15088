"""What a quantity is, what it needs of a signal, and what measuring it gives.

A quantity works on many windows at once: ``compute`` takes their values, (N, C, T) float64 in the unit that it needs
and NaN where a sample is missing, and returns N numbers, NaN where a window does not carry the quantity.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from sig2lm.formatting import unit_symbol
from sig2lm.signals import Signal
from sig2lm.signals.description import format_number

Values = npt.NDArray[np.float64]
Compute = Callable[[Values, float], Values]
Channels = tuple[int, ...]

# How parts of a unit are written in a sentence; any other stands as its symbol.
_UNIT_WORDS = {"deg": "degrees", "minute": "minutes", "day": "days"}
_PER = {"s": "second", "min": "minute", "minute": "minute"}


@dataclass(frozen=True)
class Need:
    """What a quantity needs of a signal.

    Attributes
    ----------
    what
        In words, for people who wonder why a quantity is absent.
    find
        Returns the places of the channels that serve, one tuple for each group (empty where the signal has none). Of
        several groups the first is measured, unless ``each`` is set.
    unit
        What the values are converted to; None leaves them in their own.
    each
        Whether every group is measured; the quantity's name then holds ``{channel}``.
    min_rate, min_duration
        Hz and s below which a sampled signal does not carry the quantity.
    package
        A package that must be installed (``sig2lm[quantities]``).
    """

    what: str
    find: Callable[[Signal], list[Channels]]
    unit: str | None = None
    each: bool = False
    min_rate: float = 0.0
    min_duration: float = 0.0
    package: str | None = None

    def groups(self, signal: Signal) -> list[Channels]:
        """Return the groups of channels to measure; none where the signal is too short or too slow."""
        if signal.sampling_rate is not None and (
            signal.sampling_rate < self.min_rate or (signal.duration or 0.0) < self.min_duration
        ):
            return []
        found = self.find(signal)
        return found if self.each else found[:1]

    @property
    def installed(self) -> bool:
        """Whether the package is there, where one is needed."""
        return self.package is None or find_spec(self.package) is not None


@dataclass(frozen=True)
class Quantity:
    """A quantity that can be measured; all of them are in ``sig2lm.quantities.QUANTITIES``.

    Attributes
    ----------
    name
        Words that fit into "the ... is", unique: ``step rate``.
    unit
        Of the value; ``{unit}`` in it stands for the channel's own.
    need
        What it needs of a signal.
    method
        How it is computed, one phrase.
    compute
        (N, C, T) float64 and the rate (Hz; 1 for events and rows) -> (N,) float64.
    tolerance, relative
        A stated value holds within ``max(tolerance, relative * |value|)`` of the measured one.
    words
        What a sentence may call it, besides its name.
    """

    name: str
    unit: str
    need: Need
    method: str
    compute: Compute
    tolerance: float = 0.0
    relative: float = 0.0
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """A measured fact of a signal.

    Attributes
    ----------
    name, value, unit
        ``step rate``, 1.9, ``steps/s``.
    tolerance
        A stated value holds if it lies within this of ``value``; same unit.
    method
        How it was computed.
    source
        The channels that it was computed from.
    words
        What a sentence may call it, besides its name.

    Examples
    --------
    >>> rate = Measurement("heart rate", 71.3, "beats/min", 5.0, "60 s over the mean interval", ("rr",))
    >>> str(rate), rate.holds(74.0), rate.holds(80.0)
    ('heart rate 70 beats per minute', True, False)
    """

    name: str
    value: float
    unit: str
    tolerance: float
    method: str
    source: tuple[str, ...]
    words: tuple[str, ...] = ()

    def holds(self, said: float) -> bool:
        """Whether a value in the same unit lies within the tolerance."""
        return abs(said - self.value) <= self.tolerance + 1e-6 * abs(self.value)

    @property
    def rounded(self) -> str:
        """The value without a unit, rounded to 1, 2 or 5 times a power of ten within the tolerance."""
        return round_to(self.value, self.tolerance)

    @property
    def stated(self) -> str:
        """The rounded value with its unit, as a sentence gives it."""
        words = unit_words(self.unit)
        return f"{self.rounded} {words.removesuffix('s') if self.rounded == '1' else words}".rstrip()

    def __str__(self) -> str:
        return f"{self.name} {self.stated}"


def round_to(value: float, tolerance: float) -> str:
    """Round a value to the largest of 1, 2 or 5 times a power of ten that the tolerance reaches.

    What is written so lies within half the tolerance of the value.

    Examples
    --------
    >>> round_to(71.3, 5.0), round_to(1.884, 0.1), round_to(7421.0, 370.0), round_to(-0.04, 0.1), round_to(3.0, 0.0)
    ('70', '1.9', '7400', '0', '3')
    """
    if tolerance <= 0:
        return format_number(value)
    exponent = math.floor(math.log10(tolerance) + 1e-9)
    factor = next(f for f in (5, 2, 1) if f * 10.0**exponent <= tolerance * (1 + 1e-9))
    step = factor * 10.0**exponent
    text = f"{round(value / step) * step:.{max(0, -exponent)}f}"
    return "0" if float(text) == 0 else text


def unit_words(unit: str) -> str:
    """Return how a sentence gives a unit.

    Examples
    --------
    >>> unit_words("steps/s"), unit_words("m/s^2"), unit_words("minute/day"), unit_words("%")
    ('steps per second', 'm/s²', 'minutes per day', '%')
    """
    first, *others = unit.split("/")
    if "^" in unit or (others and len(first) == 1):
        return unit_symbol(unit)
    return " per ".join([_UNIT_WORDS.get(first, unit_symbol(first)), *(_PER.get(other, other) for other in others)])
