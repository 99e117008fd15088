"""Recordings as they lie on the page: read from an upload or simulated, with a view and a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sig2lm.encoder.compatibility import seen_by
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import SignalError
from sig2lm.model.evidence import SignalEvidence
from sig2lm.pages.plots import Shades
from sig2lm.pages.windows import time_axis
from sig2lm.signals import Contract, ReadOptions, Signal, read_signal_for
from sig2lm.signals.plausibility import check_plausible
from sig2lm.signals.simulation import TASKS, simulate
from sig2lm.web.spans import Span

_LONG = 8  # simulated windows side by side, so that there is something to zoom into
_PRECISION = 3  # decimals of a window


@dataclass(frozen=True)
class Recording:
    """A recording and what to call it.

    Attributes
    ----------
    signal
        As it was recorded.
    title
        Name of the file, or what was simulated; any text, to be escaped.
    """

    signal: Signal
    title: str

    @property
    def step(self) -> float:
        """Time from one sample to the next."""
        return self._axis[0]

    @property
    def clock(self) -> str:
        """What time is counted in: s, days, beats, rows."""
        return self._axis[1]

    @property
    def whole(self) -> Span:
        """All of it."""
        return Span(0.0, self.step * self.signal.num_samples)

    @property
    def _axis(self) -> tuple[float, str]:
        return time_axis(self.signal.sampling_rate, self.signal.period, self.signal.units)

    def rows(self, span: Span) -> tuple[int, int]:
        """Numbers of the first sample in a span and of the first behind it; at least one sample."""
        first = min(max(round(span.start / self.step), 0), self.signal.num_samples - 1)
        return first, min(max(round(span.end / self.step), first + 1), self.signal.num_samples)

    def cut(self, span: Span) -> Signal:
        """What lies in a span."""
        first, last = self.rows(span)
        began = self.signal.start
        if began is not None:
            clocked = self.signal.sampling_rate or self.signal.period
            seconds = 1 / self.signal.sampling_rate if self.signal.sampling_rate else self.signal.period
            began = began + first * (seconds or 0.0) if clocked else None if first else began
        return replace(self.signal, values=self.signal.values[:, first:last], start=began)


@dataclass
class Slot:
    """One set of recordings that belong together: one of each signal that the run reads.

    Attributes
    ----------
    recordings
        By the signal's name.
    window
        What is asked about, on the time axis of the first recording; recordings with another clock go whole.
    view
        What is shown.
    width
        Of what is drawn, in CSS pixels; the browser says it.
    shades
        What stretches of the window add to an answer, by the signal's name; they go with the window.
    """

    recordings: dict[str, Recording] = field(default_factory=dict)
    window: Span = field(default=Span(0.0, 0.0))
    view: Span = field(default=Span(0.0, 0.0))
    width: float = 700.0
    shades: dict[str, Shades] = field(default_factory=dict)

    @property
    def first(self) -> Recording:
        """The recording whose clock counts.

        Raises
        ------
        SignalError
            If there is none.
        """
        if not self.recordings:
            raise SignalError("expected a recording, found none on the page; drop a file, or take an example")
        return next(iter(self.recordings.values()))

    def place(self, found: Mapping[str, Recording], contracts: Mapping[str, Contract]) -> None:
        """Put recordings in; a new first one is shown whole, with the window that its encoder was made for."""
        before, self.shades = self.recordings, {}
        self.recordings = before | dict(found)
        if not before or next(iter(before)) in found:
            name = next(iter(self.recordings))
            self.view = self.first.whole
            self.window = default_window(self.first, contracts[name])

    def choose(self, window: Span) -> None:
        """Ask about another window from now on."""
        self.window, self.shades = window, {}

    def shade(self, found: SignalEvidence) -> bool:
        """Shade what stretches of the window add to an answer; say whether the recording has the evidence's clock."""
        one = self.recordings[found.name]
        signal = one.signal
        seconds = 1 / signal.sampling_rate if signal.sampling_rate else signal.period
        if (seconds is not None) != (found.clock == "s"):
            return False  # beats were found in an ECG: their numbers are no times
        start = self.window.start if one.clock == self.first.clock else 0.0
        edges = start + found.edges / (seconds or 1.0) * one.step
        strongest = float(np.nanmax(np.abs(found.by_time), initial=0.0)) or 1.0
        self.shades[found.name] = Shades(edges, found.by_time / strongest)
        return True

    def signals(self) -> dict[str, Signal]:
        """What is asked about, by name."""
        clock = self.first.clock
        return {
            name: one.cut(self.window) if one.clock == clock else one.signal for name, one in self.recordings.items()
        }

    def words(self) -> str:
        """Title and window: what a conversation is about."""
        titles = " and ".join(one.title for one in self.recordings.values())
        if self.window == self.first.whole:
            return titles
        return f"{titles}, {self.window.start:g} to {self.window.end:g} {self.first.clock}"


