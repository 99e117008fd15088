"""Each augmentation keeps what its physics says it keeps, and changes what it says by as much as it says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import CONTRACTS, ECG, MOTION, RR, batch, draw, full

from sig2lm.errors import SignalError
from sig2lm.pretraining.augmentations import (
    BandPerturbation,
    Cutout,
    DroppedBeats,
    Permutation,
    Rotation,
    Scaling,
    TimeReversal,
    TimeWarp,
    build_augmentation,
    default_augmentations,
)
from sig2lm.pretraining.augmentations.channels import noise_levels
from sig2lm.signals import Contract

SEEDS = st.integers(0, 2**31)
quick = settings(max_examples=15)


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
def test_padding_stays_at_the_end_and_never_enters_the_signal(name: str) -> None:
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
