"""Quantities of a blood volume pulse (NeuroKit2 finds the beats, extra ``sig2lm[quantities]``)."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sig2lm.quantities.channels import pulse
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import longest_stretch

PULSE = Need(
    "eight seconds of a blood volume pulse at 20 Hz or more",
    pulse,
    min_rate=20.0,
    min_duration=8.0,
    package="neurokit2",
)
_FEWEST = 5  # beats
_BRIDGED = 0.1  # s
_BEATS = (0.3, 2.0)  # s between beats, 200 to 30 beats/min


@quantity("pulse rate", "beats/min", PULSE, tolerance=5.0, words=("heart rate", "pulse", "heart beats"))
def pulse_rate(values: Values, rate: float) -> Values:
    """60 s over the median interval between systolic peaks (Elgendi et al. 2013, doi 10.1371/journal.pone.0076585)."""
    return np.array([_pulse_rate(row, rate) for row in values[:, 0]])


@quantity("pulse amplitude", "{unit}", PULSE, relative=0.15, words=("amplitude of the pulse",))
def pulse_amplitude(values: Values, rate: float) -> Values:
    """Median height of the systolic peaks above the trough before them."""
    return np.array([_pulse_amplitude(row, rate) for row in values[:, 0]])


def _pulse_rate(row: Values, rate: float) -> float:
    _, peaks = _systoles(row, rate)
    gaps = np.diff(peaks) / rate
    gaps = gaps[(gaps >= _BEATS[0]) & (gaps <= _BEATS[1])]
    return 60 / float(np.median(gaps)) if len(gaps) >= _FEWEST - 1 else np.nan


def _pulse_amplitude(row: Values, rate: float) -> float:
    wave, peaks = _systoles(row, rate)
    if len(peaks) < _FEWEST:
        return np.nan
    troughs = [wave[first:last].min() for first, last in pairwise(peaks)]
    return float(np.median(wave[peaks[1:]] - troughs))


def _systoles(row: Values, rate: float) -> tuple[Values, npt.NDArray[np.int64]]:
    """Filtered pulse, and the samples at which systolic peaks stand; none where the pulse is flat or too short."""
    import neurokit2

    wave = longest_stretch(row, round(_BRIDGED * rate))
    if len(wave) < PULSE.min_duration * rate or np.ptp(wave) == 0:
        return wave, np.empty(0, dtype=np.int64)
    wave = np.asarray(neurokit2.ppg_clean(wave, sampling_rate=rate))
    found = neurokit2.ppg_findpeaks(wave, sampling_rate=rate)["PPG_Peaks"]
    return wave, np.asarray(found, dtype=np.int64)
