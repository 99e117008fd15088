"""What happens beside the steps of a training: an interruption leaves a checkpoint."""

import signal as signals_of_the_system
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


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
