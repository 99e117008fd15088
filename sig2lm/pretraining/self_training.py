"""Learning from windows without a label: a teacher labels them, a student learns from what the teacher is sure of.

SelfHAR (Tang et al. 2021, doi 10.1145/3448112): a teacher learns the labelled windows and labels the others; for each
label the most confident of its answers are kept; a student learns the kept answers together with telling which
distortions a window went through; then it is fine-tuned on the labelled windows. Here, other than there,

- teacher and student begin with the encoders that are given, pretrained or not, where theirs begin again;
- labelled windows keep their own labels, where theirs are labelled by the teacher, too;
- labels are asked of windows as they are, or augmented as in fine-tuning, and not of distorted ones: who is turned over
  may no longer sit; so each step encodes a window twice;
- distortions come together, each with its own probability, where theirs come one at a time;
- all weights are fine-tuned, where theirs keep the first layers.

The threshold and the most windows per label are those of the configuration that the authors publish.
"""

import copy
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import set_seed

from sig2lm.datasets import Table
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.encoder.tables import as_encoders_read
from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.classifier import Classifier
from sig2lm.pretraining.fine_tuning import (
    FineTuneSettings,
    balanced_loss,
    contracts_of,
    default_pipelines,
    fine_tune,
    fit,
    fitting_encoders,
    label_probabilities,
    training_record,
    validation_scores,
    with_origins,
)
from sig2lm.pretraining.objectives.transform import ToldDistortions, build_distortions
from sig2lm.pretraining.partial_labels import UNLABELLED, PartlyLabelled


@dataclass(frozen=True)
class SelfTrainingSettings:
    """How a student learns from a teacher.

    Attributes
    ----------
    threshold
        Least probability of a label that is kept; with two labels, 0.5 keeps every window.
    most_per_label
        WindowDataset kept of each label, the most confident ones.
    epochs
        Of the student's learning from kept and labelled windows.
    probability
        That a window goes through a distortion.
    weight
        Of telling distortions, beside 1 for telling labels.
    tuning
        Of the teacher, of the student's fine-tuning, and, epochs aside, of what lies between; its seed is that of all.

    Raises
    ------
    Sig2LMError
        When a value makes no sense.
    """

    threshold: float = 0.5
    most_per_label: int = 10_000
    epochs: float | None = None
    probability: float = 0.5
    weight: float = 1.0
    tuning: FineTuneSettings = field(default_factory=FineTuneSettings)

    def __post_init__(self) -> None:
        for name, sensible, expected in (
            ("threshold", 0.0 <= self.threshold <= 1.0, "from 0 to 1"),
            ("most_per_label", self.most_per_label >= 1, "1 or more"),
            ("probability", 0.0 < self.probability < 1.0, "between 0 and 1"),
            ("weight", self.weight >= 0.0, "0 or more"),
        ):
            if not sensible:
                raise Sig2LMError(f"expected {name} {expected}, found {getattr(self, name)}; change it")


def self_train(
    table: Table,
    encoders: Mapping[str, PatchEncoder],
    labels: Sequence[str],
    settings: SelfTrainingSettings | None = None,
    labelled_rows: Sequence[int] | None = None,
    unlabelled: Table | None = None,
) -> tuple[Classifier, dict[str, Any]]:
    """Train encoders with a linear layer on labelled windows of the train split, and on others without their labels.

    Parameters
    ----------
    encoders
        One for each signal of the table; they are trained in place.
    labelled_rows
        Rows of the train split whose labels are used; by default all that have one. The labels of other rows are not
        looked at: they are the unlabelled windows.
    unlabelled
        A further table, the windows of whose train split are unlabelled too.

    Returns
    -------
    tuple
        The student, and a record: ``labelled`` and ``kept`` windows of each label, ``unlabelled`` windows, and
        ``fell_back``: whether no answer of the teacher was sure enough, so that the student has learned labels from
        labelled windows only, and distortions from all.

    Raises
    ------
    DatasetError
        Before training: when no window is unlabelled, a label has no labelled window, or a table does not suit.
    """
    settings = settings or SelfTrainingSettings()
    tuning = settings.tuning
    windows = PartlyLabelled.of(table, encoders, labels, labelled_rows, unlabelled)
    teacher = fine_tune(table, copy.deepcopy(dict(encoders)), labels, tuning, windows.known)
    answers = label_probabilities(teacher, windows.numbered(windows.others, [UNLABELLED] * len(windows.others)))
    found = confident_labels(answers, settings.threshold, settings.most_per_label)
    set_seed(tuning.seed)
    loss = balanced_loss(windows.numbers, len(labels), tuning)
    student = _Student(Classifier(encoders, labels, loss).requires_grad_(True), encoders, settings)
    fit(student, windows.with_answers(found), replace(tuning, epochs=settings.epochs))
    labelled = windows.numbered(windows.known, windows.numbers)
    fit(student.classifier, labelled, tuning, default_pipelines(encoders, tuning.augment))
    counted = {"labelled": Counter(windows.numbers), "kept": Counter(found.tolist())}
    record = {what: {label: counts[number] for number, label in enumerate(labels)} for what, counts in counted.items()}
    fell_back = not any(record["kept"].values())
    return student.classifier.eval(), {**record, "unlabelled": len(windows.others), "fell_back": fell_back}


