"""Heart beats in an ECG, and the RR intervals between them (the detector is sleepecg's, extra ``sig2lm[ecg]``).

The detector follows Pan and Tompkins 1985, doi 10.1109/TBME.1985.325532 (Brunner and Hofer, sleepecg, BSD-3-Clause). It
knows no missing samples and holds several copies of what it reads; here an ECG is searched in blocks, each present
stretch by itself, so memory does not grow with the recording and an interval is never taken across a gap.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.signal import Signal
from sig2lm.signals.units import FloatArray, is_unit, measures_same

Times = npt.NDArray[np.float64]

LOWEST_RATE = 100.0  # Hz; the detector's filter reaches to 30 Hz, and its authors recommend this at least
INTERVAL_NAMES = frozenset({"rr", "rri", "rr_interval", "nn", "nni", "ibi", "ppi", "pp", "pp_interval"})
"""What channels of intervals between beats are called, in small letters."""
LONGEST_INTERVAL = 3.0  # s; longer, beats were missed rather than absent (20 beats/min)
_REFRACTORY = 0.2  # s; no second beat follows sooner (Pan and Tompkins 1985)
_BRIDGED = 0.04  # s; a QRS complex takes 0.06 to 0.1 s, so a shorter gap hides none
_SHORTEST = 2.0  # s; the detector learns its thresholds in the first two seconds
_BLOCK, _MARGIN = 600.0, 15.0  # s
_ECG = re.compile(r"(?<![a-z])[ek][ck]g(?![a-z])|electrocardio", re.IGNORECASE)
_LEAD = re.compile(
    r"(lead[ _-]?)?(I|II|III|aV[RLF]|V[1-9]?R?|d[ _-]?I{1,3}|M[LV](I{1,3}|[1-6])|MCL[1-6]?|C[CM][2-6])", re.IGNORECASE
)
_SECOND = re.compile(r"(?<![a-z])(lead[ _-]?|ML|d[ _-]?)?II(?![a-z])", re.IGNORECASE)
# What else is measured in volts.
_OTHER = re.compile(
    r"(?<![a-z])(eeg|eog|emg|erg|egg|mmg|meg|resp|breath|thor|abdo|chest|flow|snore|mic|sound|batt|vbat|vdd|ref|gnd|trig|"
    r"stim|event|mark|status|ppg|pleth|bvp|pulse|spo2|sao2|abp|art|cvp|icp|eda|gsr|scl|temp|acc|gyr|mag|light|press|leg|"
    r"chin|loc|roc|photo|red|ir|green)",
    re.IGNORECASE,
)
# Electrodes of the 10-20 system, alone or as a derivation (Fp1, C3-A2).
_ELECTRODE = re.compile(r"(fp|af|fc|ft|tp|cp|po|f|c|t|p|o)(z|\d{1,2})([ _-]+[a-z]{1,3}\d{0,2})?", re.IGNORECASE)


@dataclass(frozen=True)
class HeartBeats:
    """What was found in an ECG.

    Attributes
    ----------
    lead
        The channel that was searched.
    times
        (N,) float64, s from the first sample of the ECG.
    intervals
        The N - 1 RR intervals in ms, an event series of the channel ``rr``. Missing (NaN) where samples between the two
        beats are, and where more than 3 s passed, since a lead came off or beats were not seen.
    """

    lead: str
    times: Times
    intervals: Signal


def ecg_lead(signal: Signal) -> str | None:
    """Return the channel that holds an ECG, or None; see :func:`choose_lead`."""
    if signal.sampling_rate is None:
        return None
    return choose_lead(signal.channels, signal.units)


def choose_lead(channels: Sequence[str], units: Sequence[str]) -> str | None:
    """Return which of some sampled channels holds an ECG, or None.

    A name decides: one that speaks of an ECG, or that of a lead (I, aVR, V5, MLII, MCL1). Of several leads of one
    recording it is II, which shows beats best in most people, else the first. Without such a name, it is the only
    channel in a unit of voltage, unless its name says that it is something else, such as an EEG or a battery.

    Parameters
    ----------
    channels, units
        As a file has them; a unit that is not known is no voltage.

    Raises
    ------
    SignalError
        If several channels in a unit of voltage may be it and no name decides.

    Examples
    --------
    >>> choose_lead(["EEG Fpz-Cz", "ECG", "Batt"], ["uV", "mV", "V"])
    'ECG'
    >>> choose_lead(["RESP", "signal"], ["mV", "mV"])
    'signal'
    """
    named = [name for name in channels if _ECG.search(name) and not _OTHER.search(_ECG.sub("", name))]
    leads = named or [name for name in channels if _LEAD.fullmatch(name.strip())]
    if leads:
        return next((name for name in leads if _SECOND.search(name)), leads[0])
    voltages = [
        name
        for name, unit in zip(channels, units, strict=True)
        if is_unit(unit)
        and measures_same(unit, "mV")
        and not _OTHER.search(name)
        and not _ELECTRODE.fullmatch(name.strip())
    ]
    if len(voltages) > 1:
        raise SignalError(
            f"expected one ECG, but {', '.join(voltages)} are all in units of voltage and no name says which it is; "
            "choose it (--channels)"
        )
    return voltages[0] if voltages else None


def are_intervals(units: Sequence[str], sampling_rate: float | None, period: float | None) -> bool:
    """Tell whether one channel in a unit of time, without a clock of its own, is meant: intervals between beats."""
    return len(units) == 1 and sampling_rate is None and period is None and measures_same(units[0], "s")


def find_heart_beats(signal: Signal, lead: str | None = None) -> HeartBeats:
    """Find the beats in one lead of an ECG.

    Parameters
    ----------
    signal
        Sampled at 100 Hz or more; scale and offset do not matter. Gaps of up to 40 ms are bridged, longer ones end a
        stretch, and stretches under 2 s are passed over.
    lead
        The channel; by default that of :func:`ecg_lead`.

    Raises
    ------
    SignalError
        If sleepecg is not installed, there is no such lead, the rate is too low, or fewer than two beats are found.
    """
    lead = lead or ecg_lead(signal)
    if lead is None:
        raise SignalError(
            f"expected an ECG, found the channels {', '.join(signal.channels)}; choose it (--channels) and state its "
            "unit, such as mV (--units)"
        )
    rate = signal.sampling_rate
    if rate is None or rate < LOWEST_RATE:
        found = "none" if rate is None else f"{rate:g} Hz"
        raise SignalError(f"finding heart beats needs an ECG of {LOWEST_RATE:g} Hz or more, found {found}")
    row = signal.select([lead]).values[0]
    beats, gaps = _search(row, rate)
    if len(beats) < 2:
        raise SignalError(f"expected an ECG in channel {lead!r}, found {len(beats)} heart beats; check lead and unit")
    seconds = np.diff(beats) / rate
    interrupted = np.searchsorted(gaps, beats[:-1]) < np.searchsorted(gaps, beats[1:])
    seconds[interrupted | (seconds > LONGEST_INTERVAL)] = np.nan
    intervals = (1000 * seconds[None]).astype(np.float32)
    return HeartBeats(lead, beats / rate, Signal(intervals, None, ("rr",), ("ms",)))


def _search(row: FloatArray, rate: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sample numbers of beats, and of where gaps end.

    Blocks overlap, and a beat that two of them see is kept once.
    """
    block, margin, refractory = (round(seconds * rate) for seconds in (_BLOCK, _MARGIN, _REFRACTORY))
    beats: list[int] = []
    gaps: list[int] = []
    for start in range(0, len(row), block):
        first = max(0, start - margin)
        part = row[first : start + block + margin].astype(np.float64)
        for begin, end in _stretches(part, round(_BRIDGED * rate)):
            gaps += [first + begin] if begin else []
            for beat in (first + begin + _detect(part[begin:end], rate)).tolist():
                inside = start <= beat < start + block + refractory
                if inside and (not beats or beat - beats[-1] >= refractory):
                    beats.append(beat)
    return np.array(beats, dtype=np.int64), np.unique(gaps)


def _stretches(part: Times, bridged: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each stretch of present samples; gaps up to ``bridged`` samples are filled in place."""
    present = np.flatnonzero(~np.isnan(part))
    if not len(present):
        return
    breaks = np.flatnonzero(np.diff(present) > bridged + 1)
    begins, ends = present[np.r_[0, breaks + 1]], present[np.r_[breaks, len(present) - 1]] + 1
    if len(present) < len(part):
        missing = np.isnan(part)
        part[missing] = np.interp(np.flatnonzero(missing), present, part[present])
    yield from zip(begins.tolist(), ends.tolist(), strict=True)


def _detect(stretch: Times, rate: float) -> npt.NDArray[np.int64]:
    """Sample numbers of the beats in a stretch without gaps; none in one that is flat or too short."""
    try:
        from sleepecg import detect_heartbeats
    except ImportError as error:
        raise SignalError(
            "turning an ECG into RR intervals needs the package sleepecg, which is not installed; "
            "pip install 'sig2lm[ecg]', or pass RR intervals"
        ) from error
    if len(stretch) < _SHORTEST * rate or np.ptp(stretch) == 0:
        return np.empty(0, dtype=np.int64)
    return np.asarray(detect_heartbeats(stretch, rate), dtype=np.int64)
