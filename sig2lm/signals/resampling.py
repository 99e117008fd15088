"""Change of the sampling rate: polyphase, anti-aliased, aware of missing samples.

The low-pass filter is flat up to 80 % of the lower of the two Nyquist frequencies and 60 dB down from that frequency on
(Kaiser window design: Kaiser 1974; Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5).
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin, resample_poly

from sig2lm.errors import SignalError
from sig2lm.signals.units import FloatArray

# The ratio of two rates becomes a fraction; with this denominator the clock drifts by less than 5e-5 of the time.
_MAX_DENOMINATOR = 10_000
# Inventing more samples than this for each measured one is a mistake in a rate, not a wish.
_MAX_UPSAMPLING = 100
# Filter length is 2 * _HALF_LENGTH * max(up, down) + 1: with this Kaiser beta (60 dB) the transition band takes 18 %.
_HALF_LENGTH = 20
_KAISER_BETA = 5.65
_CUTOFF = 0.91


def _as_fraction(ratio: float) -> tuple[int, int]:
    # The side above 1 is approximated, so that the relative error is bounded for any ratio.
    fraction = Fraction(max(ratio, 1 / ratio)).limit_denominator(_MAX_DENOMINATOR)
    pair = fraction.numerator, fraction.denominator
    return pair if ratio >= 1 else pair[::-1]


@lru_cache(maxsize=8)
def _low_pass(up: int, down: int) -> npt.NDArray[np.float64]:
    factor = max(up, down)
    taps = 2 * _HALF_LENGTH * factor + 1
    return np.asarray(firwin(taps, _CUTOFF / factor, window=("kaiser", _KAISER_BETA)), dtype=np.float64)


def _fill_gaps(row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    missing = np.isnan(row)
    if not missing.any() or missing.all():
        return np.nan_to_num(row)
    time = np.arange(row.size)
    return np.where(missing, np.interp(time, time[~missing], row[~missing]), row)


def resample_values(values: FloatArray, source_rate: float, target_rate: float) -> FloatArray:
    """Resample (C, T) values so that sample 0 keeps its place in time.

    Gaps are bridged by straight lines for the filter's sake, and are missing again in the result: a sample of the
    result is NaN where the sample of the source nearest in time is. Dividing by the filter's answer to ones makes a
    constant stay that constant, at the edges too.

    Returns
    -------
    FloatArray
        (C, ceil(T * target_rate / source_rate)) float32.

    Raises
    ------
    SignalError
        If the target rate is more than 100 times the source's.
    """
    ratio = target_rate / source_rate
    if ratio > _MAX_UPSAMPLING:
        raise SignalError(
            f"sampling_rate is {source_rate:g} Hz, and {target_rate:g} Hz would invent {ratio:.0f} samples for each; "
            "check the unit of the time column or the stated rate"
        )
    up, down = _as_fraction(ratio)
    taps = _low_pass(up, down)
    rows = np.stack([_fill_gaps(row) for row in values.astype(np.float64)])
    ones = np.ones((1, values.shape[1]))
    result = resample_poly(rows, up, down, axis=1, window=taps) / resample_poly(ones, up, down, axis=1, window=taps)
    nearest = (2 * np.arange(result.shape[1]) * down + up) // (2 * up)
    nearest = np.minimum(nearest, values.shape[1] - 1)
    result[np.isnan(values[:, nearest])] = np.nan
    return np.asarray(result, dtype=np.float32)
