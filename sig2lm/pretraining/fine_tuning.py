"""A classifier on encoders, without any LM: what pretraining is worth, and what an LM has to reach."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, cast

import numpy as np
import torch
from datasets import DatasetDict
from numpy.typing import NDArray
from torch import nn
from transformers import Trainer, set_seed

from sig2lm.datasets import Table
from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.compatibility import check_every_signal, check_values
from sig2lm.encoder.loading import load_any_encoder, source_of
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.encoder.tables import as_encoders_read, check_readable, closed_rows
from sig2lm.errors import CheckpointError, DatasetError
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pretraining.augmentations import Compose, default_pipeline
from sig2lm.pretraining.classifier import Classifier
from sig2lm.pretraining.optimisation import (
    LEAST_STEPS,
    AverageWeights,
    Device,
    Say,
    Schedule,
    quiet,
    run,
    training_arguments,
)
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract

Row = tuple[dict[str, NDArray[np.float32]], int]


@dataclass(frozen=True)
class FineTuneSettings:
    """How a classifier is trained: AdamW, one cosine with 5 % warm-up; the encoders learn with the head.

    Attributes
    ----------
    epochs
        5 where none are named, and more where these are fewer than 300 steps.
    augment
        Probability with which each window meets each augmentation that suits its signal
        (:func:`sig2lm.pretraining.augmentations.default_pipeline`).
    label_smoothing
        Share of the target that all labels divide among them.
    class_balance
        How much rare labels weigh: 0 as often as they come, 1 all labels alike; 0.5 between the two.
    average
        Momentum of the average over steps that the weights end as; 0 for the weights of the last step.
    device
        ``auto`` is the accelerator where there is one.
    """

    epochs: float | None = None
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    augment: float = 0.5
    seed: int = 0
    label_smoothing: float = 0.05
    class_balance: float = 0.0
    average: float = 0.98
    device: Device = "auto"

    def planned(self, windows: int, least: int = LEAST_STEPS) -> Self:
        """Return these settings with the epochs that so many windows take; ``least`` steps where none are named."""
        return replace(self, epochs=Schedule.plan(windows, self.batch_size, self.epochs, usual=5, least=least).epochs)


class NumberedWindows(torch.utils.data.Dataset[Row]):
    """Rows of a split: the windows of each signal, and a number for each row."""

    def __init__(self, table: Table, split: str, rows: Sequence[int], numbers: Sequence[int]) -> None:
        self.windows = {name: WindowDataset(table, name, split) for name in table.info.signals}
        self.rows, self.numbers = list(rows), list(numbers)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Row]:
        rows = [self.rows[int(index)] for index in indices]
        values = {name: windows.__getitems__(rows) for name, windows in self.windows.items()}
        return [({name: values[name][i] for name in values}, self.numbers[int(j)]) for i, j in enumerate(indices)]


class LabelledWindows(NumberedWindows):
    """Rows of a split, all by default, with the numbers of their labels; labels of other rows are not looked at."""

    def __init__(self, table: Table, split: str, labels: Sequence[str], rows: Sequence[int] | None = None) -> None:
        number = {label: position for position, label in enumerate(labels)}
        found = list(table.data[split]["label"])
        rows = range(len(found)) if rows is None else rows
        super().__init__(table, split, rows, [number[found[row]] for row in rows])


def fine_tune(
    table: Table,
    encoders: Mapping[str, PatchEncoder],
    labels: Sequence[str],
    settings: FineTuneSettings | None = None,
    rows: Sequence[int] | None = None,
) -> Classifier:
    """Train encoders with a linear layer on the labels of the train split.

    Parameters
    ----------
    table
        It is brought to what the encoders read.
    encoders
        One for each signal of the table; they are trained in place.
    rows
        Which rows of the train split; all by default.
    """
    settings = settings or FineTuneSettings()
    set_seed(settings.seed)
    windows = LabelledWindows(as_encoders_read(table, contracts_of(encoders)), "train", labels, rows)
    model = Classifier(encoders, labels, balanced_loss(windows.numbers, len(labels), settings))
    for encoder in encoders.values():
        encoder.requires_grad_(True)
    fit(model, windows, settings, default_pipelines(encoders, settings.augment))
    return model.eval()


def balanced_loss(numbers: Sequence[int], num_labels: int, settings: FineTuneSettings) -> nn.Module:
    """Return a smoothed cross-entropy in which rare labels weigh more by ``settings.class_balance``."""
    counts = np.maximum(np.bincount([number for number in numbers if number >= 0], minlength=num_labels), 1)
    weights = (counts.mean() / counts) ** settings.class_balance
    return nn.CrossEntropyLoss(
        torch.tensor(weights, dtype=torch.float32), label_smoothing=settings.label_smoothing, ignore_index=-100
    )


def fit(
    model: nn.Module,
    windows: NumberedWindows,
    settings: FineTuneSettings,
    pipelines: Mapping[str, Compose] = MappingProxyType({}),
) -> None:
    """Train a model whose ``forward(signals, labels)`` returns a loss, as :class:`Classifier` does, in place.

    Parameters
    ----------
    pipelines
        Augmentations of named signals; ``settings.augment`` is not looked at.
    """
    settings = settings.planned(len(windows))
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=model,
            args=training_arguments(settings, scratch, label_names=["labels"]),
            train_dataset=windows,
            data_collator=partial(_collate, pipelines=pipelines),
            callbacks=[AverageWeights(settings.average)] if settings.average else [],
        )
        quiet(trainer)
        run(trainer, "fine-tuning")


def fine_tuned_encoders(
    table: Table,
    folders: Mapping[str, str | Path],
    labels: Sequence[str],
    settings: FineTuneSettings | None = None,
    say: Say = lambda line: None,
) -> tuple[Classifier, dict[str, dict[str, Any]]]:
    """Load pretrained encoders, fine-tune them on the labels of a table together, and say where each came from.

    Parameters
    ----------
    folders
        Of an encoder for each signal of the table, or ``sig2lm:NAME``.
    say
        Is called with the number of steps, before training.

    Returns
    -------
    tuple
        The classifier, whose ``encoders`` are ready to be saved, and the provenance of each encoder.

    Raises
    ------
    DatasetError
        When a signal has no encoder, an encoder expects other signals, or a row has no label.
    CheckpointError
        When an encoder is none of sig2lm's own.
    """
    settings = settings or FineTuneSettings()
    encoders, table = fitting_encoders(table, folders), closed_rows(table, say)
    if any(label is None for label in table.data["train"]["label"]):
        raise DatasetError(
            f"expected a label in every training row of '{table.path}', found rows without one; label them, or pass "
            "--self-training"
        )
    settings = settings.planned(len(table.data["train"]))
    say(str(Schedule(len(table.data["train"]), settings.batch_size, settings.epochs or 0.0)))
    started = time.perf_counter()
    classifier = fine_tune(table, encoders, labels, settings)
    seconds = round(time.perf_counter() - started, 1)
    record = {
        "settings": asdict(settings),
        **training_record(table, labels, len(table.data["train"])),
        "seconds": seconds,
        "validation": validation_scores(classifier, table),
    }
    return classifier, with_origins(record, folders)


def training_record(table: Table, labels: Sequence[str], windows: int) -> dict[str, Any]:
    """What encoders were fine-tuned on: so many windows of a table, with these labels."""
    return {"data": {"name": table.info.name, "split": "train", "windows": windows, "labels": list(labels)}}


def with_origins(record: dict[str, Any], folders: Mapping[str, str | Path]) -> dict[str, dict[str, Any]]:
    """A record for each encoder, which tells where it came from."""
    return {name: {**record, "fine_tuned_from": source_of(folder)} for name, folder in folders.items()}


def fitting_encoders(table: Table, folders: Mapping[str, str | Path]) -> dict[str, SignalEncoder]:
    """Load an encoder for each signal of a table.

    Raises
    ------
    DatasetError
        When a signal has no encoder, or cannot become what its encoder reads.
    CheckpointError
        When an encoder is none of sig2lm's own.
    """
    check_every_signal(list(table.info.signals), folders, f"'{table.path}'")
    encoders = {name: _own_encoder(folder, table.info.signals[name]) for name, folder in folders.items()}
    for name in encoders:
        check_readable(table, name, contracts_of(encoders))
    check_values(table, "train", encoders)
    return encoders


def _own_encoder(source: str | Path, contract: Contract) -> SignalEncoder:
    encoder = load_any_encoder(source, contract)
    if not isinstance(encoder, SignalEncoder):
        raise CheckpointError(
            f"expected an encoder of sig2lm's own to fine-tune, found '{source}'; train it with the adapter "
            "(train-adapter --train-encoder)"
        )
    return encoder


def contracts_of(encoders: Mapping[str, PatchEncoder]) -> dict[str, Contract]:
    """What each encoder reads."""
    return {name: encoder.contract for name, encoder in encoders.items()}


def validation_scores(classifier: Classifier, table: Table) -> dict[str, float | None] | None:
    """Scores on the validation people; None where there are none, or some row has no label."""
    if "validation" not in table.data or any(label is None for label in table.data["validation"]["label"]):
        return None
    return scores(classified(classifier, table, "validation"))


def classified(classifier: Classifier, table: Table, split: str) -> Predictions:
    """Answer each row of a split; all rows have one of the classifier's labels.

    Raises
    ------
    DatasetError
        If the table has other signals, or no such split, or a row has another label or none.
    """
    labels = classifier.labels
    check_every_signal(list(table.info.signals), list(classifier.encoders), f"'{table.path}'")
    if split not in table.data:
        raise DatasetError(f"expected the split '{split}' in '{table.path}', found {', '.join(table.data)}; choose one")
    if strange := {str(label) for label in table.data[split]["label"]} - set(labels):
        raise DatasetError(
            f"expected rows with the labels {', '.join(labels)} in the {split} split of '{table.path}', found "
            f"{', '.join(sorted(strange))}, too; judge on data with the labels that were learned"
        )
    rows = table.data[split]
    truth = label_numbers(rows["label"], labels)
    return Predictions(labels, truth, classify(classifier, table, split, labels), np.array(rows["subject"]))


def classify(model: Classifier, table: Table, split: str, labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the probabilities (N, M) of the labels for each row of a split, of a table as the encoders read it."""
    contracts = {name: cast(PatchEncoder, encoder).contract for name, encoder in model.encoders.items()}
    asked = replace(table, data=DatasetDict({split: table.data[split]}))
    return label_probabilities(model, LabelledWindows(as_encoders_read(asked, contracts), split, labels))


