"""Augmentations: each keeps what its physics says it keeps, and all keep the promises of `Augmentation`."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.encoder.augmentations import (
    AUGMENTATIONS,
    Augmentation,
    BandPerturbation,
    Compose,
    Cutout,
    DroppedBeats,
    Permutation,
    RandomChoice,
    Rotation,
    Scaling,
    Sometimes,
    TimeReversal,
    TimeWarp,
    build_augmentation,
    default_augmentations,
    default_pipeline,
)
from sig2lm.encoder.augmentations.channels import noise_levels, sensors, vector_devices
from sig2lm.errors import Sig2LMError, SignalError
from sig2lm.signals import Contract

MOTION = Contract(
    ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"), ("m/s^2",) * 3 + ("rad/s",) * 3, 50.0, window=1.28
)
ECG = Contract(("lead_i", "lead_ii"), ("mV", "mV"), 300.0, window=0.5)
RR = Contract(("rr",), ("ms",), None, window=40.0)
DAILY = Contract(
    ("steps", "resting_heart_rate", "sleep_minutes", "exercise_minutes"),
    ("count", "beats/min", "minute", "minute"),
    None,
    86400.0,
    7.0,
)
WRIST = Contract(("bvp", "eda", "temp"), ("", "uS", "degC"), 64.0, window=0.8)
CONTRACTS = {"motion": MOTION, "ecg": ECG, "rr": RR, "daily": DAILY, "wrist": WRIST}
LENGTHS = {"motion": 64, "ecg": 150, "rr": 40, "daily": 7, "wrist": 51}
# Parameters that change nothing.
IDENTITIES: dict[str, dict[str, Any]] = {
    "rotation": {"max_angle": 0.0},
    "jitter": {"std": (0.0,)},
    "scaling": {"std": 0.0},
    "magnitude_warp": {"std": 0.0},
    "cutout": {"duration": 0.0},
    "time_warp": {"std": 0.0},
    "crop_resize": {"shortest": 1e9},
    "permutation": {"segments": 1},
    "band_perturbation": {"std": 0.0},
    "phase_preserving_surrogate": {"std": 0.0},
    "phase_randomisation": {"max_shift": 0.0},
    "baseline_wander": {"amplitude": (0.0,)},
    "powerline_noise": {"amplitude": (0.0,)},
    "dropped_beats": {"probability": 0.0},
    "beat_jitter": {"std": 0.0},
}
SEEDS = st.integers(0, 2**31)
quick = settings(max_examples=15, deadline=None)


def fitting(kind: str) -> dict[str, Augmentation]:
    """Every augmentation that makes sense for a kind of signal."""
    built = {}
    for name in AUGMENTATIONS:
        try:
            built[name] = build_augmentation(name, CONTRACTS[kind])
        except SignalError:
            continue
    return built


CASES = [pytest.param(kind, name, id=f"{kind}-{name}") for kind in CONTRACTS for name in fitting(kind)]


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(kind: str, seed: int, rows: int = 4, missing: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Positive values of mean 5, NaN where missing."""
    shape = (rows, len(CONTRACTS[kind].channels), LENGTHS[kind])
    generator = draw(seed)
    values = 5.0 + torch.rand(shape, generator=generator)
    mask = torch.rand(shape, generator=generator) >= missing
    return values.masked_fill(~mask, math.nan), mask


