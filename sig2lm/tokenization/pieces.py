"""How a number is cut: the pieces of it, wherever it stands in a text.

Every measure on numbers starts here. A number is encoded inside its text, and what is kept is which token owns each of
its characters. A token that also holds the space, comma or bracket before the number counts by the characters of the
number alone: in gpt2 the ``481`` of ``480, 481`` is cut into `` 48`` and ``1``, that is ``48|1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sig2lm.tokenization.tokenizer import TextTokenizer, Tokens

CUT = "|"


@dataclass(frozen=True, slots=True)
class Split:
    """One number and the tokens it is cut into.

    Attributes
    ----------
    text
        The number as written.
    owners
        For each character of `text` the index in `ids` of the token that holds it, or -1 where no token does.
    ids
        Ids of the tokens that hold at least one character of the number.
    whole
        All that those tokens hold, with what stands before or after the number in the first and last of them.
    """

    text: str
    owners: tuple[int, ...]
    ids: tuple[int, ...]
    whole: tuple[str, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of the number's characters in each token, in order."""
        counts = [0] * len(self.ids)
        for owner in self.owners:
            if owner >= 0:
                counts[owner] += 1
        return tuple(counts)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The number's characters in each token."""
        parts = [""] * len(self.ids)
        for character, owner in zip(self.text, self.owners, strict=True):
            if owner >= 0:
                parts[owner] += character
        return tuple(parts)

    @property
    def shown(self) -> str:
        """The number with a bar at each cut: ``48|1``."""
        return CUT.join(self.pieces)

    def digit_cuts(self) -> dict[int, bool]:
        """Tell, for each place value, whether a cut stands behind its digit.

        Place 0 is the digit of the units, 1 the tens, -1 the tenths; the entry of place p is True where the digits of
        the places p and p - 1 are in different tokens. Signs, points, spaces and group marks are no digits; an exponent
        ends the number. Example: ``12|.|5`` gives ``{1: False, 0: True}``.
        """
        mantissa = next((i for i, character in enumerate(self.text) if character in "eE"), len(self.text))
        point = self.text.find(".", 0, mantissa)
        digits = [i for i in range(mantissa) if self.text[i].isdigit()]
        whole = sum(1 for i in digits if point < 0 or i < point)
        return {
            whole - 1 - order: self.owners[left] != self.owners[right] or self.owners[left] < 0
            for order, (left, right) in enumerate(pairwise(digits))
        }


def split_at(tokens: Tokens, ranges: Iterable[tuple[int, int]]) -> list[Split]:
    """Cut out the numbers that stand at the given ranges of characters (in order, not overlapping)."""
    spans, text = tokens.spans, tokens.text
    splits, first, last = [], 0, len(spans)
    for start, end in ranges:
        while first < last and spans[first][1] <= start:
            first += 1
        owners = [-1] * (end - start)
        ids: list[int] = []
        whole: list[str] = []
        for index in range(first, last):
            left, right = spans[index]
            if left >= end:
                break
            begin, stop = (left if left > start else start), (right if right < end else end)
            if begin < stop:
                owners[begin - start : stop - start] = [len(ids)] * (stop - begin)
                ids.append(tokens.ids[index])
                whole.append(text[left:right])
        splits.append(Split(text[start:end], tuple(owners), tuple(ids), tuple(whole)))
    return splits


def split_numbers(tokenizer: TextTokenizer, numbers: Sequence[str], before: str = "", after: str = "") -> list[Split]:
    """Cut each number as it is cut between `before` and `after`.

    Examples
    --------
    With gpt2, ``split_numbers(gpt2, ["480", "481"])`` are ``480`` (one token) and ``48|1``.
    """
    encoded = tokenizer.encode_batch([before + number + after for number in numbers])
    begin = len(before)
    return [
        split_at(tokens, [(begin, begin + len(number))])[0] for tokens, number in zip(encoded, numbers, strict=True)
    ]


def split_rows(tokenizer: TextTokenizer, rows: Sequence[Sequence[str]], cell: str, row: str) -> list[list[Split]]:
    """Cut every cell of a table where it stands: cells joined by `cell`, each row after a `row` separator.

    Rows are encoded one by one, each with the row separator before it, which is where a tokenizer begins again.
    """
    encoded = tokenizer.encode_batch([row + cell.join(cells) for cells in rows])
    splits = []
    for tokens, cells in zip(encoded, rows, strict=True):
        position, ranges = len(row), []
        for text in cells:
            ranges.append((position, position + len(text)))
            position += len(text) + len(cell)
        splits.append(split_at(tokens, ranges))
    return splits
