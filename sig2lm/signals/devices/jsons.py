"""What the families that export JSON share."""

from pathlib import Path
from typing import Any

from sig2lm.errors import SignalError
from sig2lm.files import parse_json
from sig2lm.signals.devices.text import as_text
from sig2lm.signals.recording import shorten


def begins_json(head: bytes) -> str:
    """Return the beginning of a file as text where it may be JSON, else ""."""
    text = as_text(head).lstrip()
    return text if text.startswith(("[", "{")) else ""


def load_json(path: Path) -> Any:
    """Read a file of JSON.

    Raises
    ------
    SignalError
        If it is damaged.
    """
    try:
        return parse_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SignalError(f"not a whole file of JSON: {shorten(error)}") from error
