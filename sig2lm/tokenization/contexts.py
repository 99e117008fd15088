"""Is a number the same number wherever it stands? Context, and the many ways to spell a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sig2lm.tokenization.integers import random_decimals
from sig2lm.tokenization.pieces import split_numbers
from sig2lm.tokenization.tokenizer import TextTokenizer

PLACES = {"start of text": "", "space": "1 ", "comma": "1,", "newline": "1\n", "bracket": "[", "minus": "-"}


@dataclass(frozen=True)
class ContextDependence:
    """How much the cut of a number depends on what stands before it.

    Attributes
    ----------
    share_cut
        Part of the numbers that are cut in other places in at least one of the contexts.
    share_ids
        Part of the numbers that become other ids in at least one of them, even where the cuts agree: the model has to
        learn that `` 480`` and ``480`` are one number.
    mean_encodings
        Mean number of different id sequences of one number over the contexts; 1 is best.
    by_context
        For each context the part of the numbers that are cut in other places than after a comma.
    example, example_cuts
        The number with the most different encodings, and how it is cut in each context.
    """

    share_cut: float
    share_ids: float
    mean_encodings: float
    by_context: dict[str, float]
    example: str
    example_cuts: dict[str, str]


def default_numbers() -> list[str]:
    """The numbers that are tried where none are given: 0 ... 999 and 1,000 decimals with two places."""
    return [str(n) for n in range(1000)] + random_decimals(2, 1000)


def context_dependence(
    tokenizer: TextTokenizer, numbers: Sequence[str] | None = None, places: dict[str, str] | None = None
) -> ContextDependence:
    """Compare how the same number is encoded after a space, comma, line break, bracket, minus, and at the very start.

    Only the tokens that hold characters of the number are compared. Where a token also holds the character before it
    (`` 48``), the ids differ although the digits may be cut alike.

    Parameters
    ----------
    tokenizer
        Which to measure.
    numbers
        Numbers as text, by default those of `default_numbers`.
    places
        Text before the number for each context, by default `PLACES`.

    Examples
    --------
    gpt2: ``481`` is the token 40271 at the start and ``48|1`` (4764 16) after a space, so it counts in both shares;
    a tokenizer of single digits that never joins them with a space has 0 and 0.

    Notes
    -----
    Source: the measure is this project's; Spathis & Kawsar 2023, arXiv 2309.06236, describe the effect.
    """
    numbers = default_numbers() if numbers is None else list(numbers)
    places = PLACES if places is None else places
    splits = {place: split_numbers(tokenizer, numbers, before) for place, before in places.items()}
    per_number = list(zip(*splits.values(), strict=True))
    encodings = [len({split.ids for split in row}) for row in per_number]
    reference = splits.get("comma") or next(iter(splits.values()))
    strangest = int(
        np.argmax([(len({s.lengths for s in row}), n) for row, n in zip(per_number, encodings, strict=True)], axis=0)[0]
    )
    return ContextDependence(
        share_cut=float(np.mean([len({split.lengths for split in row}) > 1 for row in per_number])),
        share_ids=float(np.mean([n > 1 for n in encodings])),
        mean_encodings=float(np.mean(encodings)),
        by_context={
            place: float(np.mean([a.lengths != b.lengths for a, b in zip(found, reference, strict=True)]))
            for place, found in splits.items()
        },
        example=numbers[strangest],
        example_cuts={place: found[strangest].shown for place, found in splits.items()},
    )


# Ways to write one thing; the first of each group is what the others are compared with.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "leading zeros": ("7", "07", "007", "7.0", "7.00"),
    "exponent": ("0.00012", "1.2e-4", "1.2e-04", "1.2E-4"),
    "thousands": ("1234567", "1,234,567", "1 234 567", "1_234_567", "1\u2009234\u2009567"),
    "minus": ("-7", "\u22127", "\u20137", "- 7"),
    "missing value": ("nan", "NaN", "NA", "null", "None", ""),
    "infinity": ("inf", "Inf", "-inf", "\u221e"),
    "unit case": ("mV", "MV", "mv"),
    "unit sign": ("m/s^2", "m/s\u00b2", "m/s2", "\u00b5S", "uS"),
    "trailing white space": ("7", "7 ", "7\t", "7\n"),
}


@dataclass(frozen=True)
class Spelling:
    """One way to write a thing.

    Attributes
    ----------
    text
        As written.
    tokens
        How many tokens it is.
    cut
        Its pieces with a bar between them.
    kept
        Whether decoding gives it back.
    same_as
        Another spelling of the group with the very same ids: the model cannot tell the two apart. Else None.
    """

    text: str
    tokens: int
    cut: str
    kept: bool
    same_as: str | None


def spellings(
    tokenizer: TextTokenizer, groups: dict[str, tuple[str, ...]] | None = None
) -> dict[str, tuple[Spelling, ...]]:
    """Show what becomes of leading zeros, exponents, thousands, minus signs, missing values, units and trailing space.

    Examples
    --------
    BERT lowers all letters: in the group ``unit case`` the texts ``mV``, ``MV`` and ``mv`` have the same ids, so
    millivolt and megavolt are one.
    """
    found = {}
    for name, texts in (SPELLINGS if groups is None else groups).items():
        encoded = tokenizer.encode_batch(texts)
        decoded = tokenizer.decode_batch([tokens.ids for tokens in encoded])
        first: dict[tuple[int, ...], str] = {}
        rows = []
        for text, tokens, back in zip(texts, encoded, decoded, strict=True):
            twin = first.setdefault(tokens.ids, text)
            rows.append(
                Spelling(text, len(tokens), "|".join(tokens.pieces), back == text, None if twin == text else twin)
            )
        found[name] = tuple(rows)
    return found
