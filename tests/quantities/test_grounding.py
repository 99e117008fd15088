"""Grounding: every number with a unit that is claimed is compared with what was measured, and no other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.quantities import QUANTITIES, Measurement, check_numbers, measure
from sig2lm.quantities.quantity import unit_words
from sig2lm.quantities.stated import stated_numbers
from sig2lm.signals import Signal
from sig2lm.signals.simulation import simulate

quick = settings(max_examples=60)


def fact(name: str, value: float, tolerance: float, unit: str | None = None) -> Measurement:
    each = QUANTITIES[name]
    return Measurement(name, value, unit or each.unit, tolerance, each.method, ("x",), each.words)


WALK = {
    "step rate": fact("step rate", 1.9, 0.1),
    "movement intensity": fact("movement intensity", 5.2, 0.8),
    "gravity along x": fact("gravity along x", 9.1, 0.5),
    "tilt": fact("tilt", 80.0, 5.0),
    "stillness": fact("stillness", 0.0, 10.0),
}
HEART = {
    "heart rate": fact("heart rate", 71.0, 5.0),
    "SDNN": fact("SDNN", 40.0, 10.0),
    "RMSSD": fact("RMSSD", 90.0, 10.0),
    "longest pause": fact("longest pause", 1.2, 0.1),
}
SKIN = {
    "skin conductance": fact("skin conductance", 3.2, 0.3),
    "skin temperature": fact("skin temperature", 33.0, 0.3),
    "skin temperature slope": fact("skin temperature slope", -0.2, 0.05),
}
STEPS, HEARTS = ("step rate", True), ("heart rate", True)
WARM, COOLING = ("skin temperature", True), ("skin temperature slope", True)


@pytest.mark.parametrize(
    ("text", "measured", "expected"),
    [
        ("The person walks at 1.9 steps per second.", WALK, [("step rate", True)]),
        ("Steps per second: 2.6.", WALK, [("step rate", False)]),
        ("The steps come 114 times a minute.", WALK, [("step rate", True)]),
        ("The pace is 1.9 per second, the movement intensity 9.9 m/s².", WALK, [STEPS, ("movement intensity", False)]),
        ("Moves at 9 m/s²? Its intensity is 5.0 meters per second squared.", WALK, [("movement intensity", True)]),
        ("Gravity along x is 9 m/s^2, tilted by 60 degrees.", WALK, [("gravity along x", True), ("tilt", False)]),
        ("72bpm", HEART, [("heart rate", True)]),
        ("The heart beats 70 times per minute, about 1.2 beats a second.", HEART, [HEARTS, HEARTS]),
        ("SDNN 40 ms, RMSSD 40 milliseconds.", HEART, [("SDNN", True), ("RMSSD", False)]),
        ("The longest pause took 1200 ms.", HEART, [("longest pause", True)]),
        ("The pulse rate is 100 (beats/min).", HEART, [("heart rate", False)]),
        ("Skin at 91.4 °F, conductance 3.2 µS.", SKIN, [("skin conductance", True)]),
        ("The temperature of 91.4 degrees Fahrenheit falls by 0.2 °C per minute.", SKIN, [WARM, COOLING]),
        # Numbers of what this signal does not carry are invented.
        ("The heart rate is 80 beats per minute.", WALK, [("heart rate", False)]),
        ("It takes 2 steps per second.", HEART, [("step rate", False)]),
        # Of anything else nothing is judged.
        ("The window is 60 s long and 20 % of it noise, at 50 Hz and 9.81 m/s².", HEART, []),
        ("Walking.", WALK, []),
        ("", WALK, []),
    ],
)  # fmt: skip
def test_each_claim_finds_its_quantity(
    text: str, measured: dict[str, Measurement], expected: list[tuple[str, bool]]
) -> None:
    found = check_numbers(text, measured)
    assert [(check.quantity, check.within) for check in found] == expected
    for check in found:
        assert text[check.start : check.end] == check.text
        assert (check.measured is None) == (check.quantity not in measured)


@pytest.mark.parametrize(
    "text",
    [
        "The heart rate is not 99 beats per minute.",
        "It isn't 99 bpm.",
        "If it were 99 bpm, it would be high.",
        "Is the heart rate 99 beats per minute?",
        "The heart rate is above 99 beats per minute.",
        "The heart rate is at most 99 bpm.",
        "Between 90 and 99 beats per minute.",
        "It is from 90 bpm to 99 bpm.",
        "Some 90-99 bpm.",
        "95 ± 4 bpm.",
        "A rate < 99 bpm.",
        "The heart rate is 99,5 beats per minute.",
        "The heart rate is 99.",
        "Beat number 99, in 1.2.3 or 4/5 bpm, the 99th bpm.",
    ],
)
def test_what_is_not_claimed_is_not_checked(text: str) -> None:
    assert check_numbers(text, HEART) == ()
    assert check_numbers(f"{text} Its rate is 72 bpm.", HEART)[0].said == 72


@quick
@given(st.sampled_from(sorted(WALK | HEART | SKIN)), st.floats(0.1, 900), st.floats(-3, 3))
def test_a_number_holds_exactly_when_it_lies_within_the_tolerance(name: str, value: float, off: float) -> None:
    measured = fact(name, round(value, 2), 2.0)
    said = round(measured.value + 2.0 * off, 2)
    text = f"As far as I see, the {name} is {said:.2f} {unit_words(measured.unit)} here."
    (check,) = check_numbers(text, {name: measured})
    assert check.said == pytest.approx(said)
    assert check.within == (abs(said - measured.value) <= 2.0 + 1e-6 * measured.value)
    denied = text.replace(" is ", " is not ")
    assert check_numbers(denied, {name: measured}) == ()


@quick
@given(st.text() | st.from_regex(r"(?:[-\d., ]+(?:bpm|steps?/s|°C|%|ms| a minute)? ?){1,5}", fullmatch=True))
def test_any_text_is_read_without_harm(text: str) -> None:
    for check in check_numbers(text, HEART):
        assert np.isfinite(check.said)
        assert text[check.start : check.end] == check.text
    assert all(0 <= one.start < one.end <= len(text) for one in stated_numbers(text))


@pytest.mark.parametrize(
    ("task", "label"), [("har", "jogging"), ("har", "sitting"), ("af_rr", "atrial fibrillation"), ("stress", "calm")]
)
def test_what_a_measurement_says_of_itself_holds_and_the_double_does_not(task: str, label: str) -> None:
    (signal,) = simulate(task, label, np.random.default_rng(1), 1).values()
    assert isinstance(signal, Signal)
    measured = measure(signal)
    checked = 0
    for name, one in measured.items():
        checks = check_numbers(f"The {name} is {one.stated}.", measured)
        assert [check.quantity for check in checks] == ([name] if one.unit else []), one
        assert all(check.within for check in checks), one
        wrong = f"The {name} is {abs(one.value) + 3 * one.tolerance + 3:.2f} {unit_words(one.unit)}."
        assert not any(check.within for check in check_numbers(wrong, measured))
        checked += len(checks)
    assert checked >= len(measured) - 1  # all but sample entropy, which has no unit
