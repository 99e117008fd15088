"""Writing that leaves nothing half-written, reading that says what is wrong."""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from sig2lm.errors import CheckpointError, Sig2LMError


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` replaced; that of a user whom this machine does not know stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def real_path(path: Path) -> Path:
    """Return a path without links; one that runs in a circle stays as it is."""
    return Path(os.path.realpath(path))


def cache_folder() -> Path:
    """Return where things lie that can be made again: ``SIG2LM_CACHE``, else the platform's place for caches."""
    given = os.environ.get("SIG2LM_CACHE")
    return expanded(given).absolute() if given else user_cache_path("sig2lm", appauthor=False)


def check_new(path: str | Path) -> Path:
    """Return ``path`` when a new file or folder can be made there.

    Raises
    ------
    Sig2LMError
        When something is there already, or the folder above cannot be written.
    """
    path = expanded(path)
    if path.exists() or path.is_symlink():
        raise Sig2LMError(f"expected a new path for the output, but '{path}' exists; choose another or remove it")
    return check_writable(path)


def check_writable(path: str | Path) -> Path:
    """Return ``path`` when a file or folder can be written there, which may take the place of an older file.

    Raises
    ------
    Sig2LMError
        When the nearest folder above it that exists cannot be written.
    """
    path = expanded(path)
    above = path.absolute().parent
    try:
        str(path).encode()  # libraries that write tables and tensors take no other names
        os.path.lexists(path) or path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise Sig2LMError(f"expected a path for the output, but {_reason(error)}: '{path}'; choose another") from error
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise Sig2LMError(f"expected a folder that can be written for '{path}', but '{above}' is not; choose another")
    return path


# What the first bytes of a file that this program wrote hold: a page, a report, rows of an annotation or evaluation.
_SIGNATURES = (
    *(b'<meta name="generator" content="sig2lm', b'"sig2lm":', b"start_s,end_s,label"),
    *(b"subject,source,start,truth,answer", b"# What tokenizers do to these numbers", b'"tokenizers":'),
)
_HEAD = 4096
_PARQUET, _FOOTER = b"PAR1", 1 << 16


def check_outputs(outputs: Mapping[str, str | Path | None], inputs: Iterable[str | Path] = ()) -> None:
    """Refuse outputs that would destroy something: an input, another output, or a file of somebody else.

    Parameters
    ----------
    outputs
        The path of each option that writes a file, such as ``{"--html": path}``; None and ``-`` write none.
    inputs
        Files that are read; a folder protects what lies in it.

    Raises
    ------
    Sig2LMError
        Naming the option, and what is there.
    """
    read = [expanded(path) for path in inputs]
    taken: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None or str(path) == "-":
            continue
        place = real_path(check_writable(path))
        for other in read:
            if other.exists() and (place == real_path(other) or real_path(other) in place.parents):
                raise Sig2LMError(f"{option} is '{path}', which is read ('{other}'); write somewhere else")
        if not place.exists() and expanded(path).is_symlink():
            raise Sig2LMError(f"{option} is '{path}', a link to nothing; remove it or choose another")
        if place in taken:
            raise Sig2LMError(f"{option} and {taken[place]} are both '{path}'; give each a file of its own")
        taken[place] = option
        if place.is_dir():
            raise Sig2LMError(f"{option} is '{path}', which is a folder; name a file in it")
        if not place.exists():
            continue
        if not place.is_file():  # it would be replaced: a pipe, or a device such as /dev/null
            raise Sig2LMError(f"{option} is '{path}', which is no plain file; choose another")
        if not _is_ours(place):
            raise Sig2LMError(f"{option} is '{path}', a file that sig2lm did not write; choose another or remove it")


def _is_ours(path: Path) -> bool:
    """Whether a file is empty or says that this program wrote it."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head.startswith(_PARQUET):  # what it says of itself stands at its end
            file.seek(max(0, path.stat().st_size - _FOOTER))
            return b"sig2lm" in file.read()
    return not head or any(signature in head for signature in _SIGNATURES)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes ``path`` when the block ends, and vanishes when it fails.

    Raises
    ------
    Sig2LMError
        As :func:`check_new`.
    """
    path = check_new(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def alone(path: str | Path) -> Iterator[None]:
    """Keep other processes from writing ``path`` in this block, by a lock beside it.

    Raises
    ------
    Sig2LMError
        When another process has it.
    """
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Sig2LMError(f"another command writes into '{path}'; wait for it, or write somewhere else") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@contextmanager
def replaced_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends, and vanishes when it fails.

    Raises
    ------
    Sig2LMError
        When the file cannot be written there.
    """
    path = expanded(path)
    writer = f"{os.getpid()}-{threading.get_ident()}"  # others may write the same file at the same time
    temporary = path.with_name(f".{path.name}.{writer}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise Sig2LMError(f"expected to write '{path}', but: {error.strerror or error}; choose another path") from error
    finally:
        with suppress(OSError):  # the error that matters is the one above
            temporary.unlink()


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object that belongs to ``what``.

    Raises
    ------
    CheckpointError
        When the file is missing or is not a JSON object.
    """
    try:
        content = parse_json(read_plain(path))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"expected {what} in '{path.parent}', found no {path.name} there; check the path"
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"expected {what}, but '{path}' cannot be read as JSON: {_reason(error)}; write it again"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"expected {what}, but '{path}' holds no JSON object; write it again")
    return content


def read_plain(path: Path) -> str:
    """Read a small text in UTF-8; what is no plain file, such as a fifo, is not waited for.

    Raises
    ------
    OSError, ValueError
        When it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise OSError("it is no plain file")
    return path.read_text(encoding="utf-8")


def parse_json(text: str | bytes) -> Any:
    """Read JSON from somewhere else.

    Raises
    ------
    ValueError
        When it is none, also where it is nested without end, or holds halves of characters.
    """
    try:
        return _of_whole_characters(json.loads(text))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _of_whole_characters(content: Any) -> Any:
    """Refuse texts that cannot be written again: escapes may stand for half a character."""
    if isinstance(content, str):
        content.encode()
    elif isinstance(content, dict):
        for key, value in content.items():
            _of_whole_characters(key)
            _of_whole_characters(value)
    elif isinstance(content, list) and not (content and isinstance(content[0], float)):
        for value in content:
            _of_whole_characters(value)
    return content


class _PlainLoader(yaml.SafeLoader):
    """YAML without anchors: with them a few lines may stand for more than there is memory, or for themselves."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name), which is not read here; write it out")
        return super().compose_node(parent, index)


def parse_yaml(text: str) -> Any:
    """Read YAML from somewhere else.

    Raises
    ------
    ValueError
        When it is none, has aliases, is nested without end, or holds halves of characters.

    Examples
    --------
    >>> parse_yaml("a: [1, 2]")
    {'a': [1, 2]}
    """
    try:
        return _of_whole_characters(yaml.load(text, _PlainLoader))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _reason(error: Exception) -> str:
    """What is wrong, in words, without the path that an OSError repeats."""
    return (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())
