"""What a curriculum asks, as data: phrases of each kind of question, and what a task adds to them.

The phrases that all tasks share lie in ``prompts/questions/phrases.yaml``; a template's ``questions`` say what is asked
about: who the subject is, groups of labels, quantities, and what is held out. Phrases are ``string.Template`` syntax.
"""

from functools import cache
from string import Template as StringTemplate
from typing import Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sig2lm.errors import PromptError
from sig2lm.templates.folder import prompts_folder

Kind = Literal[
    "label", "describe", "measure", "compare", "pair", "verify", "choose", "explain", "unanswerable", "dialogue"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_HELD_OUT_KINDS = len(KINDS) - 2


class Phrases(BaseModel):
    """How one kind of question may be put.

    Attributes
    ----------
    question
        Paraphrases that training draws among.
    held_out
        One that training never shows.
    follow_up
        How the question goes on from others.
    answer
        How it is answered; None where the answer is a choice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: tuple[str, ...]
    held_out: str
    follow_up: tuple[str, ...] = Field(min_length=1)
    answer: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for phrase in (*self.question, self.held_out, *self.follow_up, self.answer or ""):
            if not StringTemplate(phrase).is_valid():
                raise ValueError(f"a '$' stands alone in {phrase!r}; write '$$' for a dollar sign")
        if self.question and self.held_out in self.question:
            raise ValueError(f"the held_out phrase {self.held_out!r} is among those of training")
        return self


class PhraseBook(BaseModel):
    """The phrases that all tasks share.

    ``above`` and ``below`` are the two ways to compare with a threshold, ``higher`` and ``lower`` with a second
    recording; ``level`` chooses among the three ``levels`` of a quantity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    describe: Phrases
    measure: Phrases
    above: Phrases
    below: Phrases
    higher: Phrases
    lower: Phrases
    verify: Phrases
    choose: Phrases
    level: Phrases
    levels: tuple[str, str, str]
    label: Phrases
    explain: Phrases
    unanswerable: Phrases
    topics: tuple[str, ...] = Field(min_length=1)
    held_out_topics: tuple[str, ...] = Field(min_length=1)
    asks: dict[str, tuple[str, ...]]
    asks_higher: dict[str, tuple[str, ...]]
    dialogues: tuple[tuple[Kind, ...], ...] = Field(min_length=1)


class HeldOut(BaseModel):
    """What training never asks, so that evaluation can report how far learning transfers.

    Attributes
    ----------
    kinds
        Whole kinds of question.
    claims
        Labels, or names of groups, that no verifying question of training is about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[Kind, ...] = ("compare", "choose")
    claims: tuple[str, ...] = ()

    @field_validator("kinds")
    @classmethod
    def _teachable(cls, value: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if "label" in value or len(set(value)) > MAX_HELD_OUT_KINDS:
            raise ValueError("'label' cannot be held out, and at least one further kind must remain")
        return value


class QuestionPlan(BaseModel):
    """What a task's curriculum asks about.

    Attributes
    ----------
    subject
        Who or what a label is said of, before "is": ``the person``.
    predicates
        What stands behind "is" for a label; the label itself where it has none.
    groups
        Further claims, each with the labels it holds for: ``{moving: [walking, jogging]}``.
    quantities
        Names of quantities to ask for, the most telling first; by default those that most recordings carry.
    held_out
        What training never asks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = "this"
    predicates: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}
    quantities: tuple[str, ...] | None = None
    held_out: HeldOut = HeldOut()

    def predicate(self, claim: str) -> str:
        """Return what stands behind "is" for a label or a group."""
        return self.predicates.get(claim, claim)

    def claims(self, labels: tuple[str, ...]) -> dict[str, frozenset[str]]:
        """Return what can be claimed, each with the labels it holds for: every label, and every group."""
        return {label: frozenset([label]) for label in labels} | {
            name: frozenset(members) for name, members in self.groups.items()
        }

    def check(self, labels: tuple[str, ...]) -> None:
        """Refuse names that are none of the labels.

        Raises
        ------
        PromptError
            Naming the first of them.
        """
        members = {label for group in self.groups.values() for label in group}
        for name in [*self.predicates, *members, *self.held_out.claims]:
            if name not in labels and not (name in self.groups and name not in members):
                raise PromptError(
                    f"the template's questions name '{name}', but the labels are {', '.join(labels) or 'none'}; "
                    "write one of these"
                )


@cache
def phrase_book() -> PhraseBook:
    """Return the phrases that come with sig2lm.

    Raises
    ------
    PromptError
        If the file is damaged.
    """
    path = prompts_folder() / "questions" / "phrases.yaml"
    try:
        return PhraseBook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PromptError(
            f"'{path}' cannot be read ({' '.join(str(error).split())[:200]}); install sig2lm again"
        ) from error
