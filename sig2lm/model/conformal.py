"""Label sets that hold the right label as often as is asked for: split conformal prediction over people.

How unlikely the right labels of the validation people were found decides which labels of a new recording are kept
(Sadinle et al. 2019, arXiv:1609.00451). Windows of one person are alike, so people are what counts: each weighs the
same, and one weight is left for the person to come (Lee, Barber and Willett 2023, arXiv:2306.06342). With fewer people
than this needs (9 for a coverage of 0.9), windows are counted instead: then the promise is about windows of these
people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Conformity:
    """How unlikely the right labels were found of people that training did not see.

    Attributes
    ----------
    misses
        (N,), 1 minus the probability of each row's right label.
    subjects
        (N,) int64, a number for whose row it is.

    Examples
    --------
    >>> known = Conformity(np.linspace(0, 0.5, 99), np.arange(99))
    >>> known.label_set({"sitting": 0.52, "standing": 0.46, "walking": 0.02}, 0.9)
    ('sitting',)
    >>> known.label_set({"sitting": 0.56, "standing": 0.42, "walking": 0.02}, 0.999)
    ('sitting', 'standing', 'walking')
    """

    misses: Floats
    subjects: NDArray[np.int64]

    @classmethod
    def from_labels(cls, probabilities: Floats, truth: Floats, subjects: Sequence[str]) -> "Conformity":
        """Make it from probabilities (N, M), right labels one-hot (N, M), and whose each row is."""
        _, numbers = np.unique(np.array(subjects, dtype=str), return_inverse=True)
        return cls(1 - (probabilities * truth).sum(axis=1), np.asarray(numbers, dtype=np.int64))

    @property
    def people(self) -> int:
        """How many subjects there are."""
        return len(np.unique(self.subjects))

    def over_people(self, coverage: float) -> bool:
        """Whether there are people enough to promise this coverage of people to come."""
        return 1 / (self.people + 1) <= 1 - coverage + 1e-12

    def threshold(self, coverage: float) -> float:
        """Return the miss up to which labels are kept; infinite where nothing less can be promised."""
        if coverage not in self._thresholds:
            self._thresholds[coverage] = self._threshold(coverage)
        return self._thresholds[coverage]

    @cached_property
    def _thresholds(self) -> dict[float, float]:
        return {}

    def _threshold(self, coverage: float) -> float:
        if not len(self.misses):
            return np.inf
        counts = np.bincount(self.subjects)[self.subjects]
        left = self.people + 1 if self.over_people(coverage) else len(self.misses) + 1
        weights = (1 - 1 / left) / (self.people * counts)
        order = np.argsort(self.misses)
        reached = np.cumsum(weights[order]) >= coverage - 1e-12
        return float(self.misses[order][reached.argmax()]) if reached.any() else np.inf

    def label_set(self, probabilities: Mapping[str, float], coverage: float) -> tuple[str, ...]:
        """Return the labels to keep, the likeliest first; never none."""
        threshold = self.threshold(coverage)
        ranked = sorted(probabilities, key=lambda label: -probabilities[label])
        return (ranked[0], *(label for label in ranked[1:] if 1 - probabilities[label] <= threshold + 1e-12))
