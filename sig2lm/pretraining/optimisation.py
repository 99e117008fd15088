"""What trainings of an encoder share: AdamW, one cosine with 5 % warm-up, nothing kept on disk, nothing printed."""

from typing import Any, Protocol

import torch
from transformers import Trainer, TrainingArguments


class Optimisation(Protocol):
    """The settings that every training has."""

    @property
    def epochs(self) -> float:
        """Passes over the data."""

    @property
    def batch_size(self) -> int:
        """WindowDataset a step."""

    @property
    def learning_rate(self) -> float:
        """Its highest."""

    @property
    def weight_decay(self) -> float:
        """AdamW's."""

    @property
    def seed(self) -> int:
        """Of everything drawn."""


def training_arguments(settings: Optimisation, scratch: str, **further: Any) -> TrainingArguments:
    """Return the arguments of a training that writes into ``scratch`` at most; ``further`` are Trainer's own."""
    return TrainingArguments(
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
        use_cpu=not torch.accelerator.is_available(),
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        **further,
    )


def quiet(trainer: Trainer) -> None:
    """Remove the callback that prints log dictionaries: progress is the caller's to show."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
