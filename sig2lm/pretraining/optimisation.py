"""What trainings of an encoder share: AdamW, one cosine with 5 % warm-up, nothing kept on disk, nothing printed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sig2lm.progress import Progress

Say = Callable[[str], None]
"""Is called with a line of what a user should know, before what takes long."""


Device = Literal["auto", "cpu"]
"""Where an encoder is trained: ``auto`` is the accelerator where there is one (which, CUDA_VISIBLE_DEVICES says)."""


class Optimisation(Protocol):
    """The settings that every training has."""

    @property
    def epochs(self) -> float | None:
        """Passes over the data; None for as many as :class:`Schedule` plans."""

    @property
    def batch_size(self) -> int:
        """Windows a step."""

    @property
    def learning_rate(self) -> float:
        """Its highest."""

    @property
    def weight_decay(self) -> float:
        """AdamW's."""

    @property
    def seed(self) -> int:
        """Of everything drawn."""

    @property
    def device(self) -> Device:
        """Where is trained, always in float32."""


_SHOWN = {"loss": "loss", "eval_loss": "validation loss"}
LEAST_STEPS = 300  # below a few hundred steps weights have hardly moved
FEW_STEPS = 100


@dataclass(frozen=True)
class Schedule:
    """How long a training is, known before it begins.

    Attributes
    ----------
    windows, batch_size
        Of an epoch, and of a step.
    epochs
        Passes over the windows.
    """

    windows: int
    batch_size: int
    epochs: float

    @classmethod
    def plan(cls, windows: int, batch_size: int, wanted: float | None, usual: float, least: int = LEAST_STEPS) -> Self:
        """Take the epochs that are wanted, or the usual ones, or as many as make at least 300 steps, or ``least``.

        Examples
        --------
        >>> Schedule.plan(windows=100, batch_size=32, wanted=None, usual=5).epochs
        75
        """
        steps = max(1, math.ceil(windows / batch_size))
        return cls(windows, batch_size, max(usual, math.ceil(least / steps)) if wanted is None else wanted)

    @property
    def steps(self) -> int:
        """Of the optimiser."""
        return math.ceil(self.epochs * math.ceil(self.windows / self.batch_size))

    def __str__(self) -> str:
        text = f"{self.windows} windows, {self.epochs:g} epochs of batches of {self.batch_size}: {self.steps} steps"
        few = self.steps < FEW_STEPS
        return f"{text}, which is few; raise --epochs or lower --batch-size" if few else text


def training_arguments(settings: Optimisation, scratch: str, **further: Any) -> TrainingArguments:
    """Return the arguments of a training that writes into ``scratch`` at most; ``further`` are Trainer's own.

    The settings' epochs are those of a :class:`Schedule`.
    """
    assert settings.epochs is not None
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
        use_cpu=find_device(settings.device).type == "cpu",
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        **further,
    )


def find_device(device: Device) -> torch.device:
    """Return where a training takes place.

    >>> find_device("cpu")
    device(type='cpu')
    """
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return torch.device("cpu") if device == "cpu" or accelerator is None else accelerator


def quiet(trainer: Trainer) -> None:
    """Remove the callback that prints log dictionaries: progress is the caller's to show."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


class ShowProgress(TrainerCallback):
    """A bar on a terminal or a line a minute in a log: steps, loss, and figures that are known beforehand.

    Parameters
    ----------
    what
        What is being done.
    known
        Figures that stand beside the loss.
    """

    def __init__(self, what: str, known: Mapping[str, float] = MappingProxyType({})) -> None:
        self._what, self._known = what, known
        self._progress: Progress | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin where the training begins, which a resumed one does later."""
        if state.is_world_process_zero:
            self._progress = Progress(self._what, state.max_steps, state.global_step).__enter__()
            self._progress.figures.update(self._known)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count the step."""
        if self._progress is not None:
            self._progress.advance()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the losses over."""
        if self._progress is not None:
            found = {told: (logs or {}).get(name) for name, told in _SHOWN.items()}
            self._progress.advance(0, **{told: value for told, value in found.items() if value is not None})

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)


def run(
    trainer: Trainer, what: str, known: Mapping[str, float] = MappingProxyType({}), resume: str | None = None
) -> None:
    """Train, and show how far it is; what stops the training takes the bar away."""
    shown = ShowProgress(what, known)
    trainer.add_callback(shown)
    try:
        trainer.train(resume_from_checkpoint=resume)
    finally:
        shown.close()


class AverageWeights(TrainerCallback):
    """Keep an exponential moving average of the trained weights, and end with it.

    It ends in a flatter place than the last step (Izmailov et al. 2018, arXiv 1803.05407, average likewise). The
    momentum is ``min(momentum, (1 + n) / (10 + n))`` after n steps, so that short trainings forget how they began.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum, self.steps = momentum, 0
        self.average: dict[str, Tensor] = {}

    @torch.no_grad()
    def on_step_end(self, *_: object, model: nn.Module, **__: object) -> None:
        """Move towards the weights of this step."""
        momentum = min(self.momentum, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self.average.setdefault(name, parameter.detach().clone()).lerp_(parameter, 1.0 - momentum)

    @torch.no_grad()
    def on_train_end(self, *_: object, model: nn.Module, **__: object) -> None:
        """Put the average in the place of the weights."""
        for name, parameter in model.named_parameters():
            if name in self.average:
                parameter.copy_(self.average[name])
