"""Loading a run, and recordings for it, from what a command line says."""

from pathlib import Path
from typing import TYPE_CHECKING

from sig2lm.cli.options import named
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.bridge import SignalLM
    from sig2lm.signals import Signal


def load_run(run: str, lm: str | None, encoders: list[str] | None) -> "SignalLM":
    """Load a run; ``encoders`` are ``[NAME=]FOLDER`` texts."""
    from sig2lm.bridge import SignalLM
    from sig2lm.checkpoint import run_signals

    places = named(encoders, run_signals(run), "--encoder") if encoders else {}
    return SignalLM.from_pretrained(run, lm=lm, encoders=places)


def load_signals(model: "SignalLM", texts: list[str]) -> "dict[str, Signal]":
    """Read ``[NAME=]FILE`` texts; what a file does not state (rate, names, units) the encoder's contract fills."""
    from sig2lm.signals import read_signal_as

    files = named(texts, list(model.modalities), "--signal")
    shown = model.task(files).template.shown(list(model.modalities))
    if missing := [name for name in shown if name not in files]:
        raise Sig2LMError(
            f"expected --signal {missing[0]}=FILE, found none; this run reads {', '.join(shown)} together"
        )
    return {
        name: read_signal_as(Path(file), model.modality(name).encoder.contract, f"the encoder of '{name}'")
        for name, file in files.items()
    }
