"""Measures of an embedding that need no label, so that a checkpoint can be chosen before any exists.

Features are (N, E), one row a window. None of these numbers is good alone: a high rank may be noise, close views may be
a collapse, and an embedding that knows who it is has learned the person beside the signal.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import DatasetError
from sig2lm.evaluation.probing.features import Features, device_of, window_features
from sig2lm.pretraining.augmentations import default_pipeline
from sig2lm.pretraining.objectives.objective import Pairs
from sig2lm.pretraining.windows import PairedWindows, WindowDataset

MOST_WINDOWS = 10_000  # what grows with the square of their number is measured on so many, drawn at random
_BLOCK = 1024


def effective_rank(features: Features) -> float:
    """Effective rank: exp(-sum_k p_k log p_k) with p_k = sigma_k / sum_j sigma_j of the singular values.

    Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO, definition 1. From 1
    (one direction) to min(N, E) (all alike); 0 for a matrix of zeros.
    """
    share = _shares(features)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum())) if share.size else 0.0


def rankme(features: Features, epsilon: float = 1e-7) -> float:
    """RankMe: exp(-sum_k p_k log p_k) with p_k = sigma_k / sum_j sigma_j + epsilon of the features as they are.

    Garrido et al. 2023 (arXiv 2210.02885), equation 1. The features are not centred, so that a common mean is a
    direction too; it makes the rank low where :func:`effective_rank` of centred features need not be.
    """
    share = _shares(features) + epsilon
    return float(np.exp(-(share * np.log(share)).sum()))


def _shares(features: Features) -> Features:
    singular = np.linalg.svd(np.asarray(features, dtype=np.float64), compute_uv=False)
    return np.asarray(singular / max(singular.sum(), np.finfo(np.float64).tiny))


def alignment(first: Features, second: Features, alpha: float = 2.0) -> float:
    """Mean of ||f(x) - f(y)||^alpha over positive pairs, with features of length 1; 0 when views are alike, at most 4.

    Wang and Isola 2020 (arXiv 2005.10242), section 4.1, with their alpha of 2. Rows of the two arrays belong together.
    """
    distance = np.linalg.norm(normalize(first) - normalize(second), axis=1)
    return float((distance**alpha).mean())


def uniformity(features: Features, t: float = 2.0) -> float:
    """Logarithm of the mean of exp(-t ||f(x) - f(y)||^2) over all pairs, with features of length 1.

    Wang and Isola 2020 (arXiv 2005.10242), section 4.1, with their t of 2. 0 when all are one point; about -2 t when
    they spread evenly over a sphere of many dimensions.
    """
    points = normalize(features)
    count, total = len(points), 0.0
    for place, similarity in _similarities(points, points):
        potential = np.exp(-2.0 * t * (1.0 - np.minimum(similarity, 1.0)))
        total += float(potential.sum()) - float(potential[np.arange(len(place)), place].sum())
    return float(np.log(total / (count * (count - 1))))


def subject_leakage(
    features: Features,
    subjects: NDArray[np.str_],
    recordings: NDArray[np.str_],
    queries: NDArray[np.int64] | None = None,
) -> dict[str, float] | None:
    """How often the nearest window (by cosine, features standardised) of all other recordings is of the same person.

    Parameters
    ----------
    subjects, recordings
        (N,) whose a window is, and which recording it was cut from.
    queries
        Rows whose neighbour is looked for; all by default. Of them only those count whose person has another recording.

    Returns
    -------
    dict or None
        ``accuracy``; ``chance``, that of a window drawn at random instead; ``windows``, how many counted. None where
        there is one person only, or nobody has two recordings.
    """
    _, person = np.unique(subjects, return_inverse=True)
    _, recording = np.unique([f"{a}\0{b}" for a, b in zip(subjects, recordings, strict=True)], return_inverse=True)
    everyone, cut = np.bincount(person), np.bincount(recording)
    rows = np.arange(len(features)) if queries is None else queries
    rows = rows[everyone[person[rows]] > cut[recording[rows]]]
    if len(everyone) < 2 or len(rows) == 0:
        return None
    spread = features.std(0)
    points = normalize((features - features.mean(0)) / np.where(spread > 0, spread, 1.0))
    right = 0
    for place, similarity in _similarities(points[rows], points):
        asked = rows[place]
        similarity[recording[asked][:, None] == recording] = -np.inf
        right += int((person[similarity.argmax(1)] == person[asked]).sum())
    own = cut[recording[rows]]
    chance = (everyone[person[rows]] - own) / (len(features) - own)
    return {"accuracy": right / len(rows), "chance": float(chance.mean()), "windows": len(rows)}


def _similarities(some: Features, points: Features) -> Iterator[tuple[NDArray[np.int64], Features]]:
    """Blocks of rows of ``some`` with their inner products with all points."""
    for start in range(0, len(some), _BLOCK):
        place = np.arange(start, min(start + _BLOCK, len(some)))
        yield place, some[place] @ points.T


def measure_without_labels(
    encoder: PatchEncoder, windows: WindowDataset, features: Features | None = None, seed: int = 0
) -> dict[str, Any]:
    """Every measure of this file, of the windows of a split.

    Parameters
    ----------
    features
        Of all windows, where they are known already.
    seed
        Of augmentations, partners, and the draw of windows where there are more than ``MOST_WINDOWS``.

    Returns
    -------
    dict
        ``windows`` (measured), ``rankme``, ``effective_rank`` (of centred features), ``uniformity``, ``alignment`` of
        two augmentations of a window, of two windows of a ``subject`` and of neighbours in ``time``, and
        ``subject_leakage`` with what it was measured ``between``: recordings, or their halves where nobody has two
        recordings. None where the split has no such pairs.

    Raises
    ------
    DatasetError
        When there are fewer than two windows.
    """
    if len(windows) < 2:
        raise DatasetError(f"expected several windows in '{windows.table.path}' ({windows.split}), found one; add some")
    features = window_features(encoder, windows) if features is None else features
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(features))[:MOST_WINDOWS])
    sample = features[rows]
    subjects = np.asarray(windows.column("subject"), dtype=str)
    recordings, between = _recordings(windows, subjects)
    leakage = subject_leakage(features, subjects, recordings, rows)
    return {
        "windows": len(rows),
        "rankme": rankme(sample),
        "effective_rank": effective_rank(sample - sample.mean(0)),
        "uniformity": uniformity(sample),
        "alignment": {
            "augmentation": _augmented_alignment(encoder, windows, rows, seed),
            **{pairs: _paired_alignment(windows, features, rows, pairs, rng) for pairs in ("subject", "time")},
        },
        "subject_leakage": leakage and {**leakage, "between": between},
    }


def _recordings(windows: WindowDataset, subjects: NDArray[np.str_]) -> tuple[NDArray[np.str_], str]:
    """Which recording, or which half of it, each window was cut from."""
    sources = np.asarray(windows.column("source"), dtype=str)
    whole = np.asarray([f"{a}\0{b}" for a, b in zip(subjects, sources, strict=True)])
    names, number = np.unique(whole, return_inverse=True)
    if len(names) > len(np.unique(subjects)):
        return whole, "recordings"
    start = np.asarray(windows.column("start"), dtype=np.float64)
    middle = np.asarray([np.median(start[number == one]) for one in range(len(names))])
    return np.asarray([f"{a}\0{b}" for a, b in zip(whole, start > middle[number], strict=True)]), "halves"


def _augmented_alignment(encoder: PatchEncoder, windows: WindowDataset, rows: NDArray[np.int64], seed: int) -> float:
    """Two augmentations of each window, drawn as the contrastive objectives draw them."""
    augmentation = default_pipeline(windows.contract)
    generator = torch.Generator(device_of(encoder)).manual_seed(seed)
    first, second = (window_features(encoder, windows, rows.tolist(), augmentation, generator) for _ in range(2))
    return alignment(first, second)


def _paired_alignment(
    windows: WindowDataset, features: Features, rows: NDArray[np.int64], pairs: Pairs, rng: np.random.Generator
) -> float | None:
    """Each window with one that it belongs to, as `PairedWindows` says; those without are left out."""
    try:
        partners = PairedWindows(windows, pairs).partners
    except DatasetError:  # nobody has a partner
        return None
    paired = [row for row in rows if len(partners[row])]
    others = [int(rng.choice(partners[row])) for row in paired]
    return alignment(features[paired], features[others]) if paired else None
