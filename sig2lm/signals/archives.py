"""Recordings in .gz and .zip: unpacked into a temporary folder while they are read."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from sig2lm.errors import SignalError

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# Text packs to a twentieth, a recording of zeros to a thousandth; what unpacks to more is made to fill a disk.
_DENSEST, _SMALL = 200, 1 << 26
_MOST_FILES = 10_000
_DAMAGED = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)


def is_archive(path: Path) -> bool:
    """Whether ``unpacked`` would unpack it."""
    return bool(_kind(path))


@contextmanager
def unpacked(path: Path, depth: int = 2) -> Iterator[Path]:
    """Yield the file or folder to be read: what is in a .gz or .zip, else the path itself.

    A zip with one file yields that file, one with a WFDB header that header, any other the folder of its files. npz
    files and office documents, which are zips too, are left alone. What is unpacked is gone afterwards.

    Parameters
    ----------
    path
        Any file or folder.
    depth
        How often an archive in an archive is unpacked.

    Raises
    ------
    SignalError
        If the archive is damaged, encrypted, empty, or would unpack to far more than recordings do.
    """
    kind = _kind(path) if depth else ""
    if not kind:
        yield path
        return
    with TemporaryDirectory(prefix="sig2lm-") as name:
        folder = Path(name)
        try:
            inside = _gunzip(path, folder) if kind == "gz" else _unzip(path, folder)
        except _DAMAGED as error:
            raise SignalError(f"the .{kind} cannot be unpacked: {error}; get it again or unpack it yourself") from error
        with unpacked(inside, depth - 1) if inside.is_file() else _itself(inside) as found:
            yield found


@contextmanager
def _itself(path: Path) -> Iterator[Path]:
    yield path


def _kind(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            mark = file.read(4)
    except OSError as error:
        raise SignalError(f"cannot be opened: {error.strerror}; check the file and its permissions") from error
    if mark[:2] == _GZIP:
        return "gz"
    if mark != _ZIP:
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except _DAMAGED:
        return "" if path.suffix.lower() == ".npz" else "zip"
    document = "[Content_Types].xml" in names or any(name.endswith(".npy") for name in names)
    return "" if document else "zip"


def _gunzip(path: Path, folder: Path) -> Path:
    inside = folder / (path.stem if path.suffix.lower() == ".gz" else path.name)
    with gzip.open(path) as packed, inside.open("wb") as file:
        _copy(packed, file, max(_SMALL, _DENSEST * path.stat().st_size))
    return inside


def _unzip(path: Path, folder: Path) -> Path:
    left = max(_SMALL, _DENSEST * path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_clutter(entry.filename)]
        if not entries:
            raise SignalError("the zip holds no file")
        if len(entries) > _MOST_FILES:
            raise SignalError(f"the zip holds {len(entries)} files; unpack it and give one")
        for entry in entries:
            target = folder / Path(*_parts(entry.filename))
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as packed, target.open("wb") as file:
                left -= _copy(packed, file, left)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    headers = [file for file in files if file.suffix.lower() == ".hea"]
    if len(files) == 1 or len(headers) == 1:
        return (headers or files)[0]
    return _common(files)


def _parts(name: str) -> list[str]:
    """Folders and name within an archive, without any way out of it."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return [part.replace(":", "_")[-100:] for part in parts] or ["file"]


def _is_clutter(name: str) -> bool:
    return any((part.startswith(".") and part.strip(".")) or part in ("__MACOSX", "meta") for part in name.split("/"))


def _common(files: list[Path]) -> Path:
    """Return the folder that most of the files lie in, so that a folder packed with its name is found."""
    folders = [file.parent for file in files]
    return max(dict.fromkeys(folders), key=folders.count)


def _copy(packed: Any, file: IO[bytes], most: int) -> int:
    written = 0
    while block := packed.read(1 << 20):
        written += len(block)
        if written > most:
            raise SignalError("the archive unpacks to far more than a recording does; unpack it yourself")
        file.write(block)
    return written
