"""Lists that are written as one text."""

import pytest

from sig2lm.arguments import split_list
from sig2lm.errors import ArgumentError


@pytest.mark.parametrize("text", ["a, b", "a\nb", "a\r\nb\n", " a ,b"])
def test_a_comma_or_a_line_break_parts(text: str) -> None:
    assert split_list([text]) == ["a", "b"]


def test_an_empty_part_stays_and_quotes_hold_a_comma() -> None:
    assert split_list(['a,,"b, c"']) == ["a", "", "b, c"]


def test_what_csv_cannot_read_is_refused() -> None:
    with pytest.raises(ArgumentError, match="fewer letters"):
        split_list(["x" * 200_000])
