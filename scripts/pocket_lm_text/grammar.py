"""The pieces a grammar is made of: paraphrases, fields of numbers, descriptions, questions, tasks, messages.

A paraphrase is a sentence with alternatives in square brackets, ``The [legs|feet] move.``, and named slots,
``{steps}``. Every set of paraphrases keeps some of them out of the training text; only the examination uses those.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Paraphrases:
    """Ways to say one thing: `seen` in training, or `held_out` for the examination."""

    seen: tuple[str, ...]
    held_out: tuple[str, ...] = ()

    def choose(self, rng: Random, held_out: bool = False, **slots: object) -> str:
        """One paraphrase, its alternatives drawn and its slots filled."""
        return expand(rng.choice(self.held_out if held_out else self.seen), rng).format(**slots)

    def sample(self, rng: Random, count: int, held_out: bool = False) -> list[str]:
        """Up to `count` different paraphrases, their alternatives drawn."""
        paraphrases = self.held_out if held_out else self.seen
        return [expand(paraphrase, rng) for paraphrase in rng.sample(paraphrases, min(count, len(paraphrases)))]


def expand(paraphrase: str, rng: Random) -> str:
    """Draw one of each ``[a|b]``."""
    return _ALTERNATIVES.sub(lambda match: rng.choice(match[1].split("|")), paraphrase)


def expansions(paraphrase: str) -> Iterator[str]:
    """Every text a paraphrase can become, slots unfilled."""
    pieces = _ALTERNATIVES.split(paraphrase)
    choices = [piece.split("|") if index % 2 else [piece] for index, piece in enumerate(pieces)]
    return ("".join(chosen) for chosen in itertools.product(*choices))


def pattern(paraphrase: str) -> re.Pattern[str]:
    """Matches any expansion of a paraphrase in lower-case text, whatever numbers fill its slots."""
    texts = (_SLOT.sub("\0", text.lower()).strip("\0 .,;:?!") for text in expansions(paraphrase))
    return re.compile("|".join(re.escape(text).replace("\0", r"[\d.,+\- ]*") for text in texts))


@dataclass(frozen=True)
class Description:
    """What is said about one recording, and what is true of it."""

    task: str
    label: str
    text: str
    facts: Mapping[str, str] = field(default_factory=dict)  # shown in the text, as an answer would state it


@dataclass(frozen=True)
class Telling:
    """What a task's descriptions are composed of."""

    task: str
    neutral: Paraphrases
    named: Paraphrases
    name: Callable[[Random, str], str]  # a name of a label, for `named`
    evidence: Mapping[str, Paraphrases]
    numbers: Callable[[Random, str, bool], tuple[str, dict[str, str]]]  # (rng, label, held_out) -> text and facts
    endings: tuple[str, ...] = ()  # of the numbers

    def describe(self, rng: Random, label: str, kind: str, held_out: bool = False) -> Description:
        """A description of kind words, numbers, both or named (only the last names the label)."""
        facts: dict[str, str] = {}
        sentences = [self.neutral.choose(rng, held_out)] if rng.random() < 0.25 else []
        if kind == "named":
            sentences.append(self.named.choose(rng, label=self.name(rng, label)))
        if kind in ("words", "both"):
            sentences += self.evidence[label].sample(rng, rng.choice((1, 1, 2, 3)) if kind == "words" else 1, held_out)
        if kind in ("numbers", "both"):
            text, facts = self.numbers(rng, label, held_out)
            place = rng.randint(0, len(sentences))
            sentences.insert(place, text + (rng.choice(self.endings) if self.endings else ""))
        return Description(self.task, label, " ".join(sentences), facts)


Answer = Callable[[Description, Random], str | None]


@dataclass(frozen=True)
class Question:
    """A question about a description; its answer is None where the description does not settle it."""

    paraphrases: Paraphrases
    answer: Answer


def by_label(answers: Mapping[str, str]) -> Answer:
    """An answer that follows from the label alone."""
    return lambda description, _rng: answers.get(description.label)


def yes_for(*labels: str) -> Answer:
    """Yes for some labels, no for the others."""
    return lambda description, _rng: "yes" if description.label in labels else "no"


def fact(key: str) -> Answer:
    """An answer that repeats a number of the description."""
    return lambda description, _rng: description.facts.get(key)


@dataclass(frozen=True)
class Task:
    """One of the three tasks: how its recordings are described and what can be asked about them."""

    name: str
    labels: tuple[str, ...]  # the labels of the template, which the examination uses
    extra_labels: tuple[str, ...]  # others that the training text has too
    aliases: Mapping[str, tuple[str, ...]]  # other names of a label, used where choices are listed
    describe: Callable[[Random, str, str, bool], Description]  # (rng, label, kind, held_out)
    label_questions: Paraphrases
    pair_questions: Paraphrases  # with slots {a} and {b}
    open_questions: Paraphrases
    sentences: Mapping[str, Paraphrases]
    reasons: Mapping[str, Paraphrases]
    closed: tuple[Question, ...]
    details: tuple[Question, ...]


@dataclass(frozen=True)
class Message:
    """One turn. Its parts are tokenized apart, as a prompt is where a soft prompt interrupts its text."""

    role: str  # system, user or assistant
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(frozen=True)
class Document:
    """A conversation, or running text (no messages)."""

    messages: tuple[Message, ...] = ()
    text: str = ""

    @property
    def content(self) -> str:
        """Everything said, one message a line."""
        return "\n".join(message.text for message in self.messages) or self.text


def conversation(system: str | None, *turns: str) -> Document:
    """Turns of user and assistant in alternation, after a system text if there is one."""
    head = (Message("system", (system,)),) if system else ()
    roles = itertools.cycle(("user", "assistant"))
    return Document(head + tuple(Message(role, (turn,)) for role, turn in zip(roles, turns, strict=False)))


def listing(items: Sequence[str], rng: Random) -> str:
    """Items in one of the ways people list choices."""
    if len(items) > 1 and rng.random() < 0.35:
        return ", ".join(items[:-1]) + " or " + items[-1]
    return rng.choice((", ", "; ", " / ", " | ")).join(items)


def number(value: float, decimals: int = 0) -> str:
    """A number as people write it, without a negative zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def weighted(rng: Random, options: Mapping[str, float]) -> str:
    """One key, drawn by its weight."""
    return rng.choices(list(options), list(options.values()))[0]
