"""``transformers.Trainer`` for adapters: what a checkpoint holds, and how an interruption ends.

Trainer brings accelerate, mixed precision, resuming, loggers and many devices; here are the parts it cannot know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils.data import Dataset
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from sig2lm.errors import CheckpointError
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.batches import collate
from sig2lm.model.checkpoint import load_trained
from sig2lm.model.examples import Example
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.augmentations import Compose, default_pipeline
from sig2lm.pretraining.optimisation import FEW_STEPS, Schedule, quiet
from sig2lm.tensors import read_tensors, write_tensors
from sig2lm.training.alignment import AlignmentSettings
from sig2lm.training.callbacks import StopWithCheckpoint
from sig2lm.training.checkpoints import complete, is_complete, keep_only

Precision = Literal["fp32", "bf16", "fp16"]
_LOGGED = 0.02  # every so manieth part of a training its loss and gradient norm are recorded


@dataclass(frozen=True)
class TrainSettings:
    """How an adapter is trained.

    Attributes
    ----------
    adapter
        What it is made of.
    epochs, batch_size
        Of the optimisation. Where these or the adapter are None, they suit the LM's size (:func:`adapted`).
    learning_rate, weight_decay, gradient_accumulation, precision, seed
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
    rows
        Training rows to learn from, spread over labels and subjects; all by default.
    patience
        Measurements of the validation loss, one an epoch or every ``save_steps``, without a better one after which
        training stops; the run then has the weights of the best one. By default training goes on to its end.
    align_steps
        Steps of alignment with the LM's words before the LM is asked (:mod:`sig2lm.training.alignment`); 0 for none.
    start_from
        A finished run whose adapters and LoRA layers are gone on from (:mod:`sig2lm.training.start`); they are not
        aligned again.
    """

    adapter: AdapterConfig | None = None
    epochs: float | None = None
    batch_size: int | None = None
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
    rows: int | None = None
    patience: int | None = None
    align_steps: int = AlignmentSettings.steps
    start_from: str | None = None


def default_virtual_tokens(lm: FrozenLM) -> int:
    """K that suits an LM's size."""
    return 8 if lm.is_large else 16


def adapted(settings: TrainSettings, lm: FrozenLM, rows: int | None = None) -> TrainSettings:
    """Fill in what suits an LM's size where a setting is None.

    A step costs in proportion to the LM's parameters and to the tokens that it reads. Up to 20 million parameters five
    epochs in batches of 32 take minutes; a larger LM gets one epoch in batches of 16, since aligned adapters need few
    steps, and half as many virtual tokens. Where the rows to learn from are known and these epochs are fewer than a
    hundred steps, there are more of them.
    """
    usual, batch_size = (1.0, 16) if lm.is_large else (5.0, 32)
    batch_size = settings.batch_size or batch_size
    return replace(
        settings,
        adapter=settings.adapter or AdapterConfig(num_virtual_tokens=default_virtual_tokens(lm)),
        epochs=schedule(settings, batch_size, rows, usual).epochs,
        batch_size=batch_size,
    )


def schedule(settings: TrainSettings, batch_size: int, rows: int | None, usual: float = 1.0) -> Schedule:
    """How long a training on so many rows is; where these are not known, it has the usual epochs."""
    step = batch_size * settings.gradient_accumulation
    if rows is None:
        return Schedule(0, step, usual if settings.epochs is None else settings.epochs)
    return Schedule.plan(rows, step, settings.epochs, usual, least=FEW_STEPS)


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

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Measure, and leave the random numbers where they were: a loader draws a seed.

        Where a checkpoint is written at an epoch's last step, a resumed run measures nothing before it goes on.
        """
        with torch.random.fork_rng():
            found: dict[str, float] = super().evaluate(*arguments, **options)
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
            ],
            fused=True,
        )
        return self.optimizer

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint, whole or not at all; the older ones go when it is there."""
        folder = Path(self._get_output_dir(trial=trial)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        if is_complete(folder):
            return
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                complete(folder)
        except (OSError, RuntimeError) as error:  # torch says RuntimeError of a disk that is full
            raise CheckpointError(
                f"expected to write the checkpoint '{folder}', but: {str(error).splitlines()[0]}; "
                "make room and go on with --resume"
            ) from error
        if self.args.should_save:
            best = self.state.best_model_checkpoint
            keep_only(folder.parent, [folder, *([Path(best)] if best else [])])

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

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))


def augmentations(model: SignalLM, settings: TrainSettings) -> dict[str, Compose]:
    """Return what changes the signals of a model in training, by name; nothing without augmentation."""
    contracts = {name: model.branch(name).encoder.contract for name in model.branches if settings.augment}
    return {name: default_pipeline(contract, settings.augment) for name, contract in contracts.items()}


def build_trainer(
    model: SignalLM,
    train_set: Dataset[Example],
    eval_set: Dataset[Example] | None,
    checkpoints: Path,
    settings: TrainSettings,
    callbacks: Sequence[TrainerCallback] = (),
) -> AdapterTrainer:
    """Return a trainer of what is trainable in a model, on the one set of examples, measured on the other."""
    settings = adapted(settings, model.lm)
    assert settings.epochs is not None
    assert settings.batch_size is not None
    steps: Literal["steps", "epoch"] = "steps" if settings.save_steps else "epoch"
    stops_early = settings.patience is not None
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
        save_strategy=steps,
        save_steps=settings.save_steps or 500,
        eval_strategy="no" if eval_set is None else steps if stops_early else "epoch",
        eval_steps=settings.save_steps,
        load_best_model_at_end=stops_early,
        metric_for_best_model="loss" if stops_early else None,
        restore_callback_states_from_checkpoint=stops_early,  # how long it has been patient
        logging_steps=_LOGGED,
        report_to=settings.report_to,
        use_cpu=model.lm.device.type == "cpu",
        remove_unused_columns=False,
        prediction_loss_only=True,
        label_names=["labels"],
        disable_tqdm=True,  # progress is shown by a callback, here and everywhere else alike
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=len(model.tasks) > 1,  # a batch may hold one task only
    )
    lm = model.lm
    trainer = AdapterTrainer(
        encoder_learning_rate=settings.encoder_learning_rate,
        pipelines=augmentations(model, settings),
        model=model,
        args=arguments,
        train_dataset=train_set,
        eval_dataset=eval_set,
        data_collator=partial(
            collate,
            placeholder=lm.dialogue.placeholder,
            window=0 if lm.has_lora else lm.sharing_limit,  # LoRA layers learn from the beginning too
        ),
        callbacks=[
            *(callbacks or [StopWithCheckpoint()]),
            *([EarlyStoppingCallback(settings.patience)] if settings.patience is not None else []),
        ],
    )
    quiet(trainer)
    return trainer
