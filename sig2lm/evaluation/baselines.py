"""What an LM has to beat: the majority class, and the encoder without any LM, frozen under a linear probe."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.encoder import PatchEncoder
from sig2lm.encoder.pooling import mean_and_maximum
from sig2lm.evaluation.probing import classifiers
from sig2lm.metrics import Predictions, label_numbers
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import TableExamples


def majority(table: Table, split: str, labels: tuple[str, ...]) -> Predictions:
    """Answer every row with the shares of the labels in training."""
    names = list(table.data["train"]["label"])
    shares = np.array([names.count(label) for label in labels], dtype=np.float64) / len(names)
    rows = table.data[split]
    return Predictions.from_names(labels, rows["label"], np.tile(shares, (len(rows), 1)), rows["subject"])


def encoder_probe(
    model: SignalLM, table: Table, split: str, encoders: Mapping[str, PatchEncoder] | None = None
) -> Predictions:
    """Answer with logistic regression on the pooled patches of encoders (the model's own), fitted on the train rows."""
    labels = model.task(table.info.signals).labels
    encoders = encoders or {name: model.branch(name).encoder for name in table.info.signals}
    known, names = pooled_patches(model, table, "train", encoders)
    asked, truth = pooled_patches(model, table, split, encoders)
    probabilities = classifiers.linear_probe(known, label_numbers(names, labels), asked, len(labels))
    return Predictions.from_names(labels, truth, probabilities, table.data[split]["subject"])


def pooled_patches(
    model: SignalLM, table: Table, split: str, encoders: Mapping[str, PatchEncoder]
) -> tuple[NDArray[np.float64], list[str]]:
    """Mean and maximum of the observed patches of each row, signals side by side: (N, sum of 2 E), and the labels.

    A signal without any observed patch counts as zeros.
    """
    examples = TableExamples(table, split, model.prompter(model.task(table.info.signals)), encoders)
    pooled = []
    for index in range(len(examples)):
        row = []
        for recording in examples.recordings(index).values():
            assert recording.patches is not None
            assert recording.patch_mask is not None
            patches, mask = (torch.as_tensor(x)[None] for x in (recording.patches, recording.patch_mask))
            row.append(mean_and_maximum(patches, mask)[0])
        pooled.append(torch.cat(row).numpy())
    return np.asarray(pooled, dtype=np.float64), examples.row_labels
