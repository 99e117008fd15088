"""Windows to look at: some of each label, and the worst mistakes."""

from typing import Any

import numpy as np

from sig2lm.datasets import Table
from sig2lm.metrics import Predictions

SHOWN = 12


def windows(table: Table, split: str, answered: Predictions, seed: int) -> list[dict[str, Any]]:
    """Draw windows at random, the labels in turn."""
    rng = np.random.default_rng(seed)
    by_label = [rng.permutation(np.flatnonzero(answered.truth == number)) for number in range(len(answered.labels))]
    rounds = [int(rows[turn]) for turn in range(SHOWN) for rows in by_label if turn < len(rows)]
    return [_window(table, split, answered, row) for row in sorted(rounds[:SHOWN], key=lambda r: answered.truth[r])]


def mistakes(table: Table, split: str, answered: Predictions) -> list[dict[str, Any]]:
    """The wrong answers that were given with the highest probability."""
    wrong = np.flatnonzero(answered.answers != answered.truth)
    confidence = answered.probabilities.max(axis=1)
    return [_window(table, split, answered, int(row)) for row in wrong[np.argsort(-confidence[wrong])][:SHOWN]]


def _window(table: Table, split: str, answered: Predictions, row: int) -> dict[str, Any]:
    content = table.data[split].with_format("numpy")[row]
    return {
        "subject": str(content["subject"]),
        "source": str(content["source"]),
        "start": float(content["start"]),
        "truth": answered.labels[answered.truth[row]],
        "answer": answered.labels[answered.answers[row]],
        "probabilities": dict(zip(answered.labels, answered.probabilities[row].tolist(), strict=True)),
        "signals": {name: _signal(signal) for name, signal in table.signals(content).items()},
    }


def _signal(signal: Any) -> dict[str, Any]:
    values = signal.values.astype(np.float64)
    return {
        "channels": list(signal.channels),
        "units": list(signal.units),
        "sampling_rate": signal.sampling_rate,
        "period": signal.period,
        "values": [[None if np.isnan(value) else round(value, 5) for value in channel] for channel in values.tolist()],
    }