def full(values: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(values, dtype=torch.bool)


@pytest.mark.parametrize(("kind", "name"), CASES)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, missing=st.sampled_from([0.0, 0.1, 0.6]))
def test_every_augmentation_keeps_the_promises(kind: str, name: str, seed: int, missing: float) -> None:
    augmentation = build_augmentation(name, CONTRACTS[kind])
    values, mask = batch(kind, seed, missing=missing)
    before, mask_before = values.clone(), mask.clone()
    changed, changed_mask = augmentation(values, mask, draw(seed))
    assert changed.shape == values.shape
    assert changed_mask.shape == mask.shape
    assert changed.dtype == torch.float32
    assert changed_mask.dtype == torch.bool
    assert changed.isfinite().all()
    assert not changed[~changed_mask].any()
    assert torch.equal(mask, mask_before)
    torch.testing.assert_close(values, before, rtol=0, atol=0, equal_nan=True)
    assert (changed_mask.flatten(1).any(1) == mask.flatten(1).any(1)).all()
    again, again_mask = augmentation(values, mask, draw(seed))
    assert torch.equal(changed, again)
    assert torch.equal(changed_mask, again_mask)
    elsewhere, _ = augmentation(values.nan_to_num(nan=1e6), mask, draw(seed))
    assert torch.equal(changed, elsewhere), "what stands where nothing was observed is read"


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_rows_do_not_see_one_another(kind: str, name: str) -> None:
    augmentation = build_augmentation(name, CONTRACTS[kind])
    values, mask = batch(kind, 1, missing=0.1)
    other = values.clone()
    other[1:] = 9.0 - 3.0 * other[1:]
    first, first_mask = augmentation(values, mask, draw(2))
    second, second_mask = augmentation(other, mask, draw(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first_mask[0], second_mask[0])


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_rows_are_drawn_apart_and_something_changes(kind: str, name: str) -> None:
    values, mask = batch(kind, 3, rows=1)
    values, mask = values.expand(16, -1, -1), mask.expand(16, -1, -1)
    changed, changed_mask = build_augmentation(name, CONTRACTS[kind])(values, mask, draw(4))
    assert not torch.equal(changed, values) or not torch.equal(changed_mask, mask)
    if name not in ("negation", "time_reversal") and (kind, name) != ("ecg", "channel_shuffle"):  # two can but swap
        assert len({row.numpy().tobytes() for row in changed}) > 1


@pytest.mark.parametrize(("kind", "name"), [case for case in CASES if case.values[1] in IDENTITIES])
def test_identity_parameters_change_nothing(kind: str, name: str) -> None:
    values, mask = batch(kind, 5, missing=0.2)
    changed, changed_mask = build_augmentation(name, CONTRACTS[kind], **IDENTITIES[name])(values, mask, draw(6))
    assert torch.equal(changed_mask, mask)
    torch.testing.assert_close(changed, values.nan_to_num(nan=0.0), rtol=1e-6, atol=1e-5)


def test_every_augmentation_with_strength_has_an_identity() -> None:
    assert set(AUGMENTATIONS) - set(IDENTITIES) == {"channel_shuffle", "negation", "time_reversal"}


# Geometry


@quick
@given(seed=SEEDS, angle=st.floats(0.01, math.pi))
def test_a_rotation_keeps_norms_and_the_angle_between_sensors_of_a_device(seed: int, angle: float) -> None:
    values, mask = batch("motion", seed)
    turned, _ = Rotation((((0, 1, 2), (3, 4, 5)),), angle)(values, mask, draw(seed))

    def inner(x: torch.Tensor, first: int, second: int) -> torch.Tensor:
        return (x[:, first : first + 3] * x[:, second : second + 3]).sum(1)

    for first, second in ((0, 0), (3, 3), (0, 3)):
        torch.testing.assert_close(inner(turned, first, second), inner(values, first, second), rtol=1e-4, atol=1e-3)
    cosine = inner(torch.cat([values[:, :3], turned[:, :3]], 1), 0, 3) / inner(values, 0, 0)
    assert cosine.min() >= math.cos(angle) - 1e-4, "turned further than the largest angle"


def test_a_rotation_keeps_handedness_and_turns_devices_apart() -> None:
    values, mask = batch("motion", 0)
    turned, _ = Rotation((((0, 1, 2),), ((3, 4, 5),)))(values, mask, draw(0))
    for axes in (slice(0, 3), slice(3, 6)):
        product = torch.linalg.cross(values[:, axes, 0], values[:, axes, 1])
        turned_product = torch.linalg.cross(turned[:, axes, 0], turned[:, axes, 1])
        triple = (turned_product * turned[:, axes, 2]).sum(-1)
        torch.testing.assert_close(triple, (product * values[:, axes, 2]).sum(-1), rtol=1e-3, atol=1e-3)
    before = (values[:, :3] * values[:, 3:]).sum(1)
    assert ((turned[:, :3] * turned[:, 3:]).sum(1) - before).abs().max() > 1.0


def test_a_vector_with_a_missing_axis_becomes_missing_and_its_neighbour_does_not() -> None:
    values, mask = batch("motion", 0)
    mask[0, 1, 7] = False
    _, turned = build_augmentation("rotation", MOTION)(values, mask, draw(0))
    assert not turned[0, :3, 7].any()
    assert turned.sum() == turned.numel() - 3


@quick
@given(seed=SEEDS)
def test_a_shuffle_moves_every_channel_of_a_vector_and_both_sensors_alike(seed: int) -> None:
    values = torch.arange(6.0)[None, :, None].repeat(8, 1, 5)
    shuffled, _ = build_augmentation("channel_shuffle", MOTION)(values, full(values), draw(seed))
    order = shuffled[:, :, 0]
    assert (order[:, :3].sort(-1).values == torch.arange(3.0)).all()
    assert (order[:, :3] != torch.arange(3.0)).all()
    assert torch.equal(order[:, :3] + 3, order[:, 3:])


def test_negation_reverses_what_has_a_polarity_and_nothing_else() -> None:
    contract = Contract(("ecg", "eda", "acc"), ("mV", "uS", "g"), 100.0)
    values = torch.rand(2, 3, 10)
    negated, _ = build_augmentation("negation", contract)(values, full(values))
    torch.testing.assert_close(negated, values * torch.tensor([-1.0, 1.0, -1.0])[:, None])


# Amplitude


@quick
@given(seed=SEEDS, factor=st.floats(0.1, 10.0))
@pytest.mark.parametrize("name", ["scaling", "magnitude_warp", "rotation", "time_warp", "phase_preserving_surrogate"])
def test_these_do_not_depend_on_the_unit(name: str, seed: int, factor: float) -> None:
    augmentation = build_augmentation(name, MOTION)
    values, mask = batch("motion", seed)
    first, _ = augmentation(values * factor, mask, draw(seed))
    second, _ = augmentation(values, mask, draw(seed))
    torch.testing.assert_close(first, second * factor, rtol=1e-3, atol=1e-3)


def test_scaling_is_one_positive_gain_for_each_sensor() -> None:
    values, mask = batch("motion", 0, rows=64)
    gains = Scaling(((0, 1, 2), (3, 4, 5)), 0.5)(values, mask, draw(0))[0] / values
    torch.testing.assert_close(gains[:, :3], gains[:, :1, :1].expand(-1, 3, 64))
    torch.testing.assert_close(gains[:, 3:], gains[:, 3:4, :1].expand(-1, 3, 64))
    assert gains.min() > 0
    assert 0.3 < gains[:, :, 0].log().std() < 0.7
    assert not torch.allclose(gains[:, 0, 0], gains[:, 3, 0])


def test_jitter_has_the_stated_size_in_the_unit_of_the_channel() -> None:
    contract = Contract(("a", "b", "c"), ("g", "mV", "uV"), 100.0)
    assert noise_levels(contract) == pytest.approx((0.05099, 0.03, 30.0), rel=1e-3)
    values = torch.zeros(64, 3, 1000)
    noise, _ = build_augmentation("jitter", contract)(values, full(values), draw(0))
    assert noise.std((0, 2)).tolist() == pytest.approx(noise_levels(contract), rel=0.02)


@quick
@given(seed=SEEDS, duration=st.floats(0.0, 3.0))
def test_a_cutout_is_one_stretch_of_the_stated_length(seed: int, duration: float) -> None:
    values, mask = batch("motion", seed)
    kept, kept_mask = Cutout(50.0, duration)(values, mask, draw(seed))
    assert ((~kept_mask).sum(-1) == min(round(50.0 * duration), 32)).all()
    edges = torch.nn.functional.pad(kept_mask, (1, 1), value=True).diff(dim=-1).sum(-1)
    assert ((edges == 2) | (edges == 0)).all()
    torch.testing.assert_close(kept[kept_mask], values[kept_mask])


# Time


@quick
@given(seed=SEEDS, std=st.floats(0.0, 1.0))
def test_a_time_warp_keeps_order_range_and_ends(seed: int, std: float) -> None:
    values = torch.linspace(0, 1, 101).repeat(8, 2, 1)
    warped, mask = TimeWarp(50.0, std, 0.5)(values, full(values), draw(seed))
    assert mask.all()
    assert (warped.diff(dim=-1) >= 0).all()
    torch.testing.assert_close(warped[..., [0, -1]], values[..., [0, -1]], atol=1e-5, rtol=0)
    assert torch.equal(warped[:, 0], warped[:, 1]), "channels share a clock"


@quick
@given(seed=SEEDS, shortest=st.floats(0.0, 2.0))
def test_a_crop_is_a_stretched_part_in_order(seed: int, shortest: float) -> None:
    values = torch.linspace(0, 2, 101).repeat(8, 1, 1)
    cropped, mask = build_augmentation("crop_resize", MOTION, shortest=shortest)(values, full(values), draw(seed))
    assert mask.all()
    steps = cropped.diff(dim=-1)
    assert (steps >= -1e-6).all()
    assert (steps.std(-1) < 1e-5).all(), "a crop of a ramp is a ramp"
    assert (cropped[..., -1] - cropped[..., 0] >= min(shortest, 2.0) - 0.03).all()


@quick
@given(seed=SEEDS, missing=st.floats(0.0, 0.5))
@pytest.mark.parametrize("name", ["time_warp", "crop_resize"])
def test_resampled_time_keeps_a_constant_and_invents_no_sample(name: str, seed: int, missing: float) -> None:
    _, mask = batch("motion", seed, missing=missing)
    mask[:, 0] = False
    changed, changed_mask = build_augmentation(name, MOTION)(torch.full(mask.shape, 3.0), mask, draw(seed))
    assert not changed_mask[:, 0].any(), "a missing channel was made up"
    torch.testing.assert_close(changed[changed_mask], torch.full_like(changed[changed_mask], 3.0))


@quick
@given(seed=SEEDS, segments=st.integers(1, 8), missing=st.floats(0.0, 0.5))
def test_a_permutation_keeps_every_sample_and_the_order_within_parts(seed: int, segments: int, missing: float) -> None:
    values = torch.arange(1.0, 65.0).repeat(4, 6, 1)
    _, mask = batch("motion", seed, missing=missing)
    changed, changed_mask = Permutation(segments)(values, mask, draw(seed))
    torch.testing.assert_close(changed.sort(-1).values, values.masked_fill(~mask, 0.0).sort(-1).values)
    assert torch.equal(changed_mask.sum(), mask.sum())
    whole, _ = Permutation(segments)(values, full(values), draw(seed))
    assert ((whole[:, 0].diff(dim=-1) != 1).sum(-1) < segments).all()


def test_time_runs_backwards_and_twice_backwards_is_forwards() -> None:
    values, mask = batch("motion", 0, missing=0.3)
    mask[..., -1] = True
    values[..., -1] = 0.0
    reversed_, reversed_mask = TimeReversal()(values, mask)
    assert torch.equal(reversed_mask, mask.flip(-1))
    reversed_mask[..., -1] = True  # else what is missing at the end of all channels is padding
    again, _ = TimeReversal()(reversed_, reversed_mask)
    torch.testing.assert_close(again, values.nan_to_num(nan=0.0))


@pytest.mark.parametrize(
    "name", ["time_warp", "crop_resize", "permutation", "time_reversal", "cutout", "dropped_beats", "beat_jitter"]
)
def test_padding_stays_at_the_end_and_matters_to_none(name: str) -> None:
    kind = "rr" if name in ("dropped_beats", "beat_jitter") else "motion"
    values, mask = batch(kind, 0)
    mask[0, :, 30:] = False
    _, changed_mask = build_augmentation(name, CONTRACTS[kind])(values, mask, draw(0))
    assert not changed_mask[0, :, 30:].any()
    assert changed_mask[0, :, :30].any()
    if name in ("time_warp", "crop_resize", "time_reversal", "permutation"):
        assert changed_mask[0, :, :30].all()


# Frequency


def spectrum(values: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft(values.double())


@quick
@given(seed=SEEDS, length=st.sampled_from([63, 64]))
def test_a_phase_preserving_surrogate_keeps_phase_mean_and_power(seed: int, length: int) -> None:
    values = 5.0 + torch.randn(3, 2, length, generator=draw(seed))
    changed, _ = build_augmentation("phase_preserving_surrogate", MOTION, std=1.0)(values, full(values), draw(seed))
    before, after = spectrum(values), spectrum(changed)
    sure = before.abs() > 1e-2
    turned = (after * before.conj() / (after * before).abs().clamp(min=1e-12))[sure]
    torch.testing.assert_close(turned.real, torch.ones_like(turned.real), atol=1e-3, rtol=0)
    torch.testing.assert_close(changed.mean(-1), values.mean(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(changed.var(-1), values.var(-1), rtol=1e-3, atol=1e-4)
    assert ((after.abs() / before.abs())[sure].log().std()) > 0.5


@quick
@given(seed=SEEDS, length=st.sampled_from([63, 64]))
def test_phase_randomisation_keeps_amplitudes_and_cross_spectra(seed: int, length: int) -> None:
    values = 5.0 + torch.randn(3, 2, length, generator=draw(seed))
    changed, _ = build_augmentation("phase_randomisation", MOTION)(values, full(values), draw(seed))
    before, after = spectrum(values), spectrum(changed)
    torch.testing.assert_close(after.abs(), before.abs(), rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(
        after[:, 0] * after[:, 1].conj(), before[:, 0] * before[:, 1].conj(), rtol=1e-2, atol=0.1
    )
    assert not torch.allclose(changed, values, atol=0.1)


def test_a_band_perturbation_changes_one_band_of_the_stated_width_by_one_gain() -> None:
    values = torch.randn(32, 2, 500, generator=draw(0))
    changed, _ = BandPerturbation(100.0, 10.0, 6.0)(values, full(values), draw(1))
    ratio = spectrum(changed).abs() / spectrum(values).abs()
    frequency = torch.fft.rfftfreq(500, 1 / 100.0)
    for row in ratio[:, 0]:
        touched = (row - 1).abs() > 1e-3
        touched[0] = False
        assert frequency[touched].max() - frequency[touched].min() <= 10.0 + 1e-3
        assert row[touched].std() < 1e-2
    torch.testing.assert_close(changed.mean(-1), values.mean(-1), atol=1e-5, rtol=0)


# Interference


@quick
@given(seed=SEEDS, frequency=st.sampled_from([50.0, 60.0]))
def test_powerline_noise_has_energy_at_its_frequency_only(seed: int, frequency: float) -> None:
    values = torch.zeros(4, 2, 600)
    hum, _ = build_augmentation("powerline_noise", ECG, frequency=frequency)(values, full(values), draw(seed))
    power = spectrum(hum).abs().square()
    place = round(frequency * 600 / 300.0)
    torch.testing.assert_close(power[..., place], power.sum(-1), rtol=1e-4, atol=1e-6)
    assert hum.abs().max() <= 0.1


def test_powerline_noise_above_the_nyquist_frequency_is_refused_with_both_numbers() -> None:
    slow = Contract(("ecg",), ("mV",), 100.0)
    with pytest.raises(SignalError, match=r"50 Hz needs a sampling rate above 100 Hz, found 100 Hz"):
        build_augmentation("powerline_noise", slow)
    assert not any("Powerline" in type(augmentation).__name__ for augmentation in default_augmentations(slow))


@quick
@given(seed=SEEDS)
def test_baseline_wander_is_slow_and_bounded_and_leaves_other_quantities(seed: int) -> None:
    contract = Contract(("ecg", "temp"), ("uV", "degC"), 100.0)
    values = torch.zeros(8, 2, 6000)
    drift, _ = build_augmentation("baseline_wander", contract)(values, full(values), draw(seed))
    assert not drift[:, 1].any()
    assert 0 < drift[:, 0].abs().max() <= 300.0
    power = spectrum(drift[:, 0] * torch.hann_window(6000)).abs().square()
    fast = torch.fft.rfftfreq(6000, 1 / 100.0) > 0.6
    assert (power[:, fast].sum(-1) < 1e-3 * power.sum(-1)).all()


# Cardiac


@quick
@given(seed=SEEDS, probability=st.floats(0.0, 1.0), missing=st.floats(0.0, 0.3))
@pytest.mark.parametrize("name", ["dropped_beats", "beat_jitter"])
def test_errors_of_beats_keep_the_time_that_passed(name: str, seed: int, probability: float, missing: float) -> None:
    values, mask = batch("rr", seed, missing=missing)
    values = values * 150
    parameter = {"probability": probability} if name == "dropped_beats" else {"std": 50 * probability}
    changed, changed_mask = build_augmentation(name, RR, **parameter)(values, mask, draw(seed))
    torch.testing.assert_close(changed.sum(-1), values.nan_to_num(nan=0.0).sum(-1), rtol=1e-4, atol=1e-2)
    if name == "beat_jitter":
        assert torch.equal(changed_mask, mask)


def test_a_missed_beat_merges_its_two_intervals_and_the_last_place_becomes_missing() -> None:
    values = torch.tensor([[[800.0, 810.0, 0.0, 790.0, 805.0]]])
    mask = values > 0
    merged, merged_mask = DroppedBeats(1.0)(values, mask)
    assert merged.tolist() == [[[1610.0, 0.0, 1595.0, 0.0, 0.0]]]
    assert merged_mask.tolist() == [[[True, False, True, False, False]]]


# Combinations, contracts, registry


def test_sometimes_changes_about_its_share_of_the_rows_and_a_choice_takes_one_of_each() -> None:
    values = torch.ones(400, 1, 8)
    third = Sometimes(Scaling(((0,),), 0.5), 1 / 3)
    changed = (third(values, full(values), draw(0))[0] != values).flatten(1).any(1)
    assert 90 < changed.sum() < 180
    assert torch.equal(Sometimes(third, 0.0)(values, full(values))[0], values)
    choice = RandomChoice((Scaling(((0,),), 0.5), Cutout(None, 2.0)))
    scaled, mask = choice(values, full(values), draw(0))
    cut = ~mask.flatten(1).all(1)
    assert 140 < cut.sum() < 260
    assert (scaled[~cut] != 1.0).all()
    assert ((scaled[cut] == 1.0) | ~mask[cut]).all()
    with pytest.raises(Sig2LMError, match="at least one"):
        RandomChoice(())


def test_compose_applies_one_after_the_other() -> None:
    values, mask = batch("motion", 0)
    negate, turn = build_augmentation("negation", MOTION), TimeReversal()
    both, _ = Compose((negate, turn))(values, mask)
    torch.testing.assert_close(both, -values.flip(-1))


@pytest.mark.parametrize("kind", CONTRACTS)
def test_defaults_suit_their_signal_and_run_in_every_precision(kind: str) -> None:
    names = {type(augmentation).__name__ for augmentation in default_augmentations(CONTRACTS[kind])}
    assert ("Rotation" in names) == (kind == "motion")
    assert ("PowerlineNoise" in names) == (kind == "ecg")
    assert ("DroppedBeats" in names) == (kind == "rr")
    assert ("TimeWarp" in names) == (kind in ("motion", "ecg", "wrist"))
    values, mask = batch(kind, 0, rows=16, missing=0.1)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        changed, changed_mask = default_pipeline(CONTRACTS[kind])(values.to(dtype), mask, draw(0))
        assert changed.dtype == dtype
        assert changed.isfinite().all()
        assert not changed[~changed_mask].any()
    with torch.autocast("cpu", torch.bfloat16):
        inside, _ = default_pipeline(CONTRACTS[kind])(values, mask, draw(0))
    assert torch.equal(inside, default_pipeline(CONTRACTS[kind])(values, mask, draw(0))[0])


def test_a_pipeline_passes_no_gradient_and_is_hashable() -> None:
    values, mask = batch("motion", 0)
    changed, _ = default_pipeline(MOTION)(values.requires_grad_(), mask)
    assert not changed.requires_grad
    assert len({default_pipeline(MOTION), default_pipeline(MOTION)}) == 1


@pytest.mark.parametrize(
    ("channels", "devices"),
    [
        (MOTION.channels, (((0, 1, 2), (3, 4, 5)),)),
        (("ax", "ay", "az", "gx", "gy", "gz"), (((0, 1, 2), (3, 4, 5)),)),
        (("x", "y", "z", "Gyro X", "Gyro Y", "Gyro Z"), (((0, 1, 2), (3, 4, 5)),)),
        (
            ("phone_acc_x", "phone_acc_y", "phone_acc_z", "watch_gyro_x", "watch_gyro_y", "watch_gyro_z"),
            (((0, 1, 2),), ((3, 4, 5),)),
        ),
        (("acc_z", "acc_y", "acc_x", "gyro_x", "gyro_y", "gyro_z"), (((3, 4, 5),),)),
        (("acc_x", "acc_y", "steps", "gyro_x", "gyro_y", "temp"), ()),
    ],
)
def test_vectors_and_devices_are_found_by_name_and_unit(channels: tuple[str, ...], devices: object) -> None:
    assert vector_devices(Contract(channels, MOTION.units, 50.0)) == devices


def test_sensors_are_vectors_then_neighbours_of_one_unit_and_single_quantities_of_days() -> None:
    assert sensors(MOTION) == ((0, 1, 2), (3, 4, 5))
    assert sensors(ECG) == ((0, 1),)
    assert sensors(DAILY) == ((0,), (1,), (2,), (3,))
    two = Contract(("a_x", "a_y", "a_z", "b_x", "b_y", "b_z"), ("g",) * 6, 50.0)
    assert sensors(two) == ((0, 1, 2), (3, 4, 5))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rotation", "ecg"),
        ("channel_shuffle", "daily"),
        ("negation", "daily"),
        ("jitter", "rr"),
        ("band_perturbation", "rr"),
        ("baseline_wander", "motion"),
        ("powerline_noise", "wrist"),
        ("dropped_beats", "ecg"),
        ("beat_jitter", "daily"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_channels_named(name: str, kind: str) -> None:
    with pytest.raises(SignalError, match=f"{name} needs .* found {CONTRACTS[kind].channels[0]}"):
        build_augmentation(name, CONTRACTS[kind])


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(Sig2LMError, match="rotation"):
        build_augmentation("mixup", MOTION)
    with pytest.raises(Sig2LMError, match="max_angle, found angle"):
        build_augmentation("rotation", MOTION, angle=1.0)
    with pytest.raises(Sig2LMError, match="max_angle"):
        build_augmentation("rotation", MOTION, max_angle=4.0)
    with pytest.raises(Sig2LMError, match="probability"):
        build_augmentation("dropped_beats", RR, probability=math.nan)


def test_rows_without_a_sample_stay_without() -> None:
    for kind in CONTRACTS:
        values, mask = batch(kind, 0)
        mask[1] = False
        for augmentation in fitting(kind).values():
            changed, changed_mask = augmentation(values, mask, draw(0))
            assert not changed_mask[1].any()
            assert not changed[1].any()
