"""Recordings as they come in, numbers or files, become what the model's encoder reads."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np

from sig2lm.arguments import check_known
from sig2lm.encoder.compatibility import seen_by
from sig2lm.errors import SignalError
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.examples import SignalInput
from sig2lm.model.reading import read_recording
from sig2lm.serve.schemas import SignalPayload
from sig2lm.serve.store import KeptSignal
from sig2lm.signals import ReadOptions, Signal
from sig2lm.signals.arrays import ArrayClock, as_signal
from sig2lm.signals.plausibility import check_plausible

_NUMBERS: dict[str, Callable[[str], float]] = {
    "sampling_rate": float,
    "period": float,
    "start": float,
    "end": float,
    "time_axis": int,
}
_LISTS = ("channels", "units", "missing")
FIELDS = ("name", "believe", "time_column", *_NUMBERS, *_LISTS)
"""Fields beside the files of an upload: how they are read, as ``sig2lm ask --help`` has it."""


@dataclass(frozen=True)
class RecordingReader:
    """Reads recordings for a model.

    Attributes
    ----------
    model
        Whose signals they are.
    max_patches
        Of one recording.
    owner
        Number of the key that they come with.
    """

    model: QuestionAnswerer
    max_patches: int
    owner: int = 0

    def from_numbers(self, payload: SignalPayload) -> KeptSignal:
        """Return a recording that came as numbers.

        Raises
        ------
        SignalError
            If it is none, or not what the model reads.
        """
        name = self._name(payload.name)
        lengths = sorted({len(row) for row in payload.values})
        if len(lengths) > 1:
            raise SignalError(
                f"expected as many samples in each channel of 'values', found {lengths[0]} to {lengths[-1]}; "
                "mark missing ones with null"
            )
        clock = ArrayClock(payload.sampling_rate, payload.channels, payload.units, payload.period)
        values = np.array(payload.values, dtype=np.float64)  # null becomes NaN
        encoder, reader = self.model.branch(name).encoder, f"the encoder of '{name}'"
        signal = as_signal(values, encoder.contract, reader, clock)
        odd = check_plausible(signal, encoder.contract, seen_by(encoder), owner=reader, believe=payload.believe)
        return self._kept(name, signal, odd)

    def from_files(self, files: Sequence[tuple[str, BinaryIO]], fields: Mapping[str, str]) -> KeptSignal:
        """Return a recording that came as a file, or as several that belong together.

        Parameters
        ----------
        files
            Names and contents; of the name only what makes it that of a file in one folder is used.
        fields
            How they are read; see ``FIELDS``.

        Raises
        ------
        SignalError
            If it is none, or not what the model reads.
        """
        check_known("field", fields, FIELDS)
        name, believe = self._name(fields.get("name")), _truth(fields.get("believe", "false"))
        with TemporaryDirectory(prefix="sig2lm-") as folder:
            path = _written(files, Path(folder))
            read = read_recording(self.model, name, path, _read_options(fields), believe=believe)
        return self._kept(name, read.signal, read.notes)

    def _kept(self, name: str, signal: Signal, notes: tuple[str, ...]) -> KeptSignal:
        encoder = self.model.branch(name).encoder
        conformed = encoder.contract.conform(signal, f"the encoder of '{name}'")
        count = encoder.num_patches(conformed.num_samples)
        if count > self.max_patches:
            raise SignalError(
                f"expected a recording of at most {self.max_patches} patches, found {conformed.num_samples} samples, "
                f"which are {count}; send a part of it"
            )
        facts = self.model.measured_facts(name, conformed)
        recording = SignalInput(name, count, conformed.values, measured=facts)
        return KeptSignal(name, conformed, recording, notes, self.owner)

    def _name(self, name: str | None) -> str:
        names = list(self.model.branches)
        if name is None and len(names) > 1:
            raise SignalError(f"expected the name of the signal, one of {', '.join(names)}, found none; add 'name'")
        if name is not None:
            check_known("signal", [name], names)
        return name or names[0]


def _written(files: Sequence[tuple[str, BinaryIO]], folder: Path) -> Path:
    """Write uploaded files side by side and return what is to be read: a file, a WFDB header, or their folder."""
    paths: list[Path] = []
    for number, (name, content) in enumerate(files):
        path = folder / safe_name(name, number)
        if path in paths:
            raise SignalError(f"expected files with different names, found two called '{path.name}'; rename one")
        with path.open("wb") as file:
            while block := content.read(1 << 20):
                file.write(block)
        paths.append(path)
    headers = [path for path in paths if path.suffix.lower() == ".hea"]
    if not paths:
        raise SignalError("expected a recording in the field 'file', found none; send one")
    if len(paths) == 1:
        return paths[0]
    return headers[0] if len(headers) == 1 else folder


def safe_name(name: str | None, number: int = 0) -> str:
    """Return a name of a file in one folder: no path leads out of it, and nothing is hidden.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\walk 1.csv"), safe_name("..", 2)
    ('passwd', 'walk_1.csv', 'recording_2')
    """
    last = re.split(r"[\\/]", name or "")[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last)[-100:].lstrip(".") or f"recording_{number}"


def _read_options(fields: Mapping[str, str]) -> ReadOptions:
    found: dict[str, Any] = {}
    for name, text in fields.items():
        if name in _LISTS:
            found[name] = [part.strip() for part in text.split(",")]
        elif name in _NUMBERS:
            found[name] = _number(name, text)
        elif name == "time_column":
            found[name] = text
    return ReadOptions.from_stated(found)  # type: ignore[arg-type]


def _number(name: str, text: str) -> float:
    try:
        return _NUMBERS[name](text)
    except ValueError as error:
        raise SignalError(f"expected a number as {name}, found {text[:80]!r}; write it in digits") from error


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise SignalError(f"expected true or false as believe, found {text[:80]!r}")
    return text.lower() in ("true", "1")
