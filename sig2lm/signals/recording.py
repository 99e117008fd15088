"""Recording: what a file itself states about a signal, before the reader's arguments fill the rest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError

FloatMatrix = npt.NDArray[np.floating]

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
    """

    values: FloatMatrix
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    period: float | None = None
    times: npt.NDArray[np.float64] | None = None
    states_clock: bool = False

    def select(self, names: tuple[str, ...]) -> "Recording":
        """Keep the named channels, all of which must exist, in the order given."""
        assert self.channels is not None
        places = [self.channels.index(name) for name in names]
        units = None if self.units is None else tuple(self.units[i] for i in places)
        return Recording(
            self.values[places], names, units, self.sampling_rate, self.period, self.times, self.states_clock
        )


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
