"""Quantities of the intervals between heart beats; those of an ECG are found first (``sig2lm.signals.heartbeats``).

Time-domain measures as in Task Force of ESC and NASPE, Circulation 1996;93:1043. A missing interval takes part in
nothing, and neither do differences or patterns across it.
"""

import numpy as np
from scipy.spatial import cKDTree

from sig2lm.quantities.channels import intervals
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import deviation, highest, mean

INTERVALS = Need("intervals between heart beats", intervals, "ms")
_FEWEST = 4  # intervals; fewer say nothing of how they vary
_ECTOPIC = 0.2  # of the median of the intervals around
_AROUND = 11  # intervals


@quantity("heart rate", "beats/min", INTERVALS, tolerance=5.0, words=("heart beats", "pulse rate", "pulse"))
def heart_rate(values: Values, rate: float) -> Values:
    """60 s over the mean interval."""
    return 60_000 / mean(values[:, 0])


@quantity("SDNN", "ms", INTERVALS, tolerance=10.0, relative=0.1, words=("deviation of the intervals",))
def sdnn(values: Values, rate: float) -> Values:
    """Standard deviation of the intervals."""
    return _if_enough(values, deviation(values[:, 0]))


@quantity("RMSSD", "ms", INTERVALS, tolerance=10.0, relative=0.1, words=("successive differences",))
def rmssd(values: Values, rate: float) -> Values:
    """Root mean square of the differences between neighbouring intervals."""
    return _if_enough(values, np.sqrt(mean(np.diff(values[:, 0]) ** 2)))


@quantity("pNN50", "%", INTERVALS, tolerance=5.0)
def pnn50(values: Values, rate: float) -> Values:
    """Share of differences between neighbouring intervals above 50 ms."""
    differences = np.abs(np.diff(values[:, 0]))
    return _if_enough(values, 100 * mean(np.where(np.isnan(differences), np.nan, differences > 50)))


@quantity(
    "interval variation",
    "%",
    INTERVALS,
    tolerance=2.0,
    relative=0.1,
    words=("coefficient of variation", "intervals vary", "irregularity"),
)
def variation(values: Values, rate: float) -> Values:
    """Standard deviation of the intervals over their mean."""
    return _if_enough(values, 100 * deviation(values[:, 0]) / mean(values[:, 0]))


@quantity("longest pause", "s", INTERVALS, tolerance=0.1, relative=0.05, words=("pause", "longest interval"))
def longest_pause(values: Values, rate: float) -> Values:
    """Longest interval."""
    return highest(values[:, 0]) / 1000


@quantity("ectopic share", "%", INTERVALS, tolerance=3.0, relative=0.15, words=("ectopic", "extra beats"))
def ectopic_share(values: Values, rate: float) -> Values:
    """Share of intervals that differ by over 20 % from the median of the eleven around them."""
    medians = _running_median(values[:, 0])
    far = np.abs(values[:, 0] - medians) > _ECTOPIC * medians
    return _if_enough(values, 100 * mean(np.where(np.isnan(values[:, 0]), np.nan, far)))


@quantity("sample entropy", "", INTERVALS, tolerance=0.3, relative=0.1)
def sample_entropy(values: Values, rate: float) -> Values:
    """How rarely patterns of two intervals that agree within a fifth of SDNN go on to agree (Richman and Moorman 2000).

    NaN where no pattern of three comes twice; a few intervals do not carry the quantity.
    """
    return np.array([_sample_entropy(row) for row in values[:, 0]])


def _running_median(rows: Values) -> Values:
    """Median of the present values around each, (N, T)."""
    half = _AROUND // 2
    padded = np.pad(rows, ((0, 0), (half, half)), constant_values=np.nan)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _AROUND, axis=1), axis=2)  # NaN comes last
    count = np.maximum((~np.isnan(around)).sum(axis=2, keepdims=True), 1)
    middle = [np.take_along_axis(around, place // 2, axis=2)[:, :, 0] for place in (count - 1, count)]
    return np.asarray((middle[0] + middle[1]) / 2)


def _sample_entropy(row: Values) -> float:
    patterns = np.lib.stride_tricks.sliding_window_view(row, 3) if len(row) >= 3 else np.empty((0, 3))
    patterns = patterns[~np.isnan(patterns).any(axis=1)]
    if len(patterns) < 10:
        return np.nan
    radius = 0.2 * float(np.nanstd(row))
    agree, go_on = (_pairs(patterns[:, :length], radius) for length in (2, 3))
    return float(np.log(agree / go_on)) if go_on else np.nan


def _pairs(patterns: Values, radius: float) -> int:
    """How many pairs of patterns lie within a radius, in the greatest of their differences."""
    tree = cKDTree(patterns)
    return (int(tree.count_neighbors(tree, radius, p=np.inf)) - len(patterns)) // 2


def _if_enough(values: Values, found: Values) -> Values:
    return np.where((~np.isnan(values[:, 0])).sum(axis=1) >= _FEWEST, found, np.nan)
