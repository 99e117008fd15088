"""Fewer rows: every label and subject keeps a share, and more rows contain fewer."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sig2lm.datasets.subset import spread_rows

ROWS = st.lists(st.tuples(st.sampled_from(["sit", "walk", None]), st.sampled_from("123")), min_size=1, max_size=40)


@given(ROWS, st.integers(0, 50))
def test_rows_are_spread_and_nested(rows: list[tuple[str | None, str]], count: int) -> None:
    labels, subjects = zip(*rows, strict=True)
    chosen = spread_rows(labels, subjects, count)
    assert len(set(chosen)) == len(chosen) == min(count, len(rows))
    assert set(chosen) <= set(spread_rows(labels, subjects, count + 1))
    kept, there = Counter(rows[row] for row in chosen), Counter(rows)
    fewest = min((kept[pair] for pair in there if kept[pair] < there[pair]), default=None)
    assert fewest is None or max(kept.values(), default=0) <= fewest + 1
