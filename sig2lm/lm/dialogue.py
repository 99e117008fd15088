"""From the turns of a dialogue to token ids, with room for each soft prompt.

The tokenizer's chat template is applied to stand-ins, never to the content itself. So the scaffold of the dialogue
(special tokens, role names) and what people wrote are told apart: the scaffold is tokenized with its special tokens,
the content with none. Text cannot open a turn, close one, or make a place for a signal.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from sig2lm.templates.turns import Part, SignalPlace, Turn


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt as tokens.

    Attributes
    ----------
    input_ids
        Token ids, length L; ``placeholder`` ids where a soft prompt will stand.
    places
        For each signal in order: which one, the first of its positions, and how many it has.
    """

    input_ids: tuple[int, ...]
    places: tuple[tuple[SignalPlace, int, int], ...]

    @property
    def keys(self) -> list[Any]:
        """What stands at each position: a token id, or (place, number of the virtual token)."""
        keys: list[Any] = list(self.input_ids)
        for place, start, count in self.places:
            keys[start : start + count] = [(place, number) for number in range(count)]
        return keys

    @property
    def num_static(self) -> int:
        """Tokens before the first signal."""
        return self.places[0][1] if self.places else len(self.input_ids)


@dataclass(frozen=True)
class _Scaffold:
    """Text of the chat template, in which special tokens count as such."""

    text: str


class DialogueTokenizer:
    """A tokenizer with what a dialogue needs: turns, the end of an answer, a padding id.

    Parameters
    ----------
    tokenizer
        Any fast Hugging Face tokenizer, with a chat template or without one.
    eos_token_ids
        Ids that end a text, from the model's generation settings; may be empty.
    table_size
        Rows of the LM's table of embeddings; special tokens beyond it are as good as none.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        eos_token_ids: Sequence[int] = (),
        table_size: int | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self._texts: dict[tuple[str, bool], tuple[int, ...]] = {}
        limit = table_size if table_size is not None else len(tokenizer)
        eos = [token for token in (tokenizer.eos_token_id, *eos_token_ids) if token is not None and token < limit]
        pad = tokenizer.pad_token_id
        self.end_of_answer = self._end_of_answer(eos)
        self.stop_ids = sorted({self.end_of_answer, *eos})
        self.placeholder = pad if pad is not None and 0 <= pad < limit else self.end_of_answer

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer brings its own way to write a dialogue."""
        return bool(self.tokenizer.chat_template)

    def encode(self, turns: Sequence[Turn], sizes: Mapping[SignalPlace, int]) -> EncodedPrompt:
        """Encode a dialogue up to where the next answer begins.

        Parameters
        ----------
        turns
            The dialogue so far; the last turn is the user's.
        sizes
            How many virtual tokens each signal place takes.
        """
        ids: list[int] = []
        places: list[tuple[SignalPlace, int, int]] = []
        for piece in self._merged(self._scaffolded(turns)):
            if isinstance(piece, SignalPlace):
                places.append((piece, len(ids), sizes[piece]))
                ids.extend([self.placeholder] * sizes[piece])
            elif isinstance(piece, _Scaffold):
                ids.extend(self._ids(piece.text, special=True))
            else:
                ids.extend(self._ids(piece, special=False))
        return EncodedPrompt(tuple(self._bos() + ids), tuple(places))

    def encode_answer(self, text: str) -> tuple[int, ...]:
        """Encode an answer with the token that ends it."""
        lead = "" if self.has_chat_template else " "
        return (*self._ids(lead + text, special=False), self.end_of_answer)

    def encode_words(self, text: str) -> tuple[int, ...]:
        """Encode words as they stand within a sentence: behind a blank, without special tokens."""
        return self._ids(f" {text.strip()}", special=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Return generated ids as text, without special tokens and outer blanks."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _ids(self, text: str, special: bool) -> tuple[int, ...]:
        key = (text, special)
        if key not in self._texts:
            if len(self._texts) > 4096:
                self._texts.clear()
            # Not verbose: a text that is too long is refused or cut elsewhere, with better advice.
            encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=not special, verbose=False)
            self._texts[key] = tuple(encoded["input_ids"])
        return self._texts[key]

    def _bos(self) -> list[int]:
        """The beginning-of-text id where the tokenizer itself adds one; a chat template writes its own."""
        bos = self.tokenizer.bos_token_id
        if self.has_chat_template or bos is None:
            return []
        return [bos] if self.tokenizer("a")["input_ids"][:1] == [bos] else []

    def _scaffolded(self, turns: Sequence[Turn]) -> list[Part | _Scaffold]:
        if not self.has_chat_template:
            return plain_dialogue(turns)
        try:
            return self._templated(turns)
        except TemplateError:  # some templates (Gemma) refuse a system turn
            return self._templated(without_system(turns))

    def _templated(self, turns: Sequence[Turn]) -> list[Part | _Scaffold]:
        """Apply the chat template to one stand-in a turn, then put scaffold and content side by side."""
        names = [f"turn{secrets.token_hex(8)}" for _ in turns]
        messages = [{"role": turn.role, "content": name} for turn, name in zip(turns, names, strict=True)]
        rest = str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        )
        pieces: list[Part | _Scaffold] = []
        for turn, name in zip(turns, names, strict=True):
            before, found, after = rest.partition(name)
            if not found:
                raise TemplateError(f"the chat template leaves out the {turn.role} turn")
            pieces += [_Scaffold(before), *turn.parts]
            rest = after
        return [*pieces, _Scaffold(rest)]

    def _end_of_answer(self, eos: Sequence[int]) -> int:
        """What ends an answer: the special token that the chat template writes there, else eos, else a line break."""
        if self.has_chat_template:
            turns = (Turn("user", ("?",)), Turn("assistant", ("!",)), Turn("user", ("?",)))
            tail = self._templated(turns)[4]
            special = {token for token, added in self.tokenizer.added_tokens_decoder.items() if added.special}
            for token in self._ids(tail.text, special=True) if isinstance(tail, _Scaffold) else ():
                if token in special:
                    return token
        return eos[0] if eos else self._ids("\n", special=False)[-1]

    @staticmethod
    def _merged(pieces: Sequence[Part | _Scaffold]) -> list[Part | _Scaffold]:
        """Merge neighbouring texts of one kind, so that their tokens do not depend on how a template was cut."""
        merged: list[Part | _Scaffold] = []
        for piece in pieces:
            last = merged[-1] if merged else None
            if isinstance(piece, str) and isinstance(last, str):
                merged[-1] = last + piece
            elif isinstance(piece, SignalPlace) or (piece.text if isinstance(piece, _Scaffold) else piece):
                merged.append(piece)
        return merged


def plain_dialogue(turns: Sequence[Turn]) -> list[Any]:
    """Write a dialogue for an LM without a chat template: the system text, then each turn and ``Answer:``."""
    pieces: list[Part] = []
    for turn in turns:
        if turn.role == "assistant":
            pieces += [" ", *turn.parts, "\n\n"]
        else:
            pieces += [*turn.parts, "\n\n" if turn.role == "system" else "\nAnswer:"]
    return pieces


def without_system(turns: Sequence[Turn]) -> list[Turn]:
    """Move the system text to the head of the first user turn."""
    system = [part for turn in turns if turn.role == "system" for part in (*turn.parts, "\n\n")]
    others = [turn for turn in turns if turn.role != "system"]
    return [Turn(others[0].role, (*system, *others[0].parts)), *others[1:]]
