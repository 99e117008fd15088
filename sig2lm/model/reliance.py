"""Whether an answer rests on the signal: whether it is likelier than for other recordings.

An LM may answer by habit: then the answer is as likely whatever was recorded. So its log-odds stand beside those for
the training recordings that a run keeps, where the same question is asked. The change from which an answer counts as
resting on its signal is chosen on people that training did not see: 95 % of their right labels reach it, and as few
answers as can be to questions that no recording can answer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, softmax

Array = NDArray[np.float64]
_REACHED = 0.95  # of right answers: that a right one is called a habit is to be rare
_CERTAIN = 1e-9  # probabilities are kept this far from 0 and 1


@dataclass(frozen=True)
class Reliance:
    """How much an answer rests on its signal.

    Attributes
    ----------
    change
        Its log-odds less those of the same answer for other recordings, nats.
    threshold
        From which change on it counts as resting on the signal (:class:`RelianceRule`).

    Examples
    --------
    >>> Reliance(2.5, 0.4).holds, Reliance(0.1, 0.4).holds
    (True, False)
    """

    change: float
    threshold: float

    @property
    def holds(self) -> bool:
        """Whether the answer rests on the signal."""
        return self.change >= self.threshold


NOTHING_OBSERVED = Reliance(0.0, 0.1)
"""Of an answer about recordings of which every sample is missing, whatever a run knows."""


@dataclass(frozen=True)
class RelianceRule:
    """From which change of the log-odds on an answer rests on its signal.

    Attributes
    ----------
    threshold
        nats.
    right
        Share of the right labels of validation people that change by at least as much.
    unanswerable
        Share of answers to questions that no recording can answer that change by less.
    """

    threshold: float
    right: float
    unanswerable: float

    @classmethod
    def from_changes(cls, right: Array, unanswerable: Array) -> "RelianceRule | None":
        """Choose the threshold that the fewest unanswerable reach and 95 % of right answers do; None without changes.

        Of several the least is taken. It is never below zero: what the signal makes less likely does not rest on it.

        Examples
        --------
        >>> RelianceRule.from_changes(np.array([2.0, 3.0, 4.0]), np.array([0.0, 0.2, 0.4]))
        RelianceRule(threshold=1.2, right=1.0, unanswerable=1.0)
        """
        if not len(right) or not len(unanswerable):
            return None
        every = np.unique(np.concatenate([right, unanswerable, [0.0]]))
        places = np.unique(np.maximum((every[1:] + every[:-1]) / 2, 0.0))
        rules = [cls(float(at), float((right >= at).mean()), float((unanswerable < at).mean())) for at in places]
        most = min(_REACHED, max(rule.right for rule in rules))
        allowed = [rule for rule in rules if rule.right >= most]
        return max(allowed, key=lambda rule: (rule.unanswerable, -rule.threshold))


def changes(own: Array, usual: Array) -> Array:
    """Return how log-odds differ, nats, between probabilities of some answers and what is usual for them."""
    return np.asarray(_log_odds(own) - _log_odds(usual))


def unanswerable_changes(own: Array, others: Array) -> Array:
    """Return the changes (N,) of the likelier choice, from scores (N, M) and those (R, M) for other recordings."""
    probabilities, usual = softmax(own, axis=1), softmax(others, axis=1).mean(axis=0)
    chosen = probabilities.argmax(axis=1)
    return changes(probabilities[np.arange(len(own)), chosen], usual[chosen])


def right_changes(probabilities: Array, truth: Array, usual: Array) -> Array:
    """Return the changes of right answers: (N, M) probabilities, one-hot labels (N, M), and (M,) what is usual."""
    right = np.flatnonzero(probabilities.argmax(axis=1) == truth.argmax(axis=1))
    labels = truth.argmax(axis=1)[right]
    return changes(probabilities[right, labels], usual[labels])


def _log_odds(probabilities: Array) -> Array:
    return np.asarray(logit(np.clip(probabilities, _CERTAIN, 1 - _CERTAIN)))
