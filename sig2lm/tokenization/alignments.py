"""Do digits of the same place value meet? The decimal point, the sign, and cuts counted from the point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sig2lm.tokenization.pieces import Split, split_numbers
from sig2lm.tokenization.tokenizer import TextTokenizer


@dataclass(frozen=True)
class Alignment:
    """Where the decimal point and the sign end up.

    Attributes
    ----------
    point_alone
        Part of the numbers with a point whose point is a token of its own; the rest is glued to digits.
    sign_alone
        Part of the negative numbers whose minus is a token of its own.
    sign_with_separator
        Part of the negative numbers whose minus shares a token with the separator before it (``,-``).
    sign_with_digits
        Part of the negative numbers whose minus shares a token with a digit.
    place_value
        See `place_value_consistency`, over consecutive numbers.

    None where no number has a point, a minus or a neighbour to compare with.
    """

    point_alone: float | None
    sign_alone: float | None
    sign_with_separator: float | None
    sign_with_digits: float | None
    place_value: float | None


def default_signed_numbers() -> list[str]:
    """1,000 decimals from -99.999 to 99.999 with one to three places."""
    rng = np.random.default_rng(3)
    values, places = rng.uniform(-100, 100, 1000).tolist(), rng.integers(1, 4, 1000).tolist()
    return [f"{value:.{n}f}" for value, n in zip(values, places, strict=True)]


def alignment(tokenizer: TextTokenizer, numbers: Sequence[str] | None = None, before: str = "0,") -> Alignment:
    """Measure whether the point and the sign stand apart, and whether digits line up by place value.

    Parameters
    ----------
    tokenizer
        Which to measure.
    numbers
        Numbers as text, by default those of `default_signed_numbers`.
    before
        What stands before each; it should end with the separator of the table.

    Examples
    --------
    gpt2 cuts ``0,-0.59`` into ``0|,-|0|.|59``: the point is alone, the sign shares a token with the comma.
    t5 cuts ``0,0.5`` so that ``0.5`` is one token: the point is glued to digits.

    Notes
    -----
    Source: the measure is this project's, after Spathis & Kawsar 2023, arXiv 2309.06236.
    """
    numbers = default_signed_numbers() if numbers is None else list(numbers)
    splits = split_numbers(tokenizer, numbers, before)
    points = [_alone(split, split.text.index(".")) for split in splits if "." in split.text]
    signed = [number for number in numbers if number.startswith("-")]
    places = [_sign_place(tokenizer_split, before) for tokenizer_split in _with_separator(tokenizer, signed, before)]
    return Alignment(
        point_alone=_mean(points),
        sign_alone=_mean(place == "alone" for place in places),
        sign_with_separator=_mean(place == "separator" for place in places),
        sign_with_digits=_mean(place == "digits" for place in places),
        place_value=place_value_consistency(splits),
    )


def place_value_consistency(splits: Sequence[Split]) -> float | None:
    """Measure how often consecutive numbers are cut at the same places, counted from the decimal point.

    Two numbers agree when, at each place value for which both have a digit and a following one, either both are cut
    behind it or neither is. Pairs without such a place are left out; None if no pair is left.

    Examples
    --------
    ``123|4`` and ``234`` share the tens and the units: the first has a cut between them, the second has not, so they
    disagree. Grouped from the right, ``1|234`` and ``234`` agree.

    Notes
    -----
    Source: the measure is this project's; the reason is that of Singh & Strouse 2024, arXiv 2402.14903.
    """
    agreements = []
    for left, right in pairwise(split.digit_cuts() for split in splits):
        shared = left.keys() & right.keys()
        if shared:
            agreements.append(all(left[place] == right[place] for place in shared))
    return _mean(agreements)


def _alone(split: Split, position: int) -> bool:
    owner = split.owners[position]
    return owner >= 0 and split.owners.count(owner) == 1


def _with_separator(tokenizer: TextTokenizer, numbers: Sequence[str], before: str) -> list[Split]:
    """Split the numbers together with all that stands before them, so that the sign's left neighbour is seen."""
    return split_numbers(tokenizer, [before + number for number in numbers])


def _sign_place(split: Split, before: str) -> str:
    sign = len(before)
    owner = split.owners[sign]
    if owner >= 0 and owner in split.owners[:sign]:
        return "separator"
    return "alone" if _alone(split, sign) else "digits"


def _mean(values: Iterable[bool]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
