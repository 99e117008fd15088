"""Simulated data sets: three tables of people who do not exist, for a first run without data."""

from collections.abc import Iterator

import numpy as np

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.signals.simulation import TASKS, simulate

SUBJECTS = 24
# Recordings of each subject and label.
RECORDINGS = {"har": 20, "af_rr": 40, "stress": 40}


def draft_synthetic(seed: int | None) -> list[Draft]:
    """Plan a table for each task of `sig2lm.signals.simulation`: 24 subjects, split by subject; seed None is 0."""
    return [_draft(task, 0 if seed is None else seed) for task in TASKS]


def _draft(task: str, seed: int) -> Draft:
    subjects = [f"s{number:02d}" for number in range(1, SUBJECTS + 1)]
    splits, rule = split_subjects({subject: set(TASKS[task].labels) for subject in subjects}, seed)
    info = TableInfo(
        name=f"synthetic-{task}",
        task=task,
        labels=TASKS[task].labels,
        signals=TASKS[task].signals,
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"simulated by sig2lm.signals.simulation with seed {seed}",
        licence="Apache-2.0",
        citation="none: these people do not exist",
    )
    return Draft(info, _simulate_rows(task, splits, seed), folder=task)


def _simulate_rows(task: str, splits: dict[str, str], seed: int) -> Iterator[TableRow]:
    place = list(TASKS).index(task)
    for number, (subject, split) in enumerate(sorted(splits.items())):
        rng = np.random.default_rng([seed, place, number])
        subject_seed = int(rng.integers(2**31))
        for label in TASKS[task].labels:
            for _ in range(RECORDINGS[task]):
                yield TableRow(subject, label, simulate(task, label, rng, subject_seed), "simulated", split=split)
