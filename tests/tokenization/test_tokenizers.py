"""Loading, ids and spans: ours agree with the libraries', and a span is where its characters are."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from sig2lm.errors import TokenizerError
from sig2lm.tokenization import as_tokenizer, load_tokenizer
from sig2lm.tokenization.tokenizer import FastTokenizer, TextTokenizer, TiktokenTokenizer

from .conftest import byte_level, load_once

TALK = "480, 481, 482"


def test_gpt2_gives_the_known_ids(gpt2):
    assert gpt2.encode(TALK).ids == (22148, 11, 4764, 16, 11, 4764, 17)
    assert gpt2.encode("3.14159").ids == (18, 13, 1415, 19707)
    assert gpt2.encode(TALK).pieces == ("480", ",", " 48", "1", ",", " 48", "2")


def bytes_of(token: str, byte_for: dict[str, int]) -> bytes:
    return bytes(byte_for[character] for character in token)


def tiktoken_of(folder: Path) -> tiktoken.Encoding:
    """The ranks of a tokenizer.json as a tiktoken encoding, without the network."""
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    byte_for = {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(hidden)}
    special = {entry["content"] for entry in model["added_tokens"]}
    ranks = {bytes_of(t, byte_for): rank for t, rank in model["model"]["vocab"].items() if t not in special}
    pattern = model["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    return tiktoken.Encoding(folder.name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "o200k_base"])
def test_ids_equal_tiktoken_on_ten_thousand_numbers(shared, name):
    folder = shared / "tokenizers" / name
    rng = np.random.default_rng(0)
    numbers = [
        f"{value:.{places}f}" for value, places in zip(rng.normal(0, 1e4, 8000), rng.integers(0, 9, 8000), strict=True)
    ]
    numbers += [str(n) for n in rng.integers(0, 10**12, 1000)] + [f"{v:e}" for v in rng.normal(0, 1, 1000)]
    ours, theirs = load_once(folder), TiktokenTokenizer(tiktoken_of(folder))
    assert ours.ids(numbers) == theirs.ids(numbers)
    sample = [", ".join(numbers[i : i + 5]) for i in range(0, 200, 5)]
    assert ours.encode_batch(sample) == theirs.encode_batch(sample)


@given(text=st.text(alphabet="0123456789.,- \nµ²∞aA=(", max_size=30))
def test_spans_tile_a_lossless_text(pairs, text):
    tokens = pairs.encode(text)
    assert "".join(tokens.pieces) == text
    assert all(start <= end for start, end in tokens.spans)
    assert pairs.decode(tokens.ids) == text
    assert pairs.count([text]) == [len(tokens)]


def test_real_spans_hold_the_digits_of_their_tokens(real):
    text = "7.09,-0.5\n12; 480, 481\n(3)"
    tokens = real.encode(text)
    reached = 0
    for start, end in tokens.spans:
        assert reached <= start <= end
        reached = end
    covered = {i for start, end in tokens.spans for i in range(start, end)}
    assert {i for i, character in enumerate(text) if character.isdigit()} <= covered
    assert list(tokens.ids) == real.ids([text])[0]
    assert len(tokens) == real.count([text])[0]


def test_a_prepended_space_takes_no_character(shared):
    mistral = load_once(shared / "tokenizers" / "mistral-v3")
    assert mistral.encode("48").pieces == ("", "4", "8")
    t5 = load_once(shared / "tokenizers" / "t5")
    assert t5.encode("480, 481").pieces == ("", "480", ",", " 4", "81")


def test_a_tokenizer_object_is_copied_not_changed():
    theirs = byte_level([("4", "8")])
    theirs.enable_padding(length=8)
    theirs.enable_truncation(1)
    before = theirs.to_str()
    assert as_tokenizer(theirs).encode("4812").pieces == ("48", "1", "2")
    assert theirs.to_str() == before


def test_transformers_tokenizers_are_taken(folder):
    from transformers import AutoTokenizer

    found = as_tokenizer(AutoTokenizer.from_pretrained(folder))
    assert isinstance(found, FastTokenizer)
    assert found.encode("481").pieces == ("48", "1")


def test_older_folders_go_through_transformers(tmp_path):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"0123456789", *(f"##{d}" for d in range(10)), ".", ","]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    assert load_tokenizer(tmp_path).encode("4.5").pieces == ("4", ".", "5")


def test_a_folder_tells_its_name_and_length(folder):
    found = load_tokenizer(folder)
    assert (found.name, found.max_length, found.source) == ("toy", 512, str(folder))
    assert load_tokenizer(folder / "tokenizer.json").name == "toy"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "found none"),
        (b"", "found another file"),
        (b"{}", "found another file"),
        (b'{"model": {"type": "BPE"}}', "found another file"),
        (b"\xff\xfe\x00binary", "cannot read it"),
    ],
)
def test_a_folder_that_is_no_tokenizer_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "found nothing there"),
        ("./nothing.json", "found nothing there"),
        ("some-org/some-model", "hub cannot be reached"),
        ("not a name", "found 'not a name'"),
        ("tiktoken:nothing_base", "has no encoding"),
    ],
)
def test_a_name_without_a_tokenizer_is_refused(name, message):
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(name)


def test_other_objects_are_refused():
    with pytest.raises(TokenizerError, match="found int"):
        as_tokenizer(3)


def test_tiktoken_objects_are_taken():
    ranks = {bytes([i]): i for i in range(256)} | {b"48": 256}
    encoding = tiktoken.Encoding("toy", pat_str=r"\d+|\D+", mergeable_ranks=ranks, special_tokens={"<|end|>": 257})
    found = as_tokenizer(encoding)
    assert isinstance(found, TextTokenizer)
    assert found.encode("48µ<|end|>").pieces[:3] == ("48", "µ", "")
    assert found.decode(found.encode("48µ<|end|>").ids) == "48µ<|end|>"
    assert found.vocabulary_size == 258
