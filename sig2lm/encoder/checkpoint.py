"""An encoder on disk: ``config.json`` (architecture and contract), ``encoder.safetensors``, ``train.json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sig2lm._version import __version__
from sig2lm.encoder.architectures import read_config
from sig2lm.encoder.protocol import PatchEncoder, encoder_config
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import CheckpointError
from sig2lm.files import expanded, new_folder, read_json, write_json
from sig2lm.tensors import check_shapes, fingerprint, read_tensors, write_tensors

FORMAT = 1
_RENAMED = {"modality": "group_embedding"}  # weights that were once called otherwise


def save_encoder(encoder: SignalEncoder, out: str | Path, provenance: dict[str, Any] | None = None) -> Path:
    """Write an encoder into a new folder, whole or not at all.

    Raises
    ------
    Sig2LMError
        When ``out`` exists or cannot be written.
    """
    with new_folder(out) as folder:
        write_encoder(encoder, folder, provenance)
    return Path(out)


def write_encoder(encoder: SignalEncoder, folder: Path, provenance: dict[str, Any] | None = None) -> None:
    """Write an encoder into a folder that another function made and will remove if this fails."""
    folder.mkdir(exist_ok=True)
    write_tensors(folder / "encoder.safetensors", encoder.state_dict())
    write_json(folder / "train.json", {"sig2lm": __version__, **(provenance or {})})
    write_json(folder / "config.json", {"kind": "encoder", "format": FORMAT, **encoder.config.to_dict()})


def load_encoder(folder: str | Path) -> SignalEncoder:
    """Load an encoder of any architecture that ``save_encoder`` wrote, now or before; it comes in evaluation mode.

    Raises
    ------
    CheckpointError
        When the folder holds no encoder, or a damaged one.
    """
    folder = expanded(folder)
    what = f"an encoder of sig2lm in '{folder}'"
    config = read_json(folder / "config.json", what)
    if config.pop("kind", None) != "encoder" or config.pop("format", None) != FORMAT:
        raise CheckpointError(
            f"expected {what} (format {FORMAT}), found a config.json of something else; check the path"
        )
    tensors = read_tensors(folder / "encoder.safetensors", what)
    return filled_encoder(config, {_RENAMED.get(name, name): tensor for name, tensor in tensors.items()}, what)


def filled_encoder(config: Mapping[str, Any], tensors: dict[str, Tensor], what: str) -> SignalEncoder:
    """Build an encoder from its config and give it these weights; no memory is taken for what they do not fill.

    Raises
    ------
    CheckpointError
        When the config is none, or of another network than the weights.
    """
    checked = read_config(config)
    try:
        with torch.device("meta"):
            expected = SignalEncoder(checked).state_dict()
    except (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"expected {what}, but no network has such a config ({error}); copy it again") from error
    check_shapes(expected, tensors, what)
    encoder = SignalEncoder(checked)
    encoder.load_state_dict(tensors)
    return encoder.eval()


def encoder_fingerprint(encoder: PatchEncoder) -> str:
    """Hash of an encoder's config and weights: the key of everything that is cached from it.

    The name of the architecture is left out: the names of the weights say it, and encoders of before there were several
    keep their fingerprint. So do those of before there were statistics, which have none.
    """
    config = {key: value for key, value in encoder_config(encoder).items() if key != "architecture"}
    if not config.get("statistics", True):
        del config["statistics"]
    return fingerprint(config, dict(encoder.state_dict()))
