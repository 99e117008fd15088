"""Loading a run, and recordings for it, from what a command line says."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sig2lm.cli.options import named
from sig2lm.cli.recordings import RunRecordings, read_options, say_notes
from sig2lm.errors import Sig2LMError, SignalError

if TYPE_CHECKING:
    from sig2lm.datasets import Table
    from sig2lm.model.reading import Reading
    from sig2lm.model.signal_lm import SignalLM
    from sig2lm.signals import Signal
    from sig2lm.templates import Template


def template_for(table: "Table", name: str | None) -> "Template":
    """Load a template by name or file; without one the task's own, and 'generic' where it has none."""
    from sig2lm.templates.template import list_templates, load_template

    return load_template(name or (table.info.task if table.info.task in list_templates() else "generic"))


def load_signals(model: "SignalLM", texts: list[str], reading: RunRecordings) -> "dict[str, Signal]":
    """Read ``[NAME=]FILE`` texts and conform them; what a file does not state the encoder's contract fills.

    Their values are judged here, where what is said of them names the file: the model is asked to believe them.
    """
    from sig2lm.signals.heartbeats import ecg_lead

    found = {}
    readings = read_signals(model, texts, reading)
    for name, read in readings.items():
        contract = model.branch(name).encoder.contract
        try:
            found[name] = contract.conform(read.signal, f"the encoder of '{name}'")
        except SignalError as error:
            raise SignalError(f"'{read.file}': {error}") from error
    for name, read in readings.items():
        say_notes(read.file, read.notes)
        if model.branch(name).encoder.contract.takes_beats_of(read.signal):
            say_beats(found[name].num_samples + 1, ecg_lead(read.signal))
    return found


def read_signals(model: "SignalLM", texts: list[str], reading: RunRecordings) -> "dict[str, Reading]":
    """Read ``[NAME=]FILE`` texts as they are; refuse values that cannot be, unless they are believed."""
    from sig2lm.model.reading import read_recording

    names = list(model.branches)
    return {
        name: read_recording(model, name, file, read_options(reading, name, names), believe=reading.believe)
        for name, file in signal_files(model, texts).items()
    }


def say_beats(count: int, lead: str | None) -> None:
    """Say that an ECG has become RR intervals."""
    typer.echo(f"found {count} heart beats in {lead}; asking about RR intervals", err=True)


def signal_files(model: "SignalLM", texts: list[str]) -> dict[str, Path]:
    """Read ``[NAME=]FILE`` texts: a file for each signal that a task of the run shows."""
    files = named(texts, list(model.branches), "--signal")
    shown = model.task(files).template.shown(list(model.branches))
    if missing := [name for name in shown if name not in files]:
        raise Sig2LMError(
            f"expected --signal {missing[0]}=FILE, found none; this run reads {', '.join(shown)} together"
        )
    return {name: Path(file) for name, file in files.items()}
