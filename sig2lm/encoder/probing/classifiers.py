"""Classifiers that read an encoder: a linear layer, its nearest neighbours, or all of its weights anew."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from sig2lm.datasets import Table
from sig2lm.encoder.finetune import FineTuneSettings, classify, fine_tune
from sig2lm.encoder.probing.features import Features
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.self_training import SelfTrainingSettings, self_train

Numbers = NDArray[np.int64]
_BLOCK = 1024


def linear_probe(train: Features, truth: Numbers, test: Features, labels: int) -> Features:
    """Probabilities (N, labels) of logistic regression on standardised features; two labels at least are known."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train, truth)
    probabilities = np.zeros((len(test), labels))
    probabilities[:, fitted.classes_] = fitted.predict_proba(test)
    return probabilities


def nearest_neighbours(
    train: Features, truth: Numbers, test: Features, labels: int, neighbours: int = 20, temperature: float = 0.07
) -> Features:
    """Shares (N, labels) of the votes of the nearest training windows by cosine, features standardised.

    A vote weighs exp(similarity / temperature): Wu et al. 2018 (arXiv 1805.01978), section 3.4, with their 0.07.
    """
    scaler = StandardScaler().fit(train)
    known, asked = normalize(scaler.transform(train)), normalize(scaler.transform(test))
    count = min(neighbours, len(known))
    shares = np.zeros((len(asked), labels))
    for start in range(0, len(asked), _BLOCK):
        similarity = asked[start : start + _BLOCK] @ known.T
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        weight = np.exp((np.take_along_axis(similarity, nearest, axis=1) - 1.0) / temperature)
        rows = np.arange(start, start + len(similarity))[:, None]
        np.add.at(shares, (rows, truth[nearest]), weight)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def fine_tuned(
    encoder: PatchEncoder,
    table: Table,
    tests: Sequence[Table],
    split: str,
    labels: Sequence[str],
    rows: Sequence[int],
    settings: FineTuneSettings,
    least_steps: int = 0,
) -> list[Features]:
    """Train a copy of an encoder with a linear layer on rows of the train split; probabilities for a split of tables.

    Parameters
    ----------
    table, tests
        Of the encoder's signal only, all rows labelled.
    least_steps
        Where the epochs have fewer steps there are more epochs, so that few labels are not also little training.
    """
    (name,) = table.info.signals
    settings = _lengthened(settings, len(rows), least_steps)
    model = fine_tune(table, {name: copy.deepcopy(encoder)}, labels, settings, rows)
    return [classify(model, test, split, labels) for test in tests]


def self_trained(
    encoder: PatchEncoder,
    table: Table,
    split: str,
    labels: Sequence[str],
    rows: Sequence[int],
    settings: FineTuneSettings,
    least_steps: int = 0,
) -> Features:
    """Self-train a copy of an encoder, all rows of the train split but ``rows`` unlabelled; probabilities for a split.

    Parameters
    ----------
    table
        Of the encoder's signal only.
    least_steps
        Of the teacher, of the student and of its fine-tuning, as in `fine_tuned`.
    """
    (name,) = table.info.signals
    between = _lengthened(settings, len(table.data["train"]), least_steps).epochs
    further = SelfTrainingSettings(epochs=between, tuning=_lengthened(settings, len(rows), least_steps))
    model, _ = self_train(table, {name: copy.deepcopy(encoder)}, labels, further, rows)
    return classify(model, table, split, labels)


def _lengthened(settings: FineTuneSettings, windows: int, least_steps: int) -> FineTuneSettings:
    steps = math.ceil(windows / settings.batch_size)
    return replace(settings, epochs=max(settings.epochs, math.ceil(least_steps / steps)))
