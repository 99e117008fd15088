"""Encoders that ship with the package: found by name, from anywhere, and never by a path of this machine."""

import json
from pathlib import Path

import pytest
import torch
from datasets import DatasetDict
from tiny import build_signal_lm, motion

from sig2lm import pocket
from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder, load_any_encoder, save_encoder
from sig2lm.encoder.architectures import Size, design
from sig2lm.encoder.loading import find_encoder, relative_source, source_of
from sig2lm.encoder.protocol import encoder_config
from sig2lm.errors import CheckpointError
from sig2lm.model.checkpoint import write_run
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classified, fine_tuned_encoders
from sig2lm.signals import Contract

BEATS = Contract(("rr",), ("s",), None)  # seconds, where the table has ms


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignalEncoder:
    monkeypatch.setattr(pocket, "_HERE", tmp_path)
    torch.manual_seed(0)
    config = design(BEATS, "patch_transformer", Size(16, 1, 2), 8, {"normalisation": "centred", "std": (0.05,)})
    encoder = SignalEncoder(config).eval()
    (tmp_path / "encoders").mkdir()
    save_encoder(encoder, tmp_path / "encoders" / "rr")
    return encoder


def test_they_are_found_by_name_and_recorded_by_it(shipped: SignalEncoder, tmp_path: Path) -> None:
    loaded = load_any_encoder("sig2lm:rr", BEATS)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), shipped.parameters(), strict=True))
    assert source_of("sig2lm:rr") == "sig2lm:rr"
    assert relative_source("sig2lm:rr", tmp_path) is None
    found = find_encoder([tmp_path / "gone", "sig2lm:rr"], encoder_config(shipped))
    assert found is not None
    assert found[1] == "sig2lm:rr"
    with pytest.raises(CheckpointError, match="ship, sig2lm:rr, found 'sig2lm:eeg'; choose one"):
        load_any_encoder("sig2lm:eeg", BEATS)


def test_one_is_fine_tuned_on_a_table_in_other_units(shipped: SignalEncoder, simulated: Path) -> None:
    table = load_table(simulated / "data" / "af_rr")
    data = {split: rows.shuffle(seed=0).select(range(80)) for split, rows in table.data.items()}
    table = Table(DatasetDict(data), table.info, table.path)
    settings = FineTuneSettings(epochs=6, batch_size=16, learning_rate=3e-3)
    classifier, records = fine_tuned_encoders(table, {"rr": "sig2lm:rr"}, table.info.labels, settings)
    assert records["rr"]["fine_tuned_from"] == "sig2lm:rr"
    answers = classified(classifier, table, "test")
    assert (answers.answers == answers.truth).mean() > 0.8


def test_a_run_keeps_the_encoder_that_shipped_when_it_was_trained(shipped: SignalEncoder, tmp_path: Path) -> None:
    model = build_signal_lm()
    model.lm.model.save_pretrained(tmp_path / "lm")
    model.lm.dialogue.tokenizer.save_pretrained(tmp_path / "lm")
    model.lm = type(model.lm).from_pretrained(tmp_path / "lm")
    model.branch("motion").source = "sig2lm:rr"
    for _ in range(2):  # as a training that was killed at its end is gone on with
        write_run(model, tmp_path / "run")
    (tmp_path / "encoders" / "rr" / "encoder.safetensors").unlink()
    again = SignalLM.from_pretrained(tmp_path / "run")
    assert again.ask(motion()).probabilities == pytest.approx(model.ask(motion()).probabilities)
    described = json.loads((tmp_path / "run" / "config.json").read_text())["branches"]["motion"]["encoder"]
    assert described["source"] == "sig2lm:rr"
    assert str(tmp_path) not in json.dumps(described)


@pytest.mark.parametrize("name", pocket.ready_encoders())
def test_what_ships_is_small_and_names_its_data_and_licences(name: str) -> None:
    folder = pocket.pocket_encoder(name)
    assert max(file.stat().st_size for file in folder.iterdir()) < 1_000_000
    encoder = load_any_encoder(f"sig2lm:{name}", BEATS)
    assert encoder.width == 64
    card, used = (folder / "README.md").read_text(), json.loads((folder / "train.json").read_text())["data"]["sets"]
    assert used
    for part in used:
        assert part["citation"]
        assert f"| {part['data set']} | {part['people']} | {part['windows']:,} | {part['licence']} |" in card
