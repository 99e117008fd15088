"""What a page shows of a recording and its answers, at a size that does not depend on how long the recording is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.signals import Signal
from sig2lm.signals.annotation_rows import WindowRow

BINS = 600  # along time
MOST_ANSWERS = 12  # different open answers that are distinguished
OTHERS = "other answers"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """One channel, of which the least and the greatest sample of each stretch are kept.

    Attributes
    ----------
    times
        (N,) middle of each stretch, s.
    low, high
        (N,) in the channel's unit; NaN where every sample is missing.
    """

    channel: str
    unit: str
    times: Floats
    low: Floats
    high: Floats


def traces(signal: Signal, times: Floats | None = None, bins: int = BINS) -> list[Trace]:
    """Reduce each channel of a signal to at most ``bins`` stretches.

    Parameters
    ----------
    signal
        A recording; it is read, not copied.
    times
        For signals without a sampling rate, where their rows begin and the last one ends: (T + 1,), s.
    """
    edges = np.linspace(0, signal.num_samples, min(bins, signal.num_samples) + 1).astype(np.int64)
    clock = edges / (signal.sampling_rate or 1.0) if times is None else times[edges]
    middles = (clock[:-1] + clock[1:]) / 2
    return [
        Trace(channel, unit, middles, *(_reduced(extreme, row, edges) for extreme in (np.fmin, np.fmax)))
        for channel, unit, row in zip(signal.channels, signal.units, signal.values, strict=True)
    ]


def _reduced(extreme: np.ufunc, row: npt.NDArray[np.float32], edges: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(extreme.reduceat(row, edges[:-1]), dtype=np.float64)


@dataclass(frozen=True)
class Stretch:
    """A part of the recording with one answer: from and to as shares of its length."""

    start: float
    end: float
    label: str


class Digest:
    """Counts rows by label and keeps, for each of ``bins`` parts of the recording, mean probabilities and votes.

    Parameters
    ----------
    end
        Length of the recording, s.
    choices
        Of a closed question; without them, the first dozen different answers are distinguished.
    """

    def __init__(self, end: float, choices: Sequence[str] | None = None, bins: int = BINS) -> None:
        self.end, self.bins, self.closed = end, bins, choices is not None
        self.windows = self.missing = self.by_habit = 0
        self._places = {label: place for place, label in enumerate(choices or ())}
        size = len(self._places) if choices else MOST_ANSWERS + 1
        self._counts = np.zeros(size, dtype=np.int64)
        self._votes = np.zeros((size, bins), dtype=np.int64)
        self._sums = np.zeros((size, bins))

    def add(self, row: WindowRow) -> None:
        """Take in one row."""
        self.windows += 1
        if row.label is None:
            self.missing += 1
            return
        self.by_habit += row.relies_on_signal is False
        place = self._place(row.label)
        first = min(round(row.start / self.end * self.bins), self.bins - 1)
        here = slice(first, max(first + 1, round(row.end / self.end * self.bins)))
        self._counts[place] += 1
        self._votes[place, here] += 1
        for label, probability in (row.probabilities or {}).items():
            self._sums[self._places[label], here] += probability

    def counts(self) -> dict[str, int]:
        """How many windows had each label."""
        return {label: int(self._counts[place]) for label, place in self._places.items()}

    def probability(self, label: str) -> Floats:
        """Mean probability of a label in each part (bins,); NaN where nothing was asked."""
        asked = self._votes.sum(axis=0)
        return np.where(asked > 0, self._sums[self._places[label]] / np.maximum(asked, 1), np.nan)

    def stretches(self) -> Iterator[Stretch]:
        """Yield runs of parts in which most windows had the same label."""
        labels = list(self._places)
        best = np.where(self._votes.any(axis=0), self._votes.argmax(axis=0), -1)
        starts = np.flatnonzero(np.diff(best, prepend=-2))
        for start, end in zip(starts, [*starts[1:], self.bins], strict=True):
            if best[start] >= 0:
                yield Stretch(float(start / self.bins), float(end / self.bins), labels[best[start]])

    def _place(self, label: str) -> int:
        if self.closed or label in self._places:
            return self._places[label]
        name = label if len(self._places) < MOST_ANSWERS else OTHERS
        return self._places.setdefault(name, len(self._places))
