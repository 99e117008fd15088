"""The probe finds a value where there is one and nothing where there is none."""

import numpy as np
import pytest

from sig2lm.errors import CheckpointError
from sig2lm.pages.tokenizer_report import to_html
from sig2lm.tokenization import load_tokenizer, probe_embeddings, tokenizer_report
from sig2lm.tokenization.embeddings import score_probe


def test_a_line_in_the_embeddings_is_found():
    rng = np.random.default_rng(0)
    numbers = np.arange(200.0)
    vectors = np.outer(numbers, rng.normal(size=16)) + rng.normal(0, 5, (200, 16))
    found = score_probe(vectors, numbers)
    assert found.r2 > 0.95
    assert found.order > 0.95
    assert found.r2_shuffled < 0.1


def test_noise_says_nothing():
    found = score_probe(np.random.default_rng(1).normal(size=(300, 32)), np.arange(300.0))
    assert found.r2 < 0.05
    assert abs(found.order) < 0.3
    assert found.neighbours < 0.05


def test_a_circle_keeps_neighbours():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    assert score_probe(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.arange(60.0)).neighbours > 0.9


def test_a_small_lm_has_ten_integers(shared):
    folder = shared / "lm" / "tinystories-656k"
    probe = probe_embeddings(folder, load_tokenizer(folder))
    assert probe.integers == 10
    assert -1 <= probe.order <= 1


@pytest.mark.slow
def test_the_report_says_that_ten_are_few(shared):
    report = tokenizer_report([], [1.0, 2.0], serializers=["plain"], lm=shared / "lm" / "tinystories-656k")
    assert report.tokenizers["tinystories-656k"]["measures"]["embedding_probe"]["integers"] == 10
    assert "So few integers" in to_html(report)


def test_a_folder_without_an_lm_is_refused(folder):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        probe_embeddings(folder, load_tokenizer(folder))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="cannot load"):
        probe_embeddings(folder, load_tokenizer(folder))
