"""Simulated recordings meet their contracts and look like what they claim to be."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sig2lm.errors import DatasetError
from sig2lm.signals.simulation import TASKS, simulate

CASES = [(task, label) for task, spec in TASKS.items() for label in spec.labels]


def draw(task: str, label: str, subjects: int = 8, recordings: int = 10) -> np.ndarray:
    rng = np.random.default_rng(0)
    signals = [simulate(task, label, rng, subject) for subject in range(subjects) for _ in range(recordings)]
    return np.stack([next(iter(signal.values())).values for signal in signals])


@pytest.mark.parametrize(("task", "label"), CASES)
def test_recordings_meet_their_contract(task, label):
    ((name, contract),) = TASKS[task].signals.items()
    signal = simulate(task, label, np.random.default_rng(1), 7)[name]
    assert contract.conform(signal, "the test").values is signal.values
    length = contract.window if contract.sampling_rate is None else contract.window * contract.sampling_rate
    assert signal.num_samples == length


def test_the_same_draw_is_the_same_recording_and_people_differ():
    def first(seed: int, subject: int) -> np.ndarray:
        return simulate("har", "walking", np.random.default_rng(seed), subject)["motion"].values

    np.testing.assert_array_equal(first(1, 2), first(1, 2))
    assert not np.allclose(first(1, 2), first(2, 2))
    assert not np.allclose(first(1, 2), first(1, 3))


def test_movement_obeys_gravity_and_the_size_of_activities():
    size = {label: draw("har", label)[:, :3].std(axis=2).mean() for label in TASKS["har"].labels}
    assert size["sitting"] < size["standing"] < size["walking upstairs"] < size["walking"] < size["jogging"]
    for label in ("sitting", "standing"):
        strength = np.linalg.norm(draw("har", label)[:, :3].mean(axis=2), axis=1)
        np.testing.assert_allclose(strength, 9.80665, rtol=0.02)


def test_step_rates():
    values = draw("har", "jogging")
    strength = np.linalg.norm(values[:, :3], axis=1)
    spectrum = np.abs(np.fft.rfft(strength - strength.mean(axis=1, keepdims=True), axis=1)).mean(axis=0)
    frequencies = np.fft.rfftfreq(values.shape[2], 1 / 50)
    assert 2.3 < frequencies[spectrum.argmax()] < 3.4


def test_heart_rhythms_have_the_spread_of_their_kind():
    fibrillation, sinus = draw("af_rr", "atrial fibrillation")[:, 0], draw("af_rr", "normal sinus rhythm")[:, 0]
    assert 450 < np.median(fibrillation.mean(axis=1)) < np.median(sinus.mean(axis=1)) < 1000
    variation = [np.median(rr.std(axis=1) / rr.mean(axis=1)) for rr in (sinus, fibrillation)]
    assert 0.014 < variation[0] < 0.10 < 0.15 < variation[1] < 0.28
    neighbours = [np.corrcoef(rr[1:], rr[:-1])[0, 1] for rr in fibrillation]
    assert abs(np.mean(neighbours)) < 0.1


def test_days_are_plausible_and_lack_some_values():
    for label in TASKS["stress"].labels:
        days = draw("stress", label)
        assert 0.03 < np.isnan(days).mean() < 0.15
        low, high = np.nanmin(days, axis=(0, 2)), np.nanmax(days, axis=(0, 2))
        assert (low >= [100, 40, 90, 0]).all()
        assert (high <= [40000, 110, 720, 240]).all()
        assert np.nanmax(np.abs(days - np.round(days))) == 0


def features(task: str, values: np.ndarray) -> np.ndarray:
    columns = [np.nanmean(values, axis=2), np.nanstd(values, axis=2)]
    if task == "har":
        centred = values - values.mean(axis=2, keepdims=True)
        columns.append(np.log1p(np.abs(np.fft.rfft(centred, axis=2))[:, :, 1:14]).reshape(len(values), -1))
    if task == "af_rr":
        columns.append(np.abs(np.diff(values, axis=2)).mean(axis=2))
    return np.nan_to_num(np.concatenate(columns, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_classes_can_be_told_apart_but_not_always(task):
    """A linear classifier on simple features, tested on people it has not seen."""
    rng = np.random.default_rng(0)
    rows: dict[bool, list] = {True: [], False: []}
    names: dict[bool, list] = {True: [], False: []}
    for subject in range(60):
        for label in TASKS[task].labels:
            for _ in range(10):
                ((_, signal),) = simulate(task, label, rng, subject).items()
                rows[subject < 40].append(signal.values)
                names[subject < 40].append(label)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    model.fit(features(task, np.stack(rows[True])), names[True])
    score = model.score(features(task, np.stack(rows[False])), names[False])
    assert 0.85 <= score <= 0.99


def test_unknown_tasks_and_labels_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DatasetError, match="unknown task to simulate 'sleep'; choose from har, af_rr, stress"):
        simulate("sleep", "deep", rng, 0)
    with pytest.raises(DatasetError, match="unknown label of stress 'happy'; choose from stressed, calm"):
        simulate("stress", "happy", rng, 0)
