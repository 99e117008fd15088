"""Two questions about RR intervals that no training asks in these words: of the rhythm, and of the heart rate."""

from typing import Any

import numpy as np
from bench_transfer import uncalibrated

from sig2lm.datasets import Table
from sig2lm.model.signal_lm import SignalLM
from sig2lm.training.known import Row, known_rows

LABELS = {"atrial fibrillation", "normal sinus rhythm"}
REGULAR, FAST = "Is the rhythm regular?", "Is the heart rate above 100?"
CHOICES = ("yes", "no")
_RATE = "heart rate"


def truth(question: str, row: Row) -> str | None:
    """The right answer; None of a recording without a rhythm, or whose heart rate is too near to 100 to be asked."""
    if question == REGULAR:
        return None if row.label is None else CHOICES[row.label != "normal sinus rhythm"]
    fact = row.measured.get(_RATE)
    if fact is None or abs(fact.value - 100) <= fact.tolerance / 2:
        return None
    return CHOICES[fact.value <= 100]


def rhythm(model: SignalLM, table: Table, split: str, numbers: list[int]) -> list[dict[str, Any]]:
    """Balanced accuracy of both questions about some rows, and of what needs no signal: answers of other rows."""
    rows, found = known_rows(table, split, numbers), []
    data = table.data[split].with_format("numpy")
    (name,) = table.info.signals
    for question in (REGULAR, FAST):
        asked = [(row, right) for row in rows if (right := truth(question, row)) is not None]
        signals = [table.signals(data[row.number])[name] for row, _ in asked]
        answers = model.ask_many(signals, question, CHOICES, batch_size=16)
        said, likeliest = np.array([answer.label for answer in answers]), uncalibrated(model, answers, question)
        right = np.array([one for _, one in asked])
        other = np.random.default_rng(0).permutation(len(said))  # an answer depends on its own signal alone
        scores = {"balanced accuracy": _balanced(said, right), "uncalibrated": _balanced(likeliest, right)}
        scores |= {"shuffled": _balanced(said[other], right)}
        found.append(
            {"question": question, **scores, "chance": 0.5, "yes": int((right == "yes").sum()), "windows": len(said)}
        )
    return found


def _balanced(said: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    return float(np.mean([(said[right == choice] == choice).mean() for choice in CHOICES]))
