"""Does a frozen LM compare two numbers that stand in its prompt, and does it read a comparison that is stated?

    python scripts/bench_stated_comparisons.py [--lm smollm2] [--questions N]

No signal and no training: the prompt states a measured value in words, as with ``$measured``, and a question asks about
a threshold, or which of two recordings has more. Three ways: the values alone; with a sentence that says "above" or
"below"; and as sig2lm states what the question compares (:func:`sig2lm.quantities.comparisons`). Written to
docs/benchmarks/results: balanced accuracy, and how often the log-odds of "yes" (or "first") are higher where it is
right than where it is wrong. A constant preference for one answer does not hide that: 0.5 is chance, and near 0 the LM
knows the two cases apart but answers the wrong way round.
"""

import argparse
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from results import record

from sig2lm.lm import FrozenLM
from sig2lm.quantities import QUANTITIES, Measurement, comparisons
from sig2lm.templates import load_template
from sig2lm.templates.questions import phrase_book
from sig2lm.templates.turns import Turn

RANGES = {"step rate": (1.0, 3.2), "turning rate": (5.0, 300.0), "heart rate": (50.0, 150.0)}
APART = 0.15  # of the larger value, at least


def measured(name: str, rng: random.Random) -> Measurement:
    """A value that might have been measured."""
    each, value = QUANTITIES[name], rng.uniform(*RANGES[name])
    tolerance = max(each.tolerance, each.relative * value)
    return Measurement(name, value, each.unit, tolerance, "", (), each.words)


def drawn(count: int) -> list[tuple[Measurement, Measurement, bool]]:
    """Pairs of a value and another one clear of it, the first larger half of the time, and which way to ask."""
    rng, found = random.Random(0), []
    while len(found) < count:
        name = list(RANGES)[len(found) % len(RANGES)]
        one, two = measured(name, rng), measured(name, rng)
        larger = (len(found) // 2) % 2 == 0
        if abs(one.value - two.value) > APART * max(one.value, two.value) and (one.value > two.value) == larger:
            found.append((one, two, len(found) % 4 in (0, 3)))
    return found


def threshold(one: Measurement, two: Measurement, asks_more: bool, way: str) -> tuple[str, str, bool]:
    """What the prompt states, the question about a threshold, and whether yes is right."""
    phrases = phrase_book().above if asks_more else phrase_book().below
    question = phrases.question[0].replace("$quantity", one.name).replace("$threshold", two.stated)
    told = {
        "values alone": "",
        "above or below": f" The {one.name} is {'above' if one.value > two.value else 'below'} {two.stated}.",
        "what is compared": f" Compared: {'; '.join(comparisons(question, {'': [one]}))}.",
    }
    return f"Measured: {one}.{told[way]}", question, (one.value > two.value) == asks_more


def which(one: Measurement, two: Measurement, asks_more: bool, way: str) -> tuple[str, str, bool]:
    """What the prompt states, the question which has more or less, and whether the first is right."""
    phrases = phrase_book().higher if asks_more else phrase_book().lower
    question = phrases.question[1].replace("$quantity", one.name)
    more, less = ("first", "second") if one.value > two.value else ("second", "first")
    told = {
        "values alone": "",
        "above or below": f" The {one.name} of the {more} is above that of the {less}.",
        "what is compared": f" Compared: {'; '.join(comparisons(question, {'first': [one], 'second': [two]}))}.",
    }
    return f"Measured: first: {one}; second: {two}.{told[way]}", question, (one.value > two.value) == asks_more


@torch.no_grad()
def log_odds(lm: FrozenLM, told: str, question: str, choices: Sequence[str]) -> float:
    """How much likelier the first choice is than the second, nats."""
    turns = (Turn("system", (load_template("har").system,)), Turn("user", (f"{told}\n{question}",)))
    ids = torch.tensor([lm.dialogue.encode(turns, {}).input_ids])
    scores = lm.score(
        lm.read(lm.embed(ids), torch.ones_like(ids), ids), [lm.dialogue.encode_answer(one) for one in choices]
    )
    return float(scores[0, 0] - scores[0, 1])


def scored(lm: FrozenLM, count: int) -> list[dict[str, Any]]:
    """A row for each kind of question and each way to state it."""
    found = []
    for kind, write, choices in (
        ("threshold", threshold, ("yes", "no")),
        ("two recordings", which, ("first", "second")),
    ):
        for way in ("values alone", "above or below", "what is compared"):
            asked = [write(*one, way) for one in drawn(count)]
            odds = np.array([log_odds(lm, told, question, choices) for told, question, _ in asked])
            right = np.array([is_first for _, _, is_first in asked])
            row = {
                "question": kind,
                "prompt states": way,
                "balanced accuracy": float(np.mean([(odds[right] > 0).mean(), (odds[~right] < 0).mean()])),
                "in the right order": float((odds[right][:, None] > odds[~right]).mean()),
                "chance": 0.5,
                "questions": len(asked),
            }
            found.append(row)
            print(row, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lm", default="smollm2")
    parser.add_argument("--questions", type=int, default=36)
    arguments = parser.parse_args()
    found = scored(FrozenLM.from_pretrained(arguments.lm), arguments.questions)
    title = f"{arguments.lm}, frozen, nothing trained: numbers in the prompt compared"
    print(record("stated-comparisons", found, title))


if __name__ == "__main__":
    main()
