"""Checkpoints of a training that are whole or absent, however it ends.

A checkpoint is a folder of several files, so none of them alone says that all are there. ``complete.json`` is written
last, when the others have reached the disk, and lists them with their sizes; it is the first to go when a checkpoint is
removed. A folder without it, or with a file of another size, is no checkpoint.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from sig2lm.errors import CheckpointError
from sig2lm.files import read_json, write_json

COMPLETE = "complete.json"


def complete(folder: Path) -> None:
    """Declare a checkpoint whole, once its files have reached the disk."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != COMPLETE:
            _flush(path)
            sizes[str(path.relative_to(folder))] = path.stat().st_size
    _flush(folder)
    write_json(folder / COMPLETE, sizes)
    _flush(folder / COMPLETE)
    _flush(folder)


def is_complete(folder: Path) -> bool:
    """Whether every file of a checkpoint is there with the size it was written with."""
    try:
        sizes = read_json(folder / COMPLETE, "a checkpoint")
    except CheckpointError:
        return False
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())


def newest(folder: Path) -> Path | None:
    """Return the checkpoint of the latest step that is whole; None where there is none."""
    return max(filter(is_complete, _all(folder)), key=_step, default=None)


def keep_only(folder: Path, kept: Iterable[Path]) -> None:
    """Remove the checkpoints of a folder but for some, and what is left of broken ones."""
    names = {path.name for path in kept}
    for path in _all(folder):
        if path.name not in names:
            (path / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def _all(folder: Path) -> Iterator[Path]:
    found = folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if folder.is_dir() else ()
    return (path for path in found if path.is_dir() and not path.is_symlink() and _step_text(path).isdigit())


def _step(folder: Path) -> int:
    return int(_step_text(folder))


def _step_text(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
