"""What values and names show by themselves: intervals between rows, their unit, marks of missing samples."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.recording import FloatMatrix
from sig2lm.signals.signal import Signal

LIKELY_INTERVALS = 0.2, 3.0
"""Between heart beats, s: 300 to 20 beats a minute."""
# What recorders and databases write where nothing was measured.
_MARKS = (-999.0, -9999.0, 999.0, 9999.0, -99999.0, 99999.0, -32768.0, 32767.0, 65535.0, -99.0, -1e6, 1e6, -1e9, 1e9)
_FAR = 10.0  # times the range of all other values, for a mark
_ALIKE = 0.8  # share of rows


def intervals_of(values: FloatMatrix, times: npt.NDArray[np.float64]) -> int | None:
    """Channel whose values are the times between rows, in s or ms; None if there is none."""
    steps = np.diff(times)
    if len(steps) < 4 or np.ptp(steps) <= 0.02 * np.median(steps):
        return None
    for place, row in enumerate(values):
        if np.isnan(row).all() or np.nanmax(row) - np.nanmin(row) <= 0.02 * abs(np.nanmedian(row)):
            continue
        for scale in (1.0, 1e-3):
            for shown in (row[1:], row[:-1]):
                if np.mean(np.abs(scale * shown - steps) <= 0.05 * np.abs(steps)) >= _ALIKE:
                    return place
    return None


def interval_unit(values: FloatMatrix, expected: str) -> str:
    """Unit of intervals between heart beats, by their size.

    Raises
    ------
    SignalError
        If they are neither ms nor s.
    """
    usual = float(np.nanmedian(values)) if not np.isnan(values).all() else np.nan
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if LIKELY_INTERVALS[0] <= usual * scale <= LIKELY_INTERVALS[1] or np.isnan(usual):
            return expected if np.isnan(usual) else unit
    raise SignalError(
        f"expected intervals between heart beats in {expected}, found values around {usual:.4g}, which are that in "
        "neither ms nor s; state their unit (--units), or convert them"
    )


def odd_marks(signal: Signal) -> tuple[str, ...]:
    """Say which numbers look like marks of missing samples: they come back, far from all others."""
    notes = []
    for name, row in zip(signal.channels, signal.values, strict=True):
        present = row[~np.isnan(row)]
        for mark in _MARKS:
            count = int(np.count_nonzero(present == mark))
            rest = present[present != mark] if count > 1 else present[:0]
            if not len(rest) or count > len(rest):
                continue
            spread = float(np.ptp(rest)) or float(np.abs(rest).max()) or 1.0
            if min(abs(mark - rest.min()), abs(mark - rest.max())) > _FAR * spread:
                told = f"{name} holds {mark:g} {count} times, which looks like a mark of missing samples"
                notes.append(f"{told} (--missing {mark:g})")
    return tuple(notes)


def same_names(wanted: Sequence[str], found: Sequence[str]) -> tuple[str, ...] | None:
    """The names in ``found`` that are those wanted but for case and punctuation; None where one lacks."""
    plain = [_plain(name) for name in found]
    chosen = [_plain(name) for name in wanted]
    if len(set(chosen)) < len(chosen) or any(plain.count(name) != 1 or not name for name in chosen):
        return None
    return tuple(found[plain.index(name)] for name in chosen)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
