"""Files of an Empatica E4 wristband, and what Stress-Predict and WESAD make of them alike.

The files are read by :mod:`sig2lm.signals.devices.empatica`. Four named signals come of them, each at its own rate:
blood volume pulse (64 Hz; the device states no unit, so it is dimensionless), electrodermal activity (4 Hz, µS), skin
temperature (4 Hz, °C) and acceleration (32 Hz, stored in 1/64 g, kept in m/s²). HR.csv is the device's own average over
about ten seconds, derived from the pulse; its mean in a window is the fact `heart_rate`, never a signal. IBI.csv and
the tags are not read.

Examples are windows of 60 s every 30 s. A window has a label where every second of it has that label; the others are
left out and counted: mixed ones, and unlabelled ones. So are windows that begin in the first minute of a recording,
where the pulse's filter and the electrodes settle: in Stress-Predict the pulse of the first ten seconds is 1.2 to 13
times as large as later (3.5 times in the median), and electrodermal activity starts at zero.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.table import TableInfo
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.errors import DatasetError, SignalError
from sig2lm.signals import Contract, Signal
from sig2lm.signals.devices.empatica import read_stream

WINDOW = WindowSpec(length=60.0, stride=30.0)  # s
SETTLING = 60.0  # s at the beginning of a recording in which no window begins
STRESS, NO_STRESS = "stress task", "no stress task"
LABELS = (STRESS, NO_STRESS)
UNLABELLED = -1  # in a track of labels, where the others are places among the names
MIXED = "windows with and without stress task"
NOT_LABELLED = "windows with a second outside of every labelled phase"
UNSETTLED = f"windows that begin in the first {SETTLING:g} s, while the sensors settle"
TASK = "stress_e4"
SIGNALS = {
    "bvp": Contract(("bvp",), ("",), 64.0, window=WINDOW.length),
    "eda": Contract(("eda",), ("uS",), 4.0, window=WINDOW.length),
    "temp": Contract(("temp",), ("degC",), 4.0, window=WINDOW.length),
    "acc": Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 32.0, window=WINDOW.length),
}
# Sensors of one recording stop within some seconds of each other (7 s in Stress-Predict); a file that ends earlier is
# cut off.
_END_TOLERANCE = 60.0  # s

Track = npt.NDArray[np.int8]
"""(seconds,) of labels, one for each second since the recording's start."""


@dataclass(frozen=True)
class Session:
    """One session of the wristband.

    Parameters
    ----------
    start
        Of all signals, s since 1970 (UTC).
    signals
        By name, as `SIGNALS` says, beginning together.
    heart_rate
        beats/min, one value a second from `heart_rate_start` (s since 1970) on.
    """

    start: float
    signals: dict[str, Signal]
    heart_rate: npt.NDArray[np.float64]
    heart_rate_start: float

    @property
    def seconds(self) -> int:
        """Whole seconds in which all signals run."""
        return int(min(signal.duration or 0.0 for signal in self.signals.values()))

    def track(self) -> Track:
        """Return a track of labels, one a second, in which nothing is labelled yet."""
        return np.full(self.seconds, UNLABELLED, dtype=np.int8)


def describe_table(name: str, split_rule: str, *, source: str, licence: str, citation: str) -> TableInfo:
    """Describe a table of such a wristband, before rows are counted."""
    return TableInfo(
        name=name,
        task=TASK,
        labels=LABELS,
        signals=SIGNALS,
        split_rule=split_rule,
        kept=0,
        dropped={},
        source=source,
        licence=licence,
        citation=citation,
    )


def read_recording(folder: Path) -> Session:
    """Read the five files of a session.

    Raises
    ------
    DatasetError
        If a file is missing, holds something else, is of another rate, or ends a minute or more before the others.
    """
    streams = {name: _read_stream(folder / f"{name.upper()}.csv", contract) for name, contract in SIGNALS.items()}
    heart_start, heart_rate = _read_stream(folder / "HR.csv", Contract(("heart_rate",), ("beats/min",), 1.0))
    ends = {name: start + values.shape[1] / _rate(name) for name, (start, values) in streams.items()}
    last, first = max(ends, key=ends.__getitem__), min(ends, key=ends.__getitem__)
    if ends[last] - ends[first] >= _END_TOLERANCE:
        raise DatasetError(
            f"'{folder / first.upper()}.csv' ends {ends[last] - ends[first]:.0f} s before {last.upper()}.csv, expected "
            "files of one recording to end together; the file is truncated, get it again"
        )
    start = max(begin for begin, _ in streams.values())
    signals = {name: _as_signal(name, begin, values, start) for name, (begin, values) in streams.items()}
    return Session(start, signals, heart_rate[0], heart_start)


def cut_recording(
    recording: Session, track: Track, dropped: Counter[str], names: tuple[str, ...] = LABELS
) -> Iterator[tuple[float, str, dict[str, Signal], dict[str, str]]]:
    """Yield (start, label, signals, facts) of each window with one label.

    Parameters
    ----------
    recording
        Four signals that begin together.
    track
        A label for each second of it; where it ends, labels end.
    dropped
        Counts the windows left out.
    names
        Of the labels.
    """
    for start, signals in cut(recording.signals, WINDOW, dropped):
        labels = track[int(start) : int(start + WINDOW.length)]
        if start < SETTLING:
            dropped[UNSETTLED] += 1
        elif len(labels) < WINDOW.length or (labels == UNLABELLED).any():
            dropped[NOT_LABELLED] += 1
        elif labels.min() != labels.max():
            dropped[MIXED] += 1
        else:
            yield start, names[labels[0]], signals, _describe_heart(recording, start)


def _describe_heart(recording: Session, start: float) -> dict[str, str]:
    first = round(recording.start + start - recording.heart_rate_start)
    values = recording.heart_rate[max(first, 0) : max(first + int(WINDOW.length), 0)]
    return {"heart_rate": f"{values.mean():.0f}"} if values.size else {}


def _as_signal(name: str, begin: float, values: npt.NDArray[np.float64], start: float) -> Signal:
    contract = SIGNALS[name]
    samples = values[:, round((start - begin) * _rate(name)) :].astype(np.float32)
    units = ("g",) * 3 if name == "acc" else contract.units
    return Signal(samples, _rate(name), contract.channels, units).convert(contract.units)


def _rate(name: str) -> float:
    return SIGNALS[name].sampling_rate or 1.0


def _read_stream(path: Path, contract: Contract) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the start (s since 1970) and the values (C, T)."""
    expected = f"a start time, the rate {contract.sampling_rate:g} Hz, then rows of {len(contract.channels)} numbers"
    if not path.is_file():
        raise DatasetError(f"expected '{path}' of an Empatica E4 ({expected}), found no such file; get what is missing")
    try:
        start, rate, values = read_stream(path, path.stem)
    except SignalError as error:
        raise DatasetError(f"'{path}': expected {expected}, but it is unreadable: {error}") from error
    if rate != contract.sampling_rate:
        raise DatasetError(
            f"'{path}': expected {expected}, found the rate {rate:g} Hz; give the files as the device exports them"
        )
    return start, values
