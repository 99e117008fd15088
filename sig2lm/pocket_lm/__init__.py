"""The embedded default: a small causal LM in Hugging Face format, which needs no network. README.md tells of it."""

from pathlib import Path

POCKET = "pocket"
"""The name by which commands and checkpoints call the embedded LM."""


def pocket_folder() -> Path:
    """Return the folder of the embedded LM (``config.json``, ``model.safetensors``, ``tokenizer.json``)."""
    return Path(__file__).resolve().parent
