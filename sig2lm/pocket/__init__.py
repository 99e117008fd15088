"""The embedded LM: small, in Hugging Face format, found without a network. Its README.md says how it was built."""

from pathlib import Path

POCKET = "pocket"
"""The name by which commands and checkpoints call the embedded LM."""


def pocket_folder() -> Path:
    """Return the folder of the embedded LM (``config.json``, ``model.safetensors``, ``tokenizer.json``)."""
    return Path(__file__).resolve().parent / "lm"
