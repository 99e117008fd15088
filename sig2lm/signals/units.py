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
# What recorders write where a channel has no unit, or numbers of a converter whose scale the file does not state.
UNITLESS = {"", "1", "-", "dimensionless", "NU", "n/a", "N/A", "none", "unitless", "no units", "no_units"}
UNITLESS |= {
    "a.u.",
    "A.U.",
    "au",
    "AU",
    "arb. unit",
    "adu",
    "ADU",
    "adc",
    "ADC",
    "LSB",
    "lsb",
    "raw",
    "digit",
    "digits",
}
UNITLESS |= {"local_flux"}
# Spellings of recorders that pint does not know, or knows as something that no recorder means (C as coulomb).
_ALIASES = {
    "degC": "DegC deg_C deg.C degreeC C Cel °C ºC ℃",
    "degF": "DegF deg_F °F ºF ℉",
    "degree": "° º",
    "degree/second": "dps",
    "millidegree/second": "mdps",
    "ohm": "Ω Ω",
    "kiloohm": "kOhm kOhms kΩ kΩ",
    "megaohm": "MOhm MOhms MΩ MΩ",
    "mV": "mv mVolt mVolts",
    "uV": "uv uVolt uVolts µVolt µVolts",
    "uS": "uSiemens µSiemens",
    "count": "cnt cnts",
    "breath/minute": "brpm",
}
_BY_ALIAS = {alias: unit for unit, aliases in _ALIASES.items() for alias in aliases.split()}
_SPACED = {"deg C": "degC", "deg F": "degF", "mm Hg": "mmHg", "cm H2O": "cmH2O"}
# Words may be written with any capitals, and their prefixes are written out, so that M is never taken for m.
_WORD = re.compile(
    "(micro|milli|nano|kilo|mega)?"
    "(volt|ohm|siemens|ampere|tesla|gauss|celsius|fahrenheit|kelvin|hertz|second|minute|hour|meter|gram|degree|radian|"
    "pascal|count|beat|breath|step|percent|lux)s?",
    re.IGNORECASE,
)
_LONGEST = 64  # characters
# Names, with the power right behind them (m/s2, s^-1, m s⁻²); a power of a number, as in 9**9, is no unit.
_TOKEN = re.compile(
    r"(?P<one>1(?=\s*/))|(?P<name>[A-Za-zµμΩΩ°º℃℉%‰Å][A-Za-zµμΩΩ_0-9]*?)(?P<power>(?:\^|\*\*)?[-+]?[1-9]|⁻?[¹²³⁴])?"
    r"(?![A-Za-zµμΩΩ_0-9^⁻¹²³⁴])(?!\*\*)|(?P<operator>[*·⋅/()])|(?P<space> +)"
)
_SUPERSCRIPTS = str.maketrans("⁻¹²³⁴", "-1234")
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
    try:
        return _registry().parse_units(_normalise(unit.strip(" ")))
    except _PINT_ERRORS as error:
        raise SignalError(
            f"unit {unit!r} is not known; state the unit (--units) as in m/s^2, rad/s, mV, uS, beats/min, ms, count or "
            "degC"
        ) from error


def _normalise(unit: str) -> str:
    """Return a unit as pint writes it; every character must have a meaning, since pint drops those it does not know.

    Raises
    ------
    ValueError
        If a part is not known.
    """
    if unit in UNITLESS:
        return "dimensionless"
    unit = _SPACED.get(unit, unit)
    if len(unit) > _LONGEST:
        raise ValueError("too long")
    found, place = [], 0
    for token in _TOKEN.finditer(unit):
        if token.start() != place:
            break
        place = token.end()
        name, power = token["name"], token["power"]
        if name is None:
            found.append({"·": "*", "⋅": "*"}.get(token[0], token[0]))
        else:
            exponent = (power or "1").lstrip("^*").translate(_SUPERSCRIPTS)
            found.append(f"({_name(name)})**({int(exponent)})" if power else _name(name))
    if place != len(unit):
        raise ValueError(f"{unit[place]!r} has no meaning in a unit")
    text = "".join(found)
    return f"1{text}" if text.startswith("/") else text


def _name(name: str) -> str:
    if name in _BY_ALIAS:
        return _BY_ALIAS[name]
    if _registry().parse_unit_name(name):
        return name
    if _WORD.fullmatch(name):
        return name.lower()
    raise ValueError(f"{name!r} is no unit")


def check_unit(unit: str) -> None:
    """Raise SignalError unless every character of `unit` has a meaning that pint, or this module, knows."""
    _parse(unit)


def is_unit(unit: str) -> bool:
    """Whether ``check_unit`` accepts it.

    Examples
    --------
    >>> [is_unit(unit) for unit in ("µV", "Volts", ".V", "m/s2", "")]
    [True, True, False, True, True]
    """
    try:
        _parse(unit)
    except SignalError:
        return False
    return True


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


@cache
def measures_same(unit: str, other: str) -> bool:
    """Whether two units measure the same thing, so that values can be converted.

    Examples
    --------
    >>> measures_same("g", "m/s^2"), measures_same("mV", "m/s^2"), measures_same("bpm", "Hz")
    (True, False, True)
    """
    try:
        _pair(unit, other)
    except SignalError:
        return False
    return True


@cache
def unit_factor(unit: str, other: str) -> float:
    """What a value in one unit is multiplied by in another, for units whose zero is the same.

    Examples
    --------
    >>> round(unit_factor("g", "m/s^2"), 5)
    9.80665
    """
    before, after = _pair(unit, other)
    return float(_registry().Quantity(1.0, before).to(after).magnitude)
