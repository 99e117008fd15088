"""Why an answer was given: which parts of the signals it rests on, and what the LM reads in their place.

Parts are hidden as missing samples, with the mask that an encoder has for these (occlusion, Zeiler and Fergus 2014,
arXiv:1311.2901), and the answer that was given is scored again. How that is done is in :mod:`sig2lm.model.explaining`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SignalEvidence:
    """What one recording adds to an answer.

    Changes are in nats: the log-odds of the answer less those without the part. Above zero the part speaks for the
    answer, below zero against it. NaN where nothing would be left, or nothing was there to be hidden.

    Attributes
    ----------
    name, index
        Which recording: the number ``index`` of the signal called ``name``.
    channels
        (C,) names.
    edges
        (S + 1,) where the stretches of time begin and the last one ends, in ``clock``.
    clock
        ``s``, or ``rows`` for events such as heart beats.
    by_time, by_channel, by_cell
        Changes (S,), (C,) and (C, S): a stretch of all channels, a channel as a whole, a stretch of a channel.
    nearest
        (K, n) the words of the LM's vocabulary that each virtual token is nearest to, the nearest first; none for a
        virtual token of which no sample was observed.
    """

    name: str
    index: int
    channels: tuple[str, ...]
    edges: Floats
    clock: str
    by_time: Floats
    by_channel: Floats
    by_cell: Floats
    nearest: tuple[tuple[str, ...], ...]

    @property
    def peak(self) -> tuple[float, float]:
        """The stretch with the greatest change, for or against the answer: from and to, in ``clock``."""
        place = self._place
        return float(self.edges[place]), float(self.edges[place + 1])

    @property
    def peak_speaks(self) -> str:
        """Whether that stretch speaks ``for`` the answer or ``against`` it."""
        return "against" if self.by_time[self._place] < 0 else "for"

    @property
    def _place(self) -> int:
        return int(np.nan_to_num(np.abs(self.by_time), nan=-1.0).argmax())


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an answer rests on.

    Attributes
    ----------
    log_odds
        Of the answer, nats: against the other choices, or of free text against any other text.
    without_signal
        The same where the prompt has no virtual token.
    signals
        What each recording adds.

    Examples
    --------
    >>> from sig2lm import SignalLM, simulate
    >>> answer = SignalLM.from_pretrained("pocket-har").explain(simulate("har", "jogging"), stretches=4)
    >>> answer.text, answer.evidence.signals[0].by_time.shape, answer.evidence.change > 1
    ('jogging', (4,), True)
    """

    log_odds: float
    without_signal: float
    signals: tuple[SignalEvidence, ...]

    @property
    def change(self) -> float:
        """By how much the signals raise the log-odds of the answer, nats."""
        return self.log_odds - self.without_signal

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; None for NaN."""
        return {
            "log_odds": self.log_odds,
            "without_signal": self.without_signal,
            "change": self.change,
            "signals": [_described(one) for one in self.signals],
        }


def _described(one: SignalEvidence) -> dict[str, Any]:
    return {
        "name": one.name,
        "index": one.index,
        "channels": list(one.channels),
        "edges": one.edges.tolist(),
        "clock": one.clock,
        "peak": list(one.peak),
        "by_time": _numbers(one.by_time),
        "by_channel": _numbers(one.by_channel),
        "by_cell": [_numbers(row) for row in one.by_cell],
        "nearest": [list(words) for words in one.nearest],
    }


def _numbers(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
