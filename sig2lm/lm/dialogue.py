"""From the turns of a dialogue to token ids, with room for each soft prompt.

The tokenizer's chat template is applied to stand-ins, never to the content itself. So the scaffold of the dialogue
(special tokens, role names) and what people wrote are distinguished: special tokens count in the scaffold only
(:mod:`sig2lm.lm.text`). Text cannot open a turn, close one, or make a place for a signal.
"""

import datetime
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from jinja2 import TemplateError
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from sig2lm.errors import PromptError
from sig2lm.lm.text import Scaffold, TextEncoder
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
    date
        What a chat template that writes today's date writes; today's, where none is given. A run keeps the one that it
        was trained with.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        eos_token_ids: Sequence[int] = (),
        table_size: int | None = None,
        date: datetime.date | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.date = date or datetime.date.today()
        size = table_size if table_size is not None else len(tokenizer)
        self._text = TextEncoder(tokenizer, size)
        self._ways: dict[tuple[str, ...], _Way] = {}
        eos = [token for token in (tokenizer.eos_token_id, *eos_token_ids) if token is not None and token < size]
        self.end_of_answer = self._end_of_answer(eos)
        self.stop_ids = sorted({self.end_of_answer, *eos})
        pad = tokenizer.pad_token_id
        self.placeholder = pad if pad is not None and 0 <= pad < size else self.end_of_answer

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer brings its own way to write a dialogue."""
        return bool(self.tokenizer.chat_template)

    @cached_property
    def writes_date(self) -> bool:
        """Whether the chat template writes the date into the dialogue."""
        if not self.has_chat_template:
            return False
        dates = (datetime.date(2001, 1, 1), datetime.date(2002, 2, 2))
        texts = [self._scaffolded((Turn("user", ("?",)),), date) for date in dates]
        return texts[0] != texts[1]

    def encode(self, turns: Sequence[Turn], sizes: Mapping[SignalPlace, int]) -> EncodedPrompt:
        """Encode a dialogue up to where the next answer begins.

        Parameters
        ----------
        turns
            The dialogue so far; the last turn is the user's.
        sizes
            How many virtual tokens each signal place takes.

        Raises
        ------
        PromptError
            If the chat template cannot write such a dialogue.
        """
        ids: list[int] = self._bos()
        places: list[tuple[SignalPlace, int, int]] = []
        for is_place, pieces in groupby(self._scaffolded(turns), key=lambda piece: isinstance(piece, SignalPlace)):
            if not is_place:
                ids.extend(self._text.encode([piece for piece in pieces if not isinstance(piece, SignalPlace)]))
                continue
            for piece in pieces:
                assert isinstance(piece, SignalPlace)
                places.append((piece, len(ids), sizes[piece]))
                ids.extend([self.placeholder] * sizes[piece])
        if len({place for place, _, _ in places}) < len(places):
            raise PromptError(
                "the chat template writes the turn with the signal twice; use an LM whose template does not"
            )
        return EncodedPrompt(tuple(ids), tuple(places))

    def encode_answer(self, text: str) -> tuple[int, ...]:
        """Encode an answer, as it stands behind a question, with the token that ends it."""
        lead = "" if self.has_chat_template else " "
        return (*self._text.behind(self._before_answer, lead + text), self.end_of_answer)

    def encode_words(self, text: str) -> tuple[int, ...]:
        """Encode words as they stand within a sentence: behind a blank, without special tokens."""
        return self._text.encode((f" {text.strip()}",))

    def decode(self, ids: Sequence[int]) -> str:
        """Return generated ids as text, without special tokens and outer blanks."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    @cached_property
    def _before_answer(self) -> list[str | Scaffold]:
        """The text between a question and its answer."""
        last = self._scaffolded((Turn("user", ("?",)),))[-1]
        return [last] if isinstance(last, Scaffold) else ["Answer:"]

    def _bos(self) -> list[int]:
        """The beginning-of-text id where the tokenizer itself adds one; a chat template writes its own."""
        bos = self.tokenizer.bos_token_id
        if self.has_chat_template or bos is None:
            return []
        return [bos] if self._adds_bos else []

    @cached_property
    def _adds_bos(self) -> bool:
        return bool(self.tokenizer("a")["input_ids"][:1] == [self.tokenizer.bos_token_id])

    def _scaffolded(self, turns: Sequence[Turn], date: datetime.date | None = None) -> list[Part | Scaffold]:
        """The dialogue as text of the template and of people, and places for signals."""
        if not self.has_chat_template:
            return plain_dialogue(turns)
        roles = tuple(turn.role for turn in turns)
        failures = []
        for way in (self._ways[roles],) if roles in self._ways else _WAYS:
            try:
                pieces = self._templated(way.turns(turns), way.in_parts, date or self.date)
            except Exception as error:  # templates raise what they like: TemplateError, TypeError, KeyError
                failures.append(error)
                continue
            self._ways[roles] = way
            return pieces
        raise PromptError(
            f"the chat template of the LM cannot write a dialogue of the turns {', '.join(roles)}: {failures[0]}; "
            "use another LM, or remove its chat template"
        ) from failures[0]

    def _templated(self, turns: Sequence[Turn], in_parts: bool, date: datetime.date) -> list[Part | Scaffold]:
        """Apply the chat template to one stand-in a turn, then put scaffold and content side by side."""
        names = {f"turn{secrets.token_hex(8)}": turn for turn in turns}
        messages = [
            {"role": turn.role, "content": [{"type": "text", "text": name}] if in_parts else name}
            for name, turn in names.items()
        ]
        written = str(
            self.tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
                **_dated(self.tokenizer.get_chat_template(), date),
            )
        )
        pieces: list[Part | Scaffold] = []
        # A template may write a turn twice, or in another order; each stand-in becomes its turn wherever it stands.
        for text in re.split(f"({'|'.join(names)})", written):
            pieces += names[text].parts if text in names else [Scaffold(text)]
        if left_out := [turn.role for name, turn in names.items() if name not in written]:
            raise TemplateError(f"it leaves out the {left_out[0]} turn")
        return [
            *(piece for piece in pieces if piece != "" and piece != Scaffold("")),
            *_closing(written.rpartition([*names][-1])[2]),
        ]

    def _end_of_answer(self, eos: Sequence[int]) -> int:
        """What ends an answer: the special token that the chat template writes there, else eos, else a line break."""
        if self.has_chat_template:
            said = "!"
            pieces = self._scaffolded((Turn("user", ("?",)), Turn("assistant", (said,)), Turn("user", ("?",))))
            self._text.add_control("".join(piece.text for piece in pieces if isinstance(piece, Scaffold)))
            tail = pieces[pieces.index(said) + 1]
            for token in self._text.encode((tail,)) if isinstance(tail, Scaffold) else ():
                if token in self._text.control:
                    return token
        marks = (token for text in "\n." for token in self._text.encode((text,))[-1:])  # WordPiece drops line breaks
        ends = [*eos, self.tokenizer.sep_token_id, *marks]
        return next((token for token in ends if token is not None), 0)


