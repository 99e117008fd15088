"""What a run makes of questions that training never asked, kind by kind, beside what needs no signal.

The questions are those of the curriculum's held-out part (:mod:`sig2lm.training.curriculum`). Closed ones are answered
by likelihood, the others freely; of a free answer the numbers are compared with what was measured. Each score stands
beside the same with signals shuffled among the rows and without any, and numbers beside the training mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from sig2lm.datasets import Table
from sig2lm.encoder.compatibility import check_values
from sig2lm.evaluation.controls import MEASURED
from sig2lm.model.answer import Answer, closed_answer
from sig2lm.model.examples import Example
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import SignalSource, TableExamples
from sig2lm.quantities import Check, Measurement, check_numbers
from sig2lm.templates.naming import named_label
from sig2lm.templates.questions import KINDS, Kind
from sig2lm.templates.task import Question, Task
from sig2lm.training.curriculum import Curriculum
from sig2lm.training.known import Known, known_rows
from sig2lm.training.questions import Asked, is_refusal

SOURCES: dict[str, SignalSource] = {"own": "own", "shuffled": "shuffled", "text_only": "none"}
_NEW_TOKENS = 48
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Answered:
    """A question, what was answered, and what the answer's numbers are worth.

    Attributes
    ----------
    asked
        The question with its right answer.
    answer
        What the model said.
    checks
        Of its numbers, where it is free.
    """

    asked: Asked
    answer: Answer
    checks: tuple[Check, ...] = ()


def evaluate_questions(
    model: SignalLM,
    table: Table,
    split: str = "test",
    *,
    count: int = 200,
    kinds: Sequence[Kind] = KINDS,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Ask what training never asked, and score the answers.

    Parameters
    ----------
    model
        A trained model; whether its questions were those of a curriculum does not matter.
    table, split
        What is asked about; the training rows of the same table say what is usual.
    count
        Rows, drawn by ``seed``; each is asked a question of every kind.
    kinds
        What is asked; all by default.
    batch_size
        Questions read at once.

    Returns
    -------
    dict
        ``kinds``: for each kind, and each reason why it is new (``held_out``), the scores of :func:`score_kind` with
        the rows' own signals, with those of others, without any, and where the template states what was measured, with
        these words alone; ``quantities``: the same of stated numbers, beside
        the training mean; ``transcripts``: questions and answers.
    """
    task = model.task(table.info.signals)
    check_values(table, split, model.encoders)
    progress("measuring what the recordings carry")
    curriculum = Curriculum.from_table(table, task, seed=seed)
    asked = curriculum.transfer(split, count, kinds)
    numbers = sorted({one.row for one in asked})
    measured = {row.number: row.measured for row in known_rows(table, split, numbers)}
    put = curriculum.transfer_table(asked, split)
    found = {}
    sources = {**SOURCES, **(MEASURED if task.template.shows_measured else {})}
    for name, source in sources.items():
        progress(f"asking {len(asked)} questions, signals {name.replace('_', ' ')}")
        answers = answer_all(model, put, split, asked, source, batch_size)
        found[name] = [
            Answered(one, answer, () if one.choices else check_numbers(answer.text, measured[one.row]))
            for one, answer in zip(asked, answers, strict=True)
        ]
    return {
        "task": table.info.task,
        "split": split,
        "rows": len(numbers),
        "kinds": _kinds(found, curriculum.known),
        "quantities": _quantities(found, measured, curriculum.known),
        "transcripts": [_transcript(one) for one in found["own"]],
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "template": {"task": task.template.task, "version": task.template.version},
    }


def answer_all(
    model: SignalLM, put: Table, split: str, asked: Sequence[Asked], source: SignalSource, batch_size: int
) -> list[Answer]:
    """Answer questions of one split, a row each, those with the same choices together."""
    task = model.task(put.info.signals)
    encoders = {name: model.branch(name).encoder for name in put.info.signals}
    examples = TableExamples(put, split, model.prompter(task), encoders, source=source)
    together: dict[tuple[str, ...] | None, list[int]] = {}
    for number, one in enumerate(asked):
        together.setdefault(one.choices, []).append(number)
    answers: dict[int, Answer] = {}
    for choices, members in together.items():
        for start in range(0, len(members), batch_size):
            batch = members[start : start + batch_size]
            shown = [replace(examples[number], answer_ids=()) for number in batch]
            if choices is None:
                said = model.answer(shown, model.question(task, "?"), max_new_tokens=_NEW_TOKENS)
            else:
                said = _closed(model, task, shown, [asked[number] for number in batch])
            answers |= dict(zip(batch, said, strict=True))
    return [answers[number] for number in range(len(asked))]


@torch.no_grad()
def _closed(model: SignalLM, task: Task, shown: Sequence[Example], asked: Sequence[Asked]) -> list[Answer]:
    """Answer closed questions that have the same choices, each calibrated for its own words."""
    model.eval()
    questions = [_question(model, task, one) for one in asked]
    scores = model.score(model.read(shown), questions[0].sentences)
    return [closed_answer(question, row) for question, row in zip(questions, scores, strict=True)]


