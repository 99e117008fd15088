"""Quantities of an acceleration along three axes, gravity included."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sig2lm.quantities.channels import triads
from sig2lm.quantities.quantity import Compute, Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import deviation, magnitude, mean, spectrum

GRAVITY = 9.80665  # m/s²
ACCELERATION = Need("an acceleration along three axes", triads("m/s^2"), "m/s^2")
_FAST = replace(ACCELERATION, what="two seconds of acceleration at 10 Hz or more", min_rate=10.0, min_duration=2.0)

_STEPS = (1.2, 3.5)  # steps/s, from a slow walk to a sprint
_RESOLUTION = 0.01  # Hz
_STILL = 0.4  # m/s², deviation of the magnitude below which nobody walks (MotionSense, WISDM: 95 % of standing)
_RHYTHM = 0.2  # share of the variance at the step rate and its multiples; noise over 2.5 s has less
_NOISE = 0.1  # m/s², deviation below which a frequency would be the sensor's own
_BLOCK, _MOTIONLESS = 0.5, 0.15  # s and m/s²
_PART = 256  # windows whose spectra are held at once


@quantity("step rate", "steps/s", _FAST, tolerance=0.1, relative=0.05, words=("steps", "cadence", "pace"))
def step_rate(values: Values, rate: float) -> Values:
    """Strongest rhythm of the magnitude from 1.2 to 3.5 per second, with its double; 0 where nothing moves.

    A leg swings once in two steps, so that a rhythm at half the rate may be as strong; it lies below the band. Where
    there is movement without a rhythm, the window does not carry the quantity.
    """
    return _by_parts(values, rate, _step_rate)


def _step_rate(size: Values, rate: float) -> Values:
    share, frequencies = spectrum(size, rate, _RESOLUTION)
    inside = np.flatnonzero((frequencies >= _STEPS[0]) & (frequencies <= _STEPS[1]))
    rhythm = [_at(share, inside * multiple) for multiple in (1, 2, 3)]
    best = (rhythm[0] + 0.5 * rhythm[1]).argmax(axis=1)
    rows = np.arange(len(size))
    strength = sum(part[rows, best] for part in rhythm)
    found = np.where(strength >= _RHYTHM, frequencies[inside][best], np.nan)
    found = np.where((best == 0) | (best == len(inside) - 1), np.nan, found)  # the edge of the band is no peak
    still = deviation(size)
    return np.where(np.isnan(still), np.nan, np.where(still < _STILL, 0.0, found))


@quantity(
    "dominant frequency", "Hz", _FAST, tolerance=0.2, relative=0.1, words=("frequency", "oscillation", "rhythm of")
)
def dominant_frequency(values: Values, rate: float) -> Values:
    """Strongest frequency of the magnitude from 0.3 to 15 Hz."""
    return _by_parts(values, rate, _dominant)


def _dominant(size: Values, rate: float) -> Values:
    share, frequencies = spectrum(size, rate, _RESOLUTION)
    inside = np.flatnonzero((frequencies >= 0.3) & (frequencies <= min(15.0, 0.45 * rate)))
    found = frequencies[inside][share[:, inside].argmax(axis=1)]
    return np.where(deviation(size) >= _NOISE, found, np.nan)


@quantity(
    "movement intensity",
    "m/s^2",
    ACCELERATION,
    tolerance=0.2,
    relative=0.15,
    words=(
        "deviation of the acceleration",
        "intensity",
        "strength of the movement",
        "acceleration varies",
        "moves",
        "movement",
    ),
)
def movement_intensity(values: Values, rate: float) -> Values:
    """Standard deviation of the magnitude of the acceleration."""
    return deviation(magnitude(values))


@quantity("ENMO", "mg", ACCELERATION, tolerance=20.0, relative=0.15, words=("euclidean norm minus one",))
def euclidean_norm_minus_one(values: Values, rate: float) -> Values:
    """Mean of the magnitude minus 1 g, negative values as zero (van Hees et al. 2013).

    doi 10.1371/journal.pone.0061691
    """
    return 1000 / GRAVITY * mean(np.maximum(magnitude(values) - GRAVITY, 0.0))


def _gravity(values: Values) -> Values:
    """Mean acceleration (N, 3), m/s²; NaN where it is not near 1 g, so that it is not gravity that is seen."""
    direction = mean(values)
    length = np.sqrt((direction**2).sum(axis=1, keepdims=True))
    return np.where(np.abs(length - GRAVITY) <= 0.3 * GRAVITY, direction, np.nan)


@quantity("gravity along x", "m/s^2", ACCELERATION, tolerance=0.5)
def gravity_x(values: Values, rate: float) -> Values:
    """Mean acceleration along the first axis."""
    return _gravity(values)[:, 0]


@quantity("gravity along y", "m/s^2", ACCELERATION, tolerance=0.5)
def gravity_y(values: Values, rate: float) -> Values:
    """Mean acceleration along the second axis."""
    return _gravity(values)[:, 1]


@quantity("gravity along z", "m/s^2", ACCELERATION, tolerance=0.5)
def gravity_z(values: Values, rate: float) -> Values:
    """Mean acceleration along the third axis."""
    return _gravity(values)[:, 2]


@quantity("tilt", "deg", ACCELERATION, tolerance=5.0, words=("tilted", "inclination", "leans"))
def tilt(values: Values, rate: float) -> Values:
    """Angle between the mean acceleration and the third axis: 0 lies flat, 90 stands upright."""
    direction = _gravity(values)
    length = np.sqrt((direction**2).sum(axis=1))
    return np.asarray(np.degrees(np.arccos(np.clip(direction[:, 2] / length, -1.0, 1.0))))


@quantity("stillness", "%", ACCELERATION, tolerance=10.0, words=("still", "without movement", "motionless"))
def stillness(values: Values, rate: float) -> Values:
    """Share of half-second blocks in which no axis deviates by 0.15 m/s² or more."""
    windows, axes, samples = values.shape
    length = max(2, round(_BLOCK * rate))
    count = samples // length
    if not count:
        return np.full(windows, np.nan)
    blocks = values[:, :, : count * length].reshape(windows, axes, count, length)
    known = (~np.isnan(blocks)).mean(axis=3).min(axis=1) >= 0.5
    quiet = deviation(blocks).max(axis=1) < _MOTIONLESS
    return 100 * mean(np.where(known, quiet, np.nan))


def _at(share: Values, places: npt.NDArray[np.int64]) -> Values:
    """Shares at some places, 0 beyond the Nyquist frequency."""
    inside = places < share.shape[1]
    return np.where(inside, share[:, np.where(inside, places, 0)], 0.0)


def _by_parts(values: Values, rate: float, compute: Compute) -> Values:
    """Compute on the magnitudes of some windows at a time, since spectra are long."""
    size = magnitude(values)
    return np.concatenate([compute(size[first : first + _PART], rate) for first in range(0, len(size), _PART)])
