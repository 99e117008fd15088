"""How whole numbers are cut: neighbours, grouping of digits, and which are one token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from sig2lm.tokenization.pieces import Split, split_numbers, split_rows
from sig2lm.tokenization.tokenizer import TextTokenizer

HEADLINE = ("480", "481", "482")
BEFORE = ","  # where most numbers of a table stand


@lru_cache(maxsize=4)
def integer_lengths(tokenizer: TextTokenizer, stop: int, before: str) -> tuple[tuple[int, ...], ...]:
    """Give the lengths of the pieces of 0 ... stop - 1; kept for a while, because two measures start from them."""
    return tuple(split.lengths for split in split_numbers(tokenizer, [str(n) for n in range(stop)], before))


@dataclass(frozen=True)
class NeighbourConsistency:
    """How alike n and n + 1 are cut.

    Attributes
    ----------
    share
        Part of all pairs that are cut into pieces of the same lengths.
    by_digits
        The same for the numbers of 1, 2, 3, ... digits.
    headline
        How 480, 481 and 482 are cut in the text ``480, 481, 482``: the case of the talk.
    """

    share: float
    by_digits: dict[str, float]
    headline: tuple[str, ...]


def neighbour_consistency(
    tokenizer: TextTokenizer, start: int = 0, stop: int = 10_000, before: str = BEFORE
) -> NeighbourConsistency:
    """Measure how often n and n + 1 are cut into pieces of the same lengths.

    Parameters
    ----------
    tokenizer
        Which to measure.
    start, stop
        The integers n = start ... stop - 1. Pairs with another number of digits (99, 100) are left out: no tokenizer
        could cut those alike.
    before
        What stands before each number.

    Examples
    --------
    After a space, gpt2 cuts 480, 481, 482 into ``480``, ``48|1``, ``48|2``: of the two pairs one is alike, so
    ``neighbour_consistency(gpt2, 480, 483, " ").share`` is 0.5. After a comma alone it cuts none of the three.

    Notes
    -----
    Source: the example is that of Spathis & Kawsar 2023, arXiv 2309.06236.
    """
    numbers = [str(n) for n in range(start, stop)]
    lengths = integer_lengths(tokenizer, stop, before)[start:]
    alike: dict[int, list[bool]] = {}
    for (text, left), (following, right) in pairwise(zip(numbers, lengths, strict=True)):
        if len(text) == len(following):
            alike.setdefault(len(text), []).append(left == right)
    every = [same for pairs in alike.values() for same in pairs]
    headline = tuple(split.shown for split in split_rows(tokenizer, [HEADLINE], cell=", ", row="")[0])
    return NeighbourConsistency(
        share=float(np.mean(every)) if every else 1.0,
        by_digits={str(digits): float(np.mean(pairs)) for digits, pairs in sorted(alike.items())},
        headline=headline,
    )


@dataclass(frozen=True)
class OneTokenIntegers:
    """Which integers are a single token.

    Attributes
    ----------
    count
        How many of 0 ... stop - 1 are one token.
    share
        The same as a part of all.
    ranges
        The integers themselves, as first and last of each run.
    first_gap
        The smallest integer that is cut, or None.
    tokens
        Tokens of each integer, run-length encoded as (tokens, how many integers in a row).
    """

    count: int
    share: float
    ranges: tuple[tuple[int, int], ...]
    first_gap: int | None
    tokens: tuple[tuple[int, int], ...]


def one_token_integers(tokenizer: TextTokenizer, stop: int = 10_000, before: str = BEFORE) -> OneTokenIntegers:
    """Find the integers below `stop` that a single token holds.

    Examples
    --------
    cl100k_base has one token for each of 0 ... 999 and for none above: count 1000, ranges ``((0, 999),)``.

    Notes
    -----
    Source: Singh & Strouse 2024, arXiv 2402.14903, section 2, list how tokenizers came to hold such tokens.
    """
    counts = [len(lengths) for lengths in integer_lengths(tokenizer, stop, before)]
    single = [n for n, count in enumerate(counts) if count == 1]
    gap = next((n for n, count in enumerate(counts) if count != 1), None)
    return OneTokenIntegers(len(single), len(single) / stop, tuple(_ranges(single)), gap, tuple(run_lengths(counts)))


def _ranges(numbers: Sequence[int]) -> Iterable[tuple[int, int]]:
    start = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            yield numbers[start], numbers[i - 1]
            start = i


def run_lengths(values: Sequence[int]) -> list[tuple[int, int]]:
    """Encode a sequence as (value, how often in a row)."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return [(value, count) for value, count in runs]


