"""Questions that a run may be asked, in the words that its training used."""

from __future__ import annotations

from string import Template as StringTemplate

from sig2lm.templates.questions import QuestionPlan, phrase_book
from sig2lm.templates.task import Task


def suggestions(task: Task, begun: bool = False) -> list[str]:
    """Questions of a task: for its label in two ways, a description, the reasons.

    Parameters
    ----------
    task
        Whose template words them.
    begun
        Whether something was asked already, so that a question may refer to it.
    """
    book = phrase_book()
    reasons = book.explain.follow_up[1] if begun else book.explain.question[2]
    labels = list(task.template.question[:2]) if task.labels else []
    return [*labels, book.describe.question[0], reasons]


def example_of_a_free_question(task: Task) -> str:
    """A question that has no choices: for the first quantity that the task names."""
    plan = task.template.questions or QuestionPlan()
    if not plan.quantities:
        return phrase_book().describe.question[1]
    return StringTemplate(phrase_book().measure.question[0]).substitute(quantity=plan.quantities[0])
