"""Statistics over samples of which some are missing: NaN where none is present, and no warning."""

import numpy as np

from sig2lm.quantities.quantity import Values


def mean(values: Values) -> Values:
    """Mean of the present samples along the last axis."""
    present = ~np.isnan(values)
    count = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def deviation(values: Values) -> Values:
    """Standard deviation of the present samples along the last axis (divided by their number)."""
    return np.asarray(np.sqrt(mean((values - mean(values)[..., None]) ** 2)))


def magnitude(vectors: Values) -> Values:
    """Length of the vectors (N, 3, T): (N, T)."""
    return np.asarray(np.sqrt((vectors**2).sum(axis=1)))


def highest(values: Values) -> Values:
    """Return the greatest present sample along the last axis."""
    present = ~np.isnan(values)
    return np.where(present.any(axis=-1), np.where(present, values, -np.inf).max(axis=-1, initial=-np.inf), np.nan)


def slope(values: Values, rate: float) -> Values:
    """Least-squares slope of the present samples, a unit of time being 1 / rate; NaN with fewer than two."""
    present = ~np.isnan(values)
    times = np.where(present, np.arange(values.shape[-1]) / rate, np.nan)
    times = times - mean(times)[..., None]
    covariance = mean(times * (values - mean(values)[..., None]))
    variance = mean(times**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, covariance / variance, np.nan)


def spectrum(values: Values, rate: float, resolution: float) -> tuple[Values, Values]:
    """Power at each frequency as a share of the variance, (N, F), and the frequencies in Hz, (F,).

    Missing samples are left out of the sums, so they weaken a rhythm and do not shift it. A sine has a share of 1.
    """
    present = ~np.isnan(values)
    centred = np.where(present, values - mean(values)[:, None], 0.0)
    length = 1 << int(np.ceil(np.log2(max(values.shape[1], rate / resolution))))
    power = np.abs(np.fft.rfft(centred, length, axis=1)) ** 2
    total = present.sum(axis=1) * (centred**2).sum(axis=1) / 2
    share = np.where(total[:, None] > 0, power / np.where(total > 0, total, 1.0)[:, None], 0.0)
    return share, np.asarray(np.fft.rfftfreq(length, 1 / rate), dtype=np.float64)


def longest_stretch(row: Values, bridged: int) -> Values:
    """Return the longest stretch of present samples; gaps of up to ``bridged`` samples are filled in a line."""
    present = np.flatnonzero(~np.isnan(row))
    if not len(present):
        return row[:0]
    breaks = np.flatnonzero(np.diff(present) > bridged + 1)
    begins, ends = present[np.r_[0, breaks + 1]], present[np.r_[breaks, len(present) - 1]]
    longest = int((ends - begins).argmax())
    places = np.arange(begins[longest], ends[longest] + 1)
    return np.interp(places, present, row[present])
