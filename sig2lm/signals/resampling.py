"""Change of the sampling rate: polyphase, anti-aliased, aware of missing samples.

The low-pass filter is flat up to 80 % of the lower of the two Nyquist frequencies and 60 dB down from that frequency on
(Kaiser window design: Kaiser 1974; Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5).
"""

from collections.abc import Sequence
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
_MAX_UPSAMPLING = 20
# Filter length is 2 * _HALF_LENGTH * max(up, down) + 1: with this Kaiser beta (60 dB) the transition band takes 18 %.
_HALF_LENGTH = 20
_KAISER_BETA = 5.65
_CUTOFF = 0.91
_LOOKED_AT = 65_536  # samples in which the end of a gap is looked for at a time


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


def _bridge(row: npt.NDArray[np.float64], row_start: int, whole: FloatArray) -> npt.NDArray[np.float64]:
    """Fill gaps by straight lines; those at the edges of a part reach to the next samples of the whole (T,)."""
    missing = np.isnan(row)
    if not missing.any():
        return row
    places = np.flatnonzero(~missing)
    before, after = _last_present(whole[:row_start]), _first_present(whole[row_start + len(row) :])
    known = np.r_[
        [before - row_start] if before is not None else [],
        places,
        [len(row) + after] if after is not None else [],
    ]
    if not len(known):
        return np.zeros_like(row)
    heights = whole[(known + row_start).astype(np.int64)].astype(np.float64)
    return np.where(missing, np.interp(np.arange(len(row)), known, heights), row)


def _first_present(row: FloatArray) -> int | None:
    """Place of the first sample that is not missing, looked for in pieces."""
    for start in range(0, len(row), _LOOKED_AT):
        if len(found := np.flatnonzero(~np.isnan(row[start : start + _LOOKED_AT]))):
            return start + int(found[0])
    return None


def _last_present(row: FloatArray) -> int | None:
    found = _first_present(row[::-1])
    return None if found is None else len(row) - 1 - found


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
        If the target rate is more than 20 times the source's.
    """
    return resample_span(
        values, source_rate, target_rate, 0, resampled_length(values.shape[1], source_rate, target_rate)
    )


def resampled_length(num_samples: int, source_rate: float, target_rate: float) -> int:
    """Return how many samples there are at another rate.

    Raises
    ------
    SignalError
        If the target rate is more than 20 times the source's.
    """
    ratio = target_rate / source_rate
    if ratio > _MAX_UPSAMPLING:
        raise SignalError(
            f"the signal has {source_rate:g} Hz, and {target_rate:g} Hz would invent {ratio:.0f} samples for each (at "
            f"most {_MAX_UPSAMPLING} are); check the clock (--time-column NAME:UNIT) or the rate (--sampling-rate)"
        )
    up, down = _as_fraction(ratio)
    return -(-num_samples * up // down)


def resample_span(
    rows: Sequence[FloatArray] | FloatArray, source_rate: float, target_rate: float, first: int, last: int
) -> FloatArray:
    """Return the samples from ``first`` to ``last`` of what `resample_values` makes of the whole.

    Only what the filter sees of the C rows (T,) is read, and the ends of the gaps that it touches; so a long recording
    can be resampled piece by piece.

    Returns
    -------
    FloatArray
        (C, last - first) float32.
    """
    up, down = _as_fraction(target_rate / source_rate)
    reach = _HALF_LENGTH * max(up, down) // up + 2
    start = max(0, first * down // up - reach) // down * down  # there samples of both rates coincide
    stop = last * down // up + reach
    parts = [np.asarray(row[start:stop], dtype=np.float64) for row in rows]
    missing = np.isnan(parts)
    filled = np.stack([_bridge(part, start, row) for part, row in zip(parts, rows, strict=True)])
    ones = np.ones((1, filled.shape[1]))
    taps = _low_pass(up, down)
    result = resample_poly(filled, up, down, axis=1, window=taps) / resample_poly(ones, up, down, axis=1, window=taps)
    nearest = (2 * np.arange(result.shape[1]) * down + up) // (2 * up)
    nearest = np.minimum(nearest, filled.shape[1] - 1)
    result[missing[:, nearest]] = np.nan
    offset = start // down * up
    return np.asarray(result[:, first - offset : last - offset], dtype=np.float32)