class TextStream:
    """Generated ids as pieces of text, as they come: a piece ends where a character does.

    Parameters
    ----------
    dialogue
        Whose ids they are.

    Attributes
    ----------
    ids, text
        What came so far, and what was given of it.
    """

    def __init__(self, dialogue: DialogueTokenizer) -> None:
        self._dialogue = dialogue
        self.ids: list[int] = []
        self.text = ""

    def push(self, token: int) -> str:
        """Add an id and return the text that it completes, which may be none."""
        self.ids.append(token)
        return self._more(whole=True)

    def finish(self) -> str:
        """Return what is left, complete or not."""
        return self._more(whole=False)

    def _more(self, whole: bool) -> str:
        text = self._dialogue.decode(self.ids)
        if len(text) <= len(self.text) or (whole and text.endswith("\ufffd")):  # the rest of a character is to come
            return ""
        piece, self.text = text[len(self.text) :], text
        return piece


@dataclass(frozen=True)
class _Way:
    """How a chat template is given a dialogue: content as text or in parts, the system turn as it is or otherwise."""

    turns: Callable[[Sequence[Turn]], Sequence[Turn]]
    in_parts: bool


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


def with_system(turns: Sequence[Turn]) -> list[Turn]:
    """Put a system turn in front, for templates that demand one."""
    return [Turn("system", ("You are a helpful assistant.",)), *turns]


def _dated(template: str, date: datetime.date) -> dict[str, Any]:
    """Options of a chat template that make ``strftime_now`` write a given date; transformers passes no functions on."""
    if "strftime_now" not in template:
        return {}
    formats = re.findall(r"""(['"])((?:(?!\1).)*%[a-zA-Z-](?:(?!\1).)*)\1""", template)
    macro = "{%- macro strftime_now(format) -%}{{ sig2lm_dates[format] }}{%- endmacro -%}"
    return {"chat_template": macro + template, "sig2lm_dates": {text: date.strftime(text) for _, text in formats}}


def _closing(prompt: str) -> list[Scaffold]:
    """End a block of thinking that the template opens for the answer, which stands behind it."""
    opened = re.findall(r"<(/?)(think|thinking|thought|reasoning)>", prompt)
    return [Scaffold(f"\n</{opened[-1][1]}>\n\n")] if opened and not opened[-1][0] else []


# Tried in this order: some templates take content in parts only, some (Gemma) refuse a system turn, some demand one.
_WAYS = tuple(_Way(change, in_parts) for change in (list, without_system, with_system) for in_parts in (False, True))
