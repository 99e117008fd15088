"""``transformers.Trainer`` for adapters: what a checkpoint holds, and how an interruption ends.

Trainer brings accelerate, mixed precision, resuming, loggers and many devices; here are the parts it cannot know.
"""

import signal as signals_of_the_system
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.checkpoint import load_trained
from sig2lm.model.examples import Example, collate
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.augmentations import Compose, default_pipeline
from sig2lm.pretraining.optimisation import quiet
from sig2lm.tensors import read_tensors, write_tensors

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainSettings:
    """How an adapter is trained.

    Attributes
    ----------
    adapter
        What it is made of.
    epochs, batch_size, learning_rate, weight_decay, gradient_accumulation, precision, seed
        Of the optimisation: AdamW, one cosine with 5 % warm-up.
    train_encoder
        Whether the encoder learns too; its weights then belong to the run.
    encoder_learning_rate
        For the encoder, which is pretrained and needs smaller steps.
    lora_rank
        Rank of LoRA layers in the LM; 0 for none.
    augment
        Probability with which each training window meets each augmentation that suits its signal
        (:func:`sig2lm.pretraining.augmentations.default_pipeline`); with 0 a frozen encoder reads each window once
        only.
    calibration_examples
        About how many training recordings of each task the run keeps, encoded, to answer in new paraphrases as in those
        of training (:mod:`sig2lm.model.calibration`); 0 keeps none.
    save_steps
        Steps between resumable checkpoints; one an epoch by default.
    report_to
        A logger of transformers ("tensorboard", "wandb", ...), or "none".
    """

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    epochs: float = 5.0
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    gradient_accumulation: int = 1
    precision: Precision = "fp32"
    seed: int = 0
    train_encoder: bool = False
    encoder_learning_rate: float = 2e-4
    lora_rank: int = 0
    augment: float = 0.0
    calibration_examples: int = 32
    save_steps: int | None = None
    report_to: str = "none"


class AdapterTrainer(Trainer):
    """Trainer whose checkpoints hold the trained tensors and nothing else, and that changes signals as it goes."""

    def __init__(self, *, encoder_learning_rate: float, pipelines: Mapping[str, Compose], **options: Any) -> None:
        super().__init__(**options)
        self.encoder_learning_rate, self.pipelines = encoder_learning_rate, pipelines

    def compute_loss(self, model: Any, inputs: dict[str, Any], *others: Any, **options: Any) -> Any:
        """Return the loss, in training of augmented signals.

        Drawn here and not while a batch is made: batches are made ahead, so a resumed run would draw otherwise.
        """
        if model.training and self.pipelines:
            inputs = {**inputs, "signals": self._augmented(inputs["signals"])}
        return super().compute_loss(model, inputs, *others, **options)

    def _augmented(self, signals: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found = {}
        for name, fields in signals.items():
            values, sample_mask = self.pipelines[name](fields["values"], fields["sample_mask"])
            found[name] = {**fields, "values": values, "sample_mask": sample_mask}
        return found

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a smaller learning rate for encoders that are trained, and no decay of norms and biases."""
        signal_lm, settings = self.model, self.args
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in signal_lm.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((".encoder." in name, parameter.dim() < 2), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "lr": self.encoder_learning_rate if of_encoder else settings.learning_rate,
                    "weight_decay": 0.0 if is_vector else settings.weight_decay,
                }
                for (of_encoder, is_vector), parameters in groups.items()
            ]
        )
        return self.optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not self.args.should_save:  # every process arrives here, one writes
            return
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        model = self.accelerator.unwrap_model(self.model)
        write_tensors(folder / "adapter.safetensors", model.trained_tensors())
        if model.lm.has_lora:
            model.lm.save_lora(folder / "lora")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        what = f"a checkpoint in '{folder}'"
        load_trained(self.model, read_tensors(folder / "adapter.safetensors", what), what)
        if self.model.lm.has_lora:
            from peft import set_peft_model_state_dict

            tensors = read_tensors(folder / "lora" / "adapter_model.safetensors", what)
            set_peft_model_state_dict(self.model.lm.model, tensors)


class StopWithCheckpoint(TrainerCallback):
    """Ctrl-C, or a scheduler's SIGTERM, ends training with a checkpoint after this step; a second one at once."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take over the signals, where this is the main thread."""
        for number in (signals_of_the_system.SIGINT, signals_of_the_system.SIGTERM):
            try:
                self._before[number] = signals_of_the_system.signal(number, self._ask)
            except ValueError:  # another thread trains: its interruptions are not ours to handle
                return

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save and stop, once asked to."""
        if self._asked:
            control.should_save = control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Once stopped, leave the checkpoint alone: what an early epoch's end would do moves the random numbers."""
        if self._asked:
            control.should_save = control.should_evaluate = False

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signals_of_the_system.signal(number, handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


def build_trainer(
    model: SignalLM,
    learned: Dataset[Example],
    measured: Dataset[Example] | None,
    checkpoints: Path,
    settings: TrainSettings,
) -> AdapterTrainer:
    """Return a trainer of what is trainable in a model, on the one set of examples, measured on the other."""
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=2 * settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        seed=settings.seed,
        save_strategy="steps" if settings.save_steps else "epoch",
        save_steps=settings.save_steps or 500,
        save_total_limit=1,
        eval_strategy="epoch" if measured is not None else "no",
        logging_strategy="epoch",
        report_to=settings.report_to,
        use_cpu=not torch.accelerator.is_available(),
        remove_unused_columns=False,
        prediction_loss_only=True,
        label_names=["labels"],
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=len(model.tasks) > 1,  # a batch may hold one task only
    )
    lm = model.lm
    contracts = {name: model.branch(name).encoder.contract for name in model.branches if settings.augment}
    trainer = AdapterTrainer(
        encoder_learning_rate=settings.encoder_learning_rate,
        pipelines={name: default_pipeline(contract, settings.augment) for name, contract in contracts.items()},
        model=model,
        args=arguments,
        train_dataset=learned,
        eval_dataset=measured,
        data_collator=partial(
            collate,
            placeholder=lm.dialogue.placeholder,
            window=0 if lm.has_lora else lm.sharing_limit,  # LoRA layers learn from the beginning too
        ),
        callbacks=[StopWithCheckpoint()],
    )
    quiet(trainer)
    return trainer
