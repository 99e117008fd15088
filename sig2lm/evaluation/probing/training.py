"""All weights of an encoder, trained on rows with labels, or also on the windows of others without."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sig2lm.datasets import Table
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.evaluation.probing.features import Features
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classify, fine_tune
from sig2lm.pretraining.self_training import SelfTrainingSettings, self_train


@dataclass(frozen=True)
class Training:
    """How copies of an encoder are trained with a linear layer, and on which split they are judged.

    Attributes
    ----------
    labels, split
        What is learned, and where is judged.
    tuning
        Of the optimisation.
    least_steps
        Where the epochs have fewer steps there are more epochs, so that few labels are not also little training.
    """

    labels: Sequence[str]
    split: str
    tuning: FineTuneSettings
    least_steps: int = 0

    def fine_tuned(
        self, encoder: PatchEncoder, table: Table, tests: Sequence[Table], rows: Sequence[int]
    ) -> list[Features]:
        """Train on rows of the train split and return probabilities (N, M) for each table to be judged on.

        Tables are of the encoder's signal only, all rows labelled.
        """
        (name,) = table.info.signals
        model = fine_tune(table, {name: copy.deepcopy(encoder)}, self.labels, self.long_enough(len(rows)), rows)
        return [classify(model, test, self.split, self.labels) for test in tests]

    def self_trained(self, encoder: PatchEncoder, table: Table, rows: Sequence[int]) -> Features:
        """Self-train, all rows of the train split but ``rows`` unlabelled, and return probabilities (N, M).

        Teacher, student and the student's fine-tuning all take at least ``least_steps``.
        """
        (name,) = table.info.signals
        between = self.long_enough(len(table.data["train"])).epochs
        further = SelfTrainingSettings(epochs=between, tuning=self.long_enough(len(rows)))
        model, _ = self_train(table, {name: copy.deepcopy(encoder)}, self.labels, further, rows)
        return classify(model, table, self.split, self.labels)

    def long_enough(self, windows: int) -> FineTuneSettings:
        """The optimisation of so many windows."""
        planned, steps = self.tuning.planned(windows, self.least_steps), math.ceil(windows / self.tuning.batch_size)
        return replace(planned, epochs=max(planned.epochs or 0.0, math.ceil(self.least_steps / steps)))