@dataclass(frozen=True)
class Grouping:
    """From which end digits are grouped.

    Attributes
    ----------
    direction
        ``digit by digit``, ``left to right``, ``right to left``, ``whole`` or ``mixed``: what at least 95 % of the
        numbers follow, else ``mixed``.
    shares
        Part of the numbers of each kind.
    examples
        A number of 4, 5, ... digits as it is cut.
    """

    direction: str
    shares: dict[str, float]
    examples: tuple[str, ...]


def grouping(
    tokenizer: TextTokenizer, digits: Iterable[int] = range(4, 11), samples: int = 200, seed: int = 0
) -> Grouping:
    """Tell whether long integers are grouped from the left (``123|4``) or from the right (``1|234``).

    A number is *left to right* when all groups but the last are equally long and the last is shorter, *right to left*
    when the first is shorter, *digit by digit* when all are single digits, and *whole* when it is one token. A number
    whose groups are all equally long speaks for neither side and is not counted.

    Examples
    --------
    cl100k_base cuts 1234567 into ``123|456|7``: left to right. Digit by digit: qwen2.5, ``1|2|3|4|5|6|7``.

    Notes
    -----
    Source: Singh & Strouse 2024, arXiv 2402.14903: grouping from the left costs arithmetic; the same digits then stand
    in other groups as soon as a number grows by a digit.
    """
    kinds: Counter[str] = Counter()
    examples = []
    for length in digits:
        splits = split_numbers(tokenizer, random_integers(length, samples, seed), BEFORE)
        examples.append(splits[0].shown)
        kinds.update(kind for split in splits if (kind := _direction(split.lengths)))
    total = sum(kinds.values())
    shares = {kind: count / total for kind, count in kinds.most_common()}
    direction = next((kind for kind, share in shares.items() if share >= 0.95), "mixed")
    return Grouping(direction, shares, tuple(examples))


def _direction(lengths: tuple[int, ...]) -> str | None:
    if len(lengths) < 2:
        return "whole"
    first, *middle, last = lengths
    if set(lengths) == {1}:
        return "digit by digit"
    if len(set(lengths)) == 1:
        return None
    if all(length == first for length in middle) and last < first:
        return "left to right"
    if all(length == last for length in middle) and first < last:
        return "right to left"
    return "mixed"


@dataclass(frozen=True)
class ChunkStability:
    """How numbers of one width are cut.

    Attributes
    ----------
    kind
        ``integer`` or ``decimal``.
    digits
        Digits of the integer, or digits after the point.
    tokens
        Mean number of tokens.
    common
        The most frequent lengths of the pieces, as ``3+1``.
    share
        Part of the numbers that are cut so; 1 is stable.
    ways
        How many different ways of cutting were seen.
    """

    kind: str
    digits: int
    tokens: float
    common: str
    share: float
    ways: int


def chunk_stability(
    tokenizer: TextTokenizer, digits: Iterable[int] = range(1, 9), samples: int = 500, seed: int = 0
) -> tuple[ChunkStability, ...]:
    """Measure for each number of digits whether all numbers of that width are cut the same way.

    Integers are uniform among those of d digits; decimals have one digit before and d digits after the point.

    Examples
    --------
    gpt2 cuts integers of three digits whole (``3``) or in two (``2+1``); cl100k_base always as ``3``: share 1.0.

    Notes
    -----
    Source: the measure is this project's; the observation is that of Spathis & Kawsar 2023, arXiv 2309.06236.
    """
    draws = {"integer": random_integers, "decimal": random_decimals}
    widths = list(digits)
    return tuple(
        _stability(kind, width, tokenizer, draw(width, samples, seed))
        for kind, draw in draws.items()
        for width in widths
    )


def _stability(kind: str, width: int, tokenizer: TextTokenizer, numbers: Sequence[str]) -> ChunkStability:
    splits: list[Split] = split_numbers(tokenizer, numbers, BEFORE)
    ways = Counter(split.lengths for split in splits)
    common, count = ways.most_common(1)[0]
    mean = float(np.mean([len(split.ids) for split in splits]))
    return ChunkStability(kind, width, mean, "+".join(map(str, common)), count / len(splits), len(ways))


def random_integers(digits: int, samples: int, seed: int = 0) -> list[str]:
    """Draw integers of exactly `digits` digits; all of them where there are no more than `samples`."""
    first, last = 10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1
    if last - first < samples:
        return [str(n) for n in range(first, last + 1)]
    rng = np.random.default_rng([seed, digits])
    return [str(n) for n in rng.integers(first, last, size=samples, endpoint=True).tolist()]


def random_decimals(digits: int, samples: int, seed: int = 0) -> list[str]:
    """Draw numbers with one digit before and `digits` digits after the point."""
    rng = np.random.default_rng([seed, 100 + digits])
    fractions = rng.integers(0, 10**digits, size=samples).tolist()
    return [
        f"{whole}.{fraction:0{digits}d}"
        for whole, fraction in zip(rng.integers(0, 10, samples), fractions, strict=True)
    ]
