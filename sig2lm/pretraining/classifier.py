"""Encoders with a linear layer on top: a classifier without an LM, on disk beside the encoders it was trained with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sig2lm.encoder.checkpoint import load_encoder, write_encoder
from sig2lm.encoder.pooling import mean_and_maximum
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import CheckpointError
from sig2lm.files import expanded, new_folder, read_json, write_json
from sig2lm.tensors import fill_module, read_tensors, write_tensors

HEAD = "head.json"
_WEIGHTS = "head.safetensors"
_DROPOUT = 0.2


class Classifier(nn.Module):
    """Encoders of named signals, mean and maximum of the observed patches of each, and one linear layer.

    Parameters
    ----------
    encoders
        They are trained, so pass copies where the originals are still needed.
    labels
        M names, in the order of the logits.
    loss
        Of logits (B, M) and label numbers (B,); by default cross-entropy.
    """

    def __init__(
        self, encoders: Mapping[str, PatchEncoder], labels: Sequence[str], loss: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(cast(Mapping[str, nn.Module], encoders))
        self.labels = tuple(labels)
        self.dropout = nn.Dropout(_DROPOUT)
        self.head = nn.Linear(2 * sum(encoder.width for encoder in encoders.values()), len(self.labels))
        self.loss = loss or nn.CrossEntropyLoss()

    def encoder(self, name: str) -> SignalEncoder:
        """Return the encoder of a named signal, in evaluation mode."""
        encoder = self.encoders[name]
        assert isinstance(encoder, SignalEncoder)
        return encoder.eval()

    def forward(self, signals: Mapping[str, Mapping[str, Tensor]], labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits (B, M), and the loss where the labels (B,) are given.

        Parameters
        ----------
        signals
            For each name values and sample_mask (B, C, T).
        """
        pooled = [mean_and_maximum(*encoder(**signals[name])) for name, encoder in self.encoders.items()]
        logits = self.head(self.dropout(torch.cat(pooled, dim=-1)))
        return {"logits": logits} if labels is None else {"loss": self.loss(logits, labels), "logits": logits}


def save_classifier(classifier: Classifier, out: str | Path, records: Mapping[str, dict[str, Any]]) -> Path:
    """Write a classifier into a new folder, whole or not at all.

    The folder of one signal's is that of its encoder, with the head beside it; of several signals each has a folder in
    it.

    Parameters
    ----------
    records
        Provenance of each encoder.

    Raises
    ------
    Sig2LMError
        If ``out`` exists or cannot be written.
    """
    names = list(classifier.encoders)
    with new_folder(out) as folder:
        for name, place in _places(folder, names).items():
            write_encoder(classifier.encoder(name), place, records[name])
        write_tensors(folder / _WEIGHTS, dict(classifier.head.state_dict()))
        write_json(folder / HEAD, {"signals": names, "labels": list(classifier.labels)})
    return Path(out)


def is_classifier(folder: str | Path) -> bool:
    """Whether a folder is one that :func:`save_classifier` wrote."""
    return (expanded(folder) / HEAD).is_file()


def load_classifier(folder: str | Path) -> Classifier:
    """Load what :func:`save_classifier` wrote, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the folder holds no classifier, or a damaged one.
    """
    folder = expanded(folder)
    what = f"a fine-tuned encoder with its classifier in '{folder}'"
    described = read_json(folder / HEAD, what)
    names, labels = described.get("signals"), described.get("labels")
    if not isinstance(names, list) or not isinstance(labels, list) or not names or not labels:
        raise CheckpointError(f"expected {what}, found a {HEAD} without signals and labels; fine-tune it again")
    encoders = {name: load_encoder(place) for name, place in _places(folder, names).items()}
    classifier = Classifier(encoders, labels)
    fill_module(classifier.head, read_tensors(folder / _WEIGHTS, what), what)
    return classifier.eval()


def _places(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    return {names[0]: folder} if len(names) == 1 else {name: folder / name for name in names}
