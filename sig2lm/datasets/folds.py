"""Cross-validation by subject: one prepared table, divided again for each fold."""

from collections import Counter, defaultdict
from dataclasses import replace

import datasets as hf
import numpy as np

from sig2lm.datasets.splits import VALIDATION_SHARE
from sig2lm.datasets.table import Table
from sig2lm.errors import DatasetError


def fold(table: Table, number: int, count: int = 5, seed: int = 0) -> Table:
    """Divide a table again, so that over all folds every subject is tested once.

    The subjects are shuffled and dealt into ``count`` hands of equal size, each subject to the hand that holds fewest
    rows of the label this subject has most of; so rare labels spread over the folds. An eighth of the others (at least
    one, where two are left) is for validation. No row is copied: the splits are selections of the rows on disk.

    Parameters
    ----------
    number
        Which fold, 0 to ``count - 1``.
    seed
        Shuffles subjects before they are dealt, and draws the validation subjects.

    Raises
    ------
    DatasetError
        If there are fewer subjects than folds, or no such fold.
    """
    if not 0 <= number < count:
        raise DatasetError(f"expected a fold from 0 to {count - 1}, found {number}")
    rows = hf.concatenate_datasets(list(table.data.values()))
    subjects = list(rows["subject"])
    hands = _deal(subjects, list(rows["label"]), count, seed)
    rest = sorted(subject for subject, hand in hands.items() if hand != number)
    drawn = np.random.default_rng([seed, number]).permutation(rest)
    validation = set(drawn[: max(1, round(VALIDATION_SHARE * len(rest)))]) if len(rest) > 1 else set()
    split = [
        "test" if hands[subject] == number else "validation" if subject in validation else "train"
        for subject in subjects
    ]
    places: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(split):
        places[name].append(row)
    data = hf.DatasetDict({name: rows.select(places[name]) for name in ("train", "validation", "test") if places[name]})
    rule = f"fold {number + 1} of {count} by subject, dealt with seed {seed}"
    return replace(table, data=data, info=replace(table.info, split_rule=rule))


def _deal(subjects: list[str], labels: list[str | None], count: int, seed: int) -> dict[str, int]:
    """Subject -> hand."""
    rows: dict[str, Counter[str | None]] = defaultdict(Counter)
    for subject, label in zip(subjects, labels, strict=True):
        rows[subject][label] += 1
    if len(rows) < count:
        raise DatasetError(f"expected at least {count} subjects for {count} folds, found {len(rows)}; take fewer folds")
    names = sorted(rows)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    held: list[Counter[str | None]] = [Counter() for _ in range(count)]
    members = [0] * count
    hands = {}
    for subject in order:
        main = rows[subject].most_common(1)[0][0]
        # Hands stay equal in members, so that every fold tests about as many people.
        hand = min(range(count), key=lambda i: (members[i], held[i][main], held[i].total()))
        hands[subject] = hand
        members[hand] += 1
        held[hand] += rows[subject]
    return hands
