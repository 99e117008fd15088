"""Training an adapter in front of a frozen LM, on ``transformers.Trainer``.

Trainer brings accelerate, mixed precision, resuming, loggers and many devices; here are the parts it cannot know: what
a checkpoint holds (the trained tensors only), how an interruption ends (with a checkpoint), and what a run records.
"""

import shutil
import signal as signals_of_the_system
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
from transformers.integrations import get_available_reporting_integrations
from transformers.trainer_utils import get_last_checkpoint

import sig2lm
from sig2lm.adapter import AdapterConfig, build_adapter
from sig2lm.bridge import SignalLM
from sig2lm.checkpoint import load_trained, write_run
from sig2lm.data import TableExamples, collate
from sig2lm.datasets import Table
from sig2lm.encoder import encoder_fingerprint, load_encoder
from sig2lm.encoder.pretrain import quiet
from sig2lm.errors import CheckpointError, DatasetError, PromptError, Sig2LMError
from sig2lm.files import check_new, read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.prompts import Template
from sig2lm.soft_prompt import Modality
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
    save_steps: int | None = None
    report_to: str = "none"


@dataclass(frozen=True)
class TrainOutcome:
    """A trained model, and how its training ended; ``seconds`` are those of this sitting."""

    model: SignalLM
    interrupted: bool
    steps: int
    seconds: float
    trained_parameters: int


def build_model(
    table: Table, encoders: Mapping[str, str | Path], lm: FrozenLM, template: Template, settings: TrainSettings
) -> SignalLM:
    """Put an untrained adapter between each encoder and the LM.

    Raises
    ------
    DatasetError
        When a signal of the table has no encoder, or breaks the contract of its encoder.
    PromptError
        When neither the template nor the table names labels, and rows have no answers of their own.
    """
    if set(encoders) != set(table.info.signals):
        raise DatasetError(
            f"expected an encoder for each of the signals {', '.join(table.info.signals)} of '{table.path}', found "
            f"{', '.join(encoders) or 'none'}; pass --encoder NAME=FOLDER for each"
        )
    set_seed(settings.seed)
    if settings.lora_rank:
        lm.add_lora(settings.lora_rank)
    modalities = {}
    for name, folder in encoders.items():
        encoder = load_encoder(folder)
        check_contract(table, name, encoder.contract, str(folder))
        adapter = build_adapter(settings.adapter, encoder.width, lm.width, lm.embedding_norm)
        modalities[name] = Modality(encoder, adapter, settings.train_encoder, str(Path(folder).resolve()))
    labels = template.labels or table.info.labels
    if not labels and any(answer is None for answer in table.data["train"]["answer"]):
        raise PromptError(
            f"expected labels in the template '{template.task}' or in '{table.path}', found none; "
            "add labels to the template, or an answer to every row"
        )
    return SignalLM(lm, modalities, template, labels)


def check_contract(table: Table, name: str, expected: Any, owner: str) -> None:
    """Refuse a table whose signal is not sampled as its encoder expects.

    Raises
    ------
    DatasetError
        Naming both sides.
    """
    found = table.info.signals[name]
    for what in ("sampling_rate", "period", "channels", "units"):
        if getattr(found, what) != getattr(expected, what):
            raise DatasetError(
                f"{what} of '{name}' in '{table.path}' is {getattr(found, what)}, but the encoder '{owner}' expects "
                f"{getattr(expected, what)}; prepare the data set that way, or pretrain an encoder on it"
            )


