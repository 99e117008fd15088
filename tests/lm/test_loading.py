"""Finding an LM: folders, damaged folders, hub ids, fingerprints."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny import build_lm, build_tokenizer

from sig2lm.errors import CheckpointError
from sig2lm.lm import FrozenLM


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lm = build_lm()
    lm.model.save_pretrained(tmp_path / "lm")
    lm.dialogue.tokenizer.save_pretrained(tmp_path / "lm")
    return tmp_path / "lm"


def test_a_folder_loads_as_it_was_saved_and_knows_where_it_lies(folder: Path) -> None:
    lm, saved = FrozenLM.from_pretrained(folder), build_lm()
    for name, tensor in saved.model.state_dict().items():
        assert torch.equal(lm.model.state_dict()[name], tensor)
    assert lm.name == str(folder.resolve())
    assert lm.dialogue.has_chat_template
    assert FrozenLM.from_pretrained(folder, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    first = FrozenLM.from_pretrained(folder).fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**config, "transformers_version": "9.9"}))
    assert FrozenLM.from_pretrained(moved).fingerprint == first
    other = build_lm(seed=1)
    other.model.save_pretrained(moved)
    assert FrozenLM.from_pretrained(moved).fingerprint != first
    shutil.rmtree(moved)
    shutil.copytree(folder, moved)
    build_tokenizer(chat=False).save_pretrained(moved)
    (moved / "chat_template.jinja").unlink(missing_ok=True)
    assert FrozenLM.from_pretrained(moved).fingerprint != first


def test_what_is_no_lm_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder here"):
        FrozenLM.from_pretrained("nobody/nothing")
    with pytest.raises(CheckpointError, match="no folder here"):
        FrozenLM.from_pretrained("not a hub id at all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        FrozenLM.from_pretrained(tmp_path / "empty")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="does not load"):
        FrozenLM.from_pretrained(folder)
    weights.unlink()
    with pytest.raises(CheckpointError, match="does not load"):
        FrozenLM.from_pretrained(folder)


def test_a_refusal_says_what_was_raised_and_is_not_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIG2LM_CACHE", str(tmp_path))
    lm = build_lm(seed=7)  # of which nothing is known yet

    def full(*_: object) -> None:
        raise MemoryError("cannot allocate")

    with monkeypatch.context() as patched:
        patched.setattr(torch.autograd, "grad", full)
        with pytest.raises(CheckpointError, match=r"no gradient reaches.*\(MemoryError: cannot allocate\)"):
            lm.check()
    assert not list(tmp_path.rglob("*.json"))
    assert lm.check() is lm
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_missing_weights_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match=r"are missing .*layers\.2"):
        FrozenLM.from_pretrained(folder)


@pytest.mark.parametrize("name", ["tinystories-656k", "stories260k"])
def test_real_lms_load_and_speak(shared: Path, name: str) -> None:
    from sig2lm.templates.turns import Turn

    lm = FrozenLM.from_pretrained(shared / "lm" / name)
    prompt = lm.dialogue.encode((Turn("user", ("Once upon a time there was a little",)),), {})
    ids = torch.tensor([prompt.input_ids])
    mask = torch.ones_like(ids)
    context = lm.read(lm.embed(ids), mask, ids)
    assert len(lm.dialogue.decode(lm.generate(context, max_new_tokens=20)[0]).split()) > 3
