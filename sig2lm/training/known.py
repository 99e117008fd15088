"""What is known of a table's rows, to write questions from: labels, quantities, and what separates labels."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sig2lm.datasets import Table
from sig2lm.errors import PromptError
from sig2lm.quantities import QUANTITIES, Measurement, measure_many, together
from sig2lm.quantities.quantity import round_to
from sig2lm.templates import Task, Template
from sig2lm.templates.questions import QuestionPlan

Values = npt.NDArray[np.float64]
Answers = npt.NDArray[np.int64]

_ROUNDS, _TINY = 100, 1e-12
_BLOCK = 1024  # rows whose values are held at once
_ENOUGH = 2000  # rows to know what is usual from
_SHARE = 0.5  # of the rows that must carry a quantity, where the template names none
_MOST = 6  # quantities, where the template names none
_LEVELS = (0.35, 0.5, 0.65)  # quantiles that thresholds come from
_BALANCED = 0.2  # share of the rows that must lie on either side of a threshold, or at each level
_EDGES = (1 / 3, 2 / 3)  # quantiles between which levels lie


@dataclass(frozen=True)
class Row:
    """What is known of one row: its number, its label (None without one), what was measured, and all that holds.

    Attributes
    ----------
    labels
        Its label, or the several that hold for it, in the table's order; none where none is known.
    """

    number: int
    label: str | None
    measured: dict[str, Measurement]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Threshold:
    """A value to compare with, and how it is said."""

    value: float
    text: str


@dataclass(frozen=True)
class Known:
    """What is usual among the rows that are learned from: it decides what is asked, and what a number is compared with.

    Attributes
    ----------
    task, plan
        What is asked, and about what.
    rows
        Of the training split, up to 2,000 drawn at random.
    """

    task: Task
    plan: QuestionPlan
    rows: tuple[Row, ...]

    @cached_property
    def claims(self) -> dict[str, frozenset[str]]:
        """What can be claimed of a row, each with the labels it holds for; only what separates labels."""
        found = self.plan.claims(self.task.labels)
        return {claim: members for claim, members in found.items() if 0 < len(members) < len(self.task.labels)}

    def claim_odds(self, row: Row, claims: tuple[str, ...]) -> dict[str, float]:
        """How often a row is asked about each of some claims, see :func:`balanced`.

        Of several labels that no row of those learned from holds together, it is the mean of their own.
        """
        if claims not in self._claim_odds:
            self._claim_odds[claims] = self._balanced_claims(claims)
        known = self._claim_odds[claims]
        held = [row.labels] if row.labels in known else [(label,) for label in row.labels]
        alike = [known[labels] for labels in held if labels in known]
        return {claim: sum(odds[claim] for odds in alike) / len(alike) for claim in claims} if alike else {}

    @cached_property
    def _claim_odds(self) -> dict[tuple[str, ...], dict[tuple[str, ...], dict[str, float]]]:
        return {}

    def _balanced_claims(self, claims: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, float]]:
        counts = Counter(row.labels for row in self.rows if row.labels and set(row.labels) <= set(self.task.labels))
        held = sorted(counts)
        answers = np.array([[1 if self.holds(claim, labels) else -1 for claim in claims] for labels in held])
        shares = np.array([counts[labels] for labels in held]) / max(1, counts.total())
        often = balanced(answers, shares) if held and claims else np.zeros((len(held), 0))
        return {labels: dict(zip(claims, row, strict=True)) for labels, row in zip(held, often.tolist(), strict=True)}

    def holds(self, claim: str, labels: tuple[str, ...]) -> bool:
        """Whether a claim is true of what has these labels."""
        return not self.claims[claim].isdisjoint(labels)

    @cached_property
    def threshold_odds(self) -> dict[str, dict[tuple[int, ...], tuple[float, ...]]]:
        """How often a row is asked about each threshold of a quantity, by where it lies (:meth:`sides`)."""
        found = {}
        for name, thresholds in self.thresholds.items():
            counts = Counter(self.sides(name, row.measured[name]) for row in self.rows if name in row.measured)
            places = list(counts)
            shares = np.array(list(counts.values())) / counts.total()
            often = balanced(np.array(places), shares) if thresholds else np.zeros((len(places), 0))
            found[name] = {place: tuple(row) for place, row in zip(places, often.tolist(), strict=True)}
        return found

    def sides(self, name: str, fact: Measurement) -> tuple[int, ...]:
        """Say of each threshold whether a value lies above (1), below (-1), or too near to be asked (0)."""
        off = [fact.value - threshold.value for threshold in self.thresholds[name]]
        return tuple(0 if abs(one) <= fact.tolerance / 2 else 1 if one > 0 else -1 for one in off)

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Quantities to ask for, the most telling first; each has a unit."""
        counts: dict[str, int] = {}
        for row in self.rows:
            for name, fact in row.measured.items():
                if fact.unit:
                    counts[name] = counts.get(name, 0) + 1
        wanted = self.plan.quantities
        if wanted is None:
            return tuple(name for name, count in counts.items() if count >= _SHARE * len(self.rows))[:_MOST]
        return tuple(name for each in wanted for name in counts if name == each or name.startswith(f"{each} of the "))

    @cached_property
    def values(self) -> dict[str, Values]:
        """Values of each quantity over the rows, NaN where a row does not carry it."""
        return {
            name: np.array([row.measured[name].value if name in row.measured else np.nan for row in self.rows])
            for name in self.quantities
        }

    @cached_property
    def means(self) -> dict[str, float]:
        """Mean of each quantity over the rows that carry it: what is guessed without a signal."""
        return {name: float(np.nanmean(values)) for name, values in self.values.items()}

    @cached_property
    def thresholds(self) -> dict[str, tuple[Threshold, ...]]:
        """Values to compare each quantity with, rounded as they are said, about as many rows above as below."""
        return {name: tuple(self._thresholds(name)) for name in self.quantities}

    @cached_property
    def edges(self) -> dict[str, tuple[float, float]]:
        """For quantities whose rows fall into three levels, where the middle one begins and ends."""
        found = {}
        for name, values in self.values.items():
            finite = values[np.isfinite(values)]
            low, high = (float(edge) for edge in np.quantile(finite, _EDGES))
            shares = (finite <= low).mean(), ((finite > low) & (finite <= high)).mean(), (finite > high).mean()
            if min(shares) >= _BALANCED:
                found[name] = low, high
        return found

    def level(self, name: str, fact: Measurement) -> int | None:
        """Return 0, 1 or 2 for a low, moderate or high value; None near an edge, or where there are no levels."""
        edges = self.edges.get(name)
        if edges is None or any(abs(fact.value - edge) <= fact.tolerance / 2 for edge in edges):
            return None
        return sum(fact.value > edge for edge in edges)

    @cached_property
    def telling(self) -> dict[str, tuple[str, ...]]:
        """For each label, the quantities by which its rows differ most from all, the first the most."""
        labels = np.array([row.label or "" for row in self.rows])
        spread = {name: np.nanstd(values) for name, values in self.values.items()}
        named = [name for name in self.quantities if spread[name] > 0]
        found = {}
        for label in self.task.labels:
            here = labels == label
            carried = [name for name in named if np.isfinite(self.values[name][here]).any()]
            off = {name: abs(np.nanmean(self.values[name][here]) - self.means[name]) / spread[name] for name in carried}
            found[label] = tuple(sorted(carried, key=lambda name: -off[name]))
        return found

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """Quantities that no row carries, so that asking for them has no answer."""
        carried = {name.split(" of the ")[0] for row in self.rows for name in row.measured}
        return tuple(name for name in QUANTITIES if "{" not in name and name not in carried)

    def _thresholds(self, name: str) -> list[Threshold]:
        values = self.values[name][np.isfinite(self.values[name])]
        example = next(row.measured[name] for row in self.rows if name in row.measured)
        found: dict[str, Threshold] = {}
        for level in np.quantile(values, _LEVELS):
            tolerance = max(QUANTITIES[name].tolerance if name in QUANTITIES else 0.0, 0.05 * abs(level), 1e-6)
            text = round_to(float(level), tolerance)
            above = float((values > float(text)).mean())
            if _BALANCED <= above <= 1 - _BALANCED:
                found.setdefault(text, Threshold(float(text), _with_unit(text, example)))
        return list(found.values())


