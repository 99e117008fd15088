"""Self-supervised pretraining on the training subjects of a table; labels are never read."""

import copy
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from datasets import DatasetDict
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, set_seed

from sig2lm.datasets import Table
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.encoder.tables import as_read
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.pretraining.designing import EncoderChoice, design_for
from sig2lm.pretraining.objectives import Objective, SubjectInvariant, build_objective, check_objective, option_names
from sig2lm.pretraining.objectives.distributed import gathered, process_mean, world
from sig2lm.pretraining.optimisation import Device, Say, Schedule, quiet, run, training_arguments
from sig2lm.pretraining.windows import PairedWindows, WindowDataset, check_subjects, has_neighbours


@dataclass(frozen=True)
class PretrainSettings(EncoderChoice):
    """How an encoder is pretrained; besides, what :class:`EncoderChoice` says of it.

    Attributes
    ----------
    objective
        A name in ``sig2lm.pretraining.objectives.OBJECTIVES``.
    epochs, batch_size, learning_rate, weight_decay, seed
        Of the optimisation: AdamW, one cosine with 5 % warm-up. Of several processes each takes ``batch_size`` windows.
        Epochs are 10 where none are named, and more where these are fewer than 300 steps.
    channels
        Which channels of the signal the encoder reads, in this order; None for all.
    options
        Keywords of the objective's constructor, such as ``{"positives": "subject"}``. Where an objective compares
        windows and no positives are named, they are neighbours in time, or augmentations where no window has any.
    subject_invariant
        Weight of an adversary that predicts the subject; 0 for none.
    device
        ``auto`` is the accelerator where there is one.
    """

    objective: str = "contrastive"
    epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0
    channels: tuple[str, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    subject_invariant: float = 0.0
    device: Device = "auto"


class DivergedError(Sig2LMError):
    """The loss became NaN or infinite.

    Attributes
    ----------
    encoder
        As it was after the last epoch behind which the loss was finite, in evaluation mode; None when there is none.
    epochs
        Which epoch that was.
    provenance
        Of this encoder.
    """

    def __init__(self, message: str, encoder: SignalEncoder | None, epochs: int) -> None:
        super().__init__(message)
        self.encoder, self.epochs = encoder, epochs
        self.provenance: dict[str, Any] = {}


def pretrain_encoder(
    table: Table,
    settings: PretrainSettings | None = None,
    signal: str | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    say: Say = lambda line: None,
) -> tuple[SignalEncoder, dict[str, Any]]:
    """Pretrain an encoder for one signal of a table.

    Parameters
    ----------
    table
        A prepared data set; only its train split is used, and no label.
    signal
        Which named signal, where the table has several.
    say
        Is called before training with a line for each thing that was chosen or noticed, and with the number of steps.

    Returns
    -------
    tuple
        The encoder in evaluation mode, and its provenance: settings, data, loss per epoch.

    Raises
    ------
    DatasetError
        When the table has no such signal, or its windows do not suit the objective: none, with a
        channel that never changes, of one subject or one channel group where several are needed.
    Sig2LMError
        When the objective or one of its options is unknown, or the batches are too small for it.
    DivergedError
        When the loss became NaN or infinite.
    """
    settings = settings or PretrainSettings()
    check_objective(settings.objective, settings.options)
    windows = _windows(table, signal, settings.channels)
    settings = replace(settings, options=_options(settings, windows))
    set_seed(settings.seed)
    config, notes = design_for(windows, settings)
    encoder = SignalEncoder(config)
    objective = build_objective(settings.objective, encoder, settings.options)
    examples = PairedWindows(windows, objective.pairs)
    if settings.subject_invariant:
        check_subjects(windows, examples.subjects, "subject_invariant")
        objective = SubjectInvariant(objective, examples.subjects, settings.subject_invariant)
    _check_batches(objective, len(windows), settings)
    schedule = Schedule.plan(len(windows), settings.batch_size * world()[1], settings.epochs, usual=10)
    settings = replace(settings, epochs=int(schedule.epochs))
    for line in (*notes, str(schedule)):
        say(line)
    provenance = {
        "settings": asdict(settings),
        "notes": notes,
        "data": {"name": table.info.name, "signal": windows.name, "split": windows.split, "windows": len(windows)},
    }
    started = time.perf_counter()
    try:
        loss = _optimise(objective, examples, settings, callbacks)
    except DivergedError as error:
        error.provenance = provenance
        raise
    return encoder.eval(), {**provenance, "loss": loss, "seconds": round(time.perf_counter() - started, 1)}


def _options(settings: PretrainSettings, windows: WindowDataset) -> dict[str, Any]:
    """The objective's options, with positives where it takes some."""
    options = dict(settings.options)
    if "positives" in option_names(settings.objective):
        options.setdefault("positives", "time" if has_neighbours(windows) else "augmentation")
    return options


def _windows(table: Table, signal: str | None, channels: tuple[str, ...] | None) -> WindowDataset:
    """The training windows of a signal, or of some of its channels."""
    name = _the_signal(table, signal)
    if channels is None:
        return WindowDataset(table, name)
    contract = table.info.signals[name]
    units = dict(zip(contract.channels, contract.units, strict=True))
    if unknown := [channel for channel in channels if channel not in units]:
        raise DatasetError(
            f"expected channels among {', '.join(units)} of '{name}' in '{table.path}', found {', '.join(unknown)}; "
            "change --channels"
        )
    wanted = replace(contract, channels=channels, units=tuple(units[channel] for channel in channels))
    training = replace(table, data=DatasetDict(train=table.data["train"])) if "train" in table.data else table
    return WindowDataset(as_read(training, name, wanted), name)


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


def _check_batches(objective: Objective, windows: int, settings: PretrainSettings) -> None:
    """Refuse batches in which an objective has nothing to compare a window with."""
    found = min(settings.batch_size, windows)
    if found < objective.smallest_batch:
        raise Sig2LMError(
            f"expected batches of at least {objective.smallest_batch} windows for '{settings.objective}', found "
            f"{found} (batch size {settings.batch_size}, {windows} windows); pass a larger --batch-size or more data"
        )


class _Training(nn.Module):
    """What Trainer calls: it wants a dictionary with a loss.

    Stops when the loss is not finite, and keeps the encoder of the last epoch after which it was.
    """

    def __init__(self, objective: Objective, steps_per_epoch: int) -> None:
        super().__init__()
        self.objective, self.steps_per_epoch = objective, steps_per_epoch
        self.steps = 0
        self.kept: list[SignalEncoder] = []  # in a list it is no part of this module, which trains
        self.good_epochs = 0

    def forward(self, values: Tensor, sample_mask: Tensor, rows: Tensor, subject: Tensor) -> dict[str, Tensor]:
        loss = self.objective(values, sample_mask, **dict.fromkeys(self.objective.needs, subject))
        if not math.isfinite(found := process_mean(loss.detach()).item()):
            raise self._diverged(found, gathered(rows).tolist())
        if self.steps and self.steps % self.steps_per_epoch == 0:  # the last epoch's weights still give a finite loss
            self.kept = [copy.deepcopy(self.objective.encoder).eval()]
            self.good_epochs = self.steps // self.steps_per_epoch
        return {"loss": loss}

    def after_step(self, *_: object) -> None:
        """Let teachers follow."""
        self.objective.after_step()
        self.steps += 1

    def _diverged(self, loss: float, rows: list[int]) -> DivergedError:
        return DivergedError(
            f"expected a finite loss, found {loss} at step {self.steps + 1} (rows {', '.join(map(str, rows))} of the "
            "train split); lower the learning rate, or look at these rows",
            self.kept[0] if self.kept else None,
            self.good_epochs,
        )


class _DrawPartners(TrainerCallback):
    """Choose the windows' partners again in each epoch."""

    def __init__(self, examples: PairedWindows) -> None:
        self.examples = examples

    def on_epoch_begin(self, *_: object, **__: object) -> None:
        self.examples.draw()


def _optimise(
    objective: Objective, examples: PairedWindows, settings: PretrainSettings, callbacks: Sequence[TrainerCallback]
) -> list[float]:
    with tempfile.TemporaryDirectory() as scratch:
        arguments = training_arguments(
            settings,
            scratch,
            logging_nan_inf_filter=False,  # _Training looks itself
            ddp_find_unused_parameters=False,
        )
        batch = arguments.train_batch_size * arguments.world_size
        arguments.dataloader_drop_last = 0 < len(examples) % batch < objective.smallest_batch
        steps = len(examples) // batch if arguments.dataloader_drop_last else math.ceil(len(examples) / batch)
        training = _Training(objective, steps)
        trainer = Trainer(
            model=training,
            args=arguments,
            train_dataset=examples,
            data_collator=examples.collate,
            callbacks=[_DrawPartners(examples), *callbacks],
        )
        quiet(trainer)
        optimizer = trainer.create_optimizer()
        _hurry(optimizer, objective.quick_parameters())
        optimizer.register_step_post_hook(training.after_step)
        run(trainer, "pretraining")
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def _hurry(optimizer: torch.optim.Optimizer, quick: list[nn.Parameter]) -> None:
    """Move parameters to groups that learn ten times as fast, with half the inertia."""
    chosen = set(quick)
    for group in list(optimizer.param_groups):
        if moved := [parameter for parameter in group["params"] if parameter in chosen]:
            group["params"] = [parameter for parameter in group["params"] if parameter not in chosen]
            optimizer.add_param_group({**group, "params": moved, "lr": 10.0 * group["lr"], "betas": (0.5, 0.999)})
