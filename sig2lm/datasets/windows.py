"""Recordings cut into examples, with a count of what is left out and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals import Signal

TOO_SHORT = "recordings shorter than a window"
NO_VALUES = "windows without any value"


@dataclass(frozen=True)
class WindowSpec:
    """How recordings are cut.

    Parameters
    ----------
    length, stride
        In s for signals with a sampling rate; in rows for the others.
    in_rows
        Which of the two kinds of signals is cut; signals of the other kind go whole with every window.
    """

    length: float
    stride: float
    in_rows: bool = False

    def cuts(self, sampling_rate: float | None) -> bool:
        """Tell whether signals of this rate are cut."""
        return (sampling_rate is None) == self.in_rows


def cut(
    signals: dict[str, Signal], window: WindowSpec | None, dropped: Counter[str]
) -> Iterator[tuple[float, dict[str, Signal]]]:
    """Yield (start, signals by name) of each example in a recording; signals that are cut run side by side in time.

    Parameters
    ----------
    signals
        One recording; the signals begin together.
    window
        None takes the recording as one example.
    dropped
        Counts recordings that give no window, and windows in which every sample is missing.
    """
    count = 0
    for start, example in _cut_all(signals, window):
        count += 1
        if all(np.isnan(signal.values).all() for signal in example.values()):
            dropped[NO_VALUES] += 1
        else:
            yield start, example
    if count == 0:
        dropped[TOO_SHORT] += 1


def _cut_all(signals: dict[str, Signal], window: WindowSpec | None) -> Iterator[tuple[float, dict[str, Signal]]]:
    if window is None:
        yield 0.0, signals
        return
    names = [name for name, signal in signals.items() if window.cuts(signal.sampling_rate)]
    if not names:
        raise SignalError(f"no signal is cut by a window in {'rows' if window.in_rows else 'seconds'}")
    streams = [signals[name].windows(window.length, window.stride) for name in names]
    # The shortest of signals that began together ends the recording.
    for pieces in zip(*streams, strict=False):
        start = pieces[0][0] * (signals[names[0]].period or 1.0)  # windows of rows tell rows
        yield start, signals | {name: piece for name, (_, piece) in zip(names, pieces, strict=True)}
