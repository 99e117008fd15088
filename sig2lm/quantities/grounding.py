"""Whether the numbers that a text states are those that were measured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.quantities.quantity import Measurement
from sig2lm.quantities.registry import QUANTITIES
from sig2lm.quantities.stated import Stated, stated_numbers
from sig2lm.signals.units import convert_values

# Units that name a quantity by themselves; any other number must say what it is the number of.
_TELLING = ("steps/", "beats/", "responses/", "uS", "degC")
_COUNTED = {"steps", "beats", "responses"}  # what pint takes for one thing, since each is a count
_FALLING = re.compile(r"\b(?:fall|fell|drop|decreas|declin|sink|sank|lower|los[ei]|down)", re.IGNORECASE)
_SIGNED = ("slope", "trend")
_AFTER = 30  # characters; a name behind a number counts as this much further away than one before it


@dataclass(frozen=True)
class Check:
    """A number that a text states, beside what was measured.

    Attributes
    ----------
    text
        Number and unit as they stand: ``72 beats per minute``.
    quantity
        What it is said to be the number of.
    said, unit
        The value in the unit of the measurement.
    measured
        None where the signal does not carry the quantity, so that the number is invented.
    within
        Whether it lies within the tolerance of the measurement.
    start, end
        Where number and unit stand in the text.
    """

    text: str
    quantity: str
    said: float
    unit: str
    measured: float | None
    within: bool
    start: int
    end: int


def check_numbers(text: str, measured: Mapping[str, Measurement]) -> tuple[Check, ...]:
    """Compare each number with a unit that a text states with what was measured.

    Parameters
    ----------
    text
        A free answer in English; :mod:`sig2lm.quantities.stated` says what is read as a statement.
    measured
        Of the signals that the text is about (:func:`sig2lm.quantities.measure`).

    Returns
    -------
    tuple
        A check for each number whose quantity is known, from its name in the sentence or from its unit. Numbers of
        anything else ("a window of 60 s") are not judged.

    Examples
    --------
    >>> pulse = Measurement("heart rate", 71.0, "beats/min", 5.0, "", ("rr",))
    >>> [(c.said, c.within) for c in check_numbers("About 74 beats a minute; 2 steps per second.", {"": pulse})]
    [(74.0, True), (2.0, False)]
    """
    known = [*measured.values(), *unmeasured(frozenset(fact.name for fact in measured.values()))]
    checks = []
    for stated in stated_numbers(text):
        fact = meant(stated, known)
        if fact is None:
            continue
        said = converted(stated.value, stated.unit, fact.unit)
        assert said is not None
        if fact.name.startswith(_SIGNED) or fact.name.endswith(_SIGNED):
            said = -abs(said) if _FALLING.search(stated.clause) else said
        exists = bool(np.isfinite(fact.value))
        checks.append(
            Check(
                text[stated.start : stated.end],
                fact.name,
                said,
                fact.unit,
                fact.value if exists else None,
                exists and fact.holds(said),
                stated.start,
                stated.end,
            )
        )
    return tuple(checks)


@cache
def unmeasured(measured: frozenset[str]) -> tuple[Measurement, ...]:
    """Return the quantities that a signal does not carry, without a value."""
    return tuple(
        Measurement(each.name, float("nan"), each.unit, 0.0, each.method, (), each.words)
        for each in QUANTITIES.values()
        if "{" not in each.name + each.unit and not any(name.startswith(each.name) for name in measured)
    )


def meant(stated: Stated, known: Sequence[Measurement]) -> Measurement | None:
    """Return the quantity that a number is about: the nearest one named in its sentence, else the only one in its unit.

    What was measured comes before what was not, and a longer name before a shorter one at the same place.
    """
    fitting = [fact for fact in known if converted(stated.value, stated.unit, fact.unit) is not None]
    named = [
        (distance, not np.isfinite(fact.value), -length, place)
        for place, fact in enumerate(fitting)
        for distance, length in _mentions(stated, fact)
    ]
    if named:
        return fitting[min(named)[3]]
    same = [fact for fact in fitting if fact.unit.startswith(_TELLING) and _noun(fact.unit) == _noun(stated.unit)]
    real = [fact for fact in same if np.isfinite(fact.value)]
    return real[0] if len(real) == 1 else same[0] if same and not real else None


def mentioned_last(text: str, known: Sequence[Measurement]) -> Measurement | None:
    """Return the quantity that a text mentions last, the longer name where two end together; None for none."""
    named = [
        (match.end(), match.end() - match.start(), -place)
        for place, fact in enumerate(known)
        for words in (fact.name, *fact.words)
        for match in _pattern(words).finditer(text)
    ]
    return known[-max(named)[2]] if named else None


def _mentions(stated: Stated, fact: Measurement) -> list[tuple[int, int]]:
    """How far from the number each mention of a quantity ends or begins, and how long it is; none in its own unit."""
    found = []
    for words in (fact.name, *fact.words):
        for match in _pattern(words).finditer(stated.sentence):
            if match.end() <= stated.at:
                distance = stated.at - match.end()
            elif match.start() >= stated.at + stated.end - stated.start:
                distance = match.start() - stated.at + _AFTER
            else:
                continue
            found.append((distance, match.end() - match.start()))
    return found


@cache
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"[\s-]+".join(map(re.escape, words.split())) + r"s?(?!\w)", re.IGNORECASE)


def _noun(unit: str) -> str:
    return unit.split("/")[0]


@cache
def converted(value: float, unit: str, target: str) -> float | None:
    """Return the value in another unit, None where the two measure different things or count different things.

    A number without a unit is taken to be in the other.
    """
    if not unit:
        return value
    own, other = _noun(unit), _noun(target)
    if own != other and (own in _COUNTED or (other in _COUNTED and own not in ("1", "Hz"))):
        return None
    if unit == target:
        return value
    try:
        return float(convert_values(np.array([value], dtype=np.float32), unit, target)[0])
    except SignalError:
        return None
