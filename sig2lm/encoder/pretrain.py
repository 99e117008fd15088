"""Self-supervised pretraining on the training subjects of a table; labels are never read."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

from sig2lm.datasets import Table
from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.objectives import OBJECTIVES
from sig2lm.encoder.patch_transformer import (
    EncoderConfig,
    Normalisation,
    SignalEncoder,
    default_normalisation,
    default_patch_size,
)
from sig2lm.errors import DatasetError, Sig2LMError


@dataclass(frozen=True)
class PretrainSettings:
    """How an encoder is pretrained.

    Attributes
    ----------
    objective
        A name in ``sig2lm.encoder.objectives.OBJECTIVES``.
    epochs, batch_size, learning_rate, weight_decay, seed
        Of the optimisation: AdamW, one cosine with 5 % warm-up.
    patch_size
        Samples in a patch; by default about an eighth of the window.
    width, depth, heads, normalisation
        Of the encoder, see :class:`EncoderConfig`; where no normalisation is named it is ``centred`` for event series
        and ``dataset`` for all others.
    """

    objective: str = "masked"
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0
    patch_size: int | None = None
    width: int = 128
    depth: int = 4
    heads: int = 4
    normalisation: Normalisation | None = None


def pretrain_encoder(
    table: Table,
    settings: PretrainSettings | None = None,
    signal: str | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> tuple[SignalEncoder, dict[str, Any]]:
    """Pretrain an encoder for one signal of a table.

    Parameters
    ----------
    table
        A prepared data set; only its train split is used, and no label.
    signal
        Which named signal, where the table has several.

    Returns
    -------
    tuple
        The encoder in evaluation mode, and its provenance: settings, data, loss per epoch.

    Raises
    ------
    DatasetError
        When the table has no such signal or no window of it.
    Sig2LMError
        When the objective is unknown.
    """
    settings = settings or PretrainSettings()
    if settings.objective not in OBJECTIVES:
        raise Sig2LMError(f"objective is '{settings.objective}', but there are {', '.join(OBJECTIVES)}; choose one")
    name = _the_signal(table, signal)
    windows = Windows(table, name)
    set_seed(settings.seed)
    encoder = SignalEncoder(_config(table, name, windows, settings))
    objective = OBJECTIVES[settings.objective](encoder)
    started = time.perf_counter()
    history = _optimise(objective, windows, settings, callbacks)
    provenance = {
        "settings": asdict(settings),
        "data": {"name": table.info.name, "signal": name, "split": "train", "windows": len(windows)},
        "loss": history,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return encoder.eval(), provenance


class Windows(torch.utils.data.Dataset[NDArray[np.float32]]):
    """The training windows of one signal, read from the Arrow table row by row: (C, T) float32 with NaN for missing."""

    def __init__(self, table: Table, name: str, split: str = "train") -> None:
        self.channels = len(table.info.signals[name].channels)
        rows = table.data[split].select_columns([name]).with_format("numpy")
        self.rows, self.name = rows, name
        if len(rows) == 0:
            raise DatasetError(f"expected windows of '{name}' in the {split} split of '{table.path}', found none")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        flat = np.asarray(self.rows[int(index)][self.name], dtype=np.float32)
        return flat.reshape(self.channels, -1)


def channel_statistics(windows: Windows, centred: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel over all observed samples, in one pass, float64.

    With ``centred``, those around each window's own mean.
    """
    count, total, squares = (np.zeros(windows.channels) for _ in range(3))
    for index in range(len(windows)):
        values = windows[index].astype(np.float64)
        observed = np.isfinite(values).sum(1, keepdims=True)
        if centred:
            values = values - np.nansum(values, axis=1, keepdims=True) / np.maximum(observed, 1)
        count += observed[:, 0]
        total += np.nansum(values, axis=1)
        squares += np.nansum(values * values, axis=1)
    seen = np.maximum(count, 1)
    mean = total / seen
    deviation = np.sqrt(np.maximum(squares / seen - mean * mean, 0.0))
    return mean, np.where(deviation > 1e-8, deviation, 1.0)


def _the_signal(table: Table, signal: str | None) -> str:
    names = list(table.info.signals)
    if signal is None and len(names) == 1:
        return names[0]
    if signal not in names:
        raise DatasetError(
            f"expected one of the signals {', '.join(names)} of '{table.path}', found {signal or 'no choice'}; "
            "pass --signal NAME"
        )
    assert signal is not None
    return signal


def _config(table: Table, name: str, windows: Windows, settings: PretrainSettings) -> EncoderConfig:
    contract = table.info.signals[name]
    normalisation = settings.normalisation or default_normalisation(contract)
    mean, std = channel_statistics(windows, normalisation == "centred")
    size = settings.patch_size or default_patch_size(windows[0].shape[1])
    return EncoderConfig(
        contract=contract,
        patch_size=size,
        patch_stride=size,
        width=settings.width,
        depth=settings.depth,
        heads=settings.heads,
        normalisation=normalisation,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
    )


class _LossOnly(nn.Module):
    """What Trainer calls: it wants a dictionary with a loss."""

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, values: Tensor, sample_mask: Tensor) -> dict[str, Tensor]:
        return {"loss": self.objective(values, sample_mask)}


def _collate(windows: Sequence[NDArray[np.float32]]) -> dict[str, Tensor]:
    values, mask = stack_values(windows)
    return {"values": values, "sample_mask": mask}


def _optimise(
    objective: nn.Module, windows: Windows, settings: PretrainSettings, callbacks: Sequence[TrainerCallback]
) -> list[float]:
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            seed=settings.seed,
            save_strategy="no",
            logging_strategy="epoch",
            report_to="none",
            remove_unused_columns=False,
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = Trainer(
            model=_LossOnly(objective),
            args=arguments,
            train_dataset=windows,
            data_collator=_collate,
            callbacks=list(callbacks),
        )
        quiet(trainer)
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def quiet(trainer: Trainer) -> None:
    """Remove the callback that prints log dictionaries: progress is the caller's to show."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
