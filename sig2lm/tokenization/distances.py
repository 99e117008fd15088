"""Do close numbers stay close, and equal ones equal? Token sequences against the number line and against time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sig2lm.tokenization.pieces import CUT, split_numbers, split_rows
from sig2lm.tokenization.tokenizer import TextTokenizer


@dataclass(frozen=True)
class PatternConsistency:
    """Whether a periodic signal stays periodic as tokens.

    Attributes
    ----------
    share
        Part of the values that have the commonest ids of their equals; 1 where equal values are always equal ids.
    example, example_cuts
        The value with the most different encodings, and those, with all that their tokens hold (``,-|1``).
    """

    share: float
    example: str
    example_cuts: tuple[str, ...]


def sine_pattern(period: int = 25) -> list[str]:
    """One period of a sine of amplitude 9.81 (gravity, in m/s^2), rounded to two decimals, as text."""
    return [f"{9.81 * np.sin(2 * np.pi * i / period):.2f}" for i in range(period)]


def pattern_consistency(
    tokenizer: TextTokenizer, pattern: Sequence[str] | None = None, repeats: int = 12, cell: str = ",", row: str = "\n"
) -> PatternConsistency:
    """Repeat a pattern over a table of three columns and see whether equal values get equal ids wherever they stand.

    A period that is no multiple of three lets each value stand in each column: after a comma and after a line break.

    Parameters
    ----------
    tokenizer
        Which to measure.
    pattern
        Numbers of one period as text, by default `sine_pattern`.
    repeats
        How many periods.
    cell, row
        Separators.

    Examples
    --------
    With ``", "`` between cells, gpt2 writes the 4.81 of a first column as ``4|.|81`` and those of the others as
    `` 4|.|81``: the first ids differ, so a third of such values lie outside the commonest encoding.

    Notes
    -----
    Source: the measure is this project's.
    """
    pattern = sine_pattern() if pattern is None else list(pattern)
    values = pattern * repeats
    table = [values[i : i + 3] for i in range(0, len(values) - 2, 3)]
    seen: dict[str, Counter[tuple[int, ...]]] = {}
    shown: dict[tuple[str, tuple[int, ...]], str] = {}
    for splits in split_rows(tokenizer, table, cell, row):
        for split in splits:
            seen.setdefault(split.text, Counter())[split.ids] += 1
            shown[split.text, split.ids] = CUT.join(split.whole)
    kept = sum(counts.most_common(1)[0][1] for counts in seen.values())
    total = sum(counts.total() for counts in seen.values())
    example = max(seen, key=lambda text: (len(seen[text]), len(text)))
    return PatternConsistency(kept / total, example, tuple(shown[example, ids] for ids in seen[example]))


@dataclass(frozen=True)
class DistanceDistortion:
    """How well the distance between token sequences follows the distance between numbers.

    Attributes
    ----------
    correlation
        Spearman's rank correlation, from -1 to 1; 1 would keep every order of distances.
    digits
        The same if every digit were one token: what text can give at best without changing how numbers are written.
    """

    correlation: float
    digits: float


def distance_distortion(
    tokenizer: TextTokenizer, stop: int = 1_000, pairs: int = 2_000, seed: int = 0, before: str = ","
) -> DistanceDistortion:
    """Correlate |a - b| with the edit distance of their token sequences, for random integers a, b below `stop`.

    Examples
    --------
    ``480`` and ``481`` are 1 apart. As gpt2 tokens (22148 against 4764 16) they are 2 edits apart, as far as ``480``
    and ``2000``; digit by digit they are 1 edit apart.

    Notes
    -----
    Edit distance: Levenshtein 1966. Rank correlation: Spearman 1904, ties by mean rank. The measure is this project's.
    """
    from scipy.stats import spearmanr

    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, stop, size=(pairs, 2))
    numbers = np.unique(chosen)
    splits = split_numbers(tokenizer, [str(n) for n in numbers.tolist()], before)
    ids = {int(n): split.ids for n, split in zip(numbers, splits, strict=True)}
    numeric = np.abs(chosen[:, 0] - chosen[:, 1])
    in_tokens = [edit_distance(ids[a], ids[b]) for a, b in chosen.tolist()]
    in_digits = [edit_distance(str(a), str(b)) for a, b in chosen.tolist()]
    return DistanceDistortion(
        *(
            0.0 if len(set(edits)) == 1 else float(spearmanr(numeric, edits).statistic)
            for edits in (in_tokens, in_digits)
        )
    )


def edit_distance(left: Sequence[object], right: Sequence[object]) -> int:
    """Count the insertions, deletions and substitutions that turn one sequence into the other (Levenshtein 1966)."""
    costs = list(range(len(right) + 1))
    for i, item in enumerate(left, start=1):
        diagonal, costs[0] = costs[0], i
        for j, other in enumerate(right, start=1):
            diagonal, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, diagonal + (item != other))
    return costs[-1]