def self_trained_encoders(
    table: Table,
    folders: Mapping[str, str | Path],
    labels: Sequence[str],
    settings: SelfTrainingSettings | None = None,
    unlabelled: Table | None = None,
) -> tuple[Classifier, dict[str, dict[str, Any]]]:
    """Load pretrained encoders, train them by :func:`self_train`, and say where each came from.

    Parameters
    ----------
    folders
        Of an encoder for each signal of the table.

    Returns
    -------
    tuple
        The classifier, whose ``encoders`` are ready to be saved, and the provenance of each encoder.

    Raises
    ------
    DatasetError
        As there.
    """
    settings = settings or SelfTrainingSettings()
    encoders = fitting_encoders(table, folders)
    table = as_encoders_read(table, contracts_of(encoders))
    started = time.perf_counter()
    classifier, found = self_train(table, encoders, labels, settings, None, unlabelled)
    record = {
        "settings": asdict(settings),
        **training_record(table, labels, sum(found["labelled"].values())),
        "further": unlabelled.info.name if unlabelled else None,
        "self_training": found,
        "seconds": round(time.perf_counter() - started, 1),
        "validation": validation_scores(classifier, table),
    }
    return classifier, with_origins(record, folders)


def confident_labels(probabilities: NDArray[np.float64], threshold: float, most: int) -> NDArray[np.int64]:
    """Return the likeliest label (N,) of each row of (N, M), ``UNLABELLED`` where it is not kept.

    Kept is what reaches the threshold, and of each label at most so many: the most confident, the first of equals.
    """
    answers, confidence = probabilities.argmax(1), probabilities.max(1)
    found = np.full(len(probabilities), UNLABELLED, dtype=np.int64)
    for label in range(probabilities.shape[1]):
        rows = np.flatnonzero((answers == label) & (confidence >= threshold))
        found[rows[np.argsort(-confidence[rows], kind="stable")[:most]]] = label
    return found


class _Student(nn.Module):
    """A classifier that learns to tell distortions besides; a window of the number UNLABELLED teaches these only."""

    def __init__(
        self, classifier: Classifier, encoders: Mapping[str, PatchEncoder], settings: SelfTrainingSettings
    ) -> None:
        super().__init__()
        self.classifier, self.weight = classifier, settings.weight
        self.pipelines = default_pipelines(encoders, settings.tuning.augment)
        self.told = nn.ModuleDict(
            {name: _told_distortions(encoder, settings.probability) for name, encoder in encoders.items()}
        )

    def forward(self, signals: Mapping[str, Mapping[str, Tensor]], labels: Tensor) -> dict[str, Tensor]:
        """Return the loss."""
        told = torch.stack([self.told[name](**fields) for name, fields in signals.items()]).mean()
        augmented = {name: self._augmented(name, **fields) for name, fields in signals.items()}
        lost = cross_entropy(self.classifier(augmented)["logits"], labels, ignore_index=UNLABELLED, reduction="sum")
        return {"loss": lost / (labels != UNLABELLED).sum().clamp(min=1) + self.weight * told}

    def _augmented(self, name: str, values: Tensor, sample_mask: Tensor) -> dict[str, Tensor]:
        if name in self.pipelines:
            values, sample_mask = self.pipelines[name](values, sample_mask)
        return {"values": values, "sample_mask": sample_mask}


def _told_distortions(encoder: PatchEncoder, probability: float) -> ToldDistortions:
    # What an encoder of another library makes of a window's scale is not known; telling asks what every encoder offers.
    scale = isinstance(encoder, SignalEncoder) and encoder.config.normalisation != "instance"
    return ToldDistortions(cast(SignalEncoder, encoder), build_distortions(encoder.contract, scale=scale), probability)
