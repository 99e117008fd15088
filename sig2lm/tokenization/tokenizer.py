"""One small face for every tokenizer: text in; ids, character spans and counts out.

The measures need four things of a tokenizer: the ids of a text, which characters each id stands for, how many ids there
are, and the text that ids decode to. Hugging Face tokenizers and tiktoken encodings offer them under different names.
Special tokens are never added: what a model wraps around a text (BOS, EOS) says nothing about the numbers in it.
Loading by name or folder is in `sig2lm.tokenization.loading`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tokenizers

SPACE_MARK = "▁"  # how sentencepiece writes a space inside a token


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text.

    Attributes
    ----------
    text
        What was encoded.
    ids
        Token ids, in order.
    spans
        For each token the half-open range of characters in `text` that it stands for. Spans never overlap and never go
        back; a token that stands for no character of its own (a prepended space, the second byte of ``µ``) has an
        empty span, and characters between two spans are in no token.
    """

    text: str
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The characters of each token."""
        return tuple(self.text[start:end] for start, end in self.spans)


class TextTokenizer(ABC):
    """A tokenizer as the measures see it.

    Attributes
    ----------
    name
        What reports call it.
    source
        Where it came from: a folder, a hub name, ``tiktoken:NAME`` or ``memory``.
    vocabulary_size
        Number of ids, added tokens included.
    max_length
        Tokens that the model behind it takes, where its files say so, else None.
    """

    name: str
    source: str
    vocabulary_size: int
    max_length: int | None = None

    @abstractmethod
    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        """Encode several texts, with spans."""

    @abstractmethod
    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of several texts; faster than encoding them."""

    @abstractmethod
    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Give the ids of several texts, without spans."""

    @abstractmethod
    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Turn ids back into text; special and unknown tokens are written out, not dropped."""

    def encode(self, text: str) -> Tokens:
        """Encode one text."""
        return self.encode_batch([text])[0]

    def decode(self, ids: Sequence[int]) -> str:
        """Turn the ids of one text back into text."""
        return self.decode_batch([ids])[0]


class FastTokenizer(TextTokenizer):
    """A tokenizer of the Hugging Face `tokenizers` library.

    The tokenizer given is changed (padding, truncation and post-processing are switched off): pass one of your own.
    """

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, name: str, source: str = "memory", max_length: int | None = None
    ):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        # Post-processing only adds special tokens and trims spaces off the spans; the ids of the text stay the same.
        tokenizer.post_processor = None
        self.name, self.source, self.max_length = name, source, max_length
        self.vocabulary_size = tokenizer.get_vocab_size(with_added_tokens=True)
        self._tokenizer = tokenizer

    @cached_property
    def _marks_spaces(self) -> bool:
        return self._tokenizer.token_to_id(SPACE_MARK) is not None and self._tokenizer.token_to_id("Ġ") is None

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        """Encode several texts, with spans."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            Tokens(text, tuple(encoding.ids), self._spans(text, encoding))
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _spans(self, text: str, encoding: Any) -> tuple[tuple[int, int], ...]:
        offsets = encoding.offsets
        if self._marks_spaces:
            offsets = [
                _unmark(text, token, start, end) for token, (start, end) in zip(encoding.tokens, offsets, strict=True)
            ]
        return _in_order(offsets)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of several texts; faster than encoding them."""
        return [len(encoding) for encoding in self._fast(texts)]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Give the ids of several texts, without spans."""
        return [encoding.ids for encoding in self._fast(texts)]

    def _fast(self, texts: Sequence[str]) -> list[Any]:
        return list(self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False))

    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Turn ids back into text; special and unknown tokens are written out, not dropped."""
        return list(self._tokenizer.decode_batch([list(row) for row in ids], skip_special_tokens=False))


class TiktokenTokenizer(TextTokenizer):
    """A tiktoken encoding. Text that spells a special token is encoded as ordinary text."""

    def __init__(self, encoding: Any, source: str = "memory"):
        self.name, self.source = str(encoding.name), source
        self.vocabulary_size = int(encoding.n_vocab)
        self._encoding = encoding

    def encode_batch(self, texts: Sequence[str]) -> list[Tokens]:
        """Encode several texts, with spans."""
        return [
            Tokens(text, tuple(ids), self._spans(text, ids)) for text, ids in zip(texts, self.ids(texts), strict=True)
        ]

    def _spans(self, text: str, ids: Sequence[int]) -> tuple[tuple[int, int], ...]:
        first_bytes = _first_bytes(text)
        spans, position = [], 0
        for token in ids:
            length = len(self._encoding.decode_single_token_bytes(token))
            spans.append((first_bytes[position], first_bytes[position + length]))
            position += length
        return _in_order(spans)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of several texts."""
        return [len(ids) for ids in self.ids(texts)]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Give the ids of several texts, without spans."""
        return [list(ids) for ids in self._encoding.encode_ordinary_batch(list(texts), num_threads=2)]

    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Turn ids back into text."""
        return [str(self._encoding.decode(list(row))) for row in ids]


def _unmark(text: str, token: str, start: int, end: int) -> tuple[int, int]:
    """Take a prepended ``▁`` for what it is (no character), and give a space that a ``▁`` stands for to its token."""
    if not token.startswith(SPACE_MARK) or start >= len(text) or text[start] == " ":
        return start, end
    if start > 0 and text[start - 1] == " ":
        return start - 1, start if token == SPACE_MARK else end
    return start, start if token == SPACE_MARK else end


def _in_order(offsets: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    spans, reached = [], 0
    for start, end in offsets:
        start = max(start, reached)
        reached = max(end, start)
        spans.append((start, reached))
    return tuple(spans)


def _first_bytes(text: str) -> list[int]:
    """For each byte of the UTF-8 text, and for its end, the character that begins at or after it."""
    characters = []
    for index, character in enumerate(text):
        width = len(character.encode())
        characters += [index] + [index + 1] * (width - 1)
    return [*characters, len(text)]
