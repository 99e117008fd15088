"""Uneven clocks on an even grid: every sample keeps its value, gaps are missing, and what was resolved is counted."""

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals.regrid import regrid

TIMES = np.arange(1000) / 100
RNG = np.random.default_rng(0)
GRIDS = {
    "even": (TIMES, 100, 1000, 0, ""),
    "jitter": (np.sort(TIMES + RNG.normal(0, 0.003, 1000)), 100, 1000, 0, ""),
    "bursts that share a stamp": (np.repeat(np.arange(60) * 0.18, 18), 100, 1080, 0, ""),
    "bursts close together": (TIMES // 0.18 * 0.18 + np.arange(1000) % 18 * 0.0005, 100, 1000, 0, ""),
    "bursts with a hole": (np.delete(np.repeat(np.arange(60) * 0.18, 18), range(180, 216)), 100, 1080, 36, "1 gap"),
    "ticks of 15.6 ms": (np.round(TIMES / 0.0156) * 0.0156, 100, 1000, 0, ""),
    "350 Hz in whole ms": (np.round(np.arange(1000) / 350, 3), 350, 1000, 0, ""),
    "a hole": (np.delete(TIMES, range(300, 320)), 100, 1000, 20, "20 missing samples fill 1 gap"),
    "dropped frames": (TIMES[np.r_[True, RNG.random(998) > 0.3, True]], 100, 1000, None, "gaps"),
    "a pause of a minute": (np.r_[TIMES, TIMES + 70], 100, 8000, 6000, "the longest 60 s"),
    "steps of 5, 10 and 15 s": (np.cumsum(RNG.choice([5, 10, 15], 500, p=[0.6, 0.3, 0.1])), 0.2, None, None, "gaps"),
    "two rows exchanged": (TIMES[np.r_[0:500, 501, 500, 502:1000]], 100, 1000, 0, "2 rows that came out of order"),
    "an empty stamp": (np.where(np.arange(1000) == 5, np.nan, TIMES), 100, 1000, 0, "filled from those beside"),
}


@pytest.mark.parametrize("name", GRIDS)
def test_grids(name):
    times, rate, size, missing, said = GRIDS[name]
    values = np.arange(len(times), dtype=float)[None]
    grid = regrid(values, np.asarray(times, dtype=float))
    assert grid.sampling_rate == pytest.approx(rate, rel=0.01)
    assert size is None or abs(grid.values.shape[1] - size) <= 1
    assert missing is None or np.isnan(grid.values).sum() == missing
    kept = grid.values[~np.isnan(grid.values)]
    assert np.array_equal(np.sort(kept), values[0])  # no sample is lost or changed
    assert said in "; ".join(grid.notes)


def test_a_repeated_row_goes_and_a_clock_that_runs_unevenly_is_interpolated():
    values = np.insert(np.arange(1000.0), 500, 499.0)[None]
    grid = regrid(values, np.insert(TIMES, 500, TIMES[499]))
    assert grid.values.tolist() == [list(range(1000))]
    assert "1 repeated" in grid.notes[0]
    times = np.cumsum(np.linspace(0.005, 0.02, 1000))
    grid = regrid(10 * times[None], times)
    assert "interpolated" in grid.notes[-1]
    seconds = times[0] + np.arange(grid.values.shape[1]) / grid.sampling_rate
    np.testing.assert_allclose(grid.values[0], 10 * seconds, atol=0.02)


@pytest.mark.parametrize(
    ("times", "rate", "message"),
    [
        ([0.0], None, "needs two rows"),
        ([1.0, 1.0, 1.0], None, "does not advance"),
        ([0.0, np.nan, np.nan, 3.0], None, "empty in 2 of 4 rows"),
        (np.r_[TIMES, TIMES], None, "goes back by 9.99 s at row 1001; cut the file"),
        (np.r_[TIMES, TIMES + 1e7], None, "pauses for .* after row 1000"),
        (TIMES, 50, "gives 100 Hz, but 50 Hz was stated"),
    ],
)
def test_clocks_that_give_no_grid_are_refused(times, rate, message):
    with pytest.raises(SignalError, match=message):
        regrid(np.ones((1, len(times))), np.asarray(times, dtype=float), rate)


@pytest.mark.parametrize("last", [1e300, np.inf, 1e308])
def test_times_without_end_are_refused(last):
    times = np.array([0.0, 1.0, 2.0, 2.5, 3.7, last])
    with pytest.raises(SignalError, match="clock"):
        regrid(np.zeros((1, 6)), times)
