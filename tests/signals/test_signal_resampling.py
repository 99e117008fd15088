"""Resampling keeps what lies below the new Nyquist frequency, removes what lies above, and invents nothing in gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.errors import SignalError
from sig2lm.signals import Signal

RATES = st.sampled_from([16.0, 25.0, 32.0, 37.3, 50.0, 64.0, 99.97, 100.0, 128.0, 250.0])


def sine(frequency: float, rate: float, seconds: float = 20.0) -> Signal:
    time = np.arange(round(rate * seconds)) / rate
    return Signal([np.sin(2 * np.pi * frequency * time)], rate, ("x",), ("mV",))


@settings(max_examples=30)
@given(RATES, RATES, st.floats(0.05, 0.8), st.floats(-100, 100, width=32))
def test_sines_below_both_nyquist_frequencies_keep_their_shape(source, target, share, offset):
    frequency = share * min(source, target) / 2
    signal = sine(frequency, source)
    shifted = Signal(signal.values + np.float32(offset), source, ("x",), ("mV",)).resample(target)
    time = np.arange(shifted.num_samples) / target
    inner = (time > 3) & (time < 17)
    expected = np.sin(2 * np.pi * frequency * time) + offset
    # float32 carries an offset of 100 with an error of 4e-6; the clocks' ratio is approximated, see _MAX_DENOMINATOR.
    np.testing.assert_allclose(shifted.values[0][inner], expected[inner], atol=5e-3)


@settings(max_examples=30)
@given(RATES, RATES, st.floats(-1e6, 1e6, width=32), st.integers(1, 300))
def test_a_constant_stays_that_constant_to_the_edges(source, target, constant, samples):
    signal = Signal(np.full((2, samples), constant), source, ("x", "y"), ("", "")).resample(target)
    np.testing.assert_allclose(signal.values, constant, rtol=1e-6)
    assert signal.sampling_rate == target
    assert signal.duration == pytest.approx(samples / source, abs=1 / target + 1e-3 * samples / source)


@pytest.mark.parametrize("frequency", [12.5, 13.0, 20.0, 40.0, 49.0])
def test_nothing_folds_back(frequency):
    resampled = sine(frequency, 100.0).resample(25.0)
    assert np.abs(resampled.values[0, 75:-75]).max() < 2e-3


@settings(max_examples=30)
@given(RATES, st.integers(0, 150), st.integers(1, 60))
def test_gaps_stay_gaps_and_do_not_spread(target, start, length):
    values = sine(1.0, 50.0, 6.0).values.copy()
    values[0, start : start + length] = np.nan
    resampled = Signal(values, 50.0, ("x",), ("mV",)).resample(target)
    nearest = np.minimum(np.floor(np.arange(resampled.num_samples) * 50 / target + 0.5 + 1e-4), 299).astype(int)
    missing = np.isnan(values[0])
    agree = np.isnan(resampled.values[0]) == missing[nearest]
    # Exactly halfway between two samples, or where the ratio is approximated, either neighbour may be the nearest.
    assert agree.mean() > 0.99
    assert np.nanmax(np.abs(resampled.values)) < 1.5


def test_an_empty_channel_stays_empty_beside_a_full_one():
    values = np.stack([np.full(100, np.nan), np.ones(100)])
    resampled = Signal(values, 50.0, ("x", "y"), ("", "")).resample(20.0)
    assert np.isnan(resampled.values[0]).all()
    np.testing.assert_allclose(resampled.values[1], 1.0)


def test_equal_rates_change_nothing():
    signal = sine(3.0, 50.0)
    assert signal.resample(50.0).values is signal.values


@settings(max_examples=20)
@given(RATES, RATES, st.floats(0.1, 100))
def test_resampling_commutes_with_scaling(source, target, scale):
    signal = sine(2.0, source, 5.0)
    scaled = Signal(signal.values * np.float32(scale), source, ("x",), ("mV",))
    np.testing.assert_allclose(
        scaled.resample(target).values, signal.resample(target).values * scale, rtol=1e-4, atol=1e-5 * scale
    )


def test_impossible_requests_are_refused():
    with pytest.raises(SignalError, match="of events, without a sampling_rate cannot be resampled"):
        Signal([[800.0]], None, ("rr",), ("ms",)).resample(4.0)
    with pytest.raises(SignalError, match="with one row every 86400 s cannot"):
        Signal([[1.0]], None, ("steps",), ("count",), 86400.0).resample(4.0)
    with pytest.raises(SignalError, match="would invent 1000 samples for each"):
        Signal([[1.0, 2.0]], 0.05, ("x",), ("",)).resample(50.0)
    with pytest.raises(SignalError, match="must be positive"):
        sine(1.0, 10.0).resample(-5)
