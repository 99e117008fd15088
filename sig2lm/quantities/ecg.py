"""Quantities of the waves of an ECG (sleepecg finds the beats, extra ``sig2lm[ecg]``).

Published software that marks P waves marks one before nearly every beat, in atrial fibrillation too, so what comes
before a beat is compared with itself instead.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from sig2lm.errors import SignalError
from sig2lm.quantities.channels import electrocardiogram
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import longest_stretch
from sig2lm.signals import Signal
from sig2lm.signals.heartbeats import LOWEST_RATE, find_heart_beats

Places = npt.NDArray[np.int64]

ECG = Need(
    "five seconds of an ECG at 100 Hz or more",
    electrocardiogram,
    min_rate=LOWEST_RATE,
    min_duration=5.0,
    package="sleepecg",
)
_WAVES = replace(ECG, package="neurokit2")
_BAND = (0.5, 40.0)  # Hz
_FEWEST = 4  # beats
_BRIDGED = 0.04  # s, as in `heartbeats`
_BEAT = (0.3, 0.3)  # s before and after a beat: all of it at 100 beats/min
_BEFORE = (0.25, -0.07)  # s; where the P wave stands


@quantity("signal quality", "%", ECG, tolerance=10.0, words=("quality",))
def signal_quality(values: Values, rate: float) -> Values:
    """Mean correlation of the beats with their average (Orphanidou et al. 2015, doi 10.1109/JBHI.2014.2338351)."""
    return _over_leads(values, rate, lambda lead, beats: _likeness(lead, beats, rate, _BEAT))


@quantity("P wave coherence", "%", ECG, tolerance=15.0, words=("P wave", "P waves"))
def p_wave_coherence(values: Values, rate: float) -> Values:
    """Mean correlation of the 250 to 70 ms before each beat with their average: low where P waves are absent."""
    return _over_leads(values, rate, lambda lead, beats: _likeness(lead, beats, rate, _BEFORE))


@quantity("QRS width", "ms", _WAVES, tolerance=20.0, words=("QRS", "QRS complex"))
def qrs_width(values: Values, rate: float) -> Values:
    """Median time from onset to end of the QRS complexes (NeuroKit2, by prominence)."""
    return _over_leads(values, rate, lambda lead, beats: _qrs_width(lead, beats, rate))


def _over_leads(values: Values, rate: float, compute: Callable[[Values, Places], float]) -> Values:
    return np.array([_of_lead(row, rate, compute) for row in values[:, 0]])


def _of_lead(row: Values, rate: float, compute: Callable[[Values, Places], float]) -> float:
    lead = longest_stretch(row, round(_BRIDGED * rate))
    if len(lead) < ECG.min_duration * rate:
        return np.nan
    try:
        beats = find_heart_beats(Signal(lead[None].astype(np.float32), rate, ("ecg",), ("mV",))).times
    except SignalError:  # fewer than two beats
        return np.nan
    lead = np.asarray(sosfiltfilt(butter(2, _BAND, "bandpass", fs=rate, output="sos"), lead))
    return compute(lead, np.round(beats * rate).astype(np.int64)) if len(beats) >= _FEWEST else np.nan


def _likeness(lead: Values, beats: Places, rate: float, span: tuple[float, float]) -> float:
    """Mean correlation (%) of what lies around each beat with the average of all, 0 for opposite ones."""
    before, after = round(span[0] * rate), round(span[1] * rate)
    whole = beats[(beats >= before) & (beats + after <= len(lead))]
    if len(whole) < _FEWEST:
        return np.nan
    parts = np.stack([lead[beat - before : beat + after] for beat in whole])
    parts = parts - parts.mean(axis=1, keepdims=True)
    average = parts.mean(axis=0)
    lengths = np.linalg.norm(parts, axis=1) * np.linalg.norm(average)
    likeness = (parts @ average)[lengths > 0] / lengths[lengths > 0]
    return 100 * max(0.0, float(likeness.mean())) if len(likeness) else np.nan


def _qrs_width(lead: Values, beats: Places, rate: float) -> float:
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peaks without prominence, which it then passes over
        try:
            _, waves = neurokit2.ecg_delineate(lead, beats, sampling_rate=rate, method="prominence")
            begins, ends = (np.asarray(waves[f"ECG_R_{end}"], dtype=np.float64) for end in ("Onsets", "Offsets"))
            widths = 1000 * (ends - begins) / rate
        except ValueError:  # it found more onsets than ends, or none
            return np.nan
    known = widths[~np.isnan(widths)]
    return float(np.median(known)) if len(known) else np.nan
