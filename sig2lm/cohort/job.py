"""What is asked of each recording of a cohort, and what became of one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from sig2lm._version import __version__
from sig2lm.model.checkpoint import run_fingerprint
from sig2lm.signals import ReadOptions


@dataclass(frozen=True)
class CohortJob:
    """What every worker does with a recording.

    Attributes
    ----------
    run
        A folder, ``pocket-har``, or a hub id.
    signal
        Which of the run's signals the recordings are.
    question, choices, window, stride, facts
        As in :meth:`SignalLM.annotate`.
    reading, believe
        How files are read, and whether values are taken that cannot be.
    batch_size
        Windows read at once; it changes the time, not the answers.
    lm, encoder
        Where these are now; None for where they were in training.
    placement
        ``device``, ``dtype`` and ``quantization`` of the LM.
    """

    run: str
    signal: str
    question: str | None = None
    choices: Sequence[str] | None = None
    window: float | None = None
    stride: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    reading: ReadOptions = field(default_factory=ReadOptions)
    believe: bool = False
    batch_size: int = 64
    lm: str | None = None
    encoder: str | None = None
    placement: Mapping[str, str] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """Return what decides the rows, JSON-ready: the same job gives the same rows, wherever it runs."""
        asked = ("signal", "question", "choices", "window", "stride", "facts", "believe")
        content = {
            "sig2lm": __version__,
            "run": run_fingerprint(self.run),
            **{name: getattr(self, name) for name in asked},
            "reading": asdict(self.reading),
            **{name: self.placement.get(name, default) for name, default in _PRECISION.items()},
        }
        plain: dict[str, Any] = json.loads(json.dumps(content))  # as a file gives it back
        return plain


_PRECISION = {"dtype": "auto", "quantization": "none"}


def job_key(identity: Mapping[str, Any]) -> str:
    """SHA-256 (16 hex digits) of an identity, for every file that it made."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What became of one recording.

    Attributes
    ----------
    recording
        Its name.
    windows, missing
        How many rows it has, and how many of them hold no values and no label.
    left_over
        s behind the last window.
    notes
        What was guessed when it was read.
    reason
        Why there are no rows; None where there are.
    trace
        The traceback of an error that nobody expected.
    """

    recording: str
    windows: int = 0
    missing: int = 0
    left_over: float = 0.0
    notes: tuple[str, ...] = ()
    reason: str | None = None
    trace: str | None = None

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        found = cls(**json.loads(text))
        return replace(found, notes=tuple(found.notes))
