"""Numbers with a unit that a text states, and those it only mentions: negated, bounded, ranges, asked for.

Plain English is read, digits only. A number is left alone rather than misread: with a decimal comma or a group of
digits ("1,9", "7,400"), in a range ("60 to 80"), as a bound ("above 100"), denied ("not 72"), supposed ("if it were
72"), asked ("is it 72 ...?"), or without a unit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TIMES = {"s": "s", "sec": "s", "second": "s", "min": "min", "minute": "min", "h": "hour", "hour": "hour", "day": "day"}
_METRES = r"met(?:er|re)s?"
_DEGREES = r"(?:degrees?|deg|°)"
# What a unit may be called, the longer first where one begins like another; a time may follow ("per minute").
_UNITS = (
    (rf"m\s?/\s?s\s?(?:²|\^2|\*\*2|2|/s)|m\s?s(?:⁻²|\^-2|-2)|{_METRES} per second (?:squared|per second)", "m/s^2"),
    (r"rad(?:ians?)?²\s?/\s?s²|rad\^2\s?/\s?s\^2", "rad^2/s^2"),
    (r"milli-?g|mg", "mg"),
    (r"millivolts?|mV", "mV"),
    (r"(?:µ|μ|u)S(?![a-z])|micro-?siemens", "uS"),
    (r"milliseconds?|msecs?|ms", "ms"),
    (rf"{_DEGREES}\s?(?:celsius|centigrade|C\b)|℃", "degC"),
    (rf"{_DEGREES}\s?(?:fahrenheit|F\b)|℉", "degF"),
    (_DEGREES, "deg"),
    (r"rad(?:ians?)?", "rad"),
    (r"hertz|Hz", "Hz"),
    (r"bpm", "beats/min"),
    (r"(?:heart\s?)?beats?", "beats"),
    (r"steps?", "steps"),
    (r"(?:skin conductance )?responses?", "responses"),
    (r"times|cycles", "1"),
    (r"%|per\s?cent", "%"),
    (r"minutes?|mins?", "minute"),
    (r"hours?", "hour"),
    (r"days?", "day"),
    (r"seconds?|secs?|s", "s"),
    (r"g", "g"),
)
_PER = r"\s?(?:/\s?|per |an? |each |every )(" + "|".join(sorted(_TIMES, key=len, reverse=True)) + r")\b(?!\s?\^|²)"
_WORD_END = r"(?![\w²])"
_UNIT = re.compile(
    "|".join(f"(?P<u{number}>(?:{pattern}){_WORD_END})" for number, (pattern, _) in enumerate(_UNITS)), re.IGNORECASE
)
_RATE = re.compile(_PER, re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,/^])(?<!\d[-–])[-−+]?\d+(?:\.\d+)?(?![\d/])(?![.,]\d)(?!(?:st|nd|rd|th)\b)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"[;:!?]|[.,](?=\s|$)|\b(?:but|and|while|whereas|because)\b", re.IGNORECASE)
_UNCLAIMED = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|if|whether|would|could|should|rather than|instead of|between|from"
    r"|above|over|below|under|beyond|exceed(?:s|ing)?|than|at least|at most|up to|within|minimum|maximum|limit)\b"
    r"|n['’]t\b|[<>≤≥±]",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\d(?:\s?[^\s\d]{1,12})?\s*(?:-|–|—|±|\+/-|to|and|or|through)\s*[-−]?\d+(?:\.\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Stated:
    """A number with a unit that a text claims.

    Attributes
    ----------
    value, unit
        As pint reads the unit; ``beats/min`` for "bpm", ``1/s`` for "times a second", empty where none is given.
    start, end
        Where number and unit stand in the text.
    sentence, at
        The sentence around them, and where the number stands in it.
    clause
        What stands before the number in its clause.
    """

    value: float
    unit: str
    start: int
    end: int
    sentence: str
    at: int
    clause: str


def stated_numbers(text: str) -> list[Stated]:
    """Return the numbers with a unit that a text claims.

    Examples
    --------
    >>> [(one.value, one.unit) for one in stated_numbers("It beats 72 times a minute, not 90 bpm.")]
    [(72.0, '1/min')]
    >>> stated_numbers("Between 60 and 80 beats per minute; above 1.9 steps/s; 1,9 Hz; 4 of them.")
    []
    """
    return [one for start, sentence in _sentences(text) for one in _in_sentence(sentence, start)]


def mentioned_numbers(text: str) -> list[Stated]:
    """Return the numbers that a text mentions, claimed or asked for, but none of a range; the unit may be empty.

    Examples
    --------
    >>> [(one.value, one.unit) for one in mentioned_numbers("Is it above 72 bpm? Or 60? Not 2 to 3 s.")]
    [(72.0, 'beats/min'), (60.0, '')]
    """
    return [one for start, sentence in _sentences(text) for one in _mentioned(sentence, start)]


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for match in _SENTENCE.finditer(text):
        yield start, text[start : match.start()]
        start = match.end()
    yield start, text[start:]


def _in_sentence(sentence: str, start: int) -> Iterator[Stated]:
    if sentence.rstrip().endswith("?"):
        return
    for one in _mentioned(sentence, start):
        if one.unit and not _UNCLAIMED.search(one.clause):
            yield one


def _mentioned(sentence: str, start: int) -> Iterator[Stated]:
    """The numbers of a sentence, but none of a range."""
    ranges = [match.span() for match in _RANGE.finditer(sentence)]
    for match in _NUMBER.finditer(sentence):
        if any(a < match.end() and match.start() < b for a, b in ranges):
            continue
        clause = _CLAUSE.split(sentence[: match.start()])[-1]
        found = _unit_after(sentence, match.end()) or _unit_before(sentence[: match.start()], match.end())
        unit, end = found or ("", match.end())
        value = float(match[0].replace("−", "-"))
        yield Stated(value, unit, start + match.start(), start + end, sentence, match.start(), clause)


def _unit_after(sentence: str, at: int) -> tuple[str, int] | None:
    """Return the unit behind a number and where it ends."""
    gap = re.compile(r"[\s(]*").match(sentence, at)
    assert gap is not None
    rate = _RATE.match(sentence, at)
    if rate is not None:  # "1.9 per second", "1.9 / s"
        return f"1/{_TIMES[rate[1].lower()]}", rate.end()
    match = _UNIT.match(sentence, gap.end())
    if match is None:
        return None
    unit, end = _called(match), match.end()
    while (rate := _RATE.match(sentence, end)) is not None:  # "beats per minute per day"
        unit, end = f"{unit}/{_TIMES[rate[1].lower()]}", rate.end()
    return None if unit == "1" else (unit, end)


def _unit_before(before: str, end: int) -> tuple[str, int] | None:
    """Return the unit in front of a number: "steps per second: 1.9"; only rates stand there."""
    for match in _UNIT.finditer(before):
        rate = _RATE.match(before, match.end())
        if rate is not None and re.fullmatch(r"\s*(?:is|are|was|were|of|=|:|about|around)?\s*", before[rate.end() :]):
            return f"{_called(match)}/{_TIMES[rate[1].lower()]}", end
    return None


def _called(match: re.Match[str]) -> str:
    return _UNITS[int((match.lastgroup or "u0")[1:])][1]
