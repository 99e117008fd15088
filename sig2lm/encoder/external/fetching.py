"""Reaching other people's models: their library, their folder, and whether all weights were in it."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn
from transformers.utils import logging

from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.files import read_json
from sig2lm.hub import local_folder

# What libraries raise on folders that are damaged or something else.
_DAMAGE = (
    *(OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, AssertionError),
    SafetensorError,
)
_UNTOLD = {"_name_or_path", "transformers_version", "torch_dtype", "dtype"}  # who wrote it, not what it is


@dataclass(frozen=True)
class Published:
    """A model as somebody else published it, before it is loaded.

    Attributes
    ----------
    library
        The module that loads it.
    folder
        Where it lies.
    config
        Its ``config.json``, see :func:`read_model_config`.
    """

    library: Any
    folder: Path
    config: dict[str, Any]

    def check(self, module: nn.Module, stored: set[str] | None = None, unused: Iterable[str] = ()) -> None:
        """Refuse a loaded model some of whose weights were not in the folder, see :func:`check_loaded`."""
        check_loaded(module, stored_names(self.folder) if stored is None else stored, self.folder, unused)


def published(name: str, library: str, install: str) -> Published:
    """Find a model and the library that loads it.

    Parameters
    ----------
    name
        A folder or a hub id.
    library, install
        A module, and how to get it.

    Raises
    ------
    Sig2LMError
        If the library is not installed.
    CheckpointError
        If the model cannot be reached, or is damaged.
    """
    module = need_library(library, install)
    folder = model_folder(name)
    return Published(module, folder, read_model_config(folder))


def need_library(module: str, install: str) -> Any:
    """Import a library that sig2lm does not depend on.

    Raises
    ------
    Sig2LMError
        When it is not installed; ``install`` says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Sig2LMError(
            f"expected the library of {module} for this encoder, but it does not import ({error}); {install}"
        ) from error


def model_folder(name: str) -> Path:
    """Return the local folder of a model, filling the hub's cache first where ``name`` is a hub id.

    Raises
    ------
    CheckpointError
        When it is neither a folder nor something that the hub gives, or has no weights as safetensors.
    """
    folder = local_folder(name, "an encoder")
    if not list(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"expected the weights of an encoder as safetensors in '{folder}', found none; pickles are not read, "
            "export the model with safetensors"
        )
    return folder


def read_model_config(folder: Path) -> dict[str, Any]:
    """Return a model's ``config.json`` without what merely names its author; empty where there is none.

    Raises
    ------
    CheckpointError
        When the file is damaged.
    """
    if not (folder / "config.json").exists():
        return {}
    content = read_json(folder / "config.json", f"an encoder in '{folder}'")
    return {key: value for key, value in content.items() if key not in _UNTOLD}


@contextmanager
def loading(folder: Path, kind: str) -> Iterator[None]:
    """Load a model in this block: damage becomes one line, and what libraries print about weights is left to us.

    Raises
    ------
    CheckpointError
        When the block fails as libraries do on folders that are damaged or something else.
    """
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except _DAMAGE as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"expected {kind} in '{folder}', but it does not load: {told[0]}; check the folder, or download it again"
        ) from error
    finally:
        logging.set_verbosity(level)


def stored_names(folder: Path) -> set[str]:
    """Return the names of the tensors in a folder's safetensors.

    Raises
    ------
    CheckpointError
        When a file is damaged.
    """
    names: set[str] = set()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                names |= set(file.keys())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"'{path}' is damaged or no safetensors ({error}); download it again") from error
    return names


def check_loaded(module: nn.Module, stored: set[str], folder: Path, unused: Iterable[str] = ()) -> None:
    """Refuse a model some of whose weights were not in its folder: libraries leave them random without a word.

    Parameters
    ----------
    unused
        Parts of names of weights that do not matter here, such as heads.

    Raises
    ------
    CheckpointError
        Naming the first that is missing.
    """
    missing = [name for name in module.state_dict() if name not in stored and not any(part in name for part in unused)]
    check_all(missing, type(module).__name__, folder)


def check_all(missing: Sequence[str], model: str, folder: Path) -> None:
    """Refuse a model that lacks weights.

    Raises
    ------
    CheckpointError
        Naming the first that is missing.
    """
    if missing:
        raise CheckpointError(
            f"expected all weights of {model} in '{folder}', but {len(missing)} are missing "
            f"(first: {min(missing)}); download or export the folder again"
        )
