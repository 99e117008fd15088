"""A recording is read from a file for one of a model's signals, and held against what can be."""

from dataclasses import dataclass
from pathlib import Path

from sig2lm.encoder.compatibility import seen_by
from sig2lm.errors import SignalError
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.signals import ReadOptions, Signal, read_signal_for
from sig2lm.signals.plausibility import check_plausible


@dataclass(frozen=True, eq=False)
class Reading:
    """A recording as it is, its file, and what is to be said of it.

    Attributes
    ----------
    file
        Where it was read.
    signal
        As it stands there, not yet conformed.
    notes
        What was guessed, and what is odd about its values.
    """

    file: Path
    signal: Signal
    notes: tuple[str, ...]


def read_recording(
    model: QuestionAnswerer, name: str, file: Path, options: ReadOptions | None = None, *, believe: bool = False
) -> Reading:
    """Read a file as the signal ``name`` of a model; what it does not state the encoder's contract fills.

    Parameters
    ----------
    model, name
        Whose contract it is read for.
    file, options
        As :func:`sig2lm.signals.read_signal_for` takes them.
    believe
        Take values that cannot be what they are said to be.

    Raises
    ------
    SignalError
        If the file is not read, or its values cannot be; the message begins with the path.
    """
    encoder, owner = model.branch(name).encoder, f"the encoder of '{name}'"
    signal = read_signal_for(file, encoder.contract, options)
    try:
        odd = check_plausible(signal, encoder.contract, seen_by(encoder), owner=owner, believe=believe)
    except SignalError as error:
        raise SignalError(f"'{file}': {error}") from error
    return Reading(file, signal, (*signal.notes, *odd))
