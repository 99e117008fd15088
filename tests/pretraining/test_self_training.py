"""Self-training: only what the teacher is sure of is kept, hidden labels are never read, and mistakes are one line."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st
from page_checks import assert_stands_alone

from sig2lm.cli import main
from sig2lm.datasets import Table, load_table
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, encoder_fingerprint, load_encoder, save_encoder
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
from sig2lm.pages.probing import to_html
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classify, fine_tuned_encoders
from sig2lm.pretraining.partial_labels import UNLABELLED, PartlyLabelled
from sig2lm.pretraining.self_training import SelfTrainingSettings, confident_labels, self_train
from sig2lm.signals import Contract, Signal

MOTION = Contract(("acc_x", "acc_y", "gyro"), ("m/s^2", "m/s^2", "rad/s"), 50.0, window=0.64)
BEATS = Contract(("rr",), ("ms",), None, window=16.0)
LABELS = ("still", "turning", "returning")
TUNING = FineTuneSettings(epochs=8.0, batch_size=16, learning_rate=3e-3, augment=0.0)
TINY = SelfTrainingSettings(epochs=1.0, tuning=replace(TUNING, epochs=1.0))


def recording(label: str, rng: np.random.Generator, contract: Contract) -> Signal:
    """Noise, with another mean for each label."""
    values = rng.normal(size=(len(contract.channels), int(contract.window * (contract.sampling_rate or 1.0))))
    values = values + {"still": 0.0, "turning": 4.0, "returning": -4.0}[label]
    return Signal(values.astype(np.float32), contract.sampling_rate, contract.channels, contract.units)


def build(folder: Path, signals: Mapping[str, Contract], windows: int = 8) -> Table:
    """A table of some windows a label and person; each label comes once before any comes twice."""
    rng = np.random.default_rng(0)
    info = TableInfo("toy", "toy", LABELS, dict(signals), "by hand", 0, {}, "", "", "")
    rows = (
        TableRow(person, label, {name: recording(label, rng, one) for name, one in signals.items()}, split=split)
        for split, group in {"train": "abcd", "test": "xy"}.items()
        for person in group
        for _ in range(windows)
        for label in LABELS
    )
    folder.mkdir()
    write_table(Draft(info, rows), folder)
    return load_table(folder)


def build_encoder(contract: Contract = MOTION) -> SignalEncoder:
    torch.manual_seed(0)
    return SignalEncoder(PatchTransformerConfig(contract, 8, 8, width=16, depth=1, heads=2)).eval()


def relabelled(table: Table, change: Callable[[int, str], str | None]) -> Table:
    """The same windows in the train split, their labels changed by row and label."""
    train = table.data["train"]
    labels = [change(row, label) for row, label in enumerate(train["label"])]
    changed = Dataset.from_dict({**train.with_format(None)[:], "label": labels}, features=train.features)
    return replace(table, data=DatasetDict({"train": changed, "test": table.data["test"]}))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return build(tmp_path_factory.mktemp("toy") / "table", {"motion": MOTION})


@pytest.fixture(scope="module")
def half(table: Table) -> Table:
    """The labels of two people of four."""
    return relabelled(table, lambda row, label: label if row < 48 else None)


@given(
    st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=1, max_size=40),
    st.floats(0.3, 0.9),
    st.integers(1, 5),
)
def test_only_the_most_confident_answers_are_kept(drawn: Any, threshold: float, most: int) -> None:
    probabilities = np.array(drawn) / np.sum(drawn, axis=1, keepdims=True)
    found = confident_labels(probabilities, threshold, most)
    confidence, likeliest = probabilities.max(1), probabilities.argmax(1)
    kept = found != UNLABELLED
    assert (found[kept] == likeliest[kept]).all()
    assert (confidence[kept] >= threshold).all()
    for label in range(3):
        sure = (likeliest == label) & (confidence >= threshold)
        assert (found == label).sum() == min(most, sure.sum())
        if (found == label).any() and (sure & ~kept).any():
            assert confidence[found == label].min() >= confidence[sure & ~kept].max()


@pytest.mark.slow
def test_the_student_reads_labels_that_the_teacher_gave(half: Table) -> None:
    settings = SelfTrainingSettings(threshold=0.4, most_per_label=10, epochs=8.0, tuning=TUNING)
    student, record = self_train(half, {"motion": build_encoder()}, LABELS, settings)
    assert record["labelled"] == dict.fromkeys(LABELS, 16)
    assert record["kept"] == dict.fromkeys(LABELS, 10)
    assert (record["unlabelled"], record["fell_back"]) == (48, False)
    truth = [LABELS.index(label) for label in half.data["test"]["label"]]
    assert (classify(student, half, "test", LABELS).argmax(1) == truth).mean() > 0.9


def test_labelled_windows_keep_their_own_labels(table: Table) -> None:
    turned = relabelled(table, lambda row, label: LABELS[(LABELS.index(label) + 1) % 3] if row < 48 else label)
    windows = PartlyLabelled.of(turned, {"motion": build_encoder()}, LABELS, range(48))
    own = [1, 2, 0] * 16
    found = np.full(48, UNLABELLED)
    assert windows.with_answers(found).numbers == [*own, *found]
    found[[5, 7]] = 2, 1
    taught = windows.with_answers(found)
    assert (taught.numbers, taught.rows) == ([*own, 2, 1], [*range(48), 53, 55])
    student, _ = self_train(turned, {"motion": build_encoder()}, LABELS, replace(TINY, tuning=TUNING), range(48))
    wrong = [(LABELS.index(label) + 1) % 3 for label in table.data["test"]["label"]]
    assert (classify(student, table, "test", LABELS).argmax(1) == wrong).mean() > 0.9


def test_hidden_labels_are_never_read_and_the_seed_decides_the_rest(table: Table) -> None:
    def trained(change: Callable[[int, str], str | None], seed: int = 0) -> tuple[str, dict[str, Any]]:
        settings = replace(TINY, threshold=0.4, tuning=replace(TINY.tuning, seed=seed))
        changed = relabelled(table, lambda row, label: label if row < 48 else change(row, label))
        student, record = self_train(changed, {"motion": build_encoder()}, LABELS, settings, range(48))
        return encoder_fingerprint(student.encoder("motion")), record

    hidden = trained(lambda row, label: None)
    assert trained(lambda row, label: "returning") == hidden
    assert trained(lambda row, label: None, seed=1)[0] != hidden[0]


def test_where_nothing_is_sure_the_record_says_so_and_distortions_are_learned_from_all(half: Table) -> None:
    settings = replace(TINY, threshold=1.0)
    fingerprints = []
    for weight in (1.0, 0.0):
        student, record = self_train(half, {"motion": build_encoder()}, LABELS, replace(settings, weight=weight))
        assert record["fell_back"]
        assert record["kept"] == dict.fromkeys(LABELS, 0)
        assert record["labelled"] == dict.fromkeys(LABELS, 16)
        assert all(parameter.isfinite().all() for parameter in student.parameters())
        fingerprints.append(encoder_fingerprint(student.encoder("motion")))
    assert fingerprints[0] != fingerprints[1]


def test_several_signals_and_a_further_table(tmp_path: Path) -> None:
    signals = {"motion": MOTION, "beats": BEATS}
    table, further = build(tmp_path / "one", signals, 2), build(tmp_path / "two", signals, 3)
    encoders = {name: build_encoder(contract) for name, contract in signals.items()}
    before = {name: encoder_fingerprint(encoder) for name, encoder in encoders.items()}
    nameless = relabelled(further, lambda row, label: None)
    student, record = self_train(table, encoders, LABELS, TINY, unlabelled=nameless)
    assert (record["labelled"], record["unlabelled"]) == (dict.fromkeys(LABELS, 8), 36)
    assert all(encoder_fingerprint(student.encoder(name)) != before[name] for name in signals)
    windows = PartlyLabelled.of(table, encoders, LABELS, unlabelled=further)
    (last, _), expected = windows.numbered([24 + 35], [0])[0], further.signals(further.data["train"][35])
    for name in signals:
        np.testing.assert_array_equal(last[name], expected[name].values)


class Means(torch.nn.Module):
    """An encoder of somebody else: the mean of each channel in each half, weighed."""

    contract, width = MOTION, 3

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def num_patches(self, num_samples: int) -> int:
        return 2

    def forward(self, values: torch.Tensor, sample_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, seen = (one.unflatten(-1, (2, -1)) for one in (values, sample_mask))
        return (x * seen).mean(-1).transpose(1, 2) * self.weight, seen.any(-1).any(1)


def test_an_encoder_of_another_kind_learns_too(half: Table) -> None:
    encoder = Means()
    student, _ = self_train(half, {"motion": encoder}, LABELS, TINY)
    assert student.encoders["motion"] is encoder
    assert not torch.equal(encoder.weight, torch.ones(3))


def test_tables_that_do_not_suit_are_refused(table: Table, half: Table, tmp_path: Path) -> None:
    encoders = {"motion": build_encoder()}
    fast = build(tmp_path / "fast", {"motion": replace(MOTION, sampling_rate=100.0)}, 1)
    never = replace(TINY, tuning=replace(TUNING, epochs=1e9))  # training would not end
    with pytest.raises(DatasetError, match=r"windows without a label .* found none; pass a further"):
        self_train(table, encoders, LABELS, never)
    with pytest.raises(DatasetError, match="found none of returning; label some"):
        self_train(table, encoders, LABELS, never, [0, 1])
    with pytest.raises(DatasetError, match="found None, too"):
        self_train(half, encoders, LABELS, never, range(60))
    with pytest.raises(DatasetError, match=r"sampling_rate of 'motion' in .*fast"):
        self_train(half, encoders, LABELS, never, unlabelled=fast)
    with pytest.raises(DatasetError, match=r"train split with motion in .*found train, test with beats"):
        self_train(half, encoders, LABELS, never, unlabelled=build(tmp_path / "beats", {"beats": BEATS}, 1))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("threshold", 1.1, "from 0 to 1"),
        ("most_per_label", 0, "1 or more"),
        ("probability", 1.0, "between 0 and 1"),
        ("weight", -1.0, "0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float, expected: str) -> None:
    with pytest.raises(Sig2LMError, match=f"expected {name} {expected}, found {value}"):
        SelfTrainingSettings(**{name: value})


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["sig2lm", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_writes_an_encoder_that_says_what_was_kept(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_encoder(build_encoder(), tmp_path / "encoder")
    further = build(tmp_path / "further", {"motion": MOTION}, 1)
    given = ["fine-tune-encoder", "--data", table.path, "--encoder", tmp_path / "encoder", "--out", tmp_path / "tuned"]
    given += ["--epochs", 2, "--unlabelled", further.path]
    assert run(monkeypatch, *given) == 2
    assert "--unlabelled is for --self-training only" in capsys.readouterr().err
    assert run(monkeypatch, *given, "--self-training") == 0
    said = capsys.readouterr().out
    record = json.loads((tmp_path / "tuned" / "train.json").read_text())
    found = record["self_training"]
    assert (found["labelled"], found["unlabelled"]) == (dict.fromkeys(LABELS, 32), 12)
    assert f"of 12 windows without a label the teacher was sure of {sum(found['kept'].values())}" in said
    assert all(f"{count} {label}" in said for label, count in found["kept"].items())
    assert record["fine_tuned_from"] == str((tmp_path / "encoder").resolve())
    assert encoder_fingerprint(load_encoder(tmp_path / "tuned")) != encoder_fingerprint(build_encoder())


def test_fine_tuning_alone_still_wants_every_label(half: Table, tmp_path: Path) -> None:
    save_encoder(build_encoder(), tmp_path / "encoder")
    with pytest.raises(DatasetError, match="a label in every training row"):
        fine_tuned_encoders(half, {"motion": tmp_path / "encoder"}, LABELS)


@pytest.mark.slow
def test_a_probe_lists_it_below_all_labels(table: Table) -> None:
    settings = ProbeSettings((0.5, 1.0), seeds=2, tuning=replace(TUNING, epochs=1.0), least_steps=1, self_training=True)
    encoder = build_encoder()
    before = encoder_fingerprint(encoder)
    report = probe_encoder(table, encoder, settings)
    assert encoder_fingerprint(encoder) == before
    few, many = report["fractions"]
    assert set(few["methods"]) - set(many["methods"]) == {"self_trained"}
    assert len(few["methods"]["self_trained"]["macro_f1"]["values"]) == 2
    assert report["methods"]["self_trained"] == "self-trained, other people unlabelled"
    page = to_html(report)
    assert_stands_alone(page)
    assert "SelfHAR" in page
    assert "nan" not in page
    with pytest.raises(Sig2LMError, match="a fraction below 1"):
        ProbeSettings((1.0,), self_training=True)


def test_the_probe_command_shows_it(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_encoder(build_encoder(), tmp_path / "encoder")
    options = ["--fractions", "0.5,1", "--seeds", 1, "--epochs", "0.5", "--least-steps", 1, "--self-training"]
    assert run(monkeypatch, "probe", tmp_path / "encoder", "--data", table.path, *options) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "self-trained" in line]
    assert line.rstrip(" │").endswith("-")
