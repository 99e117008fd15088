"""Names of models become folders: a folder here, or one that the hub fills."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from sig2lm.errors import CheckpointError
from sig2lm.files import expanded


def local_folder(
    name: str | Path, what: str, patterns: Sequence[str] = ("*.json", "*.safetensors"), **download: Any
) -> Path:
    """Return the local folder of a model, filling the hub's cache first where ``name`` is a hub id.

    Parameters
    ----------
    what
        The model in words, for the error.
    patterns
        Files that are fetched; never code, never pickles.
    download
        Further options of ``huggingface_hub.snapshot_download``, such as ``revision``.

    Raises
    ------
    CheckpointError
        When it is neither a folder nor something that the hub, as far as it can be reached, gives.
    """
    folder = expanded(name)
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(patterns), **download))
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise CheckpointError(
            f"expected the folder or the hub id of {what}, found '{name}', which is no folder here and which the hub "
            f"did not give ({type(error).__name__}); check the spelling and the network"
        ) from error
