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
from sig2lm.errors import CheckpointError, DatasetError
from sig2lm.evaluation.classifier import evaluate_classifier
from sig2lm.pretraining.classifier import load_classifier, save_classifier
from sig2lm.pretraining.fine_tuning import FineTuneSettings, balanced_loss, classify, fine_tune, fine_tuned_encoders
from sig2lm.pretraining.optimisation import Schedule


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
    with pytest.raises(DatasetError, match=r"'daily' of .* but the encoder expects"):
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


def test_a_classifier_comes_back_with_its_answers_and_is_scored_alone(
    home: Path, beats: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = FineTuneSettings(epochs=1, batch_size=32)
    classifier, records = fine_tuned_encoders(beats, {"rr": home / "encoder"}, beats.info.labels, settings)
    save_classifier(classifier, home / "classifier", records)
    loaded = load_classifier(home / "classifier")
    assert loaded.labels == tuple(beats.info.labels)
    labels = beats.info.labels
    np.testing.assert_array_equal(classify(loaded, beats, "test", labels), classify(classifier, beats, "test", labels))
    assert encoder_fingerprint(load_encoder(home / "classifier")) == encoder_fingerprint(classifier.encoder("rr"))
    found = evaluate_classifier(loaded, beats, "test", baselines=True).report
    assert [rival["name"] for rival in found["baselines"]] == ["majority", "extra trees on hand features"]
    assert found["baselines"][1]["macro_f1"] > found["baselines"][0]["macro_f1"]  # rhythms are told by their intervals
    assert records["rr"]["validation"]["macro_f1"] is not None
    days = load_table(home / "data" / "stress")
    with pytest.raises(DatasetError, match="expected an encoder for each of the signals daily"):
        evaluate_classifier(loaded, days)
    with pytest.raises(CheckpointError, match="classifier"):
        load_classifier(home / "encoder")


def test_few_windows_are_learned_for_as_long_as_it_takes_and_rare_labels_can_weigh_more() -> None:
    assert FineTuneSettings(batch_size=64).planned(100).epochs == 150
    assert FineTuneSettings(batch_size=64).planned(100_000).epochs == 5
    assert FineTuneSettings(epochs=0.1).planned(100).epochs == 0.1
    assert "which is few; raise --epochs" in str(Schedule(windows=100, batch_size=64, epochs=3))
    weights = balanced_loss([0, 0, 0, 1], 2, FineTuneSettings(class_balance=1.0)).weight
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])
