"""What a caller may pass: unknown names are refused with the nearest known one, a text where a list is meant too."""

import csv
import math
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from sig2lm.errors import ArgumentError


def unknown(what: str, given: str, known: Collection[str]) -> str:
    """Return the message for a name that is not known.

    >>> unknown("label", "runing", ["running", "sitting"])
    "unknown label 'runing'; choose from running, sitting; did you mean 'running'?"
    """
    near = get_close_matches(given.casefold(), {name.casefold(): name for name in known}, n=1)
    meant = next((name for name in known if near and name.casefold() == near[0]), None)
    offered = f"choose from {', '.join(known)}" if known else "there are none here; leave it out"
    return f"unknown {what} '{given}'; {offered}" + (f"; did you mean '{meant}'?" if meant else "")


def check_known(what: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse names that are not known.

    Raises
    ------
    ArgumentError
        Naming the first of them, all that are known, and the nearest.
    """
    for name in given:
        if name not in known:
            raise ArgumentError(unknown(what, name, known))


def split_list(texts: Iterable[str]) -> list[str]:
    """Read ``a, b, c`` in one text or several; a part with a comma stands in quotes, and an empty part stays.

    A line break parts as a comma does.

    Raises
    ------
    ArgumentError
        When a part is longer than any name.

    Examples
    --------
    >>> split_list(['"walking, slowly", running', "sitting"])
    ['walking, slowly', 'running', 'sitting']
    """
    lines = (line for text in texts for line in text.splitlines())
    try:
        return [part.strip() for row in csv.reader(lines, skipinitialspace=True) for part in row]
    except csv.Error as error:
        raise ArgumentError(f"expected names separated by commas, but {error}; write each in fewer letters") from error


def as_float(number: float) -> float:
    """Return a number as a float; an integer beyond all floats is infinite.

    >>> as_float(3), as_float(-(10**400))
    (3.0, -inf)
    """
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def as_list(what: str, given: Sequence[str]) -> tuple[str, ...]:
    """Return a tuple of texts; refuse a bare text, whose letters would pass as texts.

    Raises
    ------
    ArgumentError
        When it is a text, or holds something else than texts.

    Examples
    --------
    >>> as_list("choices", ["up", "down"])
    ('up', 'down')
    """
    if isinstance(given, str | bytes):
        parts = [part.strip() for part in str(given).split(",")]
        raise ArgumentError(f"expected {what} as a list of texts, found the text {given!r}; write it as {parts}")
    listed = tuple(given)
    if not all(isinstance(item, str) for item in listed):
        other = next(item for item in listed if not isinstance(item, str))
        raise ArgumentError(f"expected {what} as a list of texts, found {other!r} in it; write it as a text")
    return listed


def first_alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two names that differ by case, outer blanks or Unicode form only; people take them for one.

    >>> first_alike(["Walking", "sitting", "walking "])
    ('Walking', 'walking ')
    """
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name).casefold().strip()
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None
