"""SignalWindows made one after the other are those of the whole recording, conformed at once; memory does not grow."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal
from sig2lm.signals.resampling import resample_span, resample_values
from sig2lm.signals.windowing import SignalWindows

MOTION = Contract(("x", "y"), ("m/s^2", "rad/s"), 50.0, None, 2.0)
OWNER = "the encoder of 'motion'"


def recording(samples: int, rate: float, seed: int = 0, gap: float = 0.0) -> Signal:
    """Channels in another order and unit than MOTION, with one more, and gaps of all lengths."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, samples)).cumsum(axis=1).astype(np.float32)
    for start in np.flatnonzero(rng.random(samples) < gap / 40):
        values[rng.integers(3), start : start + rng.integers(1, 80)] = np.nan
    return Signal(values, rate, ("y", "z", "x"), ("deg/s", "m", "g"))


RATES = st.sampled_from([20.0, 32.0, 49.87, 50.0, 64.0, 100.0, 300.0])


@settings(max_examples=40)
@given(RATES, st.integers(150, 3000), st.sampled_from([0.0, 0.3]), st.data())
def test_a_span_is_cut_from_the_resampled_whole(rate: float, samples: int, gap: float, data: st.DataObject) -> None:
    values = recording(samples, rate, gap=gap).values
    whole = resample_values(values, rate, 50.0)
    first = data.draw(st.integers(0, whole.shape[1] - 1))
    last = data.draw(st.integers(first + 1, whole.shape[1]))
    span = resample_span(list(values), rate, 50.0, first, last)
    np.testing.assert_allclose(span, whole[:, first:last], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(span), np.isnan(whole[:, first:last]))


@settings(max_examples=30)
@given(RATES, st.integers(700, 4000), st.sampled_from([None, 0.02, 0.5, 2.0, 3.3]), st.sampled_from([0.0, 0.3]))
def test_windows_are_those_of_the_conformed_whole(rate: float, samples: int, stride: float | None, gap: float) -> None:
    signal = recording(samples, rate, gap=gap)
    expected = list(MOTION.conform(signal, OWNER).windows(2.0, stride))
    windows = SignalWindows.from_signal(signal, MOTION, OWNER, stride=stride)
    found = list(windows)
    assert len(windows) == len(found) == len(expected)
    for number, (values, (start, window)) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(values, window.values, rtol=1e-4, atol=1e-5)
        assert windows.span(number) == pytest.approx((start, start + 2.0))


def test_a_long_gap_is_bridged_from_its_far_ends() -> None:
    """The line over a gap may begin and end far outside of the block in which it is needed."""
    values = np.linspace(0, 100, 400_000, dtype=np.float32)[None].copy()
    values[0, 50_000:350_000] = np.nan
    whole = resample_values(values, 100.0, 50.0)
    for first in (24_990, 99_000, 174_990):
        span = resample_span(list(values), 100.0, 50.0, first, first + 50)
        np.testing.assert_allclose(span, whole[:, first : first + 50], rtol=1e-5)


def test_events_take_their_times_from_the_sum_of_the_intervals() -> None:
    contract = Contract(("rr",), ("ms",), None, None, 4.0)
    intervals = np.array([[0.8, 1.0, np.nan, 0.7, 0.9, 0.8, 1.1, 1.0, 0.9, 0.5]])
    windows = SignalWindows.from_signal(Signal(intervals, None, ("rr",), ("s",)), contract, "it", stride=3)
    times = np.r_[0.0, np.nancumsum(intervals)]
    spans = [windows.span(number) for number in range(len(windows))]
    np.testing.assert_allclose(spans, [(times[i], times[i + 4]) for i in (0, 3, 6)], atol=1e-6)
    np.testing.assert_allclose(list(windows)[1], 1000 * intervals[:, 3:7], rtol=1e-6)
    assert windows.end == pytest.approx(times[-1])


def test_daily_rows_take_their_times_from_the_period() -> None:
    contract = Contract(("steps",), ("count",), None, 86400.0, 7.0)
    windows = SignalWindows.from_signal(
        Signal(np.arange(20.0)[None], None, ("steps",), ("count",), 86400.0), contract, "it", stride=1
    )
    assert len(windows) == 14
    assert windows.span(1) == (86400.0, 8 * 86400.0)


def test_what_breaks_the_contract_is_refused_before_the_first_window() -> None:
    signal = recording(1000, 100.0)
    with pytest.raises(SignalError, match="missing: x"):
        SignalWindows.from_signal(signal.select(["y"]), MOTION, OWNER)
    with pytest.raises(SignalError, match="different things"):
        SignalWindows.from_signal(Signal(signal.values, 100.0, signal.channels, ("V",) * 3), MOTION, OWNER)
    with pytest.raises(SignalError, match="invent"):
        SignalWindows.from_signal(Signal(signal.values, 0.1, signal.channels, signal.units), MOTION, OWNER)
    with pytest.raises(SignalError, match="window"):
        SignalWindows.from_signal(signal, Contract(MOTION.channels, MOTION.units, 50.0), OWNER)
    with pytest.raises(SignalError, match="no times"):
        SignalWindows.from_signal(
            Signal(np.ones((1, 9)), None, ("n",), ("count",)), Contract(("n",), ("count",), None), OWNER, 3
        )
    for length, stride in ((0.001, None), (1.0, 0.001)):
        with pytest.raises(SignalError, match="reach one"):
            SignalWindows.from_signal(signal, MOTION, OWNER, length, stride)


@pytest.mark.parametrize("rate", [50.0, 64.0])
def test_memory_does_not_grow_with_the_recording(rate: float) -> None:
    def peak(samples: int) -> int:
        signal = recording(samples, rate)
        tracemalloc.start()
        try:
            for _ in SignalWindows.from_signal(signal, MOTION, OWNER):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(1_600_000) < 1.1 * peak(400_000) + 100_000
