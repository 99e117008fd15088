"""Comparing and counting numbers: which is larger, how many are above, what comes next."""

from collections.abc import Callable
from random import Random

from pocket_lm_text.grammar import Document, Paraphrases, conversation

Exercise = tuple[str, str]  # question, answer

LARGER = Paraphrases(
    (
        "Which is larger, {a} or {b}?",
        "Which number is [greater|larger|higher]: {a} or {b}?",
        "{a} or {b}, which is more?",
    )
)
SMALLER = Paraphrases(
    ("Which is smaller, {a} or {b}?", "Which number is [less|smaller|lower]: {a} or {b}?", "{a} or {b}, which is less?")
)
ABOVE = Paraphrases(("Is {a} [above|larger than|greater than|more than] {b}?", "Is {a} > {b}? yes or no?"))
BELOW = Paraphrases(("Is {a} [below|smaller than|less than] {b}?", "Is {a} < {b}? yes or no?"))
LARGEST = Paraphrases(
    ("What is the [largest|highest] of {list}?", "{list}\nWhich is the [largest|highest]?", "Maximum of {list}?")
)
SMALLEST = Paraphrases(
    ("What is the [smallest|lowest] of {list}?", "{list}\nWhich is the [smallest|lowest]?", "Minimum of {list}?")
)
COUNT = Paraphrases(
    (
        "How many numbers are in the list {list}?",
        "{list}\nHow many numbers [are listed|are there]?",
        "Count the numbers: {list}",
    )
)
COUNT_ABOVE = Paraphrases(
    ("How many of {list} are [above|larger than] {b}?", "{list}\nHow many are [above|more than] {b}?")
)
NEXT = Paraphrases(("What comes after {a}?", "Which number follows {a}?"))
TREND = Paraphrases(
    ("Do the numbers rise or fall: {list}?", "{list}\nRise or fall?", "{list}\nDo the numbers go up or down?")
)


def _value(rng: Random) -> str:
    """A number of some usual size: counts, beats per minute, milliseconds, decimals, steps of a day."""
    kind = rng.randrange(5)
    if kind == 0:
        return str(rng.randint(0, 20))
    if kind == 1:
        return str(rng.randint(40, 180))
    if kind == 2:
        return str(rng.randint(300, 1600))
    if kind == 3:
        return f"{rng.uniform(0, 30):.1f}"
    return str(rng.randint(1000, 15000))


def _number(text: str) -> float:
    return float(text)


def _pair(rng: Random) -> tuple[str, str]:
    a = _value(rng)
    b = _value(rng)
    if rng.random() < 0.5:  # near one another, so that the first digit rarely decides
        step = rng.choice((1, 2, 3, 5, 10, 20, 50)) * rng.choice((-1, 1))
        b = f"{abs(_number(a) + step / 10):.1f}" if "." in a else str(abs(int(a) + step))
    return (a, b) if _number(a) != _number(b) else _pair(rng)


def _values(rng: Random, count: int) -> list[str]:
    low, high = rng.choice(((0, 20), (40, 180), (300, 1600), (1000, 15000)))
    return [str(x) for x in rng.sample(range(low, high), count)]


def _list(rng: Random, values: list[str]) -> str:
    return rng.choice((", ", ", ", " ")).join(values)


def larger(rng: Random) -> Exercise:
    a, b = _pair(rng)
    return LARGER.choose(rng, a=a, b=b), max(a, b, key=_number)


def smaller(rng: Random) -> Exercise:
    a, b = _pair(rng)
    return SMALLER.choose(rng, a=a, b=b), min(a, b, key=_number)


def above(rng: Random) -> Exercise:
    a, b = _pair(rng)
    return ABOVE.choose(rng, a=a, b=b), "yes" if _number(a) > _number(b) else "no"


def below(rng: Random) -> Exercise:
    a, b = _pair(rng)
    return BELOW.choose(rng, a=a, b=b), "yes" if _number(a) < _number(b) else "no"


def largest(rng: Random) -> Exercise:
    values = _values(rng, rng.randint(3, 6))
    return LARGEST.choose(rng, list=_list(rng, values)), max(values, key=_number)


def smallest(rng: Random) -> Exercise:
    values = _values(rng, rng.randint(3, 6))
    return SMALLEST.choose(rng, list=_list(rng, values)), min(values, key=_number)


def count(rng: Random) -> Exercise:
    values = _values(rng, rng.randint(1, 12))
    return COUNT.choose(rng, list=_list(rng, values)), str(len(values))


def count_above(rng: Random) -> Exercise:
    values = _values(rng, rng.randint(3, 6))
    ordered = sorted(int(value) for value in values)
    limit = (ordered[rng.randrange(len(ordered))] // 10) * 10 + 5
    answer = sum(value > limit for value in ordered)
    return COUNT_ABOVE.choose(rng, list=_list(rng, values), b=limit), str(answer)


def successor(rng: Random) -> Exercise:
    a = rng.choice((rng.randint(0, 30), rng.randint(0, 999)))
    return NEXT.choose(rng, a=a), str(a + 1)


def trend(rng: Random) -> Exercise:
    values = sorted(_values(rng, rng.randint(3, 6)), key=_number)
    question = rng.choice(TREND.seen)
    up, down = ("up", "down") if "up or down" in question else ("rise", "fall")
    rising = rng.random() < 0.5
    return question.format(list=_list(rng, values if rising else values[::-1])), up if rising else down


COMPARING: tuple[Callable[[Random], Exercise], ...] = (larger, smaller, above, below, largest, smallest, trend)
COUNTING: tuple[Callable[[Random], Exercise], ...] = (count, count_above, successor)


def number_document(rng: Random, system: str | None) -> Document:
    """A conversation of one to four exercises with numbers."""
    turns: list[str] = []
    for _ in range(rng.choice((1, 2, 3, 4))):
        turns += rng.choice(COMPARING + COUNTING)(rng)
    return conversation(system, *turns)
