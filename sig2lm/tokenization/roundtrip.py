"""Is the text still there after the tokenizer? Checked before any ratio is believed.

Two questions, because they are not the same. *Does decoding give the text back?* A decoder that adds spaces around a
comma (WordPiece) fails here and yet has lost nothing. *Do different texts become the same ids?* Then something is lost
for good: no model can tell ``a=b`` from ``a#b`` when both signs become one unknown token.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from string import punctuation

from sig2lm.tokenization.streaming import count_text
from sig2lm.tokenization.tokenizer import TextTokenizer

# What numbers, units and tables are written with, beyond ASCII; two spaces stand for runs of them.
SIGNS = (*punctuation, " ", "\n", "\t", "  ", "−", "–", "µ", "°", "²", "Ω", "±", "×", "\u00a0", "\u2009")
PROBE = "1{}2"
UNKNOWN = "\ue000"  # a private character: what a tokenizer makes of it, it makes of anything it does not know
ROWS_COMPARED = 50


@dataclass(frozen=True)
class Change:
    """One kind of difference between a text and its decoded ids, with the number of times it was seen."""

    kind: str  # "dropped", "added" or "replaced"
    before: str
    after: str
    count: int


@dataclass(frozen=True)
class RoundTrip:
    """What decoding the ids of a text gave.

    Attributes
    ----------
    exact
        Whether the decoded text equals the text.
    changes
        What differs, most frequent first; empty where `exact`.
    """

    exact: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class LostCharacter:
    """A character that the ids do not keep.

    Attributes
    ----------
    character, name
        The character and its Unicode name.
    becomes
        ``nothing``, ``a space``, ``unknown``, or the other character it cannot be distinguished from.
    """

    character: str
    name: str
    becomes: str


def round_trip(tokenizer: TextTokenizer, rows: Sequence[str]) -> RoundTrip:
    r"""Encode rows of text and decode them again, together and, where that fails, one by one.

    Parameters
    ----------
    tokenizer
        Which to check.
    rows
        Lines without their line breaks; the differences of the first 50 are named.

    Examples
    --------
    t5 turns the line break of ``1.5`` and ``2.5`` into a space: ``Change("replaced", "\n", " ", 1)``. BERT writes
    ``1.5`` back as ``1. 5``: ``Change("added", "", " ", 1)``.
    """
    if count_text(tokenizer, "\n".join(rows)).round_trip:
        return RoundTrip(True, ())
    changes: Counter[tuple[str, str, str]] = Counter()
    compared = list(rows[:ROWS_COMPARED])
    for row, decoded in zip(compared, tokenizer.decode_batch(tokenizer.ids(compared)), strict=True):
        changes.update(differences(row, decoded))
    joined = "1\n2"
    breaks = Counter(differences(joined, tokenizer.decode_batch(tokenizer.ids([joined]))[0]))
    for change in breaks:
        changes[change] += len(rows) - 1
    found = (Change(*change, count) for change, count in changes.most_common())
    return RoundTrip(False, tuple(change for change in found if change.count))


def differences(before: str, after: str) -> list[tuple[str, str, str]]:
    """List (kind, before, after) for each place where two short texts differ."""
    kinds = {"delete": "dropped", "insert": "added", "replace": "replaced"}
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [
        (kinds[tag], before[i1:i2], after[j1:j2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    ]


def lost_characters(tokenizer: TextTokenizer, characters: Sequence[str] = SIGNS) -> tuple[LostCharacter, ...]:
    """Name the characters that no model behind this tokenizer can read.

    Each is put between two digits (``1=2``); it is lost if the ids equal those of ``12``, of ``1 2``, of ``1?2`` with a
    character nobody knows, or of another of the characters.

    Examples
    --------
    BERT drops nothing but turns every white space into one word boundary: the line break, the tab and the double space
    become ``a space``. The TinyStories-656K tokenizer makes ``unknown`` of ``=``, ``+``, ``(`` and 17 more.
    """
    forms = {"nothing": "", "a space": " ", "unknown": UNKNOWN} | {sign: sign for sign in characters}
    ids = tokenizer.ids([PROBE.format(form) for form in forms.values()])
    first: dict[tuple[int, ...], str] = {}
    lost = []
    for label, form, encoded in zip(forms, forms.values(), ids, strict=True):
        becomes = first.setdefault(tuple(encoded), label)
        if label in characters and becomes not in (label, form) and not (label == " " and becomes == "a space"):
            lost.append(LostCharacter(label, character_name(label), becomes))
    return tuple(lost)


def lost_case(tokenizer: TextTokenizer) -> bool:
    """Tell whether capital and small letters become the same ids, so that ``mV`` and ``MV`` are one unit."""
    small, capital = tokenizer.ids(["mv", "MV"])
    return small == capital


def character_name(text: str) -> str:
    """Name characters for people: ``EQUALS SIGN``, ``LINE BREAK``, ``2 x SPACE``."""
    if len(text) > 1 and len(set(text)) == 1:
        return f"{len(text)} x {character_name(text[0])}"
    special = {"\n": "LINE BREAK", "\t": "TAB"}
    return " + ".join(special.get(sign, unicodedata.name(sign, "UNNAMED")) for sign in text) or "NOTHING"


def visible(text: str) -> str:
    """Write white space so that it can be seen."""
    marks = {" ": "␣", "\n": "⏎", "\t": "⇥", "\u00a0": "⍽", "\u2009": "⎵"}
    return "".join(marks.get(sign, sign) for sign in text)
