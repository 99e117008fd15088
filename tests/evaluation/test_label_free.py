"""Measures that need no label, against values computed by hand."""

import numpy as np
import pytest
import torch
from walking import build_table

from sig2lm.encoder import build_encoder
from sig2lm.encoder.architectures import Size, design
from sig2lm.errors import CheckpointError
from sig2lm.evaluation.probing.features import window_features
from sig2lm.evaluation.probing.label_free import alignment, effective_rank, rankme, subject_leakage, uniformity
from sig2lm.pretraining.windows import WindowDataset


def with_spectrum(*singular: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.normal(size=(12, len(singular))))
    right, _ = np.linalg.qr(rng.normal(size=(len(singular),) * 2))
    return left @ np.diag(singular) @ right


@pytest.mark.parametrize(
    ("singular", "rank"),
    [((3.0, 3.0, 3.0, 0.0), 3.0), ((5.0, 0.0, 0.0), 1.0), ((2.0, 1.0, 1.0), 2.0**1.5), ((0.0, 0.0), 0.0)],
)
def test_effective_rank_of_known_spectra(singular: tuple[float, ...], rank: float) -> None:
    features = with_spectrum(*singular)
    assert effective_rank(features) == pytest.approx(rank, abs=1e-6)
    assert effective_rank(100.0 * features) == pytest.approx(effective_rank(features))
    if rank:
        assert rankme(features) == pytest.approx(rank, abs=1e-4)


def test_a_common_mean_lowers_rankme_but_not_the_centred_rank() -> None:
    features = np.random.default_rng(0).normal(size=(200, 8))
    assert effective_rank(features) == pytest.approx(8.0, abs=0.2)
    assert rankme(features + 50.0) < 2.5


def test_alignment_is_zero_for_identical_views_and_four_for_opposite_ones() -> None:
    features = np.random.default_rng(0).normal(size=(30, 5))
    assert alignment(features, 3.0 * features) == pytest.approx(0.0, abs=1e-12)
    assert alignment(features, -features) == pytest.approx(4.0)
    assert alignment(np.eye(2), np.eye(2)[::-1]) == pytest.approx(2.0)


def test_uniformity_is_zero_when_collapsed_and_that_of_the_formula_otherwise() -> None:
    assert uniformity(np.ones((40, 6))) == pytest.approx(0.0, abs=1e-9)
    assert uniformity(np.array([[1.0, 0.0], [-2.0, 0.0]])) == pytest.approx(-8.0)
    points = np.random.default_rng(0).normal(size=(1500, 8))  # more than a block
    on_sphere = points / np.linalg.norm(points, axis=1, keepdims=True)
    squared = ((on_sphere[:, None] - on_sphere[None]) ** 2).sum(-1)[np.triu_indices(1500, 1)]
    assert uniformity(points) == pytest.approx(np.log(np.exp(-2.0 * squared).mean()))
    assert uniformity(np.random.default_rng(0).normal(size=(500, 256))) == pytest.approx(-4.0, abs=0.1)


def crowd(people: int, recordings: int, windows: int) -> tuple[np.ndarray, np.ndarray]:
    subjects = np.repeat([f"p{number}" for number in range(people)], recordings * windows)
    return subjects, np.tile(np.repeat([f"r{number}" for number in range(recordings)], windows), people)


def test_leakage_is_whole_for_features_of_the_person_and_chance_for_noise() -> None:
    subjects, recordings = crowd(6, 2, 100)
    rng = np.random.default_rng(0)
    coded = np.eye(6)[np.unique(subjects, return_inverse=True)[1]] + 0.01 * rng.normal(size=(1200, 6))
    found = subject_leakage(coded, subjects, recordings)
    assert found == {"accuracy": 1.0, "chance": pytest.approx(1 / 11), "windows": 1200}
    noise = subject_leakage(rng.normal(size=(1200, 16)), subjects, recordings)
    assert noise is not None
    assert noise["accuracy"] == pytest.approx(noise["chance"], abs=0.04)


def test_leakage_does_not_count_a_window_of_the_same_recording() -> None:
    subjects, recordings = crowd(6, 2, 50)
    names = np.unique([f"{a}{b}" for a, b in zip(subjects, recordings, strict=True)], return_inverse=True)[1]
    coded = np.random.default_rng(3).normal(size=(12, 40))[names]
    found = subject_leakage(coded, subjects, recordings)
    assert found is not None
    assert found["accuracy"] < 0.5


def test_leakage_is_unknown_for_one_person_or_one_recording_each() -> None:
    features = np.random.default_rng(0).normal(size=(20, 4))
    assert subject_leakage(features, *crowd(1, 2, 10)) is None
    assert subject_leakage(features, *crowd(2, 1, 10)) is None


def test_an_encoder_that_gives_no_numbers_is_refused() -> None:
    windows = WindowDataset(build_table(), "motion")
    encoder = build_encoder(design(windows.contract, "patch_transformer", Size(16, 1, 2), 8))
    with torch.no_grad():
        next(encoder.parameters()).fill_(float("nan"))
    with pytest.raises(CheckpointError, match="whose patches are numbers"):
        window_features(encoder, windows)
