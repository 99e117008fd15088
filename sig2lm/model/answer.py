"""What the LM said, and what is known of it; how the likelihoods of choices become a closed answer."""

from dataclasses import dataclass

from torch import Tensor

from sig2lm.model.evidence import Evidence
from sig2lm.model.reliance import Reliance
from sig2lm.quantities import Check
from sig2lm.templates.task import Question


@dataclass(frozen=True)
class Answer:
    """What the LM said.

    Attributes
    ----------
    text
        The answer in words.
    label
        The closed answer that it is, or that its text names; None where it names none.
    probabilities
        For a closed question, the probability of each choice given that it is one of them; None for an open one.
    checks
        Of a free answer, each number with a unit that it states, beside what was measured of the signals
        (:func:`sig2lm.quantities.check_numbers`).
    label_set
        Where a coverage was asked for, the labels that hold the right one so often, the likeliest first
        (:mod:`sig2lm.model.conformal`).
    evidence
        What the answer rests on, where that was asked for (:meth:`SignalLM.explain`).
    reliance
        How much likelier the answer is than for other recordings; None where the run knows none
        (:mod:`sig2lm.model.reliance`).

    Examples
    --------
    >>> answer = Answer("walking", "walking", {"sitting": 0.1, "walking": 0.9})
    >>> answer.confidence, answer.ranked
    (0.9, [('walking', 0.9), ('sitting', 0.1)])
    """

    text: str
    label: str | None
    probabilities: dict[str, float] | None
    checks: tuple[Check, ...] = ()
    label_set: tuple[str, ...] | None = None
    evidence: Evidence | None = None
    reliance: Reliance | None = None

    @property
    def confidence(self) -> float | None:
        """The probability of the label among the choices; None for an open question."""
        return None if self.probabilities is None or self.label is None else self.probabilities[self.label]

    @property
    def relies_on_signal(self) -> bool | None:
        """Whether the answer rests on the signal; None where nothing is known of other recordings."""
        return None if self.reliance is None else self.reliance.holds

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """The choices with their probabilities, the likeliest first; empty for an open question."""
        return sorted((self.probabilities or {}).items(), key=lambda item: -item[1])


def closed_answer(question: Question, scores: Tensor) -> Answer:
    """Return the likeliest of a question's choices, from their log-likelihoods (n,)."""
    assert question.choices is not None
    probabilities = dict(zip(question.choices, calibrated(question, scores).softmax(-1).tolist(), strict=True))
    best = max(probabilities, key=probabilities.__getitem__)
    return Answer(question.sentences[question.choices.index(best)], best, probabilities)


def calibrated(question: Question, scores: Tensor) -> Tensor:
    """Return the score of each choice, of its log-likelihood (..., n); a softmax makes probabilities."""
    return scores if question.offsets is None else question.scale * (scores + scores.new_tensor(question.offsets))
