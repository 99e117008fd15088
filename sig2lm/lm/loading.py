"""From a name to a folder to a model: every LM is loaded from a local folder; hub and GGUF files only fill one.

Weights are read from safetensors only and code from a repository is never run.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, try_to_load_from_cache
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging

from sig2lm.errors import CheckpointError
from sig2lm.files import cache_folder, expanded, parse_json, read_plain, real_path
from sig2lm.hub import local_folder
from sig2lm.lm.gguf import SMOLLM2, converted, fingerprint_gguf, gguf_file, is_gguf, smollm2_file
from sig2lm.lm.placement import Placement
from sig2lm.pocket import POCKET, pocket_folder
from sig2lm.tensors import fingerprint

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


@dataclass(frozen=True)
class LMSource:
    """Where an LM lies.

    Attributes
    ----------
    folder
        In Hugging Face format.
    name
        What finds it again: ``pocket``, ``smollm2``, a hub id, or an absolute path.
    fingerprint
        Hash of what it is made of, whatever the folder is called.
    """

    folder: Path
    name: str
    fingerprint: str


def find_lm(name: str | Path, revision: str | None = None) -> LMSource:
    """Find an LM, filling a cache first where ``name`` is a hub id or means a GGUF file.

    Raises
    ------
    CheckpointError
        If ``name`` is no folder or file here, nor something that the hub, as far as it can be reached, gives.
    """
    path = expanded(name)
    if str(name) == SMOLLM2 and not path.is_dir():
        return _find_gguf(smollm2_file(), SMOLLM2)
    if is_gguf(path):
        file = gguf_file(path)
        return _find_gguf(file, str(real_path(file)))
    if str(name) == POCKET:
        folder = pocket_folder()
    else:
        folder = local_folder(name, f"an LM (or '{POCKET}', '{SMOLLM2}', a GGUF file)", _HUB_FILES, revision=revision)
    named = str(name) == POCKET or not path.is_dir()
    return LMSource(folder, str(name) if named else str(real_path(folder)), fingerprint_folder(folder))


def _find_gguf(file: Path, name: str) -> LMSource:
    fingerprint = fingerprint_gguf(file)
    return LMSource(converted(file, fingerprint), name, fingerprint)


def load_model(folder: Path, placement: Placement) -> tuple[Any, PreTrainedTokenizerBase]:
    """Load a causal LM and its tokenizer from a folder.

    Raises
    ------
    CheckpointError
        When the folder is not a causal LM in Hugging Face format, or is damaged.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"expected a Hugging Face LM in '{folder}', found no config.json there; pass its folder")
    made_here = cache_folder() in folder.parents
    advice = f"remove '{folder}', it is made again" if made_here else "download or export the folder again"
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # missing weights become an error below, not a table of log lines
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **placement.options,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # damaged files surface as many types (safetensors, json, Rust, ValueError)
        raise CheckpointError(
            f"expected a causal LM with a fast tokenizer in '{folder}', but it does not load: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}; "
            f"{advice}"
        ) from error
    finally:
        logging.set_verbosity(level)
    if missing := sorted(report["missing_keys"]):
        raise CheckpointError(
            f"expected all weights of {type(model).__name__} in '{folder}', but {len(missing)} are missing "
            f"(first: {missing[0]}); {advice}"
        )
    return model, tokenizer


def lm_licence(name: str) -> str | None:
    """Return the licence that an LM's own card states, as far as it lies on this machine; None where it does not.

    >>> lm_licence("pocket"), lm_licence("somebody/unknown")
    ('apache-2.0', None)
    """
    if name == SMOLLM2:
        return "apache-2.0"
    place = pocket_folder() if name == POCKET else Path(name)
    cached = None if place.is_dir() or not _HUB_ID.fullmatch(name) else try_to_load_from_cache(name, "README.md")
    card = Path(cached) if isinstance(cached, str) else place / "README.md"
    try:
        licence = ModelCard.load(card, ignore_metadata_errors=True).data.license if card.is_file() else None
    except (ValueError, OSError):  # a card that is none
        return None
    return str(licence) if licence else None


def fingerprint_folder(folder: Path) -> str:
    """SHA-256 (16 hex digits) of an LM folder: its config, weights and tokenizer, whatever the folder is called."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    for name in ("config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja"):
        path = folder / name
        if path.is_file():
            digest.update(name.encode() + b"\0" + _canonical(path))
    return digest.hexdigest()[:16]


def fingerprint_model(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 (16 hex digits) of a model that was built in memory: weights and vocabulary."""
    return fingerprint(tokenizer.get_vocab(), dict(model.state_dict()))


def _canonical(path: Path) -> bytes:
    """File content; for JSON without key order and without the library version that a mere re-save would change."""
    if path.suffix != ".json" or path.name == "tokenizer.json":
        return path.read_bytes()
    content = parse_json(read_plain(path))
    content.pop("transformers_version", None)
    return json.dumps(content, sort_keys=True).encode()


def end_tokens(model: Any) -> list[int]:
    """Ids with which an LM ends what it writes, by its generation config or its config; none where both are silent."""
    eos = getattr(model.generation_config, "eos_token_id", None)
    if eos is None:
        eos = model.config.get_text_config().eos_token_id
    return eos if isinstance(eos, list) else [eos] if eos is not None else []
