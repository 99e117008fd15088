"""What happens beside the steps of a training: it shows how far it is, and an interruption leaves a checkpoint."""

import signal as signals_of_the_system
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sig2lm.progress import Progress

_SHOWN = {"loss": "loss", "eval_loss": "validation loss"}


class StopWithCheckpoint(TrainerCallback):
    """Ctrl-C, or a scheduler's SIGTERM, ends training with a checkpoint after this step; a second one at once."""

    def __init__(self) -> None:
        self.asked = False
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
        if self.asked:
            control.should_save = control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Once stopped, leave the checkpoint alone: what an early epoch's end would do moves the random numbers."""
        if self.asked:
            control.should_save = control.should_evaluate = False

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signals_of_the_system.signal(number, handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class ShowProgress(TrainerCallback):
    """A bar on a terminal or a line a minute in a log: steps, loss, and what the loss is without a signal."""

    def __init__(self, loss_without_signal: float | None) -> None:
        self._known = {} if loss_without_signal is None else {"without a signal": loss_without_signal}
        self._progress: Progress | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin where the training begins, which a resumed one does later."""
        if state.is_world_process_zero:
            self._progress = Progress("training", state.max_steps, state.global_step).__enter__()
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
            shown = {told: logs[name] for name, told in _SHOWN.items() if name in (logs or {})} if logs else {}
            self._progress.advance(0, **shown)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
