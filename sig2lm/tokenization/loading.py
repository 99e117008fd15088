"""Load a tokenizer by folder, by ``tokenizer.json`` file, by hub name or by tiktoken name; no torch.

A folder is read with the `tokenizers` library where it holds a ``tokenizer.json``. Older folders (``vocab.txt``,
``tokenizer.model`` and the like) go through `transformers.AutoTokenizer`, which knows how to convert them.
Code that comes with a tokenizer is never run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sig2lm.errors import TokenizerError
from sig2lm.files import expanded, parse_json, read_plain, real_path
from sig2lm.pocket import POCKET, pocket_folder
from sig2lm.tokenization.tokenizer import FastTokenizer, TextTokenizer, TiktokenTokenizer

TIKTOKEN_PREFIX = "tiktoken:"
TIKTOKEN_NAMES = ("r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony")
# Files of which at least one is in every tokenizer folder without a tokenizer.json.
OLDER_FILES = ("vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
LONGEST_BELIEVED = 10_000_000  # Some folders say "no limit" with a number of thirty digits.


def load_tokenizer(source: str | Path) -> TextTokenizer:
    """Load a tokenizer.

    Parameters
    ----------
    source
        ``pocket``, a folder, a ``tokenizer.json`` file, a Hugging Face hub name (``org/name``, needs the network or its
        cache), or a tiktoken encoding: ``cl100k_base``, or any as ``tiktoken:gpt2`` (needs the extra
        ``sig2lm[tiktoken]``).

    Raises
    ------
    TokenizerError
        The folder or file is missing or is no tokenizer, the hub cannot be reached, or tiktoken is not installed.
    """
    name = str(source)
    path = expanded(name)
    if path.is_dir():
        return _from_folder(path)
    if name == POCKET:
        return pocket_tokenizer()
    if path.is_file():
        return _from_file(path, real_path(path.parent).name)
    if name.startswith(TIKTOKEN_PREFIX) or name in TIKTOKEN_NAMES:
        return _from_tiktoken(name.removeprefix(TIKTOKEN_PREFIX))
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or path.suffix == ".json":
        raise TokenizerError(f"expected a tokenizer folder at {name}, found nothing there; check the path")
    return _from_hub(name)


def as_tokenizer(tokenizer: Any) -> TextTokenizer:
    """Take a tokenizer in any form that a user may hold.

    Parameters
    ----------
    tokenizer
        What `load_tokenizer` takes, or a `tokenizers.Tokenizer`, a transformers tokenizer, a `tiktoken.Encoding` or a
        `TextTokenizer`. A tokenizer object is copied, never changed.

    Raises
    ------
    TokenizerError
        It is none of these.
    """
    if isinstance(tokenizer, TextTokenizer):
        return tokenizer
    if isinstance(tokenizer, str | Path):
        return load_tokenizer(tokenizer)
    if hasattr(tokenizer, "encode_ordinary_batch"):
        return TiktokenTokenizer(tokenizer)
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(backend, "encode_batch_fast") and hasattr(backend, "to_str"):
        name = str(getattr(tokenizer, "name_or_path", "") or "tokenizer")
        limit = _believed(getattr(tokenizer, "model_max_length", None))
        return FastTokenizer(_parse(backend.to_str(), name), Path(name).name, max_length=limit)
    kind = type(tokenizer).__name__
    raise TokenizerError(f"expected a tokenizer, a folder or a name, found {kind}; pass a fast tokenizer or its folder")


def pocket_tokenizer() -> TextTokenizer:
    """Load the tokenizer of the LM that comes with sig2lm.

    Raises
    ------
    TokenizerError
        This installation has none.
    """
    folder = pocket_folder()
    if not (folder / "tokenizer.json").is_file():
        raise TokenizerError("expected a tokenizer, and no pocket LM is installed; pass --tokenizer NAME_OR_FOLDER")
    return _from_folder(folder)


def _from_folder(folder: Path) -> TextTokenizer:
    name = real_path(folder).name
    if (folder / "tokenizer.json").is_file():
        return _from_file(folder / "tokenizer.json", name)
    if any((folder / file).is_file() for file in OLDER_FILES):
        return _from_transformers(folder, name)
    raise TokenizerError(f"expected a tokenizer.json in {folder}, found none; pass the folder of a tokenizer or an LM")


def _from_file(file: Path, name: str) -> TextTokenizer:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(
            f"expected a tokenizer.json at {file}, cannot read it ({error}); check the file"
        ) from error
    return FastTokenizer(_parse(text, str(file)), name, str(file.parent), _declared_length(file.parent))


def _parse(text: str, source: str) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception, and nothing narrower, for any bad file
        reason = " ".join(str(error).split())[:120]
        raise TokenizerError(
            f"expected a Hugging Face tokenizer.json in {source}, found another file ({reason})"
        ) from error


def _from_transformers(folder: Path, name: str) -> TextTokenizer:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TokenizerError(f"cannot load the tokenizer in {folder} ({reason}); save it as tokenizer.json") from error
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise TokenizerError(f"the tokenizer in {folder} has no fast form; save it as tokenizer.json and try again")
    backend = _parse(tokenizer.backend_tokenizer.to_str(), str(folder))
    return FastTokenizer(backend, name, str(folder), _believed(tokenizer.model_max_length))


def _from_hub(name: str) -> TextTokenizer:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    # OSError and the HTTP client's own error: of httpx under huggingface_hub 1, of httpx2 under 2.
    unreachable = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    try:
        file = hf_hub_download(name, "tokenizer.json", local_files_only=True)
    except HFValidationError as error:
        raise TokenizerError(f"expected a folder or a hub name, found {name!r}; check --tokenizer") from error
    except LocalEntryNotFoundError:
        try:
            HfApi().model_info(name, timeout=10)  # fails at once where hf_hub_download would try for half a minute
            file = hf_hub_download(name, "tokenizer.json")
        except HfHubHTTPError as error:
            raise TokenizerError(f"the Hugging Face hub has no tokenizer.json for {name!r}; check the name") from error
        except unreachable as error:
            message = f"{name!r} is no folder here, and the Hugging Face hub cannot be reached; pass a tokenizer folder"
            raise TokenizerError(message) from error
    return FastTokenizer(_parse(Path(file).read_text(encoding="utf-8"), name), name.rsplit("/", 1)[-1], name)


def _from_tiktoken(name: str) -> TextTokenizer:
    try:
        import tiktoken
    except ImportError as error:
        message = f'the encoding {name!r} needs tiktoken; install it with pip install "sig2lm[tiktoken]"'
        raise TokenizerError(message) from error
    try:
        encoding = tiktoken.get_encoding(name)
    except ValueError as error:
        known = ", ".join(tiktoken.list_encoding_names())
        raise TokenizerError(f"tiktoken has no encoding {name!r}; it has {known}") from error
    except OSError as error:  # requests' errors are OSErrors
        message = (
            f"tiktoken cannot download the ranks of {name!r}; pass a tokenizer folder, or connect to the network once"
        )
        raise TokenizerError(message) from error
    return TiktokenTokenizer(encoding, TIKTOKEN_PREFIX + name)


def _declared_length(folder: Path) -> int | None:
    """Read how many tokens the model takes, from the LM's config or the tokenizer's."""
    for file, key in (("config.json", "max_position_embeddings"), ("tokenizer_config.json", "model_max_length")):
        try:
            config = parse_json(read_plain(folder / file))
        except (OSError, ValueError):
            continue
        length = _believed(config.get(key)) if isinstance(config, dict) else None
        if length is not None:
            return length
    return None


def _believed(length: Any) -> int | None:
    return int(length) if isinstance(length, int | float) and 0 < length <= LONGEST_BELIEVED else None
