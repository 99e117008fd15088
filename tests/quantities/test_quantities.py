"""Quantities against physics: the known truth of a simulated signal comes back, in any unit, at any rate, with gaps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sig2lm.errors import SignalError
from sig2lm.quantities import QUANTITIES, Measurement, lacking_packages, measure, measure_many
from sig2lm.quantities.quantity import round_to
from sig2lm.signals import Signal

GRAVITY = 9.80665
ACCELERATION = ("acc_x", "acc_y", "acc_z")
quick = settings(max_examples=25)


def gait(steps: float, rate: float, turn: int = 0, seconds: float = 4.0, strength: float = 3.0) -> Signal:
    """A body that bounces with each step and sways with each stride, seen by a sensor that hangs in any direction."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * steps * time + 0.3
    upward = GRAVITY + strength * (np.cos(phase) + 0.5 * np.cos(2 * phase + 0.6))
    body = np.stack([0.2 * strength * np.sin(phase / 2), upward, 0.4 * strength * np.sin(phase)])
    values = Rotation.random(rng=turn).as_matrix() @ body
    return Signal(values.astype(np.float32), rate, ACCELERATION, ("m/s^2",) * 3)


def with_gaps(signal: Signal, seed: int) -> Signal:
    """Lose a tenth of the samples one by one, and a tenth of the recording at once."""
    rng = np.random.default_rng(seed)
    values = signal.values.copy()
    values[:, rng.random(signal.num_samples) < 0.1] = np.nan
    start = int(rng.integers(0, signal.num_samples))
    values[:, start : start + signal.num_samples // 10] = np.nan
    return replace(signal, values=values)


def beats(seconds: float, rate: float, noise: float = 0.0, seed: int = 0) -> tuple[Signal, float]:
    """An ECG with a P wave, a QRS complex and a T wave at each beat, and its heart rate."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(np.r_[0.6, rng.normal(0.85, 0.03, round(2 * seconds))])
    times = times[times < seconds - 0.6]
    clock = np.arange(round(seconds * rate)) / rate
    waves = ((-0.17, 0.12, 0.02), (0.0, 1.0, 0.02), (0.28, 0.25, 0.04))
    values = sum(
        height * np.exp(-((clock - times[:, None] - at) ** 2) / (2 * width**2)).sum(axis=0)
        for at, height, width in waves
    )
    values = values + rng.normal(0, noise, len(clock)) if noise else values
    return Signal(np.float32(values)[None], rate, ("ecg",), ("mV",)), 60 / float(np.diff(times).mean())


def intervals(values: np.ndarray, unit: str = "ms") -> Signal:
    return Signal(np.float32(values)[None], None, ("rr",), (unit,))


def conductance(responses: int, rate: float, level: float = 4.0, slope: float = 0.0) -> Signal:
    """Skin conductance over a minute: a level, a slope (uS/min) and responses that rise in 2 s and fall in 6 s."""
    time = np.arange(round(60 * rate)) / rate
    values = level + slope * time / 60
    for start in np.linspace(4, 50, responses):
        late = np.clip(time - start, 0, None)
        values = values + 0.9 * (np.exp(-late / 5) - np.exp(-late / 1.2))
    return Signal(np.float32(values)[None], rate, ("eda",), ("uS",))


@quick
@given(st.floats(1.4, 3.2), st.sampled_from([20.0, 31.0, 50.0, 100.0]), st.integers(0, 99))
def test_the_step_rate_of_a_gait_comes_back(steps: float, rate: float, turn: int) -> None:
    """At any rate, in any unit, however the sensor hangs, with a fifth of the samples lost."""
    signal = gait(steps, rate, turn)
    for seen in (signal, signal.convert(["g"] * 3), with_gaps(signal, turn)):
        assert measure(seen, ["step rate"])["step rate"].holds(steps)


@quick
@given(st.floats(1.4, 3.2), st.integers(0, 99), st.integers(0, 99))
def test_turning_the_sensor_changes_only_where_gravity_points(steps: float, first: int, second: int) -> None:
    pointing = {"gravity along x", "gravity along y", "gravity along z", "tilt"}
    one, other = (measure(gait(steps, 50.0, turn)) for turn in (first, second))
    assert set(one) == set(other)
    for name in set(one) - pointing:
        assert one[name].value == pytest.approx(other[name].value, rel=1e-4, abs=1e-4)
    length = sum(one[f"gravity along {axis}"].value ** 2 for axis in "xyz")
    assert length == pytest.approx(GRAVITY**2, rel=0.06)


@quick
@given(st.sampled_from([25.0, 50.0, 64.0, 200.0]), st.integers(0, 99))
def test_rate_units_and_gaps_change_no_measure_of_movement(rate: float, seed: int) -> None:
    reference = measure(gait(2.0, 100.0, 5))
    signal = gait(2.0, rate, 5)
    for seen in (signal, signal.convert(["g", "mm/s^2", "m/s^2"]), with_gaps(signal, seed)):
        found = measure(seen)
        assert set(found) == set(reference)
        for name, fact in reference.items():
            assert fact.holds(found[name].value), (name, fact.value, found[name].value)


def test_a_body_at_rest_takes_no_steps_and_a_shake_without_rhythm_has_no_step_rate() -> None:
    rng = np.random.default_rng(0)
    rest = np.array([[0.0], [GRAVITY], [0.0]]) + rng.normal(0, 0.03, (3, 200))
    still = measure(Signal(np.float32(rest), 50.0, ACCELERATION, ("m/s^2",) * 3))
    assert still["step rate"].value == 0
    assert still["stillness"].value == 100
    assert still["tilt"].holds(90)
    shaken = measure(Signal(np.float32(rest + rng.normal(0, 4, (3, 200))), 50.0, ACCELERATION, ("m/s^2",) * 3))
    assert "step rate" not in shaken
    assert shaken["stillness"].value == 0


def test_rotation_at_a_constant_rate() -> None:
    turning = np.zeros((3, 100), np.float32)
    turning[1] = 0.5
    signal = Signal(turning, 50.0, ("gyro_x", "gyro_y", "gyro_z"), ("rad/s",) * 3)
    for seen in (signal, signal.convert(["deg/s"] * 3), with_gaps(signal, 1)):
        found = measure(seen)
        assert found["turning rate"].value == pytest.approx(np.degrees(0.5), rel=1e-4)
        assert found["rotation energy"].value == pytest.approx(0.25, rel=1e-4)


@quick
@given(st.floats(45, 160), st.floats(5, 80), st.integers(0, 99))
def test_intervals_of_a_known_heart(rate: float, spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = 60_000 / rate + rng.normal(0, spread, 400)
    found = measure(intervals(values))
    assert found["heart rate"].holds(rate)
    assert found["SDNN"].holds(spread)
    assert found["RMSSD"].holds(spread * np.sqrt(2))
    assert found["longest pause"].value == pytest.approx(values.max() / 1000, rel=1e-4)
    in_seconds = measure(intervals(values / 1000, "s"))
    values[rng.random(400) < 0.05] = np.nan
    for seen in (in_seconds, measure(intervals(values))):
        for name in set(found) - {"longest pause", "sample entropy", "ectopic share"}:
            assert found[name].holds(seen[name].value), name


def test_entropy_is_that_of_its_definition_and_ectopic_beats_are_counted() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(800, 40, 120)
    radius = 0.2 * values.std()

    def pairs(length: int) -> int:
        rows = np.array([values[i : i + length] for i in range(118)])
        near = np.abs(rows[:, None] - rows[None]).max(axis=2) <= radius
        return int(near.sum() - 118) // 2

    entropy = measure(intervals(values))["sample entropy"]
    assert entropy.value == pytest.approx(np.log(pairs(2) / pairs(3)), rel=1e-3)
    values[[20, 50, 90]] *= 0.6
    assert measure(intervals(values))["ectopic share"].value == pytest.approx(100 * 3 / 120, rel=1e-4)


@pytest.mark.parametrize("rate", [128.0, 300.0])
def test_an_ecg_is_measured_through_its_beats(rate: float) -> None:
    pytest.importorskip("sleepecg")
    signal, heart_rate = beats(30.0, rate)
    noisy, _ = beats(30.0, rate, noise=0.8)
    found = measure(signal)
    assert found["heart rate"].holds(heart_rate)
    assert found["heart rate"].source == ("beats in ecg",)
    assert found["signal quality"].value > 90 > measure(noisy)["signal quality"].value
    assert found["P wave coherence"].value > 90
    in_volts = measure(signal.convert(["V"]))
    assert found["heart rate"].value == in_volts["heart rate"].value


def test_waves_of_an_ecg_and_beats_of_a_pulse() -> None:
    neurokit = pytest.importorskip("neurokit2")
    signal, _ = beats(20.0, 250.0)
    assert 60 <= measure(signal, ["QRS width"])["QRS width"].value <= 120
    for heart_rate in (60, 95):
        wave = neurokit.ppg_simulate(40, sampling_rate=64, heart_rate=heart_rate, random_state=1)
        pulse = Signal(np.float32(wave)[None], 64.0, ("bvp",), ("",))
        found = measure(pulse)
        assert found["pulse rate"].holds(heart_rate)
        doubled = measure(replace(pulse, values=2 * pulse.values))
        assert doubled["pulse amplitude"].value == pytest.approx(2 * found["pulse amplitude"].value, rel=1e-3)
    assert not measure(Signal(np.ones((1, 2000), np.float32), 64.0, ("bvp",), ("",)))


@pytest.mark.parametrize("rate", [4.0, 8.0, 32.0])
@pytest.mark.parametrize("responses", [0, 2, 5])
def test_skin_conductance_of_a_known_minute(rate: float, responses: int) -> None:
    signal = conductance(responses, rate, slope=-0.3)
    for seen in (signal, signal.convert(["nS"])):
        found = measure(seen)
        assert found["skin conductance responses"].value == responses
        if not responses:
            assert found["skin conductance slope"].value == pytest.approx(-0.3, abs=0.01)
            assert found["skin conductance"].value == pytest.approx(3.85, abs=0.01)


def test_skin_temperature_is_the_same_in_fahrenheit() -> None:
    values = 33.0 + 0.4 * np.arange(240) / 240
    signal = Signal(np.float32(values)[None], 4.0, ("temp",), ("degC",))
    for seen in (signal, signal.convert(["degF"]), with_gaps(signal, 2)):
        found = measure(seen)
        assert found["skin temperature"].value == pytest.approx(33.2, abs=0.05)
        assert found["skin temperature slope"].value == pytest.approx(0.4, abs=0.02)


def test_days_with_gaps() -> None:
    steps = [4000.0, np.nan, 5000.0, 5500.0, np.nan, 6500.0, 7000.0]
    signal = Signal(np.float32([steps, [np.nan] * 7]), None, ("steps", "mood"), ("count", ""), 86400.0)
    found = {name: fact.value for name, fact in measure(signal).items()}
    assert found["trend of steps"] == pytest.approx(500)
    assert found["mean steps"] == pytest.approx(5600)
    assert (found["last steps"], found["highest steps"], found["lowest steps"]) == (7000, 7000, 4000)
    assert (found["days since the highest steps"], found["days since the lowest steps"]) == (0, 6)
    assert (found["days without steps"], found["days without mood"]) == (2, 7)
    assert [name for name in found if "mood" in name] == ["days without mood"]
    assert measure(signal)["trend of steps"].stated == "500 steps per day"


def every_kind() -> list[Signal]:
    ecg, _ = beats(12.0, 200.0)
    wave = np.sin(2 * np.pi * 1.2 * np.arange(1280) / 64) ** 3
    days = Signal(np.float32([[1, 2, 3, 4]]), None, ("steps",), ("count",), 86400.0)
    gyro = Signal(np.ones((3, 200), np.float32), 50.0, ("gyro_x", "gyro_y", "gyro_z"), ("rad/s",) * 3)
    temperature = Signal(np.full((1, 120), 33.0, np.float32), 4.0, ("temp",), ("degC",))
    pulse = Signal(np.float32(wave)[None], 64.0, ("bvp",), ("",))
    rr = intervals(np.random.default_rng(0).normal(800, 40, 60))
    return [gait(2.0, 50.0), gyro, rr, ecg, pulse, conductance(2, 4.0), temperature, days]


def test_every_quantity_is_measured_on_some_signal_and_none_on_a_silent_one() -> None:
    pytest.importorskip("sleepecg")
    signals = every_kind()
    measured = measure_many(signals)
    here = {name for signal in signals for names in lacking_packages(signal).values() for name in names}
    names = {name.replace("{channel}", "steps") for name in QUANTITIES} - here
    assert {name for found in measured for name in found} == names
    for signal in signals:
        silent = replace(signal, values=np.full_like(signal.values, np.nan))
        assert set(measure(silent)) <= {"days without steps"}


def test_many_are_measured_as_each_is_alone() -> None:
    signals = [gait(2.0, 50.0), gait(2.5, 50.0), gait(1.6, 50.0, seconds=3.0), *every_kind()]
    assert measure_many(signals) == [measure(signal) for signal in signals]


def test_a_wish_that_cannot_be_met() -> None:
    with pytest.raises(SignalError, match="no quantity 'blood sugar'; choose among step rate"):
        measure(gait(2.0, 50.0), ["blood sugar"])
    assert measure(gait(2.0, 50.0, seconds=1.0), ["step rate"]) == {}
    assert measure(gait(2.0, 8.0), ["step rate"]) == {}


def test_signals_that_belong_together_are_told_apart() -> None:
    found = measure({"phone": gait(2.0, 50.0), "left_watch": gait(2.0, 50.0)}, ["step rate"])
    assert list(found) == ["step rate of the phone", "step rate of the left watch"]
    lying = gait(2.0, 50.0)
    falling = replace(lying, values=np.float32(0.1) * lying.values)  # no gravity, so no tilt
    assert list(measure({"phone": lying, "watch": falling}, ["tilt"])) == ["tilt of the phone"]
    assert list(measure({"acc": lying, "eda": conductance(0, 4.0)}, ["tilt", "skin conductance"])) == [
        "tilt",
        "skin conductance",
    ]


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e4))
def test_what_is_written_lies_within_half_the_tolerance(value: float, tolerance: float) -> None:
    fact = Measurement("x", value, "m/s^2", tolerance, "", ())
    written = float(round_to(value, tolerance))
    assert abs(written - value) <= 0.5 * tolerance + 1e-9
    assert fact.holds(written)
