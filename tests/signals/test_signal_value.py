"""Signal keeps its parts consistent, and its operations keep what they mean."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig2lm.errors import SignalError
from sig2lm.signals import Signal


def make(values=((0.0, 1.0, 2.0, 3.0),), rate=2.0, channels=("x",), units=("mV",), period=None) -> Signal:
    return Signal(values, rate, channels, units, period)


BAD = {
    "one dimension": ({"values": [1.0, 2.0]}, r"\(channels, samples\), found shape \(2,\)"),
    "three dimensions": ({"values": np.zeros((1, 2, 3))}, r"found shape \(1, 2, 3\)"),
    "no samples": ({"values": np.zeros((1, 0))}, "values are empty"),
    "infinity": ({"values": [[1.0, np.inf]]}, "infinity"),
    "beyond float32": ({"values": [[1e39]]}, "beyond float32"),
    "text": ({"values": [["a"]]}, "must be real numbers"),
    "complex": ({"values": [[1j]]}, "must be real numbers, found complex128"),
    "ragged": ({"values": [[1.0], [1.0, 2.0]]}, "different lengths"),
    "channel count": ({"channels": ("x", "y")}, "1 channels .* 2 channels are named: x, y"),
    "unit count": ({"units": ()}, "0 units are named"),
    "channels as text": ({"channels": "x"}, "list of names"),
    "same name twice": ({"values": [[1.0], [2.0]], "channels": ("x", "x"), "units": ("", "")}, "must differ"),
    "unknown unit": ({"units": ("furlongs per banana",)}, "is not known"),
    "rate zero": ({"rate": 0}, "sampling_rate must be positive"),
    "rate beyond floats": ({"rate": 10**400}, "sampling_rate must be positive and finite"),
    "rate nan": ({"rate": float("nan")}, "sampling_rate must be positive and finite"),
    "rate as text": ({"rate": "50"}, "sampling_rate must be a number, found '50'"),
    "two clocks": ({"period": 86400.0}, "exclude each other"),
}


@pytest.mark.parametrize("case", BAD)
def test_constructor_refuses(case):
    arguments, message = BAD[case]
    with pytest.raises(SignalError, match=message):
        make(**arguments)


def test_values_become_float32_and_nan_stays():
    signal = make(np.array([[1, 2], [3, 4]]), channels=["x", "y"], units=["mV", "mV"])
    assert signal.values.dtype == np.float32
    assert (signal.channels, signal.num_channels, signal.num_samples) == (("x", "y"), 2, 2)
    assert np.isnan(make([[np.nan, 1.0]]).values[0, 0])


def test_duration_of_the_three_clocks():
    assert make(rate=2.0).duration == 2.0
    assert make(rate=None, period=86400.0).duration == 4 * 86400.0
    assert make([[800.0, np.nan, 700.0]], rate=None, units=("ms",)).duration == pytest.approx(1.5)
    assert make(rate=None).duration is None


def test_select_takes_channels_with_their_units_in_the_order_asked():
    signal = make([[1.0], [2.0], [3.0]], channels=("x", "y", "z"), units=("mV", "uV", "V")).select(["z", "x"])
    assert (signal.channels, signal.units, signal.values.tolist()) == (("z", "x"), ("V", "mV"), [[3.0], [1.0]])
    with pytest.raises(SignalError, match="no channel named q; the signal has z, x"):
        signal.select(["q"])


def test_slice_counts_seconds_and_refuses_what_lies_outside():
    assert make(rate=2.0).slice(0.5, 1.5).values.tolist() == [[1.0, 2.0]]
    assert make(rate=None, period=10.0).slice(10, 30).values.tolist() == [[1.0, 2.0]]
    for start, end in ((-1, 1), (1, 1), (0, 9)):
        with pytest.raises(SignalError, match="within 0 to 2 s"):
            make().slice(start, end)
    with pytest.raises(SignalError, match="holds no sample"):
        make().slice(0.1, 0.2)
    with pytest.raises(SignalError, match="no time axis"):
        make(rate=None).slice(0, 1)


def test_windows_tell_their_start_and_drop_the_incomplete_end():
    signal = make([np.arange(10.0)], rate=2.0)
    found = [(start, window.values[0].tolist()) for start, window in signal.windows(2.0, 1.5)]
    assert found == [(0.0, [0, 1, 2, 3]), (1.5, [3, 4, 5, 6]), (3.0, [6, 7, 8, 9])]
    assert list(signal.windows(6.0)) == []
    rows = make([np.arange(5.0)], rate=None)
    assert [start for start, _ in rows.windows(2)] == [0, 2]


@pytest.mark.parametrize(("length", "stride"), [(0, 1), (1, 0), (1, -1), (0.1, 1), (1, 0.1)])
def test_windows_refuse_less_than_a_sample(length, stride):
    with pytest.raises(SignalError, match="must reach one sample"):
        list(make(rate=2.0).windows(length, stride))


@given(
    samples=st.integers(1, 400),
    rate=st.sampled_from([1.0, 12.8, 33.3, 50.0, 300.0]),
    length=st.floats(0.1, 3.0),
    overlap=st.floats(0.0, 0.9),
)
def test_windows_do_not_drift(samples, rate, length, overlap):
    signal = Signal([np.arange(samples)], rate, ("x",), ("",))
    stride = length * (1 - overlap)
    if round(length * rate) < 1 or stride * rate < 1:
        return
    windows = list(signal.windows(length, stride))
    for index, (start, window) in enumerate(windows):
        assert window.num_samples == round(length * rate)
        assert window.values[0, 0] == round(start * rate)
        assert abs(start - index * stride) <= 0.5 / rate + 1e-9
    following = round(len(windows) * stride * rate)
    assert following + round(length * rate) > samples


def test_description_reads_as_words_with_units():
    signal = make([[0.0, 2.0, np.nan, 1.0], [np.nan] * 4], rate=2.0, channels=("acc", "gyro"), units=("m/s^2", "rad/s"))
    assert signal.describe() == (
        "2 channels, 2 s at 2 Hz. acc: mean 1, std 0.816, min 0, max 2 m/s^2, 25 % missing. gyro: no values."
    )
    assert make([[7000.0, 8000.0]], None, ("steps",), ("count",), 86400.0).describe() == (
        "1 channel, 2 rows, one every 1 day. steps: mean 7500, std 500, min 7000, max 8000 count."
    )
    assert "2 events over 1.5 s." in make([[800.0, 700.0]], None, ("rr",), ("ms",)).describe()


def test_summary_is_json_with_the_same_numbers():
    signal = make([[0.0, 2.0, np.nan, 1.0]])
    summary = json.loads(json.dumps(signal.summary(), allow_nan=False))
    assert (summary["duration"], summary["sampling_rate"], summary["num_samples"]) == (2.0, 2.0, 4)
    (channel,) = summary["channels"]
    assert channel == {
        "name": "x", "unit": "mV", "mean": 1.0, "std": pytest.approx(np.std([0, 2, 1])), "min": 0.0, "max": 2.0,
        "missing": 0.25,
    }  # fmt: skip
    assert make([[np.nan]]).summary()["channels"][0]["mean"] is None


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_described_numbers_have_no_exponent_and_three_digits(number):
    from sig2lm.signals.description import format_number

    text = format_number(number)
    assert "e" not in text
    assert float(text) == pytest.approx(number, rel=6e-3, abs=1e-300)
