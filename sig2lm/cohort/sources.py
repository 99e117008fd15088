"""Which recordings a pattern finds, and the names under which their rows are written.

A recording is called by its path below the folders that the pattern names without a wildcard, suffix included, so two
recordings in two folders, or in two formats, have two names.
"""

import glob
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from sig2lm.errors import Sig2LMError, SignalError
from sig2lm.files import expanded, real_path
from sig2lm.signals.devices import device_of

# Beside a WFDB header of the same name these are files of their own; all others belong to the record.
_OWN = frozenset({".hea", ".csv", ".tsv", ".txt", ".json", ".parquet", ".npy", ".npz", ".edf", ".gz", ".zip"})
# What a file of a table may not be called: readers of Parquet folders skip what begins with . or _, and take a=b for a
# column.
_UNSAFE = re.compile(r"^[._]|[%=\\:*?\"<>|\x00-\x1f\x7f]")


Paths = dict[str, Path]
Kept = Iterator[tuple[str, Path]]


@dataclass(frozen=True)
class Source:
    """One recording of a cohort.

    Attributes
    ----------
    name
        Its path below the folder of the cohort, with ``/``.
    path
        Where it is.
    """

    name: str
    path: Path

    @property
    def part(self) -> PurePosixPath:
        """Where its rows lie below the output folder.

        Examples
        --------
        >>> Source("day 1/_walk.csv", Path("data/day 1/_walk.csv")).part
        PurePosixPath('day 1/%5Fwalk.csv.parquet')
        """
        folders = [_UNSAFE.sub(_escaped, part) for part in PurePosixPath(self.name).parts]
        return PurePosixPath(*folders[:-1], f"{folders[-1]}.parquet")

    def stamp(self) -> str:
        """Return what changes when the recording does: sizes and times of its files."""
        files = [self.path]
        if self.path.is_dir():
            files = sorted(file for file in self.path.rglob("*") if file.is_file())
        elif self.path.suffix == ".hea":
            files = sorted(file for file in self.path.parent.iterdir() if file.stem == self.path.stem)
        known = [(file.name, (found := file.stat()).st_size, found.st_mtime_ns) for file in files]
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Found:
    """What a pattern finds.

    Attributes
    ----------
    sources
        The recordings, ordered by name.
    notes
        What matches and is no recording of its own, in sentences.
    """

    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def find_sources(pattern: str, out: str | Path | None = None) -> Found:
    """Return the recordings that a pattern matches.

    Parameters
    ----------
    pattern
        As the shell writes it, with ``**`` for any depth; hidden files are not matched. A folder that is the export of
        a device is one recording; files of a WFDB record belong to its header.
    out
        A folder whose files are left out: what was written there is no recording.

    Raises
    ------
    Sig2LMError
        If nothing is left, or the pattern is no pattern.
    """
    base, rest = _divided(pattern)
    matched = sorted(set(glob.glob(rest, root_dir=base, recursive=True))) if rest else [base.name]
    root = base if rest else base.parent
    paths = {name: root / name for name in matched}
    if any(".." in Path(name).parts for name in matched):
        raise Sig2LMError(f"expected a pattern without .. behind a wildcard, found '{pattern}'; name the folder itself")
    notes = []
    for reason, kept in (
        ("lie in the output folder", partial(_outside, out=out)),
        ("lie in the folder of a recording", _whole_folders),
        ("belong to the WFDB header beside them", _whole_records),
        ("are other names of the same recording", _first_names),
    ):
        left = dict(kept(paths))
        if gone := sum(path.is_file() for name, path in paths.items() if name not in left):
            notes.append(f"{gone:,} of the files that match {reason} and are left out")
        paths = left
    if not paths:
        told = f": {'; '.join(notes)}" if notes else ""
        raise Sig2LMError(
            f"expected recordings that match '{pattern}', found none{told}; quote the pattern, and write 'DIR/**/*' "
            "for all files below a folder"
        )
    return Found(tuple(Source(Path(name).as_posix(), path) for name, path in paths.items()), tuple(notes))


def _divided(pattern: str) -> tuple[Path, str]:
    """The folders before the first wildcard, and the rest; a file that is there is meant as it is."""
    whole = expanded(pattern)
    if whole.is_file() or not glob.has_magic(pattern):
        return whole, ""
    parts = whole.parts
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _outside(paths: Paths, out: str | Path | None) -> Kept:
    place = None if out is None else real_path(expanded(out))
    for name, path in paths.items():
        if place is None or (place != (found := real_path(path)) and place not in found.parents):
            yield name, path


def _whole_folders(paths: Paths) -> Kept:
    """Folders that are recordings, and files that lie in none of these."""
    whole = {path for path in paths.values() if path.is_dir() and _is_recording(path)}
    for name, path in paths.items():
        if path in whole or (path.is_file() and whole.isdisjoint(path.parents)):
            yield name, path


def _is_recording(folder: Path) -> bool:
    try:
        return device_of(folder) is not None
    except (SignalError, OSError):  # a folder that cannot be opened; what it holds is not matched either
        return False


def _whole_records(paths: Paths) -> Kept:
    headers = {path.with_suffix("") for path in paths.values() if path.suffix.lower() == ".hea"}
    for name, path in paths.items():
        if path.suffix.lower() in _OWN or path.with_suffix("") not in headers:
            yield name, path


def _first_names(paths: Paths) -> Kept:
    """A file once, however many links lead to it, also where these run in a circle."""
    first: dict[Path, str] = {}
    for name, path in sorted(paths.items(), key=lambda item: (len(Path(item[0]).parts), item[0])):
        first.setdefault(real_path(path), name)
    kept = set(first.values())
    for name, path in paths.items():
        if name in kept:
            yield name, path


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
