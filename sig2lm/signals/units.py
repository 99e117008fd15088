"""Units: which exist, which are the same, and how values pass from one to another (pint).

Three choices differ from pint's defaults, each because a silent wrong conversion is worse than an error:

- ``g`` is a gram to pint. Where the other unit is an acceleration, it is read as standard gravity (9.80665 m/s², ISO
  80000-3), and ``mg`` as a thousandth of it.
- An angle is a dimension, so rad/s converts to deg/s and rpm, but never to Hz or beats/min.
- ``beat``, ``breath`` and ``step`` are counts, so ``beats/min``, ``bpm``, ``1/min`` and ``Hz`` convert into each other.
"""

import re
import tokenize
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pint

from sig2lm.errors import SignalError

FloatArray = npt.NDArray[np.float32]

_DEFINITIONS = (
    "radian = [angle] = rad",
    "turn = 6.283185307179586 * radian = _ = revolution = cycle = circle",
    "revolutions_a_minute = revolution / minute = rpm",
    "beat = count",
    "breath = count",
    "step = count",
    "beats_per_minute = count / minute = bpm = BPM",
)
# What recorders write where a channel has no unit: WFDB "NU" and "adu" (digital units), BIDS "n/a".
_UNITLESS = frozenset({"", "1", "NU", "adu", "n/a", "a.u."})
# A power of a number or a bracket, as in 9**9**9, has no place in a unit and can keep the parser busy for hours.
_POWER_OF_NUMBER = re.compile(r"[)\d]\s*(\^|\*\*)")
_GRAM = re.compile(r"\b(m|u|µ|μ)?g\b")
# pint's grammar leaves several kinds of error behind, depending on where the text stops making sense.
_PINT_ERRORS = (
    pint.PintError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    tokenize.TokenError,
)


@cache
def _registry() -> "pint.UnitRegistry[Any]":
    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(on_redefinition="ignore")
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


@cache
def _parse(unit: str) -> "pint.Unit":
    if unit.strip() in _UNITLESS:
        return _registry().dimensionless
    try:
        if _POWER_OF_NUMBER.search(unit):
            raise ValueError("a power of a number")
        return _registry().parse_units(unit)
    except _PINT_ERRORS as error:
        raise SignalError(
            f"unit {unit!r} is not known; write it as in m/s^2, rad/s, mV, uS, beats/min, ms, count or degC"
        ) from error


def check_unit(unit: str) -> None:
    """Raise SignalError unless `unit` is one that pint, with the additions of this module, can read."""
    _parse(unit)


@cache
def _pair(source: str, target: str) -> "tuple[pint.Unit, pint.Unit]":
    units = _parse(source), _parse(target)
    if units[0].dimensionality == units[1].dimensionality:
        return units
    for i, other in ((0, 1), (1, 0)):
        text = (source, target)[i]
        if units[other].is_compatible_with("m/s^2") and _GRAM.search(text):
            gravity = _parse(_GRAM.sub(lambda match: f"{match[1] or ''}g_0", text))
            if gravity.dimensionality == units[other].dimensionality:
                return (gravity, units[1]) if i == 0 else (units[0], gravity)
    raise SignalError(
        f"unit is {source or 'dimensionless'!r}, but {target or 'dimensionless'!r} is expected, "
        "and the two measure different things; state the unit the values are really in"
    )


def convert_values(values: FloatArray, source: str, target: str) -> FloatArray:
    """Convert values from one unit to another; NaN stays NaN.

    Parameters
    ----------
    values
        Any shape, float32; computed in float64.
    source, target
        Units as pint reads them; see the module's text for g, angles and counts.

    Raises
    ------
    SignalError
        If a unit is unknown or the two measure different things.
    """
    if source == target:
        return values
    before, after = _pair(source, target)
    if before == after:
        return values
    quantity = _registry().Quantity(values.astype(np.float64), before)
    return np.asarray(quantity.to(after).magnitude, dtype=np.float32)


@cache
def same_unit(first: str, second: str) -> bool:
    """Tell whether two spellings name one unit, as m/s^2 and m/s², uS and µS, bpm and beats/min do."""
    if first == second:
        return True
    try:
        before, after = _pair(first, second)
    except SignalError:
        return False
    quantity = _registry().Quantity(np.array([0.0, 1.0]), before)
    return bool(np.allclose(quantity.to(after).magnitude, [0.0, 1.0], rtol=1e-12, atol=1e-12))