def balanced(answers: Answers, shares: Values) -> Values:
    """Return how often a row of each class is asked each question, so that each question is yes as often as no.

    Parameters
    ----------
    answers
        (classes, questions): 1 where a class answers yes, -1 for no, 0 where it is not asked.
    shares
        (classes,) of the rows; they sum to 1.

    Returns
    -------
    array
        (classes, questions), with rows that sum to at most 1: what is left of a row asks none of these. Questions that
        all classes answer alike are never asked.

    Examples
    --------
    >>> balanced(np.array([[1], [-1]]), np.array([0.25, 0.75])).round(2).tolist()
    [[1.0], [0.33]]
    """
    yes, no = answers > 0, answers < 0
    asked = (yes | no) & yes.any(axis=0) & no.any(axis=0)
    mass = np.where(asked, shares[:, None], 0.0)
    for _ in range(_ROUNDS):  # scaling rows and columns in turn, the columns last
        mass *= (shares / np.maximum(mass.sum(axis=1), _TINY))[:, None]
        sides = [np.maximum(np.where(side, mass, 0.0).sum(axis=0), _TINY) for side in (yes, no)]
        mean = np.sqrt(sides[0] * sides[1])
        mass = np.where(asked, mass * np.where(yes, mean / sides[0], mean / sides[1]), 0.0)
    often = mass / shares[:, None]
    return np.asarray(often / max(1.0, float(often.sum(axis=1).max())))


