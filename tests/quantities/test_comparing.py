"""What a question compares is read off its words, is true by measurement, and is stated of nothing else."""

import pytest

from sig2lm.quantities import QUANTITIES, Measurement, comparisons


def fact(name: str, value: float, tolerance: float) -> Measurement:
    each = QUANTITIES[name]
    return Measurement(name, value, each.unit, tolerance, "", ("a",), each.words)


WALK = [fact("step rate", 1.9, 0.1), fact("movement intensity", 5.5, 0.5), fact("tilt", 80.0, 5.0)]
RUN = [fact("step rate", 2.8, 0.1), fact("movement intensity", 9.5, 0.9), fact("tilt", 81.0, 5.0)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is the step rate above 1.8 steps per second?", "step rate above 1.8 steps per second: yes"),
        ("Does the tilt stay under 65 degrees?", "tilt below 65 degrees: no"),
        ("Does the step rate lie over 110 steps per minute?", "step rate above 110 steps per minute: yes"),
        ("Is the step rate above 1.93 steps per second?", "step rate above 1.93 steps per second: about equal"),
        ("Are there no more than 3 steps per second?", "step rate at most 3 steps per second: yes"),
        ("Is the tilt 90 degrees or more?", "tilt at least 90 degrees: no"),
        ("Does the tilt exceed 70?", "tilt above 70 degrees: yes"),  # the unit that is taken is said
        ("Is the step rate not above 1.5 steps per second?", "step rate above 1.5 steps per second: yes"),
    ],
)
def test_a_bound_is_compared_with_what_was_measured(question: str, expected: str) -> None:
    assert comparisons(question, {"first": WALK}) == [expected]


@pytest.mark.parametrize(
    "question",
    [
        "Is the heart rate above 100?",  # not carried
        "Is the blood sugar above 100?",
        "Is the step rate above 3 degrees?",
        "What is the tilt in the first 30 s?",
        "Is the tilt between 60 and 80 degrees?",
        "Is it above 40?",  # of what?
        "Which moves more?",  # of one recording
        "Liegt die Schrittrate über 2?",
        "",
    ],
)
def test_what_is_not_clear_or_not_measured_is_not_compared(question: str) -> None:
    assert comparisons(question, {"first": WALK}) == []


def test_a_question_goes_on_from_the_quantity_before() -> None:
    said = "And the tilt? The tilt is 80 degrees."
    assert comparisons("Is that above 40 degrees?", {"first": WALK}, said) == ["tilt above 40 degrees: yes"]
    assert comparisons("Is that above 2?", {"first": WALK}, said) == ["tilt above 2 degrees: yes"]
    assert comparisons("Is the pulse above 2?", {"first": WALK}, said) == []


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which of the two moves more?", ["higher movement intensity: second"]),
        ("Which has the lower step rate, the first or the second?", ["lower step rate: first"]),
        ("In which is the tilt higher?", ["higher tilt: about equal"]),
        (
            "In which is the step rate above 2 steps per second?",
            ["step rate above 2 steps per second: first no, second yes"],
        ),
        ("Which of the two is sitting?", []),
        ("Which has the higher heart rate?", []),
    ],
)
def test_recordings_are_compared_with_each_other(question: str, expected: list[str]) -> None:
    assert comparisons(question, {"first": WALK, "second": RUN}) == expected
