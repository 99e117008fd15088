"""Quantities of the skin: conductance and temperature."""

from dataclasses import replace

import numpy as np

from sig2lm.quantities.channels import sampled
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import longest_stretch, mean, slope

CONDUCTANCE = Need("a skin conductance", sampled("uS"), "uS")
TEMPERATURE = Need("a temperature", sampled("degC"), "degC")
_LONG_CONDUCTANCE = replace(CONDUCTANCE, what="20 s of skin conductance", min_duration=20.0)
_LONG_TEMPERATURE = replace(TEMPERATURE, what="20 s of temperature", min_duration=20.0)
_RESPONSES = replace(CONDUCTANCE, what="20 s of skin conductance at 4 Hz", min_rate=4.0, min_duration=20.0)
_RESPONSE = 0.05  # uS, the least rise that counts (Boucsein et al. 2012, doi 10.1111/j.1469-8986.2012.01384.x)
_SMOOTH = 1.0  # Hz; what changes faster is the electrode
_BRIDGED = 1.0  # s; a response rises for longer


@quantity(
    "skin conductance", "uS", CONDUCTANCE, tolerance=0.2, relative=0.1, words=("conductance", "conductance level")
)
def conductance_level(values: Values, rate: float) -> Values:
    """Mean skin conductance."""
    return mean(values[:, 0])


@quantity(
    "skin conductance slope",
    "uS/min",
    _LONG_CONDUCTANCE,
    tolerance=0.1,
    relative=0.15,
    words=("conductance rises", "conductance falls"),
)
def conductance_slope(values: Values, rate: float) -> Values:
    """Least-squares slope of the skin conductance."""
    return 60 * slope(values[:, 0], rate)


@quantity("skin conductance responses", "responses/min", _RESPONSES, tolerance=1.0, relative=0.15, words=("responses",))
def conductance_responses(values: Values, rate: float) -> Values:
    """Peaks of 0.05 µS or more below 1 Hz, a minute."""
    return np.array([_responses(row, rate) for row in values[:, 0]])


@quantity("skin temperature", "degC", TEMPERATURE, tolerance=0.3, words=("temperature",))
def temperature_level(values: Values, rate: float) -> Values:
    """Mean temperature."""
    return mean(values[:, 0])


@quantity(
    "skin temperature slope",
    "degC/min",
    _LONG_TEMPERATURE,
    tolerance=0.05,
    relative=0.15,
    words=("temperature rises", "temperature falls"),
)
def temperature_slope(values: Values, rate: float) -> Values:
    """Least-squares slope of the temperature."""
    return 60 * slope(values[:, 0], rate)


def _responses(row: Values, rate: float) -> float:
    from scipy.signal import butter, find_peaks, sosfiltfilt

    part = longest_stretch(row, round(_BRIDGED * rate))
    if len(part) < _RESPONSES.min_duration * rate:
        return np.nan
    smooth = sosfiltfilt(butter(2, _SMOOTH, fs=rate, output="sos"), part)
    peaks, _ = find_peaks(smooth, prominence=_RESPONSE)
    return len(peaks) * 60 * rate / len(part)
