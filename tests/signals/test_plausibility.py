"""Numbers that pass every check of units and are wrong by a factor; and true ones, which must pass."""

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal
from sig2lm.signals.plausibility import Seen, check_plausible
from sig2lm.signals.simulation import simulate

RNG = np.random.default_rng(0)
AXES = ("acc_x", "acc_y", "acc_z")
ACC = Contract(AXES, ("m/s^2",) * 3, 50.0)
WALK = 9.81 * np.array([[0.1], [0.2], [0.95]]) + 2.0 * RNG.standard_normal((3, 500))
SEEN_ACC = Seen((0.5, 1.0, 8.0), (3.0, 3.0, 4.0))
RR = Contract(("rr",), ("ms",), None)
BEATS = 800 + 40 * RNG.standard_normal((1, 200))
ECG = Contract(("ecg",), ("mV",), 250.0)
LEAD = np.where(np.arange(2000) % 200 < 5, 1.0, 0.0)[None] + 0.02 * RNG.standard_normal((1, 2000))
SEEN_ECG = Seen((0.0,), (0.2,))


def marked(values):
    values = values.copy()
    values[0, ::20] = -999
    return values


WRONG = {
    "g for m/s^2": (ACC, WALK / 9.81, SEEN_ACC, "look like g: state it .--units g."),
    "g for m/s^2 at rest, no encoder known": (ACC, np.tile([[0.01], [0.02], [0.98]], 100), None, "look like g"),
    "mg for m/s^2": (ACC, WALK * 102, None, "in mg or in counts"),
    "gravity taken out": (ACC, 0.5 * (WALK - WALK.mean(1, keepdims=True)), SEEN_ACC, "is gravity taken out"),
    "marks of missing samples": (ACC, marked(WALK), SEEN_ACC, "acc_x holds -999 25 times.*--missing -999"),
    "RR in s": (RR, BEATS / 1000, None, "hearts beat every 200 to 3000 ms.*--units s"),
    "RR in beats a minute": (RR, 60000 / BEATS, None, "--units"),
    "ECG in V": (ECG, LEAD / 1000, SEEN_ECG, "an ECG spans about 1 mV; is it in V"),
    "ECG in counts": (ECG, LEAD * 200, None, "in uV, or counts"),
    "an ECG far off zero": (ECG, LEAD + 5, SEEN_ECG, "deviations off what its reader has seen"),
    "nothing but zeros": (ECG, np.zeros((1, 500)), SEEN_ECG, "never changes"),
    "heart rate in Hz": (Contract(("heart_rate",), ("beats/min",), 1.0), 1 + 0.1 * RNG.random((1, 50)), None, "in Hz"),
    "skin in Fahrenheit": (Contract(("temp",), ("degC",), 4.0), 91 + RNG.random((1, 50)), None, "degF or kelvin"),
}


def signal_of(contract, values):
    return Signal(values, contract.sampling_rate, contract.channels, contract.units, contract.period)


@pytest.mark.parametrize("name", WRONG)
def test_values_that_cannot_be_are_refused_or_believed(name):
    contract, values, seen, message = WRONG[name]
    signal = signal_of(contract, values)
    with pytest.raises(SignalError, match=f"{message}.*--believe") as caught:
        check_plausible(signal, contract, seen)
    assert "\n" not in str(caught.value)
    assert check_plausible(signal, contract, seen, believe=True)


TRUE = {
    "walking": (ACC, WALK, SEEN_ACC),
    "upside down": (ACC, -WALK, SEEN_ACC),
    "lying still without gravity": (ACC, 0.02 * WALK, Seen((0.0, 0.0, 0.0), (2.0, 2.0, 2.0))),
    "intervals": (RR, BEATS, Seen(None, (60.0,))),
    "an ECG": (ECG, LEAD, SEEN_ECG),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_recordings_pass(name):
    contract, values, seen = TRUE[name]
    assert check_plausible(signal_of(contract, values), contract, seen) == ()


@pytest.mark.parametrize("task", ["har", "af_rr", "stress"])
def test_simulated_recordings_pass(task):
    label = {"har": "jogging", "af_rr": "atrial fibrillation", "stress": "stressed"}[task]
    for name, signal in simulate(task, label, np.random.default_rng(1), subject_seed=3).items():
        contract = Contract(signal.channels, signal.units, signal.sampling_rate, signal.period)
        check_plausible(signal, contract, owner=name)


def test_clipping_and_one_flat_channel_are_said():
    values = np.vstack([np.clip(WALK[0], -1.5, 1.5), np.zeros(500), WALK[2]])
    said = check_plausible(signal_of(ACC, values), ACC, SEEN_ACC)
    assert [word in "; ".join(said) for word in ("acc_x looks clipped", "acc_y never changes")] == [True, True]
