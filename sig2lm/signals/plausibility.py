"""Whether values can be what their names and units say, and what an encoder has seen.

A recording in g where m/s² are expected, intervals in seconds, counts of a converter, a mark of missing samples taken
for a value: numbers go through all checks of units and are wrong by a factor. Here they are held against what bodies do
and, where an encoder stores them, against mean and deviation of its data. What is odd is said; what is out of all
bounds is refused, unless the user insists (``--believe``).
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.contract import Contract
from sig2lm.signals.heartbeats import are_intervals
from sig2lm.signals.observed import LIKELY_INTERVALS, odd_marks
from sig2lm.signals.signal import Signal
from sig2lm.signals.units import measures_same, unit_factor

Row = npt.NDArray[np.float64]

_LOOKED_AT = 200_000  # samples of a channel
_ENOUGH = 16  # samples, to say anything
GRAVITY = 9.80665
# Bounds against an encoder's mean and deviation, in its deviations: said from the first on, refused from the second.
OFFSET = 5.0, 10.0
SCALE = 8.0, 20.0
_FAR, _FAR_SHARE = 30.0, 0.002  # samples beyond so many deviations, as marks of missing samples are
_AXIS = re.compile(r"^(?P<stem>.*?)[_. -]?(?P<axis>[xyzXYZ])(?P<rest>_.*)?$")
# What bodies do, in a unit: the median of a recording lies in these bounds.
_MEDIANS = (
    (re.compile(r"heart|pulse|\bhr\b|resp", re.IGNORECASE), "beats/min", 4.0, 260.0, "Hz"),
    (re.compile(r"temp", re.IGNORECASE), "degC", -40.0, 60.0, "degF or kelvin"),
)
_ECG_SIZE = 0.02, 50.0  # mV, between the 1st and the 99th percentile


@dataclass(frozen=True)
class Seen:
    """What an encoder has seen of each channel, in the units of its contract.

    Attributes
    ----------
    mean
        None where it subtracts each recording's own.
    std
        Deviation, around ``mean`` or around each window's own mean.
    """

    mean: tuple[float, ...] | None
    std: tuple[float, ...]


@dataclass(frozen=True)
class Doubt:
    """What is odd about a signal, in a sentence, and whether it is out of all bounds."""

    text: str
    grave: bool = False


def check_plausible(
    signal: Signal, contract: Contract, seen: Seen | None = None, *, owner: str = "its reader", believe: bool = False
) -> tuple[str, ...]:
    """Say what is odd about a signal, and refuse what cannot be.

    Parameters
    ----------
    signal
        As it was read: `Contract.conform` takes it.
    contract
        What is expected; an ECG for RR intervals is not judged.
    seen
        What the encoder has seen, where it is known.
    owner
        Who expects it, for messages.
    believe
        Refuse nothing.

    Returns
    -------
    tuple of str
        A sentence for each oddity.

    Raises
    ------
    SignalError
        If values are out of all bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from sig2lm.signals import Contract, Signal
    >>> names, still = ("acc_x", "acc_y", "acc_z"), np.tile([[0.01], [0.02], [0.98]], 100)
    >>> contract = Contract(names, ("m/s^2",) * 3, 50.0)
    >>> check_plausible(Signal(still, 50.0, names, ("m/s^2",) * 3), contract)
    Traceback (most recent call last):
        ...
    sig2lm.errors.SignalError: acc_x, acc_y, acc_z are in m/s^2 and have a magnitude of about 0.98, ...
    """
    found = doubts(signal, contract, seen, owner)
    if not believe and (grave := [doubt.text for doubt in found if doubt.grave]):
        raise SignalError(f"{'; '.join(grave)}; correct that, or pass --believe (in Python believe=True)")
    return tuple(doubt.text for doubt in found)


def doubts(signal: Signal, contract: Contract, seen: Seen | None, owner: str) -> list[Doubt]:
    """Everything that is odd about a signal."""
    if contract.takes_beats_of(signal) or not set(contract.channels) <= set(signal.channels):
        return []
    signal = signal.select(contract.channels).convert(contract.units)
    step = max(1, signal.num_samples // _LOOKED_AT)
    rows = [row[~np.isnan(row)].astype(np.float64) for row in signal.values[:, ::step]]
    if min(map(len, rows)) < _ENOUGH:
        return []
    found = [*_of_bodies(contract, rows), *_of_gravity(contract, rows, seen)]
    if seen is not None:
        found += _of_encoder(signal, contract, rows, seen, owner)
    return found + _of_shape(contract, rows, asked=seen is not None)


def _of_bodies(contract: Contract, rows: list[Row]) -> list[Doubt]:
    """Intervals, rates, temperatures and ECGs that no body has."""
    found = []
    intervals = are_intervals(contract.units, contract.sampling_rate, contract.period)
    for name, unit, row in zip(contract.channels, contract.units, rows, strict=True):
        median = float(np.median(row))
        if intervals and not LIKELY_INTERVALS[0] <= median * unit_factor(unit, "s") <= LIKELY_INTERVALS[1]:
            text = f"{name} has intervals of about {median:.4g} {unit}, and hearts beat every 200 to 3000 ms"
            found.append(Doubt(f"{text}; state the unit they are in (--units s)", True))
        for called, known, least, most, others in _MEDIANS:
            if not called.search(name) or not measures_same(unit, known):
                continue
            size = float(Signal(np.array([[median]]), 1.0, (name,), (unit,)).convert([known]).values[0, 0])
            if not least <= size <= most:
                text = f"{name} is about {median:.4g} {unit}, which no body has"
                found.append(Doubt(f"{text}; is it in {others}? State its unit (--units)", True))
        if re.search(r"ecg|ekg", name, re.IGNORECASE) and measures_same(unit, "mV"):
            size = float(np.subtract(*np.percentile(row, [99, 1]))) * unit_factor(unit, "mV")
            if 0 < size < _ECG_SIZE[0] or size > _ECG_SIZE[1]:
                other = "V" if size < 1 else "uV, or counts of a converter"
                text = f"{name} spans {size:.3g} mV, where an ECG spans about 1 mV"
                found.append(Doubt(f"{text}; is it in {other}? State its unit (--units)", True))
    return found


def _of_gravity(contract: Contract, rows: list[Row], seen: Seen | None) -> list[Doubt]:
    """Accelerations on three axes whose magnitude is that of gravity in another unit."""
    found = []
    for places in _triples(contract):
        unit = contract.units[places[0]]
        if not measures_same(unit, "m/s^2"):
            continue
        factor = unit_factor(unit, "m/s^2")
        count = min(len(rows[place]) for place in places)
        size = np.sqrt(sum(rows[place][:count] ** 2 for place in places))
        usual = float(np.median(size))
        steady = float(np.subtract(*np.percentile(size, [75, 25]))) < 0.1 * usual
        expected = None
        if seen is not None and seen.mean is not None:
            expected = float(np.sqrt(sum(seen.mean[place] ** 2 + seen.std[place] ** 2 for place in places)))
        names = ", ".join(contract.channels[place] for place in places)
        gravity = GRAVITY / factor
        sees_gravity = expected is not None and 0.7 * gravity <= expected <= 1.6 * gravity
        told = f"{names} are in {unit} and have a magnitude of about {usual:.3g}, where gravity is {gravity:.4g}"
        if usual > 5 * gravity:
            found.append(Doubt(f"{told}; are they in mg or in counts? State their unit (--units)", True))
        elif factor == 1.0 and ((0.9 <= usual <= 1.1 and steady) or (sees_gravity and 0.8 <= usual <= 1.3)):
            found.append(Doubt(f"{told}; they look like g: state it (--units g)", True))
        elif sees_gravity and usual < 0.3 * gravity:
            told = f"{told} and the encoder has seen it"
            found.append(Doubt(f"{told}; is gravity taken out, or the unit another (--units)?", True))
    return found


def _of_encoder(signal: Signal, contract: Contract, rows: list[Row], seen: Seen, owner: str) -> list[Doubt]:
    """Levels and deviations far from those that an encoder has seen."""
    found = []
    marks = {note.split(" ", 1)[0]: note for note in odd_marks(signal)}
    for place, (name, unit, row) in enumerate(zip(contract.channels, contract.units, rows, strict=True)):
        std = seen.std[place]
        center = float(np.median(row)) if seen.mean is None else seen.mean[place]
        far = float(np.mean(np.abs(row - center) > _FAR * std))
        if far > _FAR_SHARE:
            cause = marks.get(name, "are these marks of missing samples (--missing), or counts (--units)?")
            text = f"{100 * far:.2g} % of {name} is over {_FAR:g} deviations off what {owner} has seen"
            found.append(Doubt(f"{text}; {cause}", True))
            continue
        offset = abs(float(np.median(row)) - center) / std
        if offset > OFFSET[0]:
            text = f"{name} is about {np.median(row):.4g} {unit}, {offset:.2g} deviations off what {owner} has seen"
            found.append(Doubt(f"{text} ({center:.4g} ± {std:.3g}); check unit and sensor", offset > OFFSET[1]))
        ratio = float(row.std()) / std
        if ratio > SCALE[0]:
            text = f"{name} varies {ratio:.3g} times as much as what {owner} has seen"
            found.append(Doubt(f"{text}; check its unit (--units)", ratio > SCALE[1]))
        elif 0 < ratio < 1 / SCALE[1] and measures_same(unit, "mV"):
            text = f"{name} varies {1 / ratio:.3g} times less than what {owner} has seen"
            found.append(Doubt(f"{text}; is it in V, or did the electrode come off?", ratio < 1 / 100))
    return found


def _of_shape(contract: Contract, rows: list[Row], *, asked: bool) -> list[Doubt]:
    """Flat and clipped channels."""
    flat = [name for name, row in zip(contract.channels, rows, strict=True) if np.ptp(row) == 0]
    found = []
    if flat:
        everything = asked and len(flat) == len(rows)  # who trains may want to learn what nothing looks like
        found.append(Doubt(f"{', '.join(flat)} never changes; did the sensor come off?", everything))
    for name, row in zip(contract.channels, rows, strict=True):
        values, counts = np.unique(row, return_counts=True)
        if len(values) > 50 and min(counts[0], counts[-1]) > 0.01 * len(row) > 1:
            share = 100 * (counts[0] + counts[-1]) / len(row)
            found.append(Doubt(f"{name} looks clipped: {share:.2g} % of it is at {values[0]:.4g} or {values[-1]:.4g}"))
    return found


def _triples(contract: Contract) -> list[list[int]]:
    """Places of channels that are the three axes of one sensor, by their names."""
    stems: dict[tuple[str, str], dict[str, int]] = {}
    for place, name in enumerate(contract.channels):
        if match := _AXIS.match(name):
            stems.setdefault((match["stem"], match["rest"] or ""), {})[match["axis"].lower()] = place
    return [list(axes.values()) for axes in stems.values() if len(axes) == 3]
