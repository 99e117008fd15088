"""Units convert as physics says, in any spelling, and never into something else."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig2lm.errors import SignalError
from sig2lm.signals import Signal
from sig2lm.signals.units import convert_values, same_unit

KNOWN = [
    ("g", "m/s^2", 1.0, 9.80665),
    ("mg", "m/s²", 1000.0, 9.80665),
    ("m/s^2", "g", 9.80665, 1.0),
    ("g", "kg", 1.0, 0.001),  # a mass where the other unit is one
    ("deg/s", "rad/s", 180.0, np.pi),
    ("rpm", "deg/s", 1.0, 6.0),
    ("Hz", "beats/min", 1.0, 60.0),
    ("degC", "degF", 100.0, 212.0),
    ("degC", "kelvin", 0.0, 273.15),
    ("minute", "h", 90.0, 1.5),
    ("ms", "s", 800.0, 0.8),
    ("uS", "S", 1.0, 1e-6),
    ("mV", "uV", 1.0, 1000.0),
    ("%", "", 50.0, 0.5),
]


@pytest.mark.parametrize(("source", "target", "before", "after"), KNOWN)
def test_known_conversions(source, target, before, after):
    values = np.array([before, np.nan], dtype=np.float32)
    converted = convert_values(values, source, target)
    assert converted.dtype == np.float32
    assert converted[0] == pytest.approx(after, rel=1e-6)
    assert np.isnan(converted[1])


@pytest.mark.parametrize(
    ("first", "second"),
    [("m/s^2", "m/s²"), ("m/s^2", "m/s**2"), ("uS", "µS"), ("uS", "μS"), ("bpm", "beats/min"), ("beats/min", "1/min"),
     ("steps", "count"), ("", "dimensionless"), ("°/s", "deg/s"), ("°C", "degC"), ("minute", "min")],
)  # fmt: skip
def test_spellings_of_one_unit(first, second):
    assert same_unit(first, second)
    assert same_unit(second, first)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("DegC", "degC"), ("Celsius", "degC"), ("C", "degC"), ("Volts", "V"), ("Millivolts", "mV"), ("Ohm", "ohm"),
     ("kOhm", "kiloohm"), ("dps", "deg/s"), ("m/s2", "m/s^2"), ("m/(s^2)", "m/s^2"), ("m s⁻²", "m/s^2"),
     ("/min", "beats/min"), ("min^-1", "1/min"), ("uv", "uV"), ("MicroVolts", "µV"), ("adc", ""), ("local_flux", "")],
)  # fmt: skip
def test_spellings_of_recorders(written, meant):
    assert same_unit(written, meant)


# Each was read as volt once, since pint drops what it does not know.
DAMAGED = [
    ".V",
    "?V",
    "$V",
    "V..",
    "V,",
    "V\0",
    "\0V",
    "\ufffdV",
    "V\u200b",
    "Ｖ",
    "ÂµV",
    "~V",
    "V'",
    "1e3 V",
    "2V",
    "V^9^9",
]


@pytest.mark.parametrize("unit", DAMAGED)
def test_a_unit_is_known_as_a_whole_or_refused(unit):
    with pytest.raises(SignalError, match=r"is not known; state the unit \(--units\)"):
        Signal([[1.0]], 1.0, ("x",), (unit,))


@given(st.text(max_size=6), st.sampled_from(["V", "mV", "g", "s"]), st.text(max_size=6))
def test_characters_around_a_unit_are_never_dropped(before, unit, after):
    text = before + unit + after
    assert text.strip(" ") == unit or not same_unit(text, unit) or set(before + after) <= set(" 1*/()^-" + unit)


@pytest.mark.parametrize(
    ("source", "target"),
    [("rad/s", "Hz"), ("rad/s", "beats/min"), ("mV", "m/s^2"), ("g", "rad/s"), ("g", "uS"), ("degC", "s"), ("", "mV")],
)
def test_different_things_are_refused(source, target):
    assert not same_unit(source, target)
    with pytest.raises(SignalError, match="two measure different things"):
        convert_values(np.ones(1, np.float32), source, target)


@pytest.mark.parametrize("unit", ["foo", "m/s^^2", "[", "3 m", "m/", "*", "(", "m**9**9**9", "(9 m)^9", "🙂"])
def test_unknown_units_are_refused(unit):
    with pytest.raises(SignalError, match="is not known"):
        Signal([[1.0]], 1.0, ("x",), (unit,))


@given(st.text(max_size=6))
def test_no_text_breaks_the_parser(unit):
    with suppress(SignalError):
        assert Signal([[1.0]], 1.0, ("x",), (unit,)).convert([unit]).values.tolist() == [[1.0]]


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20),
    st.sampled_from([("g", "m/s^2"), ("rad/s", "deg/s"), ("degC", "degF"), ("mV", "uV"), ("minute", "h")]),
)
def test_there_and_back_is_the_same(numbers, pair):
    signal = Signal([numbers], 10.0, ("x",), (pair[0],))
    back = signal.convert([pair[1]]).convert([pair[0]])
    np.testing.assert_allclose(back.values, signal.values, rtol=1e-5, atol=1e-4)
    assert back.units == signal.units


def test_convert_names_the_channel_at_fault():
    signal = Signal([[1.0], [1.0]], 1.0, ("acc", "gyro"), ("g", "rad/s"))
    assert signal.convert(["m/s²", "deg/s"]).units == ("m/s²", "deg/s")
    with pytest.raises(SignalError, match="channel gyro: unit is 'rad/s', but 'mV' is expected"):
        signal.convert(["m/s^2", "mV"])
    with pytest.raises(SignalError, match="2 units are needed"):
        signal.convert(["m/s^2"])
