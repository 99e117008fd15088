"""Samples with time stamps, put on an even grid: gaps become missing samples, what was measured stays as it is.

Within a stretch without a gap samples keep their order and their values, and stamps only say how fast they follow one
another, since phones and radios deliver samples late and in bursts. Only where a clock runs unevenly within a stretch
are values interpolated, by straight lines.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sig2lm.errors import SignalError
from sig2lm.signals.recording import FloatMatrix

Times = npt.NDArray[np.float64]

JITTER = 0.25  # s; the phones and watches of Matey-Sanz et al. (2023) deliver up to 0.18 s late
AGREES = 0.02  # share by which a stated rate may differ from that of a clock
_BURST = 1.0  # s; samples that come in bursts come at least so often
_NEAR = 0.25  # share of the usual step by which even steps differ
_EVEN = 0.8  # share of the steps that are even where a clock is
_FEW = 0.05  # share of stamps that may be missing
_LONG_PAUSE = 50  # a grid holds at most so many slots a sample, and a million
_HINT = "cut the file, name another clock (--time-column), or leave it out (--time-column none)"


@dataclass(frozen=True)
class Grid:
    """Values on an even grid.

    Attributes
    ----------
    values
        (C, T), NaN in gaps.
    sampling_rate, period
        Hz, and s between samples; six significant digits each.
    notes
        What was resolved, a sentence each, with counts.
    """

    values: FloatMatrix
    sampling_rate: float
    period: float
    notes: tuple[str, ...]


def regrid(values: FloatMatrix, times: Times, sampling_rate: float | None = None) -> Grid:
    """Put samples on an even grid.

    Parameters
    ----------
    values
        (C, T).
    times
        (T,) s; NaN where a stamp is missing.
    sampling_rate
        Hz, where it is stated; by default the clock's own.

    Raises
    ------
    SignalError
        If stamps are too few, many are missing, time goes back by more than jitter, the stated rate is not that of the
        clock, or a pause is too long for a grid.

    Examples
    --------
    >>> import numpy as np
    >>> grid = regrid(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), np.array([0.0, 0.1, 0.2, 0.5, 0.6]))
    >>> grid.sampling_rate, grid.values.tolist()
    (10.0, [[1.0, 2.0, 3.0, nan, nan, 4.0, 5.0]])
    """
    if np.isinf(times).any():
        raise SignalError(f"the clock holds times without end; {_HINT}")
    values, times, notes = _ordered(values, times)
    if times[-1] <= times[0]:
        raise SignalError(f"the clock does not advance in {len(times)} rows; {_HINT}")
    stamps = np.diff(np.unique(times))
    times = _spread(times)
    steps = np.diff(times)
    period, limit = _find_period(steps, stamps)
    if sampling_rate is not None:
        if abs(sampling_rate * period - 1) > AGREES:
            raise SignalError(
                f"the file's clock gives {1 / period:.6g} Hz, but {sampling_rate:g} Hz was stated; leave that out, or "
                "have it believed without the clock (--time-column none)"
            )
        period = 1 / sampling_rate
    if not 1e-9 < period <= times[-1] - times[0] < 2**53 * period:
        raise SignalError(f"the clock steps by {period:.6g} s over {times[-1] - times[0]:.6g} s; {_HINT}")
    rate, spacing = float(f"{1 / period:.6g}"), float(f"{period:.6g}")
    breaks = np.flatnonzero(steps > limit) + 1
    first = np.concatenate([[0], breaks])
    counts = np.diff(np.concatenate([first, [len(times)]]))
    starts = _starts(times[first], counts, period)
    size = int(starts[-1] + counts[-1])
    if size > _LONG_PAUSE * len(times) + 1_000_000:
        longest = int(steps.argmax())
        raise SignalError(f"the clock pauses for {steps[longest]:.6g} s after row {longest + 1}; {_HINT}")
    slots = np.arange(len(times)) + np.repeat(starts - first, counts)
    off = np.abs(times - times[0] - slots * period).max()
    if off > max(JITTER, period):
        notes.append(f"the clock is uneven (up to {off:.3g} s off {rate:g} Hz), so values are interpolated")
        return Grid(_interpolated(values, times, period, limit), rate, spacing, tuple(notes))
    if size == len(times):
        return Grid(values, rate, spacing, tuple(notes))
    filled = np.full((len(values), size), np.nan)
    filled[:, slots] = values
    missing = size - len(times)
    gaps = len(breaks)
    notes.append(
        f"{missing} missing sample{'s' * (missing > 1)} fill{'s' * (missing == 1)} {gaps} gap{'s' * (gaps > 1)} in the "
        f"clock ({missing * period:.3g} s, the longest {(steps.max() - period):.3g} s)"
    )
    return Grid(filled, rate, spacing, tuple(notes))


def _ordered(values: FloatMatrix, times: Times) -> tuple[FloatMatrix, Times, list[str]]:
    """Resolve missing, backward and repeated stamps, and count them."""
    notes: list[str] = []
    if times.size < 2:
        raise SignalError(f"a clock needs two rows to give a sampling rate, found {times.size}; state --sampling-rate")
    known = np.flatnonzero(~np.isnan(times))
    if len(known) and len(known) > 1 and (outside := times.size - 1 - known[-1] + known[0]):
        values, times = values[:, known[0] : known[-1] + 1], times[known[0] : known[-1] + 1]
        notes.append(f"rows without a time stamp before the first or behind the last one are left out: {outside}")
    unknown = np.isnan(times)
    if unknown.any():
        if (unknown.mean() > _FEW and unknown.sum() > 1) or times.size - unknown.sum() < 2:
            raise SignalError(f"the clock is empty in {unknown.sum()} of {times.size} rows; {_HINT}")
        rows = np.arange(times.size)
        times = np.where(unknown, np.interp(rows, rows[~unknown], times[~unknown]), times)
        notes.append(f"{unknown.sum()} empty time stamps are filled from those beside them")
    steps = np.diff(times)
    if (steps <= 0).all() and steps.any():
        values, times, steps = values[:, ::-1], times[::-1], -steps[::-1]
        notes.append("rows are in reverse order, so they are turned round")
    if (steps < 0).any():
        usual = float(np.median(np.abs(steps)))
        back = np.maximum.accumulate(times) - times
        if back.max() > max(JITTER, 10 * usual):
            row = int(np.argmin(steps)) + 2
            raise SignalError(f"the clock goes back by {-steps.min():.6g} s at row {row}; {_HINT}")
        order = np.argsort(times, kind="stable")
        moved = int((order != np.arange(times.size)).sum())
        values, times = values[:, order], times[order]
        notes.append(f"{moved} rows that came out of order are sorted by their time")
    repeated = _repeated(values, times)
    if repeated.any():
        values, times = values[:, ~repeated], times[~repeated]
        notes.append(f"{repeated.sum()} repeated rows are left out")
    return values, times, notes


def _repeated(values: FloatMatrix, times: Times) -> npt.NDArray[np.bool_]:
    """Rows that repeat the one before, stamp and values; none where stamps are just coarse."""
    same = np.diff(times, prepend=-np.inf) == 0
    if not same.any() or same.mean() > _FEW:
        return np.zeros(times.size, dtype=bool)
    before = np.roll(values, 1, axis=1)
    equal = ((values == before) | (np.isnan(values) & np.isnan(before))).all(axis=0)
    usual = float(np.median(np.diff(times)))
    room = np.diff(times, append=np.inf) > 1.5 * usual  # a late sample, and not one too many
    return np.asarray(same & equal & ~room)


def _spread(times: Times) -> Times:
    """Spread rows that share a stamp, since it is coarser than the samples, up to the next stamp."""
    fresh = np.flatnonzero(np.diff(times, prepend=-np.inf) > 0)
    if len(fresh) == times.size or len(fresh) < 2:
        return times
    counts = np.diff(np.concatenate([fresh, [times.size]]))
    usual = float(np.median(np.diff(times[fresh])))
    room = np.minimum(np.diff(times[fresh], append=times[fresh[-1]] + usual), usual)
    within = np.arange(times.size) - np.repeat(fresh, counts)
    return times + within * np.repeat(room / counts, counts)


def _find_period(steps: Times, stamps: Times) -> tuple[float, float]:
    """The period of a clock, s, and the longest step that is no gap; ``stamps`` are steps between different ones."""
    usual = float(np.median(steps))
    coarse = len(stamps) < (1 - _FEW) * len(steps)
    for base in () if coarse else (usual, float(np.quantile(steps, 0.1))):
        number = np.maximum(1, np.round(steps / base))
        even = np.abs(steps - number * base) < _NEAR * base
        single = number == 1  # all of them, since stamps in ms make steps of 2 and 3 of 2.86
        if single.mean() < 0.1 or even.mean() < _EVEN:
            continue
        period = float(steps[single].mean())
        in_bursts = steps.max() <= 2 * JITTER and steps.sum() > 2 * period * len(steps)
        if not in_bursts:
            return period, 1.5 * period
    # samples come in bursts: only their number over longer times is even
    short = np.sort(stamps[stamps <= max(_BURST, 10 * np.quantile(stamps, 0.9))])
    limit = 2 * float(short[np.searchsorted(np.cumsum(short), short.sum() / 2)])  # half of the time is in longer steps
    short = steps[steps <= limit]
    return float(short.sum() / len(short)), limit


def _starts(times: Times, counts: npt.NDArray[np.int64], period: float) -> npt.NDArray[np.int64]:
    """Slot in which each stretch begins: by its time, but behind the one before and a missing sample."""
    starts = np.round((times - times[0]) / period).astype(np.int64)
    least = np.concatenate([[0], np.cumsum(counts + 1)[:-1]])
    return np.asarray(least + np.maximum.accumulate(starts - least), dtype=np.int64)


def _interpolated(values: FloatMatrix, times: Times, period: float, limit: float) -> FloatMatrix:
    if (times[-1] - times[0]) / period > _LONG_PAUSE * len(times) + 1_000_000:
        raise SignalError(f"the clock runs for {times[-1] - times[0]:.6g} s in {len(times)} rows; {_HINT}")
    times, fresh = np.unique(times, return_index=True)
    grid = times[0] + period * np.arange(int((times[-1] - times[0]) / period) + 1)
    after = np.minimum(np.searchsorted(times, grid), len(times) - 1)
    before = np.maximum(after - 1, 0)
    apart = times[after] - times[before] > limit
    nearest = np.minimum(np.abs(times[after] - grid), np.abs(grid - times[before]))
    rows = np.stack([np.interp(grid, times, row[fresh]) for row in values])
    rows[:, apart & (nearest > period / 2)] = np.nan
    return rows
