"""What a question compares, worked out: measured quantities beside the numbers that it names, or beside each other.

Small LMs do not compare numbers: whether 1.9 is above 1.8 they answer at chance, also where both stand before them. So
the comparison is made here, and a prompt states it. Which comparison is meant is read off the question, in plain
English; where that is not clear, nothing is stated.
"""

import re
from collections.abc import Mapping, Sequence

from sig2lm.quantities.grounding import converted, meant, mentioned_last, unmeasured
from sig2lm.quantities.quantity import Measurement, unit_words
from sig2lm.quantities.stated import Stated, mentioned_numbers

_MORE = "more|higher|greater|larger|faster|stronger|longer|warmer|stiller"
_LESS = "less|lower|fewer|smaller|slower|weaker|shorter|cooler|colder"
_BOUNDS = {  # how a number is put as a bound, what is said most specifically first
    "at most": rf"at most|(?:no|not) (?:{_MORE}) than|maximum of",
    "at least": rf"at least|(?:no|not) (?:{_LESS}) than|minimum of",
    "above": rf"above|over|beyond|exceed(?:s|ed|ing)?|(?:{_MORE}) than",
    "below": rf"below|under|beneath|(?:{_LESS}) than",
}
_BEFORE = {
    word: re.compile(rf"\b(?:{words})(?: (?:a|an|the|rate|value|of|about|some))*\s*$", re.IGNORECASE)
    for word, words in _BOUNDS.items()
}
_BEHIND = {  # "100 or more"
    "at least": re.compile(rf"\s*or (?:{_MORE}|above|over)\b", re.IGNORECASE),
    "at most": re.compile(rf"\s*or (?:{_LESS}|below|under)\b", re.IGNORECASE),
}
_RANKS = {  # more or less, of several
    True: re.compile(
        rf"\b(?:{_MORE}|most|highest|greatest|largest|fastest|strongest|longest|warmest)\b", re.IGNORECASE
    ),
    False: re.compile(rf"\b(?:{_LESS}|least|lowest|fewest|smallest|slowest|weakest|shortest|coldest)\b", re.IGNORECASE),
}
_GOES_ON = re.compile(r"\b(?:that|this|it|they|those|these)\b", re.IGNORECASE)  # from what was said before
Measured = Mapping[str, Sequence[Measurement]]


def comparisons(question: str, measured: Measured, earlier: str = "") -> list[str]:
    """State what a question compares of recordings.

    Parameters
    ----------
    question
        In English. A number that it puts as a bound ("above 2", "2 or more"), with the name of a quantity or in a unit
        that names it, is compared with what was measured; without a unit it is taken to be in that of the measurement.
        Of several recordings, a question for the higher or the lower is stated too.
    measured
        What was measured of each recording, by what it is called; of one alone the name does not matter.
    earlier
        What was said before; "is that above 2?" goes on from the quantity that it mentions last.

    Returns
    -------
    list of str
        Each says what is compared, and whether it is so: ``yes``, ``no``, or ``about equal`` where the two differ by
        half the tolerance or less. Empty where a question compares nothing that was measured.

    Examples
    --------
    >>> pulse = Measurement("heart rate", 71.0, "beats/min", 5.0, "", ("rr",))
    >>> comparisons("Does the heart rate exceed 100?", {"": [pulse]})
    ['heart rate above 100 beats per minute: no']
    >>> other = Measurement("heart rate", 88.0, "beats/min", 5.0, "", ("rr",))
    >>> comparisons("Which has the lower heart rate?", {"first": [pulse], "second": [other]})
    ['lower heart rate: first']
    >>> comparisons("What is the heart rate?", {"": [pulse]})
    []
    """
    carried = list({fact.name: fact for facts in measured.values() for fact in facts}.values())
    bounds = [(number, bound) for number in mentioned_numbers(question) if (bound := _bound(number))]
    named = [(_about(number, question, carried, earlier), number, bound) for number, bound in bounds]
    found = [_bounded(fact, number, bound, question, measured) for fact, number, bound in named if fact is not None]
    if bounds or len(measured) < 2:
        return found
    ranked = _ranked(question, measured, carried, earlier)
    return [ranked] if ranked else []


def _bound(number: Stated) -> str | None:
    """How a question puts a number, by what stands directly before or behind it."""
    before, behind = number.sentence[: number.at], number.sentence[number.at + number.end - number.start :]
    found = [word for word, pattern in _BEHIND.items() if pattern.match(behind)]
    found += [word for word, pattern in _BEFORE.items() if pattern.search(before)]
    return found[0] if found else None


def _about(number: Stated, question: str, carried: Sequence[Measurement], earlier: str) -> Measurement | None:
    """What was measured of the quantity that a number is about."""
    fact = meant(number, [*carried, *unmeasured(frozenset(one.name for one in carried))])
    if fact is not None:
        return fact if fact in carried else None
    fitting = [one for one in carried if converted(number.value, number.unit, one.unit) is not None]
    return mentioned_last(earlier, fitting) if _GOES_ON.search(question) else None


def _bounded(example: Measurement, number: Stated, bound: str, question: str, measured: Measured) -> str:
    """Say of each recording whether its value lies within a bound."""
    unit = "" if number.unit else f" {unit_words(example.unit)}"
    value = converted(number.value, number.unit, example.unit)
    assert value is not None  # else the number would not be about this quantity
    found = {
        owner: _holds(fact, bound, value)
        for owner, facts in measured.items()
        for fact in facts
        if fact.name == example.name
    }
    so = (
        next(iter(found.values()))
        if len(measured) == 1
        else ", ".join(f"{owner} {one}" for owner, one in found.items())
    )
    return f"{example.name} {bound} {question[number.start : number.end]}{unit}: {so}"


def _holds(fact: Measurement, bound: str, value: float) -> str:
    off = fact.value - value
    if abs(off) <= fact.tolerance / 2:
        return "about equal"
    return "yes" if (off > 0) == (bound in ("above", "at least")) else "no"


def _ranked(question: str, measured: Measured, carried: Sequence[Measurement], earlier: str) -> str | None:
    """Say which of several recordings has more, or less, of the quantity that a question names."""
    more = next((more for more, pattern in _RANKS.items() if pattern.search(question)), None)
    named = mentioned_last(question, carried)
    if named is None and _GOES_ON.search(question):
        named = mentioned_last(earlier, carried)
    if more is None or named is None:
        return None
    values = {owner: fact for owner, facts in measured.items() for fact in facts if fact.name == named.name}
    if len(values) < 2:
        return None
    first, second, *others = sorted(values, key=lambda owner: values[owner].value, reverse=more)
    apart = abs(values[first].value - values[second].value)
    equal = apart <= max(values[first].tolerance, values[second].tolerance) / 2
    word = ("higher" if more else "lower") if not others else ("highest" if more else "lowest")
    return f"{word} {named.name}: {'about equal' if equal else first}"
