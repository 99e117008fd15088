"""Count the tokens of texts of any length in bounded memory.

A text is cut into blocks of whole lines. Alone, a block may begin or end with other tokens than inside the text (a
prepended space, a line break that merges with what follows). So each block is encoded together with the last characters
before it and the first after it, and what those give by themselves is taken off again: with X and Y side by side, s the
end of X and e the beginning of Y, ``count(XY) = count(Xe) + count(sY) - count(se)``. This is exact wherever merges do
not reach over a line break and the characters beside it, which the tests check for every tokenizer they know.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sig2lm.errors import SignalError
from sig2lm.signals.layout import Layout, find_layout
from sig2lm.tokenization.reading import ragged
from sig2lm.tokenization.tokenizer import TextTokenizer

BLOCK = 8_192  # characters; larger blocks are slower, smaller ones pay for their seams
BATCH = 64  # blocks encoded at once
READ = 1 << 20  # bytes
LONGEST_LINE = 16_000_000  # bytes
CHECK_EVERY = 4


@dataclass(frozen=True)
class FileCount:
    """What a file costs, as it stands: header, separators and skipped columns included.

    Attributes
    ----------
    rows, characters, bytes, tokens
        Counts. Blank lines and the header are no rows.
    round_trip
        Whether every block that was decoded again gave the same text.
    checked
        Share of the blocks that were decoded again.
    """

    rows: int
    characters: int
    bytes: int
    tokens: int
    round_trip: bool
    checked: float

    @property
    def tokens_per_row(self) -> float:
        """Tokens / rows."""
        return self.tokens / max(self.rows, 1)


class TokenCounter:
    """Counts the tokens of a text that comes in blocks of whole lines; `close` ends it.

    The first block and every `check_every`-th after it are also decoded and compared with the text; once one differs,
    the answer is known and no more are decoded.
    """

    def __init__(self, tokenizer: TextTokenizer, check_every: int = CHECK_EVERY):
        self.tokens = 0
        self.round_trip = True
        self._tokenizer, self._check_every = tokenizer, check_every
        self._blocks = self._checked = 0
        self._before = ""  # the end of the last block counted
        self._waiting = ""  # a block whose successor is not known yet
        self._seams: dict[str, int] = {}

    @property
    def checked(self) -> float:
        """Share of the blocks that were decoded again."""
        return self._checked / max(self._blocks, 1)

    def add(self, blocks: Sequence[str]) -> None:
        """Count some more blocks; each ends with a line break, the text's last one excepted."""
        queue = [self._waiting, *blocks] if self._waiting else list(blocks)
        self._waiting = queue[-1] if queue else ""
        self._count(queue[:-1], queue[1:])

    def close(self) -> None:
        """Count what is left: the text has ended."""
        queue, self._waiting = [self._waiting] if self._waiting else [], ""
        self._count(queue, [""] * len(queue))

    def _count(self, blocks: Sequence[str], followers: Sequence[str]) -> None:
        texts = []
        for block, follower in zip(blocks, followers, strict=True):
            after = beginning(follower)
            texts.append(self._before + block + after)
            self._before = ending(block)
            if after:
                self.tokens -= self._seam(self._before + after)
        checked = [i for i in range(len(texts)) if self.round_trip and (self._blocks + i) % self._check_every == 0]
        encoded = self._tokenizer.ids([texts[i] for i in checked])
        chosen = set(checked)
        rest = [text for i, text in enumerate(texts) if i not in chosen]
        self.tokens += sum(map(len, encoded)) + sum(self._tokenizer.count(rest))
        decoded = self._tokenizer.decode_batch(encoded)
        self.round_trip &= all(texts[i] == text for i, text in zip(checked, decoded, strict=True))
        self._blocks += len(blocks)
        self._checked += len(checked)

    def _seam(self, text: str) -> int:
        if text not in self._seams:
            self._seams[text] = self._tokenizer.count([text])[0]
        return self._seams[text]


def ending(block: str) -> str:
    """Take the last character of a block that is no white space, and all after it."""
    return block[max(len(block.rstrip()) - 1, 0) :]


