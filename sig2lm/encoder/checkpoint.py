"""An encoder on disk: ``config.json`` (architecture and contract), ``encoder.safetensors``, ``train.json``."""

from pathlib import Path
from typing import Any

from sig2lm._version import __version__
from sig2lm.encoder.patch_transformer import EncoderConfig, SignalEncoder
from sig2lm.encoder.protocol import PatchEncoder, encoder_config
from sig2lm.errors import CheckpointError
from sig2lm.files import new_folder, read_json, write_json
from sig2lm.tensors import fill_module, fingerprint, read_tensors, write_tensors

FORMAT = 1


def save_encoder(encoder: SignalEncoder, out: str | Path, provenance: dict[str, Any] | None = None) -> Path:
    """Write an encoder into a new folder, whole or not at all.

    Raises
    ------
    Sig2LMError
        When ``out`` exists or cannot be written.
    """
    with new_folder(out) as folder:
        write_tensors(folder / "encoder.safetensors", encoder.state_dict())
        write_json(folder / "train.json", {"sig2lm": __version__, **(provenance or {})})
        write_json(folder / "config.json", {"kind": "encoder", "format": FORMAT, **encoder.config.to_dict()})
    return Path(out)


def load_encoder(folder: str | Path) -> SignalEncoder:
    """Load an encoder that ``save_encoder`` wrote; it comes in evaluation mode.

    Raises
    ------
    CheckpointError
        When the folder holds no encoder, or a damaged one.
    """
    folder = Path(folder).expanduser()
    what = f"an encoder of sig2lm in '{folder}'"
    config = read_json(folder / "config.json", what)
    if config.pop("kind", None) != "encoder" or config.pop("format", None) != FORMAT:
        raise CheckpointError(
            f"expected {what} (format {FORMAT}), found a config.json of something else; check the path"
        )
    encoder = SignalEncoder(EncoderConfig.from_dict(config))
    fill_module(encoder, read_tensors(folder / "encoder.safetensors", what), what)
    return encoder.eval()


def encoder_fingerprint(encoder: PatchEncoder) -> str:
    """Hash of an encoder's config and weights: the key of everything that is cached from it."""
    return fingerprint(encoder_config(encoder), dict(encoder.state_dict()))
