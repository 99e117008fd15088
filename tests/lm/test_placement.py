"""Devices and types: one place decides, says what it decided, and refuses before anything is loaded."""

import json
import logging
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from tiny import build_lm, build_signal_lm, motion

from sig2lm.errors import ArgumentError, CheckpointError
from sig2lm.lm import FrozenLM, find_device, placement, to_device
from sig2lm.model.checkpoint import write_run
from sig2lm.model.signal_lm import SignalLM


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lm = build_lm()
    lm.model.save_pretrained(tmp_path / "lm")
    lm.dialogue.tokenizer.save_pretrained(tmp_path / "lm")
    return tmp_path / "lm"


def publish(folder: Path, dtype: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": dtype}))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_run_answers_in_any_type_and_says_when_it_is_another(
    folder: Path, tmp_path: Path, dtype: str, caplog: pytest.LogCaptureFixture
) -> None:
    trained = build_signal_lm()
    trained.lm = FrozenLM.from_pretrained(folder, device="cpu", dtype="float32")
    write_run(trained, tmp_path / "run", bundle_encoders=True)
    with caplog.at_level(logging.WARNING):
        model = SignalLM.from_pretrained(tmp_path / "run", device="cpu", dtype=dtype)
    assert model.lm.precision == dtype
    assert {parameter.dtype for parameter in model.branches.parameters()} == {torch.float32}
    assert ("answers may differ by rounding" in caplog.text) == (dtype != "float32")
    expected, found = (one.ask(motion(64)).probabilities for one in (trained, model))
    assert found == pytest.approx(expected, abs=0.05)
    assert isinstance(model.ask(motion(64), "And what else?", max_new_tokens=4).text, str)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["lm"]["dtype"] == "float32"


@pytest.mark.parametrize(("times", "expected"), [(20.0, torch.float32), (0.6, torch.bfloat16)])
def test_auto_is_the_published_type_where_the_cpu_is_quick_at_it(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    times: float,
    expected: torch.dtype,
) -> None:
    assert FrozenLM.from_pretrained(folder, device="cpu").dtype == torch.float32
    publish(folder, "bfloat16")
    monkeypatch.setattr(placement, "slower_than_float32", lambda dtype: times)
    with caplog.at_level(logging.INFO):
        assert FrozenLM.from_pretrained(folder, device="cpu").dtype == expected
    assert ("takes this CPU 20 times as long" in caplog.text) == (expected == torch.float32)
    assert placement._find_dtype("auto", torch.device("cuda"), torch.bfloat16) == torch.bfloat16


def test_how_slow_a_type_is_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best round of each counts, on a clock that does not depend on the machine."""
    clock = iter([0.0, 20.0, 20.0, 41.0, 41.0, 42.0, 42.0, 45.0])
    monkeypatch.setattr(placement.time, "perf_counter", lambda: next(clock))
    assert placement.slower_than_float32(torch.bfloat16, size=4, rounds=2) == 20.0


def test_all_tensors_of_a_batch_move_and_nothing_else() -> None:
    batch = {"ids": torch.ones(2), "signals": {"motion": {"values": torch.ones(1)}}, "number": 3}
    moved = to_device(batch, torch.device("meta"))
    assert moved["ids"].is_meta
    assert moved["signals"]["motion"]["values"].is_meta
    assert moved["number"] == 3
    model = build_signal_lm()
    model.lm.to("meta")
    assert model.lm.device.type == "meta"
    assert model.to_device(batch)["ids"].is_meta
    assert model.lm.embed(torch.ones(1, 2, dtype=torch.long, device="meta")).shape == (1, 2, 32)


def test_a_device_that_is_not_here_is_refused() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device() == (torch.accelerator.current_accelerator() or torch.device("cpu"))
    for name in ("cuda:99", "no such device", "mps:7"):
        with pytest.raises(ArgumentError, match="expected a device of this machine"):
            find_device(name)


def test_what_cannot_be_is_refused_before_anything_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("loaded")

    monkeypatch.setattr("sig2lm.lm.frozen.load_model", never)
    for options, message in (
        ({"dtype": "int8"}, "expected dtype as one of"),
        ({"quantization": "2bit"}, "expected quantization as one of"),
        ({"device": "abacus"}, "expected a device"),
    ):
        with pytest.raises(ArgumentError, match=message):
            FrozenLM.from_pretrained(folder, **options)
    monkeypatch.setattr(placement.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="bitsandbytes"):
        FrozenLM.from_pretrained(folder, quantization="4bit")
    free = psutil.virtual_memory()._replace(available=10_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(CheckpointError, match=r"GB of memory for the LM .* \(float32 on cpu\), found 0.0 GB"):
        FrozenLM.from_pretrained(folder, device="cpu")


def test_the_attention_is_the_one_that_is_asked_for(folder: Path) -> None:
    lm = FrozenLM.from_pretrained(folder, device="cpu", attn_implementation="eager")
    assert lm.model.config._attn_implementation == "eager"


def test_a_run_keeps_the_date_of_its_prompts(folder: Path, tmp_path: Path) -> None:
    template = folder / "chat_template.jinja"
    template.write_text("{{ strftime_now('%Y-%m-%d') }}" + template.read_text())
    trained = build_signal_lm()
    trained.lm = FrozenLM.from_pretrained(folder, device="cpu")
    trained.lm.dialogue.date = trained.lm.dialogue.date.replace(year=2024)
    write_run(trained, tmp_path / "run", bundle_encoders=True)
    later = SignalLM.from_pretrained(tmp_path / "run")
    assert later.lm.dialogue.date == trained.lm.dialogue.date
    assert later.ask(motion(64)).probabilities == pytest.approx(trained.ask(motion(64)).probabilities, abs=1e-6)
