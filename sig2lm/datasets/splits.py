"""Splits by subject: nobody's recordings stand on both sides, so a score tells of people never seen."""

from collections import Counter
from collections.abc import Mapping, Set

import numpy as np

from sig2lm.errors import DatasetError

# Of 24 subjects, 6 are for test and 3 for validation.
TEST_SHARE = 0.25
VALIDATION_SHARE = 0.125


def split_subjects(labels: Mapping[str, Set[str]], seed: int, unit: str = "subject") -> tuple[dict[str, str], str]:
    """Divide subjects at random into train, validation and test.

    A quarter is for test and an eighth for validation, each rounded to at least one subject; two subjects are train and
    test only. In the drawn order a subject is passed over who alone brings a label to training, so every label is
    trained on wherever that leaves a subject for test.

    Parameters
    ----------
    labels
        Subject -> the labels that occur in this subject's recordings (may be empty).
    seed
        Of the draw; the order of `labels` does not matter.
    unit
        What is divided, in the words of the rule: records, where a data set states no subjects.

    Returns
    -------
    tuple
        Subject -> split, and the rule in words.

    Raises
    ------
    DatasetError
        If there are fewer than two subjects.
    """
    if len(labels) < 2:
        raise DatasetError(
            f"two subjects are needed to split by subject, found {len(labels)}; "
            "add subjects, or give the splits in the manifest's split column"
        )
    names = sorted(labels)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    test = max(1, round(TEST_SHARE * len(order)))
    validation = max(1, round(VALIDATION_SHARE * len(order))) if len(order) > 2 else 0
    holders = Counter(label for subject in order for label in labels[subject])
    spare = _draw_spare(order, labels, holders, test + validation) or [order[0]]
    splits = dict.fromkeys(order, "train")
    splits |= dict.fromkeys(spare[:test], "test") | dict.fromkeys(spare[test:], "validation")
    return splits, _describe(splits, seed, unit)


def _draw_spare(order: list[str], labels: Mapping[str, Set[str]], holders: Counter[str], count: int) -> list[str]:
    """Take up to `count` subjects, none of whom is the last holder of a label; one always stays."""
    spare: list[str] = []
    for subject in order:
        if len(spare) == min(count, len(order) - 1):
            break
        if all(holders[label] > 1 for label in labels[subject]):
            holders.subtract(labels[subject])
            spare.append(subject)
    return spare


def _describe(splits: Mapping[str, str], seed: int, unit: str) -> str:
    counts = Counter(splits.values())
    return (
        f"by {unit}, drawn with seed {seed}: {counts['test']} of {len(splits)} {unit}s for test, "
        f"{counts['validation']} for validation, {counts['train']} for training; "
        "whoever alone brings a label stays in training where possible"
    )
