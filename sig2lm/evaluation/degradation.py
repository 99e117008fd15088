"""Whether a score rests on the signals: it must fall where they are shuffled, drowned in noise, or dropped.

For a check in one's own CI: a run whose score hardly moves answers by habit, however good the score looks.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from datasets import DatasetDict
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.encoder.tables import changed
from sig2lm.errors import ArgumentError
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.evaluation.evaluate import Evaluation
from sig2lm.metrics import scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal

NOISE = (0.25, 0.5, 1.0, 2.0, 4.0)  # standard deviations of a channel
DROPPED = (0.25, 0.5, 0.75, 1.0)  # shares of a recording's channels
_MEASURE = "macro_f1"
Progress = Callable[[str], None]


def reliance_gate(
    model: SignalLM,
    table: Table,
    evaluation: Evaluation,
    least: float,
    batch_size: int = 64,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Hold a run's macro-F1 against what it is with signals that are shuffled or degraded.

    Parameters
    ----------
    model, table, evaluation
        Who was asked about what, and what came of it.
    least
        By how much the score must fall.

    Returns
    -------
    dict
        ``least``, ``score``, ``shuffled``; ``noise`` and ``dropped``: the score (``macro_f1``) at each ``amount`` (in
        standard deviations of each channel; as a share of each recording's channels), the whole signal first;
        ``failed``, sentences on where the score does not fall by ``least``, and ``passed``.

    Raises
    ------
    ArgumentError
        When ``least`` is no fall that a score can have.
    """
    check_fall(least)
    split, shuffled = evaluation.report["split"], evaluation.report["controls"]["shuffled"][_MEASURE]
    rows = replace(table, data=DatasetDict({split: table.data[split]}))
    score = scores(evaluation.predictions)[_MEASURE] or 0.0
    question = held_out_question(model, rows)

    def asked(degraded: Table) -> float:
        return scores(predict(model, degraded, split, question, batch_size=batch_size))[_MEASURE] or 0.0

    curves: dict[str, list[dict[str, float]]] = {}
    for name, amounts, degrade in (("noise", NOISE, with_noise), ("dropped", _shares(table), with_dropped)):
        curves[name] = [{"amount": 0.0, _MEASURE: score}]
        for amount in amounts:
            progress(f"asking again, {name} {amount:g}")
            curves[name].append({"amount": amount, _MEASURE: asked(degrade(rows, amount))})
    ends = {
        "signals are shuffled": shuffled,
        f"noise of {NOISE[-1]:g} standard deviations is added": curves["noise"][-1][_MEASURE],
        "all channels are dropped": curves["dropped"][-1][_MEASURE],
    }
    failed = [
        f"macro-F1 {score:.3f} falls to {end:.3f} only where {how}; expected a fall of {least:g} or more"
        for how, end in ends.items()
        if end is not None and score - end < least
    ]
    return {"least": least, "score": score, "shuffled": shuffled, **curves, "failed": failed, "passed": not failed}


def check_fall(least: float) -> None:
    """Refuse what is no fall that a score can have."""
    if not 0 < least <= 1:
        raise ArgumentError(f"expected a fall of macro-F1 between 0 and 1, found {least:g}; write 0.2")


def with_noise(table: Table, amount: float) -> Table:
    """Add white noise, of ``amount`` standard deviations of each channel over the table; missing samples stay so."""
    for name in table.info.signals:
        size = amount * _deviations(table, name)

        def noisy(signal: Signal, size: NDArray[np.float64] = size) -> NDArray[np.float32]:
            noise = _rng(signal).normal(0, 1, signal.values.shape) * size[:, None]
            return np.asarray(signal.values + noise, dtype=np.float32)

        table = changed(table, name, noisy, {"noise": [name, amount]})
    return table


def with_dropped(table: Table, share: float) -> Table:
    """Hide a share of the channels of each recording, drawn for each."""
    for name in table.info.signals:

        def silent(signal: Signal) -> NDArray[np.float32]:
            values = signal.values.copy()
            values[_rng(signal).permutation(len(values))[: round(share * len(values))]] = np.nan
            return values

        table = changed(table, name, silent, {"dropped": [name, share]})
    return table


def _shares(table: Table) -> Sequence[float]:
    """The shares that drop at least one channel, each another number of them."""
    most = max(len(contract.channels) for contract in table.info.signals.values())
    return [share for number, share in enumerate(DROPPED) if round(share * most) > round((0, *DROPPED)[number] * most)]


def _deviations(table: Table, name: str) -> NDArray[np.float64]:
    """Standard deviation (C,) of each channel over the rows of a table."""
    channels = len(table.info.signals[name].channels)
    count, total, squares = np.zeros(channels), np.zeros(channels), np.zeros(channels)
    for rows in table.data.values():
        for row in rows.with_format("numpy"):
            values = np.asarray(row[name], dtype=np.float64).reshape(channels, -1)
            count += np.isfinite(values).sum(axis=1)
            total += np.nansum(values, axis=1)
            squares += np.nansum(values**2, axis=1)
    count = np.maximum(count, 1)
    return np.asarray(np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0)))


def _rng(signal: Signal) -> np.random.Generator:
    """Draws the same for the same values, in whatever order rows come."""
    return np.random.default_rng(zlib.crc32(signal.values.tobytes()))
