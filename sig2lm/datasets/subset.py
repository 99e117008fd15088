"""Fewer rows of a table that still stand for all of it: spread over labels and subjects."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from datasets import DatasetDict

from sig2lm.datasets.table import Table


def spread_rows(labels: Sequence[str | None], subjects: Sequence[str], count: int, seed: int = 0) -> list[int]:
    """Choose rows in turn from every pair of label and subject, until there are enough.

    Parameters
    ----------
    labels, subjects
        Of each row; a missing label is one more label.
    count
        How many rows; all of them where there are no more.
    seed
        Draws among the rows of a pair, and the order of the pairs.

    Returns
    -------
    list of int
        Row numbers in ascending order. A smaller ``count`` chooses a subset of what a larger one does.

    >>> spread_rows(["sit", "sit", "sit", "walk"], ["1", "1", "1", "1"], 2) in ([0, 3], [1, 3], [2, 3])
    True
    """
    rng = np.random.default_rng(seed)
    waiting: dict[tuple[str | None, str], list[int]] = {}
    for row in rng.permutation(len(labels)).tolist():
        waiting.setdefault((labels[row], subjects[row]), []).append(row)
    chosen: list[int] = []
    while len(chosen) < min(count, len(labels)):
        chosen.extend([rows.pop() for rows in waiting.values() if rows])
    return sorted(chosen[:count])


def take_rows(table: Table, split: str, count: int | None, seed: int = 0) -> Table:
    """Return a table whose split keeps ``count`` rows only, chosen by :func:`spread_rows`; None keeps all."""
    if split not in table.data or count is None or len(table.data[split]) <= count:
        return table
    rows = table.data[split]
    kept = rows.select(spread_rows(rows["label"], rows["subject"], count, seed))
    return replace(table, data=DatasetDict({**table.data, split: kept}))