def beginning(block: str) -> str:
    """Take a block up to its first character that is no white space."""
    return block[: len(block) - len(block.lstrip()) + 1]


def count_text(tokenizer: TextTokenizer, text: str, check_every: int = 1) -> TokenCounter:
    """Count the tokens of a text in memory, decoding all of it again."""
    counter = TokenCounter(tokenizer, check_every)
    blocks = list(cut(text))
    for start in range(0, len(blocks), BATCH):
        counter.add(blocks[start : start + BATCH])
    counter.close()
    return counter


def cut(text: str, size: int = BLOCK) -> Iterator[str]:
    """Cut a text into blocks of about `size` characters, each but the last ending with a line break."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + size)
        end = len(text) if end < 0 else end + 1
        yield text[start:end]
        start = end


def count_file(
    path: Path, tokenizers: Sequence[TextTokenizer], progress: Callable[[int], None] | None = None
) -> list[FileCount]:
    """Count the tokens of a text table, for several tokenizers in one pass, in memory that does not grow with it.

    Parameters
    ----------
    path
        A text table as `sig2lm.tokenization.reading.read_series` takes it.
    tokenizers
        Which to count with.
    progress
        Called with the number of bytes done since the last call.

    Returns
    -------
    list
        A `FileCount` for each tokenizer.

    Raises
    ------
    SignalError
        The file cannot be read, is binary, or a row has another number of cells than the first.
    """
    counters = [TokenCounter(tokenizer) for tokenizer in tokenizers]
    layout = find_layout(path)
    rows = _Rows(layout)
    characters, num_bytes = 0, 0
    for chunk, size in _chunks(path, layout.encoding):
        rows.check(chunk)
        blocks = list(cut(chunk))
        for start in range(0, len(blocks), BATCH):
            for counter in counters:
                counter.add(blocks[start : start + BATCH])
        characters, num_bytes = characters + len(chunk), num_bytes + size
        if progress is not None:
            progress(size)
    for counter in counters:
        counter.close()
    return [
        FileCount(rows.count, characters, num_bytes, counter.tokens, counter.round_trip, counter.checked)
        for counter in counters
    ]


class _Rows:
    """Counts rows and checks that all have as many cells as the first; what stands above them is none."""

    def __init__(self, layout: Layout):
        self.count = 0
        self._layout, self._line = layout, 0

    def check(self, chunk: str) -> None:
        layout = self._layout
        delimiter, expected = layout.delimiter, layout.num_cells
        for line in chunk.removesuffix("\n").split("\n"):
            self._line += 1
            if self._line <= layout.skipped:
                continue
            # Counting the delimiters is ten times quicker than cutting, and enough where the count is right.
            if delimiter is not None and line.count(delimiter) == expected - 1:
                self.count += 1
            elif line and not line.isspace():
                found = len(layout.cells(line))
                if found != expected:
                    raise ragged(self._line, found, expected)
                self.count += 1


def _chunks(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Yield (text of whole lines, its bytes)."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    rest: list[str] = []
    waiting = 0
    try:
        for data in _reads(path):
            if b"\0" in data and not encoding.startswith("utf-16"):
                raise SignalError(f"expected text in {path}, found binary data; check the file")
            text = decoder.decode(data)
            end = text.rfind("\n") + 1
            waiting += len(data)
            if not end:
                rest.append(text)
                if waiting > LONGEST_LINE:
                    raise SignalError(f"expected rows in {path}, found a line of over 16 million characters")
                continue
            yield "".join([*rest, text[:end]]), waiting
            rest, waiting = [text[end:]], 0
        last = "".join([*rest, decoder.decode(b"", final=True)])
    except UnicodeDecodeError as error:
        raise SignalError(f"expected {encoding} text in {path}, found binary data or another encoding") from error
    if last:
        yield last, waiting


def _reads(path: Path) -> Iterable[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(READ):
                yield data
    except OSError as error:
        raise SignalError(f"expected a file at {path}, cannot read it ({error.strerror}); check the path") from error
