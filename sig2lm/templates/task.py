"""What a model is asked: a template and the closed answers; a model may know several tasks, one for some signals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sig2lm.arguments import as_list, first_alike
from sig2lm.errors import PromptError, SignalError
from sig2lm.templates.template import Template


@dataclass(frozen=True)
class Task:
    """A template, and the labels that answer its question (none where questions are open)."""

    template: Template
    labels: tuple[str, ...] = ()

    @classmethod
    def from_template(cls, template: Template, labels: Sequence[str] = ()) -> "Task":
        """Make a task of a template; its own labels, where it has some, come before the data's."""
        return cls(template, template.labels or as_list("labels", labels))

    def choices(self, question: str, given: Sequence[str] | None) -> tuple[str, ...] | None:
        """Return the closed answers to a question: those given, or the labels for the template's own question.

        Raises
        ------
        ArgumentError
            When the choices are a text and not a list.
        PromptError
            When fewer than two different choices are given.
        """
        if given is None:
            return self.labels if self.labels and self.template.asks(question) else None
        choices = as_list("choices", given)
        if len(set(choices)) < 2 or len(set(choices)) != len(choices):
            raise PromptError(f"expected two or more different choices, found {list(choices)}; name them all")
        if pair := first_alike(choices):
            raise PromptError(f"choices must differ by more than case, found '{pair[0]}' and '{pair[1]}'")
        return choices

    def sentence(self, choice: str) -> str:
        """Return how the LM says a choice: in the template's sentence where it is a label."""
        return self.template.write_answer(choice) if choice in self.labels else choice

    def parse(self, text: str) -> str | None:
        """Return the label that a free answer names, or None."""
        return self.template.parse(text, self.labels)


@dataclass(frozen=True)
class Question:
    """What is asked about recordings.

    Attributes
    ----------
    task
        The task whose template puts it.
    text
        Its words.
    choices
        The closed answers to choose among; None for free text.
    offsets, scale
        What is added to the score of each choice (None for nothing), and by what the sum is multiplied: see
        :mod:`sig2lm.model.calibration` for labels, :mod:`sig2lm.model.habits` for other choices.
    """

    task: Task
    text: str
    choices: tuple[str, ...] | None = None
    offsets: tuple[float, ...] | None = None
    scale: float = 1.0

    @property
    def sentences(self) -> list[str]:
        """How the LM says each choice."""
        return [self.task.sentence(choice) for choice in self.choices or ()]

    @property
    def calibrated_labels(self) -> bool:
        """Whether its choices are labels with calibrated scores."""
        return self.offsets is not None and set(self.choices or ()) <= set(self.task.labels)


def check_tasks(tasks: Sequence[Task], signals: Sequence[str]) -> None:
    """Refuse tasks that never show a signal.

    Raises
    ------
    PromptError
        Naming the signal and the variables of the template.
    """
    for name in signals:
        if not any(task.template.shown([name]) for task in tasks):
            first = tasks[0].template
            raise PromptError(
                f"template '{first.task}' shows the variables {', '.join(first.variables)}, but the data has the "
                f"signal '{name}'; use a template with ${name} or $signals (such as 'generic')"
            )


def choose_task(tasks: Sequence[Task], known: Sequence[str], signals: Iterable[str]) -> Task:
    """Return the task that shows the named signals, and of several the one that shows the fewest others.

    Raises
    ------
    SignalError
        When no task shows them all.
    """
    names = set(signals)
    shown = [set(task.template.shown(known)) for task in tasks]
    fitting = [number for number, here in enumerate(shown) if names <= here]
    if not fitting:
        told = ", or ".join(" with ".join(sorted(here)) for here in shown)
        raise SignalError(f"found the signals {', '.join(sorted(names))}, but this model reads {told}; rename them")
    return tasks[min(fitting, key=lambda number: len(shown[number]))]
