"""Text to token ids, with what a chat template writes and what people write distinguished.

Nothing here has a state that a call changes, so that several threads may ask at once: two copies of the tokenizer are
kept, one that knows special tokens and one that does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from sig2lm.errors import CheckpointError, PromptError

_REMEMBERED = 4096


@dataclass(frozen=True)
class Scaffold:
    """Text of a chat template, in which special tokens count as such."""

    text: str


class TextEncoder:
    """Encodes scaffold and content.

    Parameters
    ----------
    tokenizer
        A fast Hugging Face tokenizer.
    table_size
        Rows of the LM's table of embeddings.

    Raises
    ------
    CheckpointError
        If the tokenizer is not a fast one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, table_size: int) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise CheckpointError(
                f"expected a fast tokenizer (tokenizer.json), found {type(tokenizer).__name__}; "
                "save it with transformers' AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER)"
            )
        description = tokenizer.backend_tokenizer.to_str()
        self._scaffold, self._content = (Tokenizer.from_str(description) for _ in range(2))
        for copy in (self._scaffold, self._content):
            copy.no_truncation()
            copy.no_padding()
        self._content.encode_special_tokens = True
        self._added = frozenset(tokenizer.added_tokens_decoder)
        special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
        # What unknown characters become is often special, but no way into the scaffold.
        unknown = {tokenizer.unk_token_id, *self._content.encode("\U000f1234", add_special_tokens=False).ids}
        self.control = frozenset({*special, *tokenizer.all_special_ids} - unknown)
        self._table_size = table_size
        self._remembered: dict[tuple[str | Scaffold, ...], tuple[int, ...]] = {}

    def add_control(self, scaffold: str) -> None:
        """Count all added tokens that a chat template writes among those that content must not hold."""
        self.control |= self._added & set(self._scaffold.encode(scaffold, add_special_tokens=False).ids)

    def encode(self, pieces: Sequence[str | Scaffold]) -> tuple[int, ...]:
        """Encode neighbouring pieces as one text, as the LM has learned to read it.

        Where content would bring a control token into it, the pieces are encoded one by one, content without any.

        Raises
        ------
        PromptError
            If a token has no row in the LM's table.
        """
        key = tuple(pieces)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) > _REMEMBERED:
                self._remembered = {}
            found = self._remembered[key] = self._checked(self._encode(key))
        return found  # and not what is remembered, which another thread may have cleared

    def behind(self, context: Sequence[str | Scaffold], text: str) -> tuple[int, ...]:
        """Encode content as it stands behind a context, whose own tokens are not returned."""
        before, whole = self.encode(context), self.encode((*context, text))
        return whole[len(before) :] if whole[: len(before)] == before else self.encode((text,))

    def _encode(self, pieces: tuple[str | Scaffold, ...]) -> tuple[int, ...]:
        if not any(isinstance(piece, Scaffold) for piece in pieces):
            return self._content_ids("".join(str(piece) for piece in pieces))
        whole = self._scaffold_ids("".join(piece.text if isinstance(piece, Scaffold) else piece for piece in pieces))
        alone = [self._scaffold_ids(piece.text) for piece in pieces if isinstance(piece, Scaffold)]
        if self._controls(whole) == [token for ids in alone for token in self._controls(ids)]:
            return whole
        parts = (
            self._scaffold_ids(piece.text) if isinstance(piece, Scaffold) else self._content_ids(piece)
            for piece in pieces
        )
        return tuple(token for ids in parts for token in ids)

    def _scaffold_ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._scaffold.encode(text, add_special_tokens=False).ids)

    def _content_ids(self, text: str) -> tuple[int, ...]:
        """Encode text without control tokens.

        A vocabulary may hold them as ordinary pieces (Unigram), so that a text written like one becomes one; such a
        text is cut in two inside.
        """
        encoded = self._content.encode(text, add_special_tokens=False)
        if self.control.isdisjoint(encoded.ids):
            return tuple(encoded.ids)
        if len(text) == 1:
            return ()
        spans = (span for token, span in zip(encoded.ids, encoded.offsets, strict=True) if token in self.control)
        cuts = sorted({min(start + 1, len(text) - 1) for start, _ in spans})
        parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        return tuple(token for part in parts for token in self._content_ids(part))

    def _controls(self, ids: Iterable[int]) -> list[int]:
        return [token for token in ids if token in self.control]

    def _checked(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        if ids and max(ids) >= self._table_size:
            raise PromptError(
                f"the tokenizer writes the token {max(ids)}, but the LM embeds {self._table_size:,} only; "
                "use the tokenizer that belongs to the LM"
            )
        return ids
