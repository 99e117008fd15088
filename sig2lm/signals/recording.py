"""Recording: what a file itself states about a signal, before the reader's arguments fill the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError

FloatMatrix = npt.NDArray[np.floating]

Wanted = tuple[str, ...] | None
"""Names of the channels asked for; a reader may use them to read less."""

# Seconds; the phones and watches of Matey-Sanz et al. (2023) reach 0.18.
_JITTER = 0.25


@dataclass
class Recording:
    """Values with what their file says of them; None where it is silent.

    Parameters
    ----------
    values
        (C, T).
    times
        (T,) seconds, from a time column.
    states_clock
        Whether `sampling_rate` and `period` are the file's own word (also that there is neither).
    start
        When the first sample was taken, s since 1970 (UTC).
    notes
        What the reader guessed or left out, a sentence each.
    """

    values: FloatMatrix
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    period: float | None = None
    times: npt.NDArray[np.float64] | None = None
    states_clock: bool = False
    start: float | None = None
    notes: tuple[str, ...] = ()

    def select(self, names: tuple[str, ...]) -> "Recording":
        """Keep the named channels, all of which must exist, in the order given."""
        assert self.channels is not None
        places = [self.channels.index(name) for name in names]
        units = None if self.units is None else tuple(self.units[i] for i in places)
        return replace(self, values=self.values[places], channels=names, units=units)


def rate_of_times(times: npt.NDArray[np.float64]) -> float:
    """Return the sampling rate (Hz, six significant digits) of evenly spaced times in seconds.

    Jitter, and the bursts in which phones deliver samples, are accepted: up to a quarter of a second, or one sampling
    interval if that is longer, between a sample and its place on an even clock.

    Raises
    ------
    SignalError
        If the times are too few, missing, do not increase or are uneven.
    """
    hint = "pass sampling_rate to ignore the time column"
    if times.size < 2:
        raise SignalError(f"the time column needs two rows to give a sampling rate, found {times.size}; {hint}")
    if np.isnan(times).any():
        raise SignalError(f"the time column is empty in row {int(np.argmax(np.isnan(times))) + 1}; {hint}")
    steps = np.diff(times)
    if steps.min() < 0 or times[-1] == times[0]:
        raise SignalError(f"the time column does not increase at row {int(np.argmin(steps)) + 2}; {hint}")
    usual = float(np.median(steps))
    interval = (times[-1] - times[0]) / (times.size - 1)
    drift = np.abs(times - times[0] - interval * np.arange(times.size))
    if drift.max() > max(usual, _JITTER) or steps.max() > max(2.5 * usual, _JITTER):
        raise SignalError(
            f"the time column is uneven: row {int(drift.argmax()) + 1} is {drift.max():.3g} s off an even clock "
            f"of {1 / interval:.6g} Hz; put the rows on an even grid, or {hint}"
        )
    return float(f"{1 / interval:.6g}")


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number the repeats, which many formats allow.

    Examples
    --------
    >>> distinct(["ECG", "ECG", "ECG_2"])
    ('ECG', 'ECG_3', 'ECG_2')
    """
    found: list[str] = []
    for i, name in enumerate(names):
        number, unique = 1, name
        while unique in found or (number > 1 and unique in names):
            number += 1
            unique = f"{name}_{number}"
        found.append(unique if name in names[:i] else name)
    return tuple(found)


def shorten(error: BaseException) -> str:
    """Return a library's message as one short line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