def stating_measured(template: Template, known: Known) -> Template:
    """Return a template whose prompt states the quantities that are asked for, as measured of each recording.

    Raises
    ------
    PromptError
        When the rows carry none.
    """
    if not known.quantities:
        raise PromptError(
            "expected quantities that the recordings carry, to state what was measured (--measured), found none; "
            "leave it out, or see `sig2lm quantities`"
        )
    return template.with_measured(known.quantities)


def know(table: Table, task: Task, split: str = "train") -> Known:
    """Measure rows of a split, up to 2,000 of them.

    Raises
    ------
    PromptError
        If the template's questions name labels that are none of the task's.
    """
    plan = task.template.questions or QuestionPlan()
    plan.check(task.labels)
    size = len(table.data[split])
    numbers = sorted(random.Random(0).sample(range(size), min(_ENOUGH, size)))
    return Known(task, plan, tuple(known_rows(table, split, numbers)))


def known_rows(table: Table, split: str, numbers: Sequence[int] | None = None) -> list[Row]:
    """Measure rows of a split, all of them by default."""
    data = table.data[split].with_format("numpy")
    chosen = range(len(data)) if numbers is None else numbers
    found = []
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        rows = [data[int(number)] for number in block]
        signals = [table.signals(row) for row in rows]
        measured = {name: measure_many([one[name] for one in signals]) for name in table.info.signals}
        for place, (number, row) in enumerate(zip(block, rows, strict=True)):
            label = None if row["label"] is None else str(row["label"])
            facts = together({name: of_signal[place] for name, of_signal in measured.items()}, signals[place])
            found.append(Row(int(number), label, facts, table.labels(row)))
    return found


def _with_unit(text: str, example: Measurement) -> str:
    return example.stated.replace(example.rounded, text, 1)
