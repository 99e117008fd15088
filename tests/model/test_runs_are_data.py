"""A run, a folder of an LM or a checkpoint is data: nothing in it runs, asks, or leads out of its folder."""

import builtins
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import TEMPLATE, build_encoder, build_lm, build_signal_lm

from sig2lm.encoder import save_encoder
from sig2lm.errors import ArgumentError, CheckpointError, Sig2LMError
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates.task import Task
from sig2lm.tokenization import load_tokenizer
from sig2lm.training.checkpoints import newest

CODE = "raise SystemExit('code of a repository ran')\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    build_signal_lm().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ["../out", "a/b", "/tmp/x", "", "a b", ".."])
def test_a_signal_whose_name_is_a_path_is_refused(name: str) -> None:
    encoder, lm = build_encoder(), build_lm()
    branch = SignalBranch(encoder, build_adapter(AdapterConfig(hidden=16), encoder.width, lm.width, 1.0))
    with pytest.raises((ArgumentError, KeyError), match=r"words|empty"):
        SignalLM(lm, {name: branch}, Task.from_template(TEMPLATE))


def renamed(config: dict[str, Any]) -> None:
    config["branches"]["../../escaped"] = config["branches"].pop("motion")


def huge(config: dict[str, Any]) -> None:
    config["branches"]["motion"]["adapter"]["hidden"] = 1 << 15


def typed(config: dict[str, Any]) -> None:
    config["branches"]["motion"]["encoder"]["trained_here"] = "no"


def without(config: dict[str, Any]) -> None:
    del config["lora"]


def layered(config: dict[str, Any]) -> None:
    config["lora"] = True


def fractional(config: dict[str, Any]) -> None:
    config["branches"]["motion"]["adapter"]["heads"] = 2.5


@pytest.mark.parametrize("change", [renamed, huge, typed, without, layered, fractional])
def test_a_config_of_other_kinds_is_refused_before_it_is_used(
    change: Callable[[dict[str, Any]], None], saved: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    change(config)
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as caught:
        SignalLM.from_pretrained(run, lm=build_lm())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["depth", "width", "max_positions", "patch_size"])
@pytest.mark.parametrize("value", [10**9, 10**30, -1, 0, "16", None, [1], 1.5])
def test_an_encoder_of_impossible_size_is_refused_before_memory_is_taken(
    key: str, value: Any, saved: Path, tmp_path: Path
) -> None:
    from sig2lm.encoder import load_encoder

    folder = Path(shutil.copytree(saved / "encoders" / "motion", tmp_path / "encoder"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(CheckpointError) as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["mean", "std"])
def test_an_encoder_that_learned_of_values_beyond_float32_is_refused(key: str, saved: Path, tmp_path: Path) -> None:
    from sig2lm.encoder import load_encoder

    folder = Path(shutil.copytree(saved / "encoders" / "motion", tmp_path / "encoder"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: [1e200] * len(config[key])}))
    with pytest.raises(CheckpointError, match=key):
        load_encoder(folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_the_folder_of_an_lm_neither_runs_nor_asks(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = build_lm()
    lm.model.save_pretrained(tmp_path)
    lm.dialogue.tokenizer.save_pretrained(tmp_path)
    (tmp_path / "evil.py").write_text(CODE)
    content = json.loads((tmp_path / file).read_text())
    own = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Model",
        "AutoTokenizer": ["evil.A", "evil.B"],
    }
    content |= {"auto_map": own, "model_type": "evil", "tokenizer_class": "EvilTokenizer"}
    (tmp_path / file).write_text(json.dumps(content))
    monkeypatch.setattr(builtins, "input", lambda *_: pytest.fail("it asks at the terminal"))
    for load in (lambda: FrozenLM.from_pretrained(tmp_path, device="cpu"), lambda: load_tokenizer(tmp_path)):
        told = ""
        try:
            load()
        except Sig2LMError as error:
            told = str(error)
        assert "\n" not in told
    (tmp_path / "tokenizer.json").rename(tmp_path / "vocab.json")
    with pytest.raises(Sig2LMError):
        load_tokenizer(tmp_path)


def test_a_checkpoint_that_is_a_link_is_none_and_pickles_of_others_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "checkpoint-3").symlink_to(tmp_path / "theirs")
    (tmp_path / "theirs" / "complete.json").write_text("{}")
    assert newest(tmp_path) is None
    torch.save({"a": Path}, tmp_path / "optimizer.pt")
    with pytest.raises(Exception, match=r"[Ww]eights.only|WeightsUnpickler"):
        torch.load(tmp_path / "optimizer.pt", weights_only=True)


def leads_away(run: Path, other: Path, way: str) -> None:
    """Let a run point at another encoder: by a path in its config, or by a link where its own lies."""
    if way == "a link":
        shutil.rmtree(run / "encoders" / "motion")
        (run / "encoders" / "motion").symlink_to(other)
        return
    shutil.rmtree(run / "encoders")
    config = json.loads((run / "config.json").read_text())
    encoder = config["branches"]["motion"]["encoder"]
    encoder |= {"source": "gone", "relative": None}
    encoder |= {"source": str(other)} if way == "an absolute path" else {"relative": os.path.relpath(other, run)}
    (run / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("from_hub", [False, True])
@pytest.mark.parametrize("way", ["an absolute path", "a path that leads out", "a link"])
def test_a_run_that_points_elsewhere_gets_nothing_but_its_own_encoder(
    way: str, from_hub: bool, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it names is read as tensors and compared: here it is another, then the one that it was trained on."""
    run = Path(shutil.copytree(saved, tmp_path / "snapshots" / "run"))
    save_encoder(build_encoder(seed=1), tmp_path / "private")
    save_encoder(build_encoder(), tmp_path / "its_own")
    leads_away(run, tmp_path / "private", way)
    asked: list[Any] = []

    def fill(name: str, allow_patterns: list[str], **options: Any) -> str:
        asked.append((name, allow_patterns))
        return str(run)

    monkeypatch.setattr("sig2lm.hub.snapshot_download", fill)
    name = "somebody/run" if from_hub else run
    with pytest.raises(CheckpointError, match="fingerprint") as caught:
        SignalLM.from_pretrained(name, lm=build_lm())
    assert "\n" not in str(caught.value)
    shutil.rmtree(tmp_path / "private")
    (tmp_path / "its_own").rename(tmp_path / "private")
    SignalLM.from_pretrained(name, lm=build_lm())
    assert [one for one, _ in asked] == ["somebody/run"] * 2 * from_hub
    assert all(set(patterns) <= {"*.json", "*.safetensors"} for _, patterns in asked)


def test_files_that_are_links_are_replaced_and_not_written_through(tmp_path: Path) -> None:
    outside, run = tmp_path / "mine.json", tmp_path / "run"
    outside.write_text("mine")
    run.mkdir()
    for name in ("config.json", "adapter.safetensors"):
        (run / name).symlink_to(outside)
    build_signal_lm().save_pretrained(run)
    assert outside.read_text() == "mine"
    assert not any((run / name).is_symlink() for name in ("config.json", "adapter.safetensors"))


@pytest.mark.parametrize("name", ["config.json", "adapter.safetensors", "encoders"])
def test_a_link_in_a_circle_is_refused_in_a_line(name: str, saved: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(saved, tmp_path / "run"))
    shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    (run / name).symlink_to(name)
    with pytest.raises(CheckpointError) as caught:
        SignalLM.from_pretrained(run, lm=build_lm())
    assert "\n" not in str(caught.value)
