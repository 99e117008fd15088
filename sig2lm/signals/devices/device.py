"""Device: one family of files, and how it is distinguished from others."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sig2lm.signals.recording import Recording, Wanted
from sig2lm.signals.streams import Streams

HEAD = 65_536
"""Bytes at the beginning of a file by which families are recognised."""


@dataclass(frozen=True)
class Device:
    """A family of files that a device, an app or a program exports.

    Attributes
    ----------
    name
        As its users call it.
    files
        Which of its files are read, in a few words.
    recognises
        Whether a file is of the family, by its first ``HEAD`` bytes and its path; for a folder the bytes are empty. The
        suffix alone never decides.
    read
        Reads a file (or folder) of the family; the names asked for may let it read less. Raises ``SignalError`` if the
        file is damaged or holds no signal.
    """

    name: str
    files: str
    recognises: Callable[[bytes, Path], bool]
    read: Callable[[Path, Wanted], "Recording | Streams"]
