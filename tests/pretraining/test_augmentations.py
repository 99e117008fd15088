"""Augmentations: all keep the promises of `Augmentation`, and what a contract says decides which make sense."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import CONTRACTS, DAILY, ECG, MOTION, RR, batch, draw, full

from sig2lm.errors import Sig2LMError, SignalError
from sig2lm.pretraining.augmentations import (
    AUGMENTATIONS,
    Augmentation,
    Compose,
    Cutout,
    RandomChoice,
    RowNoise,
    Scaling,
    Sometimes,
    TimeReversal,
    build_augmentation,
    default_augmentations,
    default_pipeline,
)
from sig2lm.pretraining.augmentations.channels import sensors, vector_devices
from sig2lm.signals import Contract

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


@pytest.mark.parametrize(("kind", "name"), CASES)
@settings(max_examples=4)
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


@pytest.mark.parametrize("kind", CONTRACTS)
@settings(max_examples=10)
@given(seed=SEEDS, border=st.integers(1, 7))
def test_a_row_has_noise_of_its_own_whoever_holds_it(kind: str, seed: int, border: int) -> None:
    augmentation = Compose((RandomChoice(tuple(fitting(kind).values())), default_pipeline(CONTRACTS[kind])))
    values, mask = batch(kind, seed, rows=8, missing=0.1)

    def augmented(rows: range) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = list(rows)
        return augmentation(values[chosen], mask[chosen], RowNoise(draw(seed), 8, torch.tensor(chosen)))

    whole, whole_mask = augmented(range(8))
    parts = [augmented(rows) for rows in (range(border), range(border, 8))]
    torch.testing.assert_close(whole, torch.cat([changed for changed, _ in parts]), rtol=1e-4, atol=1e-4)
    assert torch.equal(whole_mask, torch.cat([found for _, found in parts]))


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


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_batch_of_no_rows_stays_one(kind: str, name: str) -> None:
    """Where chance chooses no row."""
    values, mask = (x[:0] for x in batch(kind, 7))
    changed, changed_mask = build_augmentation(name, CONTRACTS[kind])(values, mask)
    assert changed.shape == values.shape
    assert changed_mask.shape == mask.shape


def test_every_augmentation_with_strength_has_an_identity() -> None:
    assert set(AUGMENTATIONS) - set(IDENTITIES) == {"channel_shuffle", "negation", "time_reversal"}


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
    assert ("Negation" in names) == (kind == "ecg")
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
