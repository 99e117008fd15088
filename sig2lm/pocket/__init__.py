"""What ships with the package: the embedded LM, a run trained on simulated people, and pretrained encoders.

They are built by scripts (``build_pocket_lm.py``, ``build_pocket_run.py``, ``build_encoders.py``); their README.md say
how, and from which data.
"""

from pathlib import Path

POCKET = "pocket"
"""The name by which commands and checkpoints call the embedded LM."""

POCKET_RUNS = {"pocket-har": "har"}
"""Names of the runs that ship with the package, and the folders that they lie in here."""


def pocket_folder() -> Path:
    """Return the folder of the embedded LM (``config.json``, ``model.safetensors``, ``tokenizer.json``)."""
    return _HERE / "lm"


def pocket_run(name: str) -> Path | None:
    """Return the folder of a run that ships with the package, or None where that is no name of one."""
    return _HERE / POCKET_RUNS[name] if name in POCKET_RUNS else None


def ready_encoders() -> tuple[str, ...]:
    """Return the names of the pretrained encoders that ship with the package, as in ``--encoder sig2lm:NAME``."""
    return tuple(sorted(file.parent.name for file in (_HERE / "encoders").glob("*/encoder.safetensors")))


def pocket_encoder(name: str) -> Path:
    """Return the folder where a pretrained encoder ships; it may be absent."""
    return _HERE / "encoders" / name


_HERE = Path(__file__).resolve().parent
