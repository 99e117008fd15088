"""A share of the labels is a share of the people: who labels some windows of a person might as well label all."""

from collections.abc import Sequence

import numpy as np


def nested_rows(
    subjects: Sequence[str], labels: Sequence[str], fractions: Sequence[float], seed: int
) -> dict[float, list[int]]:
    """Draw people for each fraction; the people of a fraction are among those of every larger one.

    Parameters
    ----------
    subjects, labels
        Of each row.
    fractions
        Of the people, in (0, 1]; rounded, at least one, and as many as it takes that every label occurs.
    seed
        Of the order in which people come.

    Returns
    -------
    dict
        Fraction -> numbers of the rows of its people, ascending.
    """
    held: dict[str, set[str]] = {}
    for subject, label in zip(subjects, labels, strict=True):
        held.setdefault(subject, set()).add(label)
    names = sorted(held)
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    first = _bringing_every_label(order, held)
    order = [*first, *(name for name in order if name not in first)]
    found = {}
    for fraction in fractions:
        people = set(order[: max(len(first), round(fraction * len(order)))])
        found[fraction] = [row for row, subject in enumerate(subjects) if subject in people]
    return found


def _bringing_every_label(order: Sequence[str], held: dict[str, set[str]]) -> list[str]:
    """Of the people in their order those who bring a label that nobody before them had."""
    seen: set[str] = set()
    first = []
    for name in order:
        if held[name] - seen:
            first.append(name)
            seen |= held[name]
    return first
