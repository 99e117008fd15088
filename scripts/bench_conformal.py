"""How often label sets of a stated coverage hold the right label, over people: many ways to part people in two.

    python scripts/bench_conformal.py NAME RUN TABLE [--fold 0] [--rows 600] [--partitions 200]

Windows of people that the run never learned from are asked about once. Then these people are parted in two at random,
again and again: one half promises a coverage of 0.9 (:mod:`sig2lm.model.conformal`), on the other it is counted how
often the sets hold the right label, each person weighing the same. Written to docs/benchmarks/results.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from datasets import concatenate_datasets
from results import record

from sig2lm.datasets import fold, load_table
from sig2lm.datasets.subset import spread_rows
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.metrics import Predictions
from sig2lm.model.conformal import Conformity
from sig2lm.model.signal_lm import SignalLM

FOLDS = 5
COVERAGES = (0.8, 0.9, 0.95)


def scored(found: Predictions, coverage: float, partitions: int) -> dict[str, float]:
    """How often sets hold the right label in one half of the people, promised from the other, over partitions."""
    people, truth = np.unique(found.subjects), np.eye(len(found.labels))[found.truth]
    held, sizes = [], []
    for seed in range(partitions):
        half = np.random.default_rng(seed).permutation(people)[: len(people) // 2]
        promising = np.isin(found.subjects, half)
        owners = found.subjects[~promising]
        known = Conformity.from_labels(
            found.probabilities[promising], truth[promising], found.subjects[promising].tolist()
        )
        sets = [
            known.label_set(dict(zip(found.labels, row, strict=True)), coverage)
            for row in found.probabilities[~promising].tolist()
        ]
        rights = zip(found.truth[~promising].tolist(), sets, strict=True)
        right = np.array([found.labels[number] in one for number, one in rights])
        held.append(np.mean([right[owners == one].mean() for one in np.unique(owners)]))
        sizes.append(np.mean([len(one) for one in sets]))
    low, high = np.quantile(held, [0.025, 0.975])
    return {
        "coverage asked for": coverage,
        "observed over people": float(np.mean(held)),
        "95 % of partitions from": float(low),
        "to": float(high),
        "labels in a set": float(np.mean(sizes)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("run")
    parser.add_argument("table", type=Path)
    parser.add_argument("--splits", default="validation,test", help="of people that the run never learned from")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--partitions", type=int, default=200)
    arguments = parser.parse_args()
    model, whole = SignalLM.from_pretrained(arguments.run), load_table(arguments.table)
    table = whole if arguments.fold is None else fold(whole, arguments.fold, FOLDS)
    together = concatenate_datasets([table.data[split] for split in arguments.splits.split(",")])
    rows = together.select(spread_rows(together["label"], together["subject"], arguments.rows))
    asked = replace(table, data=type(table.data)({"test": rows}))
    found = predict(model, asked, "test", held_out_question(model, asked))
    people = np.unique(found.subjects)
    shown = [scored(found, coverage, arguments.partitions) for coverage in COVERAGES]
    accuracy = float((found.probabilities.argmax(axis=1) == found.truth).mean())
    title = f"{table.info.name}, {Path(arguments.run).name}: label sets for people never seen"
    notes = [
        f"{len(found.truth)} windows of {len(people)} people, {arguments.partitions} partitions in two halves; "
        f"accuracy {accuracy:.3f}, which sets of the likeliest label alone reach."
    ]
    print(record(f"conformal-{arguments.name}", shown, title, notes))


if __name__ == "__main__":
    main()
