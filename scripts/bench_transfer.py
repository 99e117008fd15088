"""Transfer through the LM: learn from some questions about movement, then answer closed questions never trained on.

    python scripts/bench_transfer.py NAME TABLE ENCODER OUT [--lm pocket] [--learn captions] [--rows N] [--windows 600]

TABLE is prepared MotionSense, ENCODER one that was trained on its training people. The adapter learns from captions
alone (``--learn captions``; question: describe; answer: what the label says and two measured quantities), or from
captions and questions in other words (``--learn questions``). The eight closed questions are in no training example;
what makes them answerable is what the LM knows of words. ``--learn nothing`` trains nothing and tells the LM the truth
in words instead of a signal: what the LM can give at all. Written to docs/benchmarks/results: accuracy over test
windows of people never seen, balanced over the answers, beside chance, the same by the LM's likelihoods
alone (without calibration), and with signals shuffled.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from movement_questions import LABELS, OPEN, TRANSFER, asked_about
from results import record

from sig2lm.datasets import Table, fold, load_table
from sig2lm.datasets.subset import spread_rows, take_rows
from sig2lm.lm import FrozenLM
from sig2lm.model.answer import Answer
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates.template import Template, load_template
from sig2lm.templates.turns import Turn
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

FOLDS = 5


def with_questions(table: Table, learned: str) -> Table:
    """Give every row a question and its answer."""
    rng = np.random.default_rng(0)
    data = {
        split: rows.map(lambda row: asked_about(row, table, rng, learned), load_from_cache_file=False)
        for split, rows in table.data.items()
    }
    return replace(table, data=DatasetDict(data))


def balanced(said: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], choices: list[str]) -> float:
    """Share of right answers, each answer counting alike."""
    return float(np.mean([(said[truth == choice] == choice).mean() for choice in choices]))


def uncalibrated(model: SignalLM, answers: Sequence[Answer], question: str) -> np.ndarray[Any, Any]:
    """What closed answers would be by the LM's likelihoods alone."""
    choices = list(answers[0].probabilities or {})
    asked = model.question(model.tasks[0], question, choices)
    scores = np.log([list((answer.probabilities or {}).values()) for answer in answers]) / asked.scale
    return np.array(choices)[(scores - np.array(asked.offsets or 0.0)).argmax(axis=1)]


def asked(
    model: SignalLM, table: Table, split: str, rows: list[int], question: str, answers: dict[str, str]
) -> dict[str, Any]:
    """Balanced accuracy of a closed question, with the rows' own signals and with those of other rows."""
    test = table.data[split].with_format("numpy")
    chosen = [test[row] for row in rows if str(test[row]["label"]) in answers]
    truth = np.array([answers[str(row["label"])] for row in chosen])
    choices = list(dict.fromkeys(answers.values()))
    signals = [table.signals(row)["motion"] for row in chosen]
    answers_given = model.ask_many(signals, question, choices, batch_size=32)
    said, likeliest = np.array([answer.label for answer in answers_given]), uncalibrated(model, answers_given, question)
    other = np.random.default_rng(0).permutation(len(signals))  # an answer depends on its own signal alone
    found = {"balanced accuracy": balanced(said, truth, choices), "uncalibrated": balanced(likeliest, truth, choices)}
    found |= {"shuffled": balanced(said[other], truth, choices)}
    return {"question, never trained": question, **found, "chance": 1 / len(choices), "windows": len(chosen)}


@torch.no_grad()
def told(lm: FrozenLM, template: Template, question: str, answers: dict[str, str]) -> dict[str, Any]:
    """The same where the LM reads each label in words instead of a signal: one prompt for each label."""
    choices, said = list(dict.fromkeys(answers.values())), []
    for label in answers:
        text = template.prompt.replace("$motion", f"The person is {label}.").replace("$question", question)
        turns = (Turn("system", (template.system,)), Turn("user", (text,)))
        ids = torch.tensor([lm.dialogue.encode(turns, {}).input_ids])
        mask = torch.ones_like(ids)
        read = lm.read(lm.embed(ids), mask, ids)
        scores = lm.score(read, [lm.dialogue.encode_answer(choice) for choice in choices])
        said.append(choices[int(scores.argmax())])
    found = balanced(np.array(said), np.array(list(answers.values())), choices)
    return {"question": question, "balanced accuracy": found, "chance": 1 / len(choices), "windows": len(said)}


def learned_rows(arguments: argparse.Namespace, lm: FrozenLM) -> tuple[list[dict[str, Any]], list[str]]:
    """Train, ask, and return the rows of the table and its notes."""
    whole = load_table(arguments.table)
    table = whole if arguments.fold is None else fold(whole, arguments.fold, FOLDS)
    shown = table.data[arguments.split]
    rows = spread_rows(shown["label"], shown["subject"], arguments.windows)
    cut = take_rows(take_rows(table, "train", arguments.rows), "validation", 300)
    outcome = train_adapter(
        with_questions(cut, arguments.learn),
        {"motion": arguments.encoder},
        arguments.out,
        lm=lm,
        template=load_template("har"),
        settings=TrainSettings(epochs=arguments.epochs, augment=arguments.augment),
    )
    test = shown.with_format("numpy")
    captions = [outcome.model.ask(table.signals(test[row])["motion"], OPEN[0]).text for row in rows[:: len(rows) // 6]]
    found = []
    for question, answers in TRANSFER.items():
        found.append(asked(outcome.model, table, arguments.split, rows, question, answers))
        print(found[-1], flush=True)
    notes = [
        f"learned from {arguments.learn}: {outcome.steps} steps, {outcome.seconds:.0f} s; {outcome.losses}",
        *(f"A caption of {test[row]['label']}: {text}" for row, text in zip(rows[:: len(rows) // 6], captions)),  # noqa: B905
    ]
    return found, notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("table", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lm", default="pocket")
    parser.add_argument("--learn", choices=["captions", "questions", "nothing"], default="captions")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--augment", type=float, default=0.0)
    parser.add_argument("--windows", type=int, default=600)
    parser.add_argument("--split", default="test", help="validation, to try things out")
    arguments = parser.parse_args()
    lm = FrozenLM.from_pretrained(arguments.lm)
    if arguments.learn == "nothing":
        found = [told(lm, load_template("har"), *asked_of) for asked_of in TRANSFER.items()]
        notes = [f"The LM reads the label in words, one prompt for each of {len(LABELS)} labels; nothing is trained."]
    else:
        found, notes = learned_rows(arguments, lm)
    mean = float(np.mean([row["balanced accuracy"] for row in found]))
    title = f"{arguments.lm}, eight questions about movement never trained on: mean balanced accuracy {mean:.3f}"
    print(record(f"transfer-{arguments.name}", found, title, notes))


if __name__ == "__main__":
    main()
