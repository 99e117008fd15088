"""A line of the comparison: who answered how well, at what cost."""

from dataclasses import dataclass, field
from typing import Any

from sig2lm.evaluation.evaluate import scored
from sig2lm.metrics import Predictions
from sig2lm.templates.task import Task

METHODS = {
    1: "numbers as text, zero-shot",
    2: "numbers as text, few-shot",
    3: "prompt tuning, numbers as text",
    4: "encoder and adapter",
    5: "encoder, adapter and LoRA",
}


@dataclass(frozen=True)
class Cost:
    """What answers cost; None where it does not apply or was not measured.

    Attributes
    ----------
    tokens_per_question
        Mean number of positions that the LM reads, virtual tokens included.
    seconds_per_answer
        Wall time from a raw signal, in batches of 32.
    trained_parameters, training_seconds
        Of what was trained on top of the LM; pretraining of encoders is not counted.
    """

    tokens_per_question: float | None = None
    seconds_per_answer: float | None = None
    trained_parameters: int | None = None
    training_seconds: float | None = None


@dataclass(frozen=True)
class MethodResult:
    """A method, or a baseline where ``method`` is None."""

    method: int | None
    name: str
    predictions: Predictions
    cost: Cost
    notes: tuple[str, ...] = field(default=())

    def report(self, task: Task) -> dict[str, Any]:
        """Return the entry ready for JSON."""
        return {
            "method": self.method,
            "name": self.name,
            **scored(self.predictions, task),
            **vars(self.cost),
            "notes": list(self.notes),
        }
