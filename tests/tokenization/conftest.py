"""Tokenizers small enough to check by hand, and the real ones where they are."""

import json
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from sig2lm.tokenization import load_tokenizer
from sig2lm.tokenization.tokenizer import FastTokenizer, TextTokenizer

REAL = (
    *(f"tokenizers/{name}" for name in ("gpt2", "cl100k_base", "o200k_base", "mistral-v3", "qwen2.5")),
    *(f"tokenizers/{name}" for name in ("pythia-gptneox", "smollm2", "t5", "bert-base-uncased")),
    "lm/tinystories-656k",
    "lm/stories260k",
)


def byte_level(merges: list[tuple[str, str]], split: str | None = None) -> Tokenizer:
    """A byte-level BPE with the given merges; `split` is a pattern to cut at before."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(left + right for left, right in merges)]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    steps = [] if split is None else [pre_tokenizers.Split(Regex(split), "isolated")]
    byte_step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, byte_step])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.fixture(scope="session")
def digits() -> TextTokenizer:
    """Every byte is a token."""
    return FastTokenizer(byte_level([]), "digits")


@pytest.fixture(scope="session")
def pairs() -> TextTokenizer:
    """Merges ``48``, ``480``, `` 4``, ``,-`` and line breaks: uneven, as real ones are."""
    merges = [("4", "8"), ("48", "0"), ("1", "2"), ("Ġ", "4"), (",", "-"), ("Ċ", "Ċ")]
    return FastTokenizer(byte_level(merges), "pairs")


@pytest.fixture(scope="session")
def threes() -> TextTokenizer:
    """Digits in groups of up to three from the left."""
    merges = [(str(a), str(b)) for a in range(10) for b in range(10)]
    merges += [(f"{ab:02d}", str(c)) for ab in range(100) for c in range(10)]
    return FastTokenizer(byte_level(merges, r"\p{N}{1,3}"), "threes")


@pytest.fixture(scope="session")
def lossy() -> TextTokenizer:
    """Lower case, white space merged, and only digits, letters and ``. , - ;`` known."""
    known = [*"abcdefghijklmnopqrstuvwxyz0123456789.,-;", "▁", "<unk>"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(known)}, [], unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return FastTokenizer(tokenizer, "lossy")


_LOADED: dict[Path, TextTokenizer] = {}


@pytest.fixture(params=REAL, ids=lambda name: name.rsplit("/", 1)[-1])
def real(request: pytest.FixtureRequest, shared: Path) -> TextTokenizer:
    """Each of the nine real tokenizers, and those of the two small LMs."""
    return load_once(shared / request.param)


@pytest.fixture
def gpt2(shared: Path) -> TextTokenizer:
    """The tokenizer of GPT-2."""
    return load_once(shared / "tokenizers" / "gpt2")


def load_once(folder: Path) -> TextTokenizer:
    if folder not in _LOADED:
        _LOADED[folder] = load_tokenizer(folder)
    return _LOADED[folder]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tokenizer.json and what models write beside it."""
    place = tmp_path / "toy"
    place.mkdir()
    byte_level([("4", "8")]).save(str(place / "tokenizer.json"))
    (place / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}), encoding="utf-8")
    return place
