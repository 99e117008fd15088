"""A classifier on encoders: it learns, it fits one table, and the encoders it leaves say where they came from."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import DatasetDict

from sig2lm.cli import main
from sig2lm.datasets import Table, load_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, encoder_fingerprint, load_encoder, save_encoder
from sig2lm.errors import DatasetError
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classify, fine_tune, fine_tuned_encoders


@pytest.fixture(scope="module")
def home(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fine_tuning")
    (folder / "data").symlink_to(simulated / "data")
    torch.manual_seed(0)
    contract = load_table(folder / "data" / "af_rr").info.signals["rr"]
    save_encoder(
        SignalEncoder(PatchTransformerConfig(contract, 8, 8, 16, 1, 2, normalisation="centred", std=(50.0,))),
        folder / "encoder",
    )
    return folder


@pytest.fixture(scope="module")
def beats(home: Path) -> Table:
    table = load_table(home / "data" / "af_rr")
    cut = {split: rows.shuffle(seed=0).select(range(160)) for split, rows in table.data.items()}
    return Table(DatasetDict(cut), table.info, table.path)


def test_it_learns_and_the_encoder_says_where_it_came_from(home: Path, beats: Table) -> None:
    labels = beats.info.labels
    settings = FineTuneSettings(epochs=6, batch_size=16, learning_rate=3e-3)
    classifier, records = fine_tuned_encoders(beats, {"rr": home / "encoder"}, labels, settings)
    probabilities = classify(classifier, beats, "test", labels)
    np.testing.assert_allclose(probabilities.sum(1), 1.0)
    truth = [labels.index(label) for label in beats.data["test"]["label"]]
    assert (probabilities.argmax(1) == truth).mean() > 0.8
    assert records["rr"]["fine_tuned_from"] == str((home / "encoder").resolve())
    assert encoder_fingerprint(classifier.encoder("rr")) != encoder_fingerprint(load_encoder(home / "encoder"))


def test_rows_decide_what_is_learned(home: Path, beats: Table) -> None:
    labels = list(beats.data["train"]["label"])
    one_kind = [row for row, label in enumerate(labels) if label == beats.info.labels[0]]
    settings = FineTuneSettings(epochs=5, batch_size=16, learning_rate=3e-3)
    classifier = fine_tune(beats, {"rr": load_encoder(home / "encoder")}, beats.info.labels, settings, one_kind)
    assert (classify(classifier, beats, "test", beats.info.labels).argmax(1) == 0).all()


def test_encoders_of_other_signals_are_refused(home: Path, beats: Table) -> None:
    with pytest.raises(DatasetError, match="an encoder for each of the signals rr"):
        fine_tuned_encoders(beats, {}, beats.info.labels)
    days = load_table(home / "data" / "stress")
    with pytest.raises(DatasetError, match=r"'daily' in .* but the encoder .* expects"):
        fine_tuned_encoders(days, {"daily": home / "encoder"}, days.info.labels)


def test_the_command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", home / "data" / "af_rr", "--encoder", home / "encoder", "--out", home / "tuned"]
    monkeypatch.setattr("sys.argv", ["sig2lm", "fine-tune-encoder", *map(str, given), "--epochs", "0.1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "learned 2 labels" in capsys.readouterr().out
    assert json.loads((home / "tuned" / "train.json").read_text())["data"]["split"] == "train"
    load_encoder(home / "tuned")