def _question(model: SignalLM, task: Task, asked: Asked) -> Question:
    """A closed question as a user would ask it; a choice among some labels as it stands, as each has its own words."""
    if asked.kind != "label" and set(asked.choices or ()) <= set(task.labels):
        return Question(task, asked.question, asked.choices)
    alone = not asked.earlier and asked.beside is None
    return model.question(task, asked.question, asked.choices, alone)


def score_kind(answered: Sequence[Answered], known: Known) -> dict[str, float | None]:
    """Score the answers to questions of one kind.

    Returns
    -------
    dict
        ``accuracy``: of closed answers, balanced over the right ones; of free ones, the share that names the row's
        label, where the right answer does. ``holds``: the share of free answers with numbers in which all numbers
        hold; ``numbers``: the share of free answers that state any. ``refused``: the share that says that the signal
        does not hold the answer. None where nothing is to score.
    """
    closed = [one for one in answered if one.asked.choices]
    free = [one for one in answered if not one.asked.choices]
    stating = [one for one in free if one.checks]
    return {
        "accuracy": _balanced(closed) if closed else _naming(free, known),
        "holds": _share([all(check.within for check in one.checks) for one in stating]),
        "numbers": _share([bool(one.checks) for one in free]),
        "refused": _share([is_refusal(one.answer.text) for one in free]),
    }


def _balanced(answered: Sequence[Answered]) -> float:
    """Accuracy of closed answers, the mean over the right ones."""
    right: dict[str, list[bool]] = {}
    for one in answered:
        said = one.answer.text
        right.setdefault(one.asked.answer, []).append(said == one.asked.answer)
    return float(np.mean([np.mean(hits) for hits in right.values()]))


def _naming(answered: Sequence[Answered], known: Known) -> float | None:
    """Share of free answers that name the label that the right answer names."""
    predicates = {label: known.plan.predicate(label) for label in known.task.labels}
    pairs = [(named_label(one.asked.answer, predicates), one.answer.text) for one in answered]
    return _share([named_label(text, predicates) == label for label, text in pairs if label is not None])


def _kinds(found: dict[str, list[Answered]], known: Known) -> list[dict[str, Any]]:
    groups: dict[tuple[Kind, str, bool], list[int]] = {}
    for number, one in enumerate(found["own"]):
        groups.setdefault((one.asked.kind, one.asked.held_out, one.asked.choices is not None), []).append(number)
    return [
        {
            "kind": kind,
            "held_out": held_out,
            "answers": "closed" if closed else "free",
            "questions": len(members),
            "chance": float(np.mean([1 / len(found["own"][n].asked.choices or ()) for n in members]))
            if closed
            else None,
            **{name: score_kind([answered[n] for n in members], known) for name, answered in found.items()},
        }
        for (kind, held_out, closed), members in groups.items()
    ]


def _quantities(
    found: dict[str, list[Answered]], measured: dict[int, dict[str, Measurement]], known: Known
) -> list[dict[str, Any]]:
    """Numbers that answers to "what is the ...?" state, beside the training mean."""
    members: dict[str, list[int]] = {}
    for number, one in enumerate(found["own"]):
        if one.asked.kind == "measure":
            members.setdefault(one.asked.topic, []).append(number)
    report = []
    for name, numbers in members.items():
        facts = [measured[found["own"][n].asked.row][name] for n in numbers]
        mean = known.means[name]
        report.append(
            {
                "quantity": name,
                "unit": facts[0].unit,
                "questions": len(numbers),
                **{
                    source: _errors([_said(answered[n], name) for n in numbers], facts)
                    for source, answered in found.items()
                },
                "training_mean": _errors([mean] * len(facts), facts),
            }
        )
    return report


def _said(answered: Answered, name: str) -> float | None:
    """The value that an answer states of a quantity; None where it states none."""
    return next((check.said for check in answered.checks if check.quantity == name), None)


def _errors(said: Sequence[float | None], facts: Sequence[Measurement]) -> dict[str, float | None]:
    """``stated``: share of answers with a number; ``within``: share of all that lies within tolerance; ``mae``."""
    errors = [abs(one - fact.value) for one, fact in zip(said, facts, strict=True) if one is not None]
    within = [one is not None and fact.holds(one) for one, fact in zip(said, facts, strict=True)]
    return {
        "stated": len(errors) / len(facts),
        "within": _share(within),
        "mae": float(np.mean(errors)) if errors else None,
    }


def _share(hits: Sequence[bool]) -> float | None:
    return float(np.mean(hits)) if hits else None


def _transcript(one: Answered) -> dict[str, Any]:
    asked = one.asked
    return {
        "row": asked.row,
        "kind": asked.kind,
        "earlier": [list(pair) for pair in asked.earlier],
        "question": asked.question,
        "answer": one.answer.text,
        "right": asked.answer,
        "checks": [{"text": check.text, "measured": check.measured, "within": check.within} for check in one.checks],
    }
