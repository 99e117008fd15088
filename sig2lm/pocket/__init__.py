"""What ships with the package: the embedded LM, and a run trained on simulated people.

Both are built by scripts (``build_pocket_lm.py``, ``build_pocket_run.py``); their README.md say how.
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


_HERE = Path(__file__).resolve().parent
