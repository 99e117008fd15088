"""A contract converts what is lossless in meaning and names both sides of what is not."""

import json

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal

CONTRACT = Contract(("acc_x", "acc_y"), ("m/s^2", "m/s^2"), 50.0, window=2.56)


def test_conform_selects_orders_converts_and_resamples():
    values = np.stack([np.zeros(200), np.full(200, 2.0), np.full(200, 1.0)])
    signal = Signal(values, 100.0, ("extra", "acc_y", "acc_x"), ("mV", "g", "m/s²"))
    conformed = CONTRACT.conform(signal, "the encoder")
    assert (conformed.channels, conformed.units, conformed.sampling_rate) == (CONTRACT.channels, CONTRACT.units, 50.0)
    np.testing.assert_allclose(conformed.values[:, 0], [1.0, 19.6133], rtol=1e-5)
    assert conformed.num_samples == 100
    again = CONTRACT.conform(conformed, "the encoder")
    np.testing.assert_array_equal(again.values, conformed.values)


BAD = {
    "a channel lacks": (
        Signal([[1.0]], 50.0, ("acc_x",), ("g",)),
        "channels are acc_x, but the encoder in 'runs/har' expects acc_x, acc_y; missing: acc_y",
    ),
    "an event series": (
        Signal([[1.0], [1.0]], None, ("acc_x", "acc_y"), ("g", "g")),
        r"sampling_rate is None \(an event series\), but the encoder in 'runs/har' expects 50 Hz",
    ),
    "daily rows": (
        Signal([[1.0], [1.0]], None, ("acc_x", "acc_y"), ("g", "g"), 86400.0),
        r"sampling_rate is None \(one row every 86400 s\), but the encoder in 'runs/har' expects 50 Hz",
    ),
    "another quantity": (
        Signal([[1.0], [1.0]], 50.0, ("acc_x", "acc_y"), ("g", "rad/s")),
        "channel acc_y: unit is 'rad/s', but 'm/s.2' is expected.*the encoder in 'runs/har'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_conform_refuses(case):
    signal, message = BAD[case]
    with pytest.raises(SignalError, match=message):
        CONTRACT.conform(signal, "the encoder in 'runs/har'")


def test_periods_must_be_equal():
    contract = Contract(("steps",), ("count",), None, period=86400.0)
    weekly = Signal([[1.0]], None, ("steps",), ("count",), 604800.0)
    with pytest.raises(SignalError, match=r"one row every 604800 s.*one row every 86400 s"):
        contract.conform(weekly, "the table")
    assert contract.conform(Signal([[1.0]], None, ("steps",), ("count",), 86400), "the table").num_samples == 1


def test_round_trip_through_json():
    assert Contract.from_dict(json.loads(json.dumps(CONTRACT.to_dict()))) == CONTRACT


@pytest.mark.parametrize(
    "change",
    [{"channels": "acc"}, {"channels": []}, {"units": ["m/s^2"]}, {"units": ["foo", "m"]}, {"sampling_rate": -1},
     {"period": 5.0}, {"window": 0}, {"colour": "red"}, {"channels": ["a", "a"]}],
)  # fmt: skip
def test_broken_contracts_are_refused(change):
    with pytest.raises(SignalError):
        Contract.from_dict(CONTRACT.to_dict() | change)


def test_fields_that_lack_are_named():
    with pytest.raises(SignalError, match="has the fields channels, period, sampling_rate, units, window, found"):
        Contract.from_dict({"channels": ["x"]})
