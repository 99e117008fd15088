"""The text of the pocket LM: grammars for movement, heart rhythm, days, numbers, definitions and talk.

`documents(seed)` yields the training text without end; `held_out()` lists every paraphrase that is kept out of it.
"""

from collections.abc import Iterator
from random import Random

from pocket_lm_text import days, movement, rhythm
from pocket_lm_text.conversations import (
    SYSTEMS,
    TASKS,
    report_document,
    several_signals_document,
    task_document,
)
from pocket_lm_text.definitions import definition_document
from pocket_lm_text.grammar import Document, Paraphrases, weighted
from pocket_lm_text.numbers import number_document
from pocket_lm_text.talk import talk_document

SHARES = {"task": 0.70, "several": 0.03, "report": 0.05, "numbers": 0.13, "definitions": 0.04, "talk": 0.05}

__all__ = ["TASKS", "document", "documents", "held_out", "paraphrases"]


def document(rng: Random) -> Document:
    """One document of the training text."""
    kind = weighted(rng, SHARES)
    if kind == "task":
        return task_document(rng)
    if kind == "several":
        return several_signals_document(rng)
    if kind == "report":
        return report_document(rng)
    system = rng.choice(SYSTEMS) if rng.random() < 0.5 else None
    write = {"numbers": number_document, "definitions": definition_document, "talk": talk_document}[kind]
    return write(rng, system)


def documents(seed: int) -> Iterator[Document]:
    """The training text, endless and the same for the same seed."""
    rng = Random(seed)
    while True:
        yield document(rng)


def paraphrases() -> Iterator[Paraphrases]:
    """All paraphrases of the three tasks that have a held-out part."""
    for module, task in ((movement, TASKS["har"]), (rhythm, TASKS["af_rr"]), (days, TASKS["stress"])):
        yield from module.EVIDENCE.values()
        yield from module.FIELDS.values()
        yield from (module.NEUTRAL, task.label_questions, task.open_questions)
    yield rhythm.LISTS


def held_out() -> Iterator[str]:
    """Every paraphrase that only the examination uses."""
    for group in paraphrases():
        yield from group.held_out
