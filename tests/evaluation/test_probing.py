"""Probing: fractions by person, masks that mask, reports that say what was measured, and one line for mistakes."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from page_checks import assert_stands_alone

from sig2lm.cli import main
from sig2lm.datasets import Table, load_table
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, encoder_fingerprint, save_encoder
from sig2lm.encoder.tables import as_read, renamed, without_channels
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
from sig2lm.evaluation.probing.classifiers import linear_probe, nearest_neighbours
from sig2lm.evaluation.probing.features import untrained, window_features
from sig2lm.evaluation.probing.fractions import nested_rows
from sig2lm.evaluation.probing.training import Training
from sig2lm.pages.probing import to_html
from sig2lm.pretraining.fine_tuning import FineTuneSettings
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract, Signal

CONTRACT = Contract(("acc_x", "acc_y", "gyro"), ("m/s^2", "m/s^2", "rad/s"), 50.0, window=0.64)
TINY = ProbeSettings(fractions=(0.4, 1.0), seeds=2, tuning=FineTuneSettings(epochs=1.0, batch_size=16), least_steps=1)
LABELS = ("still", "turning")
PEOPLE = {"train": "abcde", "test": "xyz"}


def recording(label: str | None, rng: np.random.Generator, contract: Contract = CONTRACT, samples: int = 32) -> Signal:
    """Acceleration is noise; only the gyroscope predicts the label."""
    values = rng.normal(size=(len(contract.channels), samples))
    if label == "turning":
        values[contract.channels.index("gyro")] += 4.0
    return Signal(values.astype(np.float32), contract.sampling_rate, contract.channels, contract.units)


def build(folder: Path, people: Any = None, labels: Any = LABELS, contract: Contract = CONTRACT, **more: Any) -> Table:
    """A table of four windows a label and person, in two recordings, with signals named 'motion' or as told."""
    rng, names = np.random.default_rng(0), more.get("names", ("motion",))
    told = [label for label in labels if label is not None]
    info = TableInfo("toy", "toy", tuple(told), dict.fromkeys(names, contract), "by hand", 0, {}, "", "", "")
    rows = (
        TableRow(
            person,
            label,
            {name: recording(label, rng, contract, more.get("samples", 32)) for name in names},
            f"{person}{window % 2}.csv",
            0.64 * window,
            split,
        )
        for split, group in (people or PEOPLE).items()
        for person in group
        for label in labels
        for window in range(4)
    )
    folder.mkdir()
    write_table(Draft(info, rows), folder)
    return load_table(folder)


def build_encoder(contract: Contract = CONTRACT) -> SignalEncoder:
    torch.manual_seed(0)
    return SignalEncoder(PatchTransformerConfig(contract, 8, 8, width=16, depth=1, heads=2)).eval()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return build(tmp_path_factory.mktemp("toy") / "table")


@pytest.fixture(scope="module")
def report(table: Table) -> dict[str, Any]:
    return probe_encoder(table, build_encoder(), replace(TINY, missing=True))


@given(
    people=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("uvw")), min_size=1, max_size=60),
    fractions=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 99),
)
def test_fractions_are_nested_whole_people_with_every_label(people: Any, fractions: Any, seed: int) -> None:
    subjects, labels = [person for person, _ in people], [label for _, label in people]
    found = nested_rows(subjects, labels, fractions, seed)
    smaller: set[int] = set()
    for fraction in sorted(fractions):
        rows = set(found[fraction])
        chosen = {subjects[row] for row in rows}
        assert rows == {row for row, subject in enumerate(subjects) if subject in chosen}
        assert smaller <= rows
        assert {labels[row] for row in rows} == set(labels)
        assert len(chosen) >= max(1, round(fraction * len(set(subjects))))
        smaller = rows


def test_one_person_is_enough_for_a_small_fraction_and_seeds_draw_others() -> None:
    subjects = [name for name in "abcdefghij" for _ in range(4)]
    labels = ["up", "down"] * 20
    drawn = [nested_rows(subjects, labels, [0.01, 0.3], seed) for seed in range(8)]
    assert {len(found[0.01]) for found in drawn} == {4}
    assert {len(found[0.3]) for found in drawn} == {12}
    assert len({tuple(found[0.01]) for found in drawn}) > 2


def test_classifiers_leave_what_was_never_taught_at_zero() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 2], 30)
    train = rng.normal(size=(60, 3)) + 6.0 * truth[:, None]
    test, asked = train[::7], truth[::7]
    for found in (linear_probe(train, truth, test, 3), nearest_neighbours(train, truth, test, 3, neighbours=5)):
        np.testing.assert_allclose(found.sum(1), 1.0)
        assert (found[:, 1] == 0.0).all()
        assert (found.argmax(1) == asked).all()


@pytest.mark.parametrize(("least", "epochs"), [(0, 5.0), (60, 30.0), (300, 150.0)])
def test_training_is_as_long_as_its_least_steps_where_labels_are_few(least: int, epochs: float) -> None:
    training = Training(("sitting", "walking"), "test", FineTuneSettings(batch_size=16), least)
    assert training.long_enough(windows=32).epochs == epochs


def test_neighbours_vote_with_their_similarity() -> None:
    train = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    truth = np.array([0, 1, 1, 1])
    test = np.array([[5.0, 0.0]])
    one = nearest_neighbours(train, truth, test, 2, neighbours=1)
    np.testing.assert_allclose(one, [[1.0, 0.0]])
    all_four = nearest_neighbours(train, truth, test, 2, neighbours=9, temperature=0.5)
    weights = np.exp(np.array([1.0, -1.0, 0.0, 0.0]) / 0.5)
    np.testing.assert_allclose(all_four[0, 0], weights[0] / weights.sum())


def test_an_untrained_encoder_is_another_each_seed_and_leaves_random_numbers_alone() -> None:
    encoder = build_encoder()
    state = torch.get_rng_state()
    drawn = [untrained(encoder, seed) for seed in (1, 2, 2)]
    prints = {encoder_fingerprint(found) for found in drawn if found is not None}
    assert torch.equal(torch.get_rng_state(), state)
    assert len(prints | {encoder_fingerprint(encoder)}) == 3


def test_a_table_is_read_in_the_encoders_channels_units_and_rate(tmp_path: Path) -> None:
    other = Contract(("gyro", "extra", "acc_y", "acc_x"), ("deg/s", "m", "g", "g"), 100.0)
    found = build(tmp_path / "other", contract=other, samples=64)
    read = as_read(found, "motion", CONTRACT)
    assert replace(read.info.signals["motion"], window=None) == replace(CONTRACT, window=None)
    original = found.signals(found.data["test"][0])["motion"]
    expected = CONTRACT.conform(original, "a test").values
    np.testing.assert_allclose(WindowDataset(read, "motion", "test")[0], expected, rtol=1e-6)
    assert list(read.data["test"]["subject"]) == list(found.data["test"]["subject"])


def test_a_missing_sensor_is_masked_and_its_values_are_never_seen(table: Table, tmp_path: Path) -> None:
    silent = without_channels(table, "motion", [0, 1])
    window, whole = (WindowDataset(one, "motion", "test")[3] for one in (silent, table))
    assert np.isnan(window[:2]).all()
    np.testing.assert_array_equal(window[2], whole[2])
    encoder = build_encoder()
    loud = Table(
        table.data.map(lambda row: {"motion": [1e3] * 64 + row["motion"][64:]}, keep_in_memory=True),
        table.info,
        tmp_path,
    )
    first, second = (
        window_features(encoder, WindowDataset(without_channels(one, "motion", [0, 1]), "motion", "test"))
        for one in (table, loud)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, window_features(encoder, WindowDataset(table, "motion", "test")))


def test_the_sensor_that_tells_the_label_is_missed(report: dict[str, Any]) -> None:
    acc, gyro = report["missing"]["sensors"]
    assert (acc["channels"], acc["unit"], gyro["channels"]) == (["acc_x", "acc_y"], "m/s^2", ["gyro"])
    assert report["missing"]["complete"]["linear"]["macro_f1"]["mean"] > 0.95
    assert acc["linear"]["both"]["macro_f1"]["mean"] > 0.95
    assert gyro["linear"]["both"]["macro_f1"]["mean"] < 0.8
    assert gyro["linear"]["test"]["macro_f1"]["mean"] < 0.8
    for sensor in (acc, gyro):
        assert set(sensor["fine_tuned"]) == {"test", "training", "both"}
        assert len(sensor["fine_tuned"]["test"]["macro_f1"]["values"]) == 2


def test_the_report_says_what_was_measured_on_whom(report: dict[str, Any]) -> None:
    assert report == json.loads(json.dumps(report)) | {"settings": report["settings"]}
    assert report["labels"] == list(LABELS)
    assert report["sizes"] == {"train": {"people": 5, "windows": 40}, "test": {"people": 3, "windows": 24}}
    few, many = report["fractions"]
    assert (few["fraction"], few["people"], few["windows"]) == (0.4, [2, 2], [16, 16])
    assert (many["fraction"], many["people"], many["windows"]) == (1.0, [5, 5], [40, 40])
    for part in (few, many):
        assert set(part["methods"]) == set(report["methods"])
        assert set(part["methods"]) == {"linear", "knn", "random", "fine_tuned", "scratch"}
        for scores in part["methods"].values():
            assert set(scores) == {"accuracy", "macro_f1", "auroc"}
            assert scores["macro_f1"]["mean"] == pytest.approx(np.mean(scores["macro_f1"]["values"]))
            assert scores["macro_f1"]["std"] == pytest.approx(np.std(scores["macro_f1"]["values"], ddof=1))
    assert many["methods"]["linear"]["macro_f1"]["mean"] > 0.95
    assert many["methods"]["linear"]["macro_f1"]["std"] == 0.0
    free = report["label_free"]
    assert set(free["alignment"]) == {"augmentation", "subject", "time"}
    assert None not in free["alignment"].values()
    assert 1.0 < free["rankme"] <= 16.0
    assert free["subject_leakage"]["between"] == "recordings"


def test_probing_leaves_the_encoder_as_it_was(table: Table) -> None:
    encoder = build_encoder()
    before = encoder_fingerprint(encoder)
    probe_encoder(table, encoder, replace(TINY, fractions=(1.0,), seeds=1))
    assert encoder_fingerprint(encoder) == before


class Means(torch.nn.Module):
    """An encoder of somebody else, without parameters: the mean of each channel in each half."""

    contract, width = CONTRACT, 3

    def num_patches(self, num_samples: int) -> int:
        return 2

    def forward(self, values: torch.Tensor, sample_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, seen = (one.unflatten(-1, (2, -1)) for one in (values, sample_mask))
        return ((x * seen).sum(-1) / seen.sum(-1).clamp(min=1)).transpose(1, 2), seen.any(-1).any(1)


def test_an_encoder_of_another_kind_has_no_untrained_twin(table: Table) -> None:
    found = probe_encoder(table, Means(), replace(TINY, fractions=(1.0,), seeds=1, missing=True))
    assert set(found["fractions"][0]["methods"]) == set(found["methods"]) == {"linear", "knn", "fine_tuned"}
    assert found["fractions"][0]["methods"]["linear"]["macro_f1"]["mean"] > 0.95
    assert_stands_alone(to_html(found))


def test_without_any_label_only_that_is_measured_which_needs_none(tmp_path: Path) -> None:
    found = probe_encoder(build(tmp_path / "bare", labels=(None,)), build_encoder(), TINY)
    assert (found["labels"], found["fractions"], found["missing"]) == ([], [], None)
    assert found["label_free"]["windows"] == 12
    assert "What the labels are worth" not in to_html(found)


def test_other_data_are_judged_by_the_labels_that_both_have(table: Table, tmp_path: Path) -> None:
    contract = replace(CONTRACT, units=("g", "g", "deg/s"), sampling_rate=25.0, window=None)
    other = build(tmp_path / "other", labels=("running", "turning", "still"), contract=contract, samples=16)
    found = probe_encoder(table, build_encoder(), replace(TINY, fractions=(1.0,), seeds=1), test_table=other)
    assert found["labels"] == list(LABELS)
    assert found["sizes"]["test"] == {"people": 3, "windows": 24}
    assert found["label_free"]["windows"] == 36
    assert_stands_alone(to_html(found))
    strange = build(tmp_path / "strange", labels=("running", "still"))
    with pytest.raises(DatasetError, match=r"share, found 1: .*choose data with common labels"):
        probe_encoder(table, build_encoder(), TINY, test_table=strange)


def test_the_signal_may_have_another_name_in_other_data(table: Table, tmp_path: Path) -> None:
    other = build(tmp_path / "other", names=("phone", "watch"))
    with pytest.raises(DatasetError, match="found 'motion'"):
        probe_encoder(table, build_encoder(), TINY, test_table=other)
    settings = replace(TINY, fractions=(1.0,), seeds=1, test_signal="watch")
    found = probe_encoder(table, build_encoder(), settings, test_table=other)
    same = probe_encoder(
        table, build_encoder(), replace(settings, test_signal=None), test_table=renamed(other, "watch", "motion")
    )
    assert found["fractions"] == same["fractions"]
    assert found["signal"] == "motion"


@pytest.mark.parametrize(
    ("fractions", "found"), [((0.0, 1.0), "0, 1"), ((1.5,), "1.5"), ((), "none"), ((0.1, 0.1), "0.1, 0.1")]
)
def test_fractions_that_make_no_sense_are_refused(fractions: tuple[float, ...], found: str) -> None:
    with pytest.raises(Sig2LMError, match=f"above 0 and up to 1, found {found};"):
        ProbeSettings(fractions=fractions)


def test_data_that_do_not_suit_are_refused_before_anything_slow(table: Table, tmp_path: Path) -> None:
    encoder = build_encoder()
    lead = replace(CONTRACT, channels=("acc_x", "acc_y", "heading"))
    with pytest.raises(DatasetError, match=r"'motion' of .*: channels are .*missing: heading"):
        probe_encoder(table, build_encoder(lead), TINY)
    with pytest.raises(DatasetError, match="found 'ecg'"):
        probe_encoder(table, encoder, TINY, signal="ecg")
    with pytest.raises(DatasetError, match=r"left and right of .*pass --signal NAME"):
        probe_encoder(build(tmp_path / "two", names=("left", "right")), encoder, TINY)
    alone = build(tmp_path / "alone", people={"train": "a", "test": "xy"})
    with pytest.raises(DatasetError, match=r"several training people .*found one \('a'\)"):
        probe_encoder(alone, encoder, TINY)
    with pytest.raises(DatasetError, match=r"several labels .*found only 'still'"):
        probe_encoder(build(tmp_path / "still", labels=("still",)), encoder, TINY)
    with pytest.raises(DatasetError, match="expected a validation split"):
        probe_encoder(table, encoder, replace(TINY, split="validation"))
    one = Contract(("acc_x", "acc_y"), ("m/s^2",) * 2, 50.0)
    with pytest.raises(DatasetError, match="two channel groups or more"):
        probe_encoder(table, build_encoder(one), replace(TINY, missing=True))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["sig2lm", "probe", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_prints_and_writes_what_it_found(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_encoder(build_encoder(), tmp_path / "<encoder>")
    options = ["--fractions", "0.4,1", "--seeds", 1, "--epochs", 1, "--least-steps", 1, "--batch-size", 16, "--missing"]
    files = ["--json", tmp_path / "probe.json", "--html", tmp_path / "probe.html"]
    assert run(monkeypatch, tmp_path / "<encoder>", "--data", table.path, *options, *files) == 0
    said = capsys.readouterr()
    for words in ("2 people", "16 windows", "linear probe", "RankMe", "at test time"):
        assert words in said.out
    assert "seed 0" in said.err
    found = json.loads((tmp_path / "probe.json").read_text())
    assert found["encoder"]["name"] == "<encoder>"
    page = (tmp_path / "probe.html").read_text()
    assert_stands_alone(page)
    assert "<encoder>" not in page
    assert Counter(tag for tag in ("svg", "table") for _ in range(page.count(f"<{tag}"))) == {"svg": 1, "table": 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fractions", "few"], "expected --fractions as numbers, found 'few'"),
        (["--fractions", "2"], "above 0 and up to 1, found 2"),
        (["--split", "train"], "choose from validation, test"),
        (["--signal", "ecg"], "one of the signals motion"),
        (["--missing", "--label-free"], "leave one of them out"),
    ],
)
def test_mistakes_are_one_line(
    table: Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    save_encoder(build_encoder(), tmp_path / "encoder")
    assert run(monkeypatch, tmp_path / "encoder", "--data", table.path, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("sig2lm: error: ")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.slow
def test_encoders_stand_side_by_side_and_names_of_architectures_are_pretrained(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_encoder(build_encoder(), tmp_path / "<given>")
    options = ["--fractions", "1", "--seeds", 1, "--epochs", 1, "--least-steps", 1, "--pretrain-epochs", 1]
    files = ["--json", tmp_path / "both.json", "--html", tmp_path / "both.html"]
    names = ["--compare", tmp_path / "<given>", "patch_transformer:masked", "--data", table.path]
    assert run(monkeypatch, *names, *options, *files) == 0
    said = capsys.readouterr().out
    assert "extra trees" in said
    found = json.loads((tmp_path / "both.json").read_text())
    given, made = found["encoders"]
    assert (given["name"], given["pretrained_here"], made["architecture"]) == ("<given>", None, "patch_transformer")
    assert made["pretrained_here"]["objective"] == "masked"
    assert found["rival"][-1]["macro_f1"]["mean"] == 1.0  # the mean of the gyroscope says it all
    page = (tmp_path / "both.html").read_text()
    assert_stands_alone(page)
    assert "<given>" not in page
    assert page.count("<svg") == 1
    assert run(monkeypatch, "--compare", tmp_path / "<given>", "--data", table.path) == 2
    assert "expected two encoders or more" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path / "<given>", "masked", "--data", table.path) == 2
    assert "for --compare" in capsys.readouterr().err