def train_adapter(
    table: Table,
    encoders: Mapping[str, str | Path],
    out: str | Path,
    *,
    lm: FrozenLM,
    template: Template,
    settings: TrainSettings | None = None,
    resume: bool = False,
) -> TrainOutcome:
    """Train an adapter and write the run into ``out``.

    Parameters
    ----------
    table
        Its train split is learned from; its validation split, if any, is only measured.
    encoders
        For each named signal the folder of its encoder.
    out
        A new folder; with ``resume``, that of an interrupted run, which ends with the weights that it would have had.
    lm, template
        Who answers, and how it is asked.

    Returns
    -------
    TrainOutcome
        The trained model and how it ended.

    Raises
    ------
    Sig2LMError
        When ``out`` exists, the data does not fit the encoders or the template, or there is nothing to resume.
    """
    settings = settings or TrainSettings()
    out = Path(out).expanduser()
    check_logger(settings.report_to)
    processes = PartialState(cpu=not torch.accelerator.is_available())  # one, or those of `accelerate launch`
    first = processes.is_main_process
    if not resume and first:
        check_new(out)
    processes.wait_for_everyone()
    model = build_model(table, encoders, lm, template, settings)
    identity = _identity(model, table, settings)
    last = _last_checkpoint(out, identity) if resume else None
    checkpoints = out / "checkpoints"
    trainer = _trainer(model, table, checkpoints, settings)
    if first and not resume:
        write_json(checkpoints / "identity.json", identity)
    started = time.perf_counter()
    trainer.train(resume_from_checkpoint=last)
    processes.wait_for_everyone()  # each writes its random state into the checkpoints, which go below
    state = trainer.state
    outcome = TrainOutcome(
        model.eval(),
        interrupted=state.global_step < state.max_steps,
        steps=state.global_step,
        seconds=round(time.perf_counter() - started, 1),
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )
    if first:
        ending = {key: value for key, value in vars(outcome).items() if key != "model"}
        write_run(model, out, {**identity, **ending, "history": state.log_history})
        if not outcome.interrupted:
            shutil.rmtree(checkpoints)
    return outcome


def check_logger(name: str) -> None:
    """Refuse a logger that transformers does not know or that is not installed.

    Raises
    ------
    Sig2LMError
        Naming those that can be used.
    """
    usable = ["none", *sorted(get_available_reporting_integrations())]
    if name not in usable:
        raise Sig2LMError(
            f"report_to is '{name}', but here there are {', '.join(usable)}; install it or choose another"
        )


class AdapterTrainer(Trainer):
    """Trainer whose checkpoints hold the trained tensors and nothing else."""

    def __init__(self, *, encoder_learning_rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.encoder_learning_rate = encoder_learning_rate

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


def _trainer(model: SignalLM, table: Table, checkpoints: Path, settings: TrainSettings) -> AdapterTrainer:
    encoders = {name: model.modality(name).encoder for name in model.modalities}
    raw = frozenset(encoders) if settings.train_encoder else frozenset()

    def examples(split: str) -> TableExamples:
        return TableExamples(table, split, model.prompter, model.labels, encoders, raw, seed=settings.seed)

    with PartialState().main_process_first():  # the others find the patches in the cache
        learned = examples("train")
        measured = examples("validation") if "validation" in table.data else None
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
        ddp_find_unused_parameters=False,
    )
    lm = model.lm
    trainer = AdapterTrainer(
        encoder_learning_rate=settings.encoder_learning_rate,
        model=model,
        args=arguments,
        train_dataset=learned,
        eval_dataset=measured,
        data_collator=partial(
            collate,
            placeholder=lm.dialogue.placeholder,
            window=0 if lm.has_lora else lm.attention_window,  # LoRA layers learn from the beginning too
        ),
        callbacks=[StopWithCheckpoint()],
    )
    quiet(trainer)
    return trainer


def _identity(model: SignalLM, table: Table, settings: TrainSettings) -> dict[str, Any]:
    """What a run is, as far as it decides its weights: a resumed run must be the same."""
    return {
        "sig2lm": sig2lm.__version__,
        "torch": torch.__version__,
        "data": {"name": table.info.name, "splits": {name: rows._fingerprint for name, rows in table.data.items()}},
        "encoders": {name: encoder_fingerprint(model.modality(name).encoder) for name in model.modalities},
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "template": model.template.model_dump(mode="json"),
        "settings": asdict(replace(settings, report_to="none")),
    }


def _last_checkpoint(out: Path, identity: dict[str, Any]) -> str:
    checkpoints = out / "checkpoints"
    last: str | None = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    if last is None:
        remove = f"remove '{out}' and " if out.exists() else ""
        raise CheckpointError(
            f"expected an interrupted run in '{out}', found no checkpoint there; {remove}begin without --resume"
        )
    recorded = read_json(checkpoints / "identity.json", f"the record of the run in '{out}'")
    for key, value in identity.items():
        if recorded.get(key) != value:
            raise CheckpointError(
                f"the run in '{out}' began with {key} {recorded.get(key)}, found {value}; "
                "resume with the same, or begin anew elsewhere"
            )
    return last
