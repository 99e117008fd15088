"""Progress of something long: a bar on a terminal, and in a log one line a minute at most.

Everything goes to standard error, so that what a command prints can be piped.

>>> with Progress("measuring", total=2) as progress:
...     for loss in (0.9, 0.5):
...         progress.advance(loss=loss)
"""

import sys
import time
from types import TracebackType
from typing import Any, ClassVar, Self

_SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """How far something has come, how its figures stand, and how long it will still take.

    Parameters
    ----------
    what
        What is being done, such as ``training``.
    total
        How many steps it takes; None where nobody knows.
    done
        How many of them lie behind already, as in a resumed run.
    unit
        What a step is called in a log.

    Notes
    -----
    Of several that are begun inside each other only the outermost shows: a terminal has room for one bar.
    """

    _shown: ClassVar["Progress | None"] = None

    def __init__(self, what: str, total: int | None, done: int = 0, unit: str = "steps") -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = self._first = done
        self.figures: dict[str, float] = {}
        self._started = self._said = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if Progress._shown is not None:
            return self
        Progress._shown = self
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self.what, total=self.total, completed=self.done, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if Progress._shown is self:
            Progress._shown = None

    def advance(self, steps: int = 1, **figures: float) -> None:
        """Count steps; figures such as ``loss`` stand beside the bar until others take their place."""
        self.done += steps
        self.figures.update(figures)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, figures=self._told())
        elif Progress._shown is self and time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            sys.stderr.write(f"{self.line()}\n")
            sys.stderr.flush()

    def line(self) -> str:
        """Return the state as one line of a log."""
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self.what}: {self.done:,}{of} {self.unit}", self._told(), self._left()]
        return ", ".join(part for part in parts if part)

    def _told(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in self.figures.items())

    def _left(self) -> str:
        steps = self.done - self._first
        if not steps or self.total is None:
            return ""
        seconds = (time.monotonic() - self._started) / steps * max(0, self.total - self.done)
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"


def _figure(value: float) -> str:
    """A count in full, a measure to three digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