@torch.no_grad()
def label_probabilities(model: Classifier, rows: NumberedWindows) -> NDArray[np.float64]:
    """Return the probabilities (N, M) of the labels for each window; the windows' numbers are not looked at."""
    model.eval()
    device = model.head.weight.device
    found = []
    for start in range(0, len(rows), 256):
        signals = _collate(rows.__getitems__(range(start, min(start + 256, len(rows)))))["signals"]
        moved = {name: {key: x.to(device) for key, x in fields.items()} for name, fields in signals.items()}
        found.append(model(moved)["logits"].double().softmax(-1).cpu().numpy())
    return np.concatenate(found)


def default_pipelines(encoders: Mapping[str, PatchEncoder], probability: float) -> dict[str, Compose]:
    """Return the augmentations that suit each signal, each met with a probability; none where that is 0."""
    if not probability:
        return {}
    return {name: default_pipeline(encoder.contract, probability) for name, encoder in encoders.items()}


def _collate(rows: Sequence[Row], pipelines: Mapping[str, Compose] = MappingProxyType({})) -> dict[str, Any]:
    signals = {}
    for name in rows[0][0]:
        values, mask = stack_values([signals[name] for signals, _ in rows])
        if name in pipelines:
            values, mask = pipelines[name](values, mask)
        signals[name] = {"values": values, "sample_mask": mask}
    return {"signals": signals, "labels": torch.tensor([label for _, label in rows])}
