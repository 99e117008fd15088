"""Classifiers that read the patches of an encoder, which stays as it is: a linear layer, and nearest neighbours."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from sig2lm.evaluation.probing.features import Features

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
