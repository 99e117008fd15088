"""Runs on encoders of other libraries and on modules of one's own: found again, recognised, never bundled."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import build_lm
from torch import Tensor, nn
from transformers import PatchTSTConfig, PatchTSTModel

from sig2lm.cli.options import named
from sig2lm.datasets import Table
from sig2lm.errors import CheckpointError
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import TrainOutcome, train_adapter
from sig2lm.training.trainer import TrainSettings

ADAPTER = AdapterConfig("resampler", num_virtual_tokens=3, hidden=16, depth=1, heads=2)


def save_patchtst(folder: Path, seed: int = 0) -> Path:
    """A PatchTST of eight days, with random weights."""
    torch.manual_seed(seed)
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "d_model": 16, "ffn_dim": 16}
    PatchTSTModel(PatchTSTConfig(context_length=8, patch_length=2, patch_stride=2, **sizes)).save_pretrained(folder)
    return folder


def train(table: Table, encoder: Any, out: Path, **changes: Any) -> TrainOutcome:
    settings = TrainSettings(ADAPTER, epochs=1, batch_size=32, rows=32, align_steps=0, **changes)
    return train_adapter(
        table, {"daily": encoder}, out, lm=build_lm(), template=load_template("stress"), settings=settings
    )


def answer(model: SignalLM, table: Table) -> Any:
    row = table.data["test"].with_format("numpy")[0]
    return model.ask(table.signals(row)).probabilities


@pytest.mark.parametrize("train_encoder", [False, True])
def test_a_run_on_a_patchtst_comes_back(days: Table, tmp_path: Path, train_encoder: bool) -> None:
    folder = save_patchtst(tmp_path / "models" / "patchtst")
    outcome = train(days, f"transformers:{folder}", tmp_path / "runs" / "a", train_encoder=train_encoder)
    recorded = json.loads((tmp_path / "runs" / "a" / "config.json").read_text())["branches"]["daily"]["encoder"]
    assert recorded["source"] == f"transformers:{folder}"
    assert recorded["relative"] == "../../models/patchtst"
    assert recorded["config"]["library"] == "transformers"
    assert recorded["config"]["contract"] == days.info.signals["daily"].to_dict()
    loaded = SignalLM.from_pretrained(tmp_path / "runs" / "a", lm=build_lm())
    assert answer(loaded, days) == pytest.approx(answer(outcome.model, days), abs=1e-6)
    shutil.move(tmp_path / "models", tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="pass where it is now"):
        SignalLM.from_pretrained(tmp_path / "runs" / "a", lm=build_lm())
    for place in (tmp_path / "elsewhere" / "patchtst", f"transformers:{tmp_path}/elsewhere/patchtst"):
        moved = SignalLM.from_pretrained(tmp_path / "runs" / "a", lm=build_lm(), encoders={"daily": place})
        assert answer(moved, days) == pytest.approx(answer(outcome.model, days), abs=1e-6)


def test_a_run_and_its_encoder_move_together_and_others_are_refused(days: Table, tmp_path: Path) -> None:
    folder = save_patchtst(tmp_path / "here" / "patchtst")
    outcome = train(days, f"transformers:{folder}", tmp_path / "here" / "run")
    shutil.move(tmp_path / "here", tmp_path / "there")
    run = tmp_path / "there" / "run"
    assert answer(SignalLM.from_pretrained(run, lm=build_lm()), days) == answer(outcome.model, days)
    other = save_patchtst(tmp_path / "other", seed=1)
    with pytest.raises(CheckpointError, match=r"was trained on an encoder with fingerprint \w+, found \w+"):
        SignalLM.from_pretrained(run, lm=build_lm(), encoders={"daily": other})


def test_an_encoder_of_another_library_is_never_bundled(days: Table, tmp_path: Path) -> None:
    folder = save_patchtst(tmp_path / "patchtst")
    outcome = train(days, f"transformers:{folder}", tmp_path / "run")
    outcome.model.save_pretrained(tmp_path / "shared")
    assert not (tmp_path / "shared" / "encoders").exists()
    assert answer(SignalLM.from_pretrained(tmp_path / "shared", lm=build_lm()), days) == answer(outcome.model, days)


class Own(nn.Module):
    """A user's own: one patch a day."""

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self.contract, self.width = contract, 8
        self.project = nn.Linear(2 * len(contract.channels), self.width)

    def num_patches(self, num_samples: int) -> int:
        return num_samples

    def forward(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([values * sample_mask, sample_mask.to(values.dtype)], dim=1).transpose(1, 2)
        return self.project(seen), sample_mask.any(1)


def test_a_run_on_a_module_of_ones_own_needs_that_module(days: Table, tmp_path: Path) -> None:
    torch.manual_seed(0)
    own = Own(days.info.signals["daily"])
    outcome = train(days, own, tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"a module of your own \(Own\), found none"):
        SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    loaded = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm(), encoders={"daily": own})
    assert answer(loaded, days) == answer(outcome.model, days)
    with pytest.raises(CheckpointError, match="fingerprint"):
        SignalLM.from_pretrained(tmp_path / "run", lm=build_lm(), encoders={"daily": Own(own.contract)})


def test_the_command_line_takes_a_spec_with_and_without_the_name_of_its_signal() -> None:
    spec = "moment:AutonLab/MOMENT-1-small"
    assert named([spec], ["motion"], "--encoder") == {"motion": spec}
    assert named([f"motion={spec}", "ecg=runs/ecg"], ["motion", "ecg"], "--encoder")["motion"] == spec