def default_window(recording: Recording, contract: Contract) -> Span:
    """The window that an encoder was made for, at the start of a recording; all of one that is shorter or unlike."""
    whole = recording.whole
    sampled = recording.signal.sampling_rate is not None
    if contract.window is None or sampled != (contract.sampling_rate is not None):
        return whole
    length = contract.window if sampled else contract.window * recording.step
    return Span(0.0, min(round(length, _PRECISION), whole.end))


def read_upload(
    files: Sequence[Path], name: str, encoder: PatchEncoder, options: ReadOptions, believe: bool
) -> Recording:
    """Read what was uploaded for one of a run's signals, as it was recorded.

    Parameters
    ----------
    files
        One file; or a WFDB header beside its signal files, all in one folder.
    name
        Of the signal.
    options, believe
        What the user states of the file, and whether values that cannot be are taken.

    Raises
    ------
    SignalError
        As :func:`sig2lm.signals.read_signal` does, but the file is called by its name alone; or if there are several
        files without a header, or values that cannot be.
    """
    headers = [file for file in files if file.suffix.lower() == ".hea"]
    if len(files) != 1 and len(headers) != 1:
        raise SignalError(
            f"expected one file, or a WFDB header (.hea) with its signal files, found {len(files)} files; "
            "drop one recording at a time"
        )
    file = headers[0] if headers else files[0]
    try:
        signal = read_signal_for(file, encoder.contract, options)
        owner = f"the encoder of '{name}'"
        odd = check_plausible(signal, encoder.contract, seen_by(encoder), owner=owner, believe=believe)
        recording = Recording(replace(signal, notes=(*signal.notes, *odd)), file.name)
        encoder.contract.conform(recording.cut(default_window(recording, encoder.contract)), owner)
    except SignalError as error:
        raise SignalError(str(error).replace(f"{file.parent}/", "")) from error
    return recording


def examples(contracts: Mapping[str, Contract]) -> dict[str, tuple[str, str]]:
    """Simulated recordings that a run can read: words for each, and its task and label.

    >>> list(examples(TASKS["stress"].signals))
    ['stressed', 'calm']
    """
    fitting = [
        task
        for task, simulated in TASKS.items()
        if {name: contract.channels for name, contract in simulated.signals.items()}
        == {name: contract.channels for name, contract in contracts.items()}
    ]
    return {label: (task, label) for task in fitting for label in TASKS[task].labels}


def simulated(task: str, label: str, seed: int) -> dict[str, Recording]:
    """Simulate a recording of somebody who does not exist; one that is sampled is several windows long."""
    parts = [simulate(task, label, seed=seed + 1000 * number, subject_seed=seed) for number in range(_LONG)]
    return {name: Recording(_joined([part[name] for part in parts]), f"simulated: {label}") for name in parts[0]}


def _joined(parts: Sequence[Signal]) -> Signal:
    """Put recordings of one person one behind the other; days stay as they are, since a week is a week."""
    first = parts[0]
    if first.period is not None:
        return first
    return replace(first, values=np.concatenate([part.values for part in parts], axis=1))
