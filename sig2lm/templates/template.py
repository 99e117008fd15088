"""Prompt templates: YAML data that becomes turns of a dialogue, with places where signals stand.

A template names a task, its paraphrase and its labels; the labels both write the training target and read the answer
back, so the two cannot drift apart. Rendering is ``string.Template`` syntax, expanded once: text that is filled in is
never looked at again, so a question that spells ``$motion`` stays text. No tokens here: that is the LM's side.
"""

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template as StringTemplate
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from sig2lm.arguments import first_alike
from sig2lm.errors import PromptError
from sig2lm.files import parse_yaml, read_plain
from sig2lm.templates.folder import prompts_folder
from sig2lm.templates.naming import named_label
from sig2lm.templates.questions import QuestionPlan
from sig2lm.templates.turns import Part, SignalPlace, Turn, ordinal

_EMPTY_LINES = {  # what goes with a variable where nothing is known
    name: re.compile(rf"\$({name}|\{{{name}\}})[ \n]?") for name in ("facts", "measured")
}


Paraphrases = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class TextVariant(BaseModel):
    """A template's paraphrase for an LM that reads numbers as text: the lower rungs of the comparison.

    Attributes
    ----------
    prompt
        As a template's, with ``$<signal>_numbers`` for each named signal.
    question
        Paraphrases of the question; the template's own by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    question: Paraphrases | None = None


class Template(BaseModel):
    """A prompt template of one task.

    Attributes
    ----------
    task, version, source
        What it is for, its version (a run records it) and where the paraphrase comes from.
    system
        System text, may be empty.
    prompt
        User text with ``$question``, ``$<signal>`` for each named signal, or ``$signals`` for all of them, and
        ``$<field>`` for any other field of an example.
    question
        Paraphrases of the question; training draws among them, asking without a question uses the first.
    held_out
        A paraphrase that training never shows: evaluation asks in it, so that scores do not rest on one phrase.
    labels
        The closed answers; None for a template of open questions, or when the data set's own labels are to be used.
    answer
        The sentence in which the LM gives a label, with ``$label``.
    ordinal
        Whether the labels are numbers on a scale, so that answers can be nearly right.
    facts
        Phrases that ``$facts`` strings together, such as ``resting heart rate: $resting_heart_rate beats/min``; a
        phrase is left out where one of its fields has no value, and so is the line when all are.
    measured
        Quantities whose measured values ``$measured`` states of the signals that are shown, in this order; the line is
        left out where a signal carries none of them.
    text
        The text variant with numbers as text; by default the same prompt with numbers in the places of the signals.
    questions
        What a curriculum asks about (:mod:`sig2lm.training.curriculum`); by default the labels, and what most
        recordings carry.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    version: int = Field(ge=1)
    source: str
    system: str = ""
    prompt: str
    question: Annotated[Paraphrases, Field(min_length=1)]
    held_out: str | None = None
    labels: tuple[str, ...] | None = None
    answer: str = "$label"
    ordinal: bool = False
    facts: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    text: TextVariant | None = None
    questions: QuestionPlan | None = None

    @field_validator("prompt")
    @classmethod
    def _asks(cls, value: str) -> str:
        if not StringTemplate(value).is_valid():
            raise ValueError("a '$' stands alone; write '$$' for a dollar sign")
        if "question" not in StringTemplate(value).get_identifiers():
            raise ValueError("prompt has no $question")
        return value

    @field_validator("answer")
    @classmethod
    def _answers(cls, value: str) -> str:
        if not StringTemplate(value).is_valid() or StringTemplate(value).get_identifiers() != ["label"]:
            raise ValueError("the answer has $label and no other variable")
        return value

    @field_validator("facts")
    @classmethod
    def _told(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in value:
            if not StringTemplate(phrase).is_valid() or not StringTemplate(phrase).get_identifiers():
                raise ValueError(f"the phrase {phrase!r} has no $field")
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.held_out in self.question:
            raise ValueError("the held_out paraphrase is among those of training")
        if self.ordinal and not all(_is_number(label) for label in self.labels or ("0",)):
            raise ValueError("labels of an ordinal template are numbers")
        if bool(self.measured) != self.shows_measured:
            raise ValueError("a prompt with $measured and names of quantities in 'measured' go together; add the other")
        return self

    @field_validator("labels")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(value) < 2:
            raise ValueError("labels must be two or more")
        if pair := first_alike(value or ()):
            raise ValueError(f"labels must differ by more than case or Unicode form, found '{pair[0]}' and '{pair[1]}'")
        return value

    @property
    def variables(self) -> list[str]:
        """The variables of ``prompt``, in order of first use."""
        return StringTemplate(self.prompt).get_identifiers()

    @property
    def fields(self) -> list[str]:
        """The variables of ``prompt`` and of the phrases of ``facts``, each once."""
        phrases = [name for phrase in self.facts for name in StringTemplate(phrase).get_identifiers()]
        return list(dict.fromkeys([*self.variables, *phrases]))

    @property
    def shows_measured(self) -> bool:
        """Whether the prompt states what was measured of its signals."""
        return "measured" in self.variables

    def with_measured(self, names: Sequence[str]) -> "Template":
        """Return the template whose prompt also states quantities measured of its signals, before the question."""
        place = re.compile(r"\$(question|\{question\})")
        prompt = self.prompt if self.shows_measured else place.sub(r"$measured\n\g<0>", self.prompt, count=1)
        return self.model_copy(update={"prompt": prompt, "measured": tuple(names)})

    def asks(self, question: str) -> bool:
        """Whether a question is one of this template's own."""
        return question in self.question or question == self.held_out

    def write_answer(self, label: str) -> str:
        """Return the sentence in which a label is given."""
        return StringTemplate(self.answer).substitute(label=label)

    def as_text(self, signals: Iterable[str]) -> "Template":
        """Return the text variant in which numbers stand as text: ``$<signal>_numbers`` instead of each signal."""
        if self.text is not None:
            question = self.text.question
            changes = {"prompt": self.text.prompt, **({"question": question, "held_out": None} if question else {})}
            changes |= {} if "measured" in StringTemplate(self.text.prompt).get_identifiers() else {"measured": ()}
        else:
            changes = {"prompt": _with_numbers(self.prompt, list(signals))}
        return self.model_copy(update={**changes, "text": None})

    def shown(self, signals: Sequence[str]) -> list[str]:
        """Return those of some named signals that the prompt shows; ``$signals`` shows all of them."""
        variables = self.variables
        return [name for name in signals if name in variables or "signals" in variables]

    def render(
        self, question: str, signals: Sequence[SignalPlace], fields: Mapping[str, str] | None = None
    ) -> tuple[Turn, ...]:
        """Fill the template and return the dialogue up to the answer.

        Parameters
        ----------
        question
            The question as it is asked; never expanded.
        signals
            The places to fill, one for each recording; ``$name`` takes those of that name, ``$signals`` all others,
            each behind its name. Of several of one name each stands behind ``first``, ``second``, ...
        fields
            Text for the remaining variables.

        Raises
        ------
        PromptError
            When a variable has no value.
        """
        values: dict[str, list[Part]] = {name: [text] for name, text in (fields or {}).items()}
        named = set(self.variables)
        for name in {place.name for place in signals}:
            values.setdefault(name, []).extend(_counted([place for place in signals if place.name == name]))
        values["signals"] = _with_names([place for place in signals if place.name not in named])
        values["question"] = [question]
        values["facts"] = [self.tell(fields or {})]
        values.setdefault("measured", [""])
        prompt = self.prompt
        for name, line in _EMPTY_LINES.items():
            prompt = prompt if values[name] != [""] else line.sub("", prompt)
        parts: list[Part] = []
        for literal, variable in _split(prompt):
            parts.append(literal)
            if variable is None:
                continue
            if not values.get(variable):
                known = _listed(sorted(name for name in values if values[name]))
                raise PromptError(
                    f"template '{self.task}' needs a value for ${variable}, found only {known}; "
                    f"pass the signal or the field '{variable}', or choose another template"
                )
            parts.extend(values[variable])
        turns = [Turn("system", (self.system,))] if self.system else []
        return (*turns, Turn("user", _joined(parts)))

    def tell(self, fields: Mapping[str, str]) -> str:
        """String together the phrases whose fields are known; the first letter is a capital, a full stop ends it."""
        told = [
            StringTemplate(phrase).substitute(fields)
            for phrase in self.facts
            if all(fields.get(name) for name in StringTemplate(phrase).get_identifiers())
        ]
        text = ", ".join(told)
        return f"{text[0].upper()}{text[1:]}." if text else ""

    def parse(self, answer: str, labels: Sequence[str] | None = None) -> str | None:
        """Return the label that a generated answer names; None where it names none or several, or denies it.

        See :func:`sig2lm.templates.naming.named_label`.
        """
        labels = labels or self.labels or ()
        sentences = {label: self.write_answer(label).rstrip(" .") for label in labels}
        return named_label(answer, sentences) or named_label(answer, {label: label for label in labels})

    def draw_question(self, rng: random.Random) -> str:
        """Draw one of the paraphrases of the question."""
        return rng.choice(self.question)


def list_templates() -> list[str]:
    """Return the names of the templates that come with sig2lm."""
    return sorted(path.stem for path in prompts_folder().glob("*.yaml"))


def load_template(name: str | Path) -> Template:
    """Load a template by its name, or from a YAML file.

    Raises
    ------
    PromptError
        When there is no such template, or a key is unknown, missing or of the wrong kind.

    Notes
    -----
    ``include: NAME`` in a file stands for the keys of ``prompts/shared/NAME.yaml``, where the file does not have them
    itself.
    """
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        path = prompts_folder() / f"{name}.yaml"
    if not path.is_file():
        raise PromptError(
            f"expected a template name or a YAML file, found {str(name)!r}; "
            f"the templates are {_listed(list_templates())}, or pass a path that ends in .yaml"
        )
    content = _read_yaml(path)
    if isinstance(content, dict) and "include" in content:
        content = {**_shared(str(content.pop("include")), path), **content}
    return parse_template(content, str(path))


def _read_yaml(path: Path) -> Any:
    try:
        return parse_yaml(read_plain(path))
    except (OSError, ValueError) as error:
        raise PromptError(f"expected YAML in '{path}', found: {' '.join(str(error).split())}; fix the file") from error


def _shared(name: str, path: Path) -> dict[str, Any]:
    """The keys that several templates share."""
    known = {file.stem: file for file in (prompts_folder() / "shared").glob("*.yaml")}
    if name not in known:
        raise PromptError(f"template '{path}': include: expected one of {_listed(sorted(known))}, found {name!r}")
    return dict(_read_yaml(known[name]))


def parse_template(content: Any, origin: str) -> Template:
    """Check the content of a template file, or of a run's record of one, and return it as a template."""
    try:
        return Template.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise PromptError(
            f"template '{origin}': {key}: {reason}; the keys are {_listed(list(Template.model_fields))}"
        ) from error


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _with_numbers(prompt: str, signals: Sequence[str]) -> str:
    """Put ``$<signal>_numbers`` where a prompt shows signals."""
    pieces = []
    for literal, variable in _split(prompt):
        pieces.append(literal.replace("$", "$$"))
        if variable == "signals":
            pieces.append("\n".join(f"{name.replace('_', ' ')}: ${{{name}_numbers}}" for name in signals))
        elif variable is not None:
            pieces.append(f"${{{variable}_numbers}}" if variable in signals else f"${{{variable}}}")
    return "".join(pieces)


def _split(text: str) -> list[tuple[str, str | None]]:
    """Split ``a $b c`` into (literal, variable) pairs, in the syntax of ``string.Template``."""
    pairs: list[tuple[str, str | None]] = []
    literal, end = "", 0
    for match in StringTemplate.pattern.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match["escaped"] is not None:
            literal += "$"
        else:
            pairs.append((literal, match["named"] or match["braced"]))
            literal = ""
    return [*pairs, (literal + text[end:], None)]


def _counted(places: Sequence[SignalPlace]) -> list[Part]:
    """Recordings of one name; which of several each is stands before it."""
    if len(places) < 2:
        return list(places)
    return [part for place in places for part in (f"{', ' if place.index else ''}{ordinal(place)}: ", place)]


def _with_names(places: Sequence[SignalPlace]) -> list[Part]:
    names = [place.name for place in places]
    parts: list[Part] = []
    for position, place in enumerate(places):
        which = f"{ordinal(place)} " if names.count(place.name) > 1 else ""
        parts += ["\n" if position else "", f"{which}{place.name.replace('_', ' ')}: ", place]
    return parts


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Merge neighbouring texts and drop empty ones."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    return tuple(merged)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
