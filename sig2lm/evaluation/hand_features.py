"""What a simple rival gets: extra trees on features that any textbook lists, no network and no pretraining.

Features of a window: of each channel, and of the length of each 3-D vector, mean, deviation, range, quartiles, mean
change, crossings of the mean, shares of power in octaves, spectral entropy and strongest period; correlations of
neighbouring channels; of an ECG, or of RR intervals, what describes a rhythm. What a window does not have is NaN, which
becomes the training median.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from sig2lm.datasets import Table
from sig2lm.errors import SignalError
from sig2lm.metrics import Predictions, label_numbers
from sig2lm.pretraining.augmentations.channels import is_interval_series, vector_devices
from sig2lm.signals import Contract, Signal
from sig2lm.signals.heartbeats import ecg_lead, find_heart_beats

Numbers = NDArray[np.float64]
_TREES = 300


def extra_trees(table: Table, split: str, labels: tuple[str, ...], seed: int = 0) -> Predictions:
    """Answer each row of a split with extra trees on hand features, fitted on the train split; labels weigh alike.

    Parameters
    ----------
    table, split
        All rows of both splits have one of the labels.
    labels
        In the order of the probabilities.
    seed
        Of the trees.
    """
    known, asked = (features_of(table, part) for part in ("train", split))
    truth = label_numbers(table.data["train"]["label"], labels)
    rows = table.data[split]
    probabilities = answer_by_trees(known, truth, asked, len(labels), seed)
    return Predictions(labels, label_numbers(rows["label"], labels), probabilities, np.array(rows["subject"]))


def answer_by_trees(known: Numbers, truth: NDArray[np.int64], asked: Numbers, labels: int, seed: int = 0) -> Numbers:
    """Probabilities (N, labels) for hand features (N, F), of trees fitted on features with label numbers."""
    trees = ExtraTreesClassifier(_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=1)
    fitted = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), trees).fit(known, truth)
    probabilities = np.zeros((len(asked), labels))
    probabilities[:, fitted.classes_] = fitted.predict_proba(asked)
    return probabilities


def features_of(table: Table, split: str) -> Numbers:
    """Hand features (N, F) of each row of a split, all its signals side by side."""
    rows = table.data[split].with_format("numpy")
    return np.asarray([_of_row(table.signals(row)) for row in rows], dtype=np.float64)


def _of_row(signals: Mapping[str, Signal]) -> Numbers:
    return np.concatenate([hand_features(signal) for signal in signals.values()])


def hand_features(signal: Signal) -> Numbers:
    """Features (F,) of one window; F depends on its channels only.

    Examples
    --------
    >>> import numpy as np
    >>> beats = Signal(np.full((1, 60), 800.0, dtype=np.float32), None, ("rr",), ("ms",))
    >>> bool(np.isfinite(hand_features(beats)).any())
    True
    """
    values = signal.values.astype(np.float64)
    vectors = [vector for device in vector_devices(_contract(signal)) for vector in device]
    lengths = [np.sqrt((values[list(vector)] ** 2).sum(0)) for vector in vectors]
    found = [_of_channel(row) for row in (*values, *lengths)]
    found.append(np.array([_correlation(first, second) for first, second in pairwise(values)]))
    found += [_of_intervals(intervals) for intervals in _intervals(signal)]
    return np.concatenate(found)


def _of_channel(values: Numbers) -> Numbers:
    """Size, shape, change and spectrum of one channel: 24 numbers, NaN of what it does not have."""
    seen = values[np.isfinite(values)]
    if len(seen) < 4:
        return np.full(24, np.nan)
    quartiles = np.quantile(seen, [0.05, 0.25, 0.5, 0.75, 0.95])
    spread, centred = seen.std(), seen - seen.mean()
    change = np.abs(np.diff(seen))
    crossings = np.mean(np.diff(np.signbit(centred)))
    cubes, fourths = (np.mean((centred / (spread or 1.0)) ** power) for power in (3, 4))
    power = np.abs(np.fft.rfft(centred * np.hanning(len(seen)))) ** 2
    shares = power[1:] / max(power[1:].sum(), np.finfo(float).tiny)
    edges = np.unique(np.r_[0, np.geomspace(1, len(shares), 9).astype(int)])
    octaves = np.add.reduceat(shares, edges[:-1])
    octaves = np.pad(octaves, (0, max(0, 8 - len(octaves))), constant_values=np.nan)[:8]
    strongest = (1 + shares.argmax()) / len(seen)
    sizes = [seen.mean(), spread, np.ptp(seen), change.mean(), change.max(), crossings, cubes, fourths]
    return np.array([*sizes, *quartiles, *octaves, _entropy(shares), strongest, shares.max()])


def _entropy(shares: Numbers) -> float:
    return float(entr(shares).sum()) if shares.any() else np.nan


def _correlation(first: Numbers, second: Numbers) -> float:
    seen = np.isfinite(first) & np.isfinite(second)
    a, b = first[seen], second[seen]
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and a.std() > 0 and b.std() > 0 else np.nan


def _intervals(signal: Signal) -> list[Numbers]:
    """RR intervals: those that the signal is, or those of its ECG; none of any other signal."""
    if is_interval_series(_contract(signal)):
        return [signal.values[0].astype(np.float64)]
    try:
        lead = ecg_lead(signal)
    except SignalError:  # several voltages, of which nothing says which is an ECG
        return []
    return [] if lead is None else [_of_beats(signal, lead)]


def _of_beats(signal: Signal, lead: str) -> Numbers:
    """RR intervals of an ECG; none where noise, a lead that is off or a low rate leaves no beats to find."""
    try:
        return np.asarray(find_heart_beats(signal, lead).intervals.values[0], dtype=np.float64)
    except SignalError:
        if find_spec("sleepecg") is None:
            raise
        return np.zeros(0)


def _of_intervals(intervals: Numbers) -> Numbers:
    """How a rhythm beats, in shares of its mean interval: 15 numbers."""
    seen = intervals[np.isfinite(intervals)]
    if len(seen) < 4:
        return np.full(15, np.nan)
    mean = seen.mean()
    relative, change = seen / mean, np.diff(seen) / mean
    turns = np.mean(change[:-1] * change[1:] < 0)
    around, along = change.std() / np.sqrt(2), (relative[1:] + relative[:-1]).std() / np.sqrt(2)
    counts, _ = np.histogram(change, bins=16, range=(-0.6, 0.6))
    steps = [np.mean(np.abs(change) > limit) for limit in (0.05, 0.1, 0.2)]
    ends = np.quantile(relative, [0.05, 0.25, 0.75, 0.95])
    sizes = [mean, relative.std(), np.sqrt(np.mean(change**2)), np.median(np.abs(change)), along / max(around, 1e-9)]
    return np.array([len(seen), *sizes, turns, *steps, *ends, _entropy(counts / max(1, counts.sum()))])


def _contract(signal: Signal) -> Contract:
    return Contract(signal.channels, signal.units, signal.sampling_rate, signal.period)
