"""Any encoder from how a user names it: a folder of sig2lm, ``LIBRARY:NAME``, or a module at hand.

``sig2lm:NAME`` is one that ships with the package (``scripts/build_encoders.py``).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sig2lm.encoder.checkpoint import load_encoder
from sig2lm.encoder.external import LIBRARIES, load_external
from sig2lm.encoder.protocol import PatchEncoder, check_encoder
from sig2lm.errors import CheckpointError
from sig2lm.files import expanded, real_path
from sig2lm.pocket import pocket_encoder, ready_encoders
from sig2lm.signals import Contract

READY = "sig2lm"
"""What stands before the colon of an encoder that ships with the package."""
IN_MEMORY = "in-memory"
"""The source of an encoder that is a module of its user's own."""


def load_any_encoder(source: str | Path | PatchEncoder, contract: Contract) -> PatchEncoder:
    """Load an encoder; it comes in evaluation mode.

    Parameters
    ----------
    source
        A folder that ``save_encoder`` wrote; ``sig2lm:NAME`` of one that ships with the package; ``LIBRARY:NAME`` with
        a library of :mod:`sig2lm.encoder.external` and a folder or hub id, such as ``moment:AutonLab/MOMENT-1-small``;
        or a module that meets the protocol.
    contract
        The signals that an encoder of another library will read; the others have their own.

    Raises
    ------
    CheckpointError
        When there is no such encoder, or it is damaged.
    Sig2LMError
        When its library is not installed.
    """
    if isinstance(source, str | Path):
        library, name = split_source(source)
        if library in (None, READY):
            return load_encoder(pocket_encoder(name) if library else name)
        return load_external(library, name, contract)
    return check_encoder(source).eval()


def own_folder(source: str | Path) -> Path | None:
    """Return the folder of an encoder of sig2lm's own, also of ``sig2lm:NAME``; None where it holds none."""
    text = str(source)
    name = text.removeprefix(f"{READY}:")
    folder = expanded(text) if name == text else pocket_encoder(name)
    return folder if (folder / "encoder.safetensors").is_file() else None


def is_ready(source: str) -> bool:
    """Whether a source, as :func:`source_of` returns it, is an encoder that ships with the package.

    >>> is_ready("sig2lm:movement"), is_ready("in-memory")
    (True, False)
    """
    return source.startswith(f"{READY}:")


def split_source(source: str | Path) -> tuple[str | None, str]:
    """Return the library before the colon, None for a folder of sig2lm, and the folder or hub id.

    Raises
    ------
    CheckpointError
        When what stands before the colon is no library, and there is no such folder; or when no encoder of that name
        ships with the package.
    """
    text = str(source)
    library, colon, name = text.partition(":")
    if not colon or expanded(text).is_dir():
        return None, text
    if library == READY and name not in ready_encoders():
        there = ", ".join(f"{READY}:{ready}" for ready in ready_encoders()) or "none"
        raise CheckpointError(
            f"expected one of the encoders that ship, {there}, found '{text}'; choose one, or pretrain your own"
        )
    if library not in (READY, *LIBRARIES) or not name:
        raise CheckpointError(
            f"expected the folder of an encoder, or LIBRARY:NAME with a library among {READY}, {', '.join(LIBRARIES)}, "
            f"found '{text}'; check the spelling"
        )
    return library, name


def source_of(source: str | Path | PatchEncoder) -> str:
    """Return what a checkpoint writes down to find an encoder again; folders become absolute."""
    if not isinstance(source, str | Path):
        return IN_MEMORY
    library, name = split_source(source)
    folder = expanded(name)
    if library is None:
        return str(real_path(folder))
    if library == READY:
        return f"{READY}:{name}"
    return f"{library}:{real_path(folder) if folder.is_dir() else name}"


def relative_source(source: str, folder: Path) -> str | None:
    """Return the folder of a source relative to another; None for a hub id and for a module at hand."""
    name = source if source == IN_MEMORY else split_source(source)[1]
    return os.path.relpath(name, folder) if Path(name).is_absolute() else None


def find_encoder(places: Sequence[str | Path], config: dict[str, Any]) -> tuple[PatchEncoder, str] | None:
    """Load the encoder with a recorded config from the first place that holds one, and say which; None if none does.

    Parameters
    ----------
    places
        Folders or sources, as :func:`load_any_encoder` takes them; the prefix of the library may be left out.
    config
        What ``encoder_config`` said of it.
    """
    library, contract = config.get("library"), Contract.from_dict(config["contract"])
    for place in map(str, places):
        if library is None:
            if (own := own_folder(place)) is not None:
                return load_encoder(own), source_of(place)
        elif library in LIBRARIES:
            name = place.removeprefix(f"{library}:")
            if expanded(name).is_dir() or _may_be_hub_id(name):
                return load_external(library, name, contract), source_of(f"{library}:{name}")
    return None


def _may_be_hub_id(name: str) -> bool:
    return not (Path(name).is_absolute() or name.startswith((".", "~")))
