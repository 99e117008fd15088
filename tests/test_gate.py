"""One gate for every way from a recording or a table into an encoder: converted, refused, or believed."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny import MOTION, TEMPLATE, TRAINING, build_lm, build_signal_lm, motion

from sig2lm.datasets import Table, load_table, prepare
from sig2lm.encoder import save_encoder
from sig2lm.encoder.compatibility import check_values
from sig2lm.errors import DatasetError, Sig2LMError, SignalError
from sig2lm.evaluation.classifier import evaluate_classifier
from sig2lm.evaluation.comparison import compare
from sig2lm.evaluation.cross_validation import CrossValidationSettings, cross_validate
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.evaluation.probing.study import Study
from sig2lm.evaluation.questions import evaluate_questions
from sig2lm.model.chat import Chat
from sig2lm.model.export import export_prompt
from sig2lm.model.reading import read_recording
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.classifier import Classifier
from sig2lm.pretraining.fine_tuning import fitting_encoders
from sig2lm.signals import Signal, save_signal
from sig2lm.training.train_adapter import build_model

LABELS = ("up", "down", "up and down")
COUNTS = "in mg or in counts.*--believe"


@pytest.fixture(scope="module")
def model() -> SignalLM:
    return build_signal_lm()


def in_units(unit: str, factor: float = 1.0) -> Signal:
    signal = motion(64, seed=2)
    return Signal(factor * signal.values, 50.0, MOTION.channels, (unit,) * 3)


def through_a_file(read: Callable[[SignalLM, Path, bool], Any]) -> Callable[..., Any]:
    def ask(model: SignalLM, signal: Signal, folder: Path, believe: bool = False) -> Any:
        save_signal(signal, folder / "it.npz")
        return read(model, folder / "it.npz", believe)

    return ask


def through_the_page(model: SignalLM, file: Path, believe: bool) -> Any:
    from sig2lm.signals import ReadOptions
    from sig2lm.web.recordings import read_upload

    return read_upload([file], "motion", model.branch("motion").encoder, ReadOptions(), believe)


def uploaded(model: SignalLM, file: Path, believe: bool) -> Any:
    pytest.importorskip("fastapi")
    from sig2lm.serve.recordings import RecordingReader

    with file.open("rb") as content:
        return RecordingReader(model, 64).from_files([(file.name, content)], {"believe": str(believe).lower()})


def sent_as_numbers(model: SignalLM, signal: Signal, folder: Path, believe: bool = False) -> Any:
    pytest.importorskip("fastapi")
    from sig2lm.serve.recordings import RecordingReader
    from sig2lm.serve.schemas import SignalPayload

    sent = {"values": signal.values.tolist(), "sampling_rate": 50, "units": list(signal.units), "believe": believe}
    return RecordingReader(model, 64).from_numbers(SignalPayload.model_validate_json(json.dumps(sent)))


def conversation(model: SignalLM, signal: Signal, folder: Path, **options: Any) -> Any:
    return Chat(model, motion(), believe=True).add(signal, **options)


RECORDINGS: dict[str, Callable[..., Any]] = {
    "ask": lambda model, signal, folder, **options: model.ask(signal, **options),
    "ask many": lambda model, signal, folder, **options: model.ask_many([motion(), signal], **options),
    "chat": lambda model, signal, folder, **options: model.chat(signal, **options),
    "chat, a further one": conversation,
    "annotate": lambda model, signal, folder, **options: model.annotate(signal, **options),
    "explain": lambda model, signal, folder, **options: model.explain(signal, stretches=1, **options),
    "export": lambda model, signal, folder, **options: export_prompt(model, signal, **options),
    "a file, for every command": through_a_file(
        lambda model, file, believe: read_recording(model, "motion", file, believe=believe)
    ),
    "an upload to the API": through_a_file(uploaded),
    "numbers sent to the API": sent_as_numbers,
    "an upload to the page": through_a_file(through_the_page),
}


@pytest.mark.parametrize("road", RECORDINGS)
def test_recordings_come_through_one_gate(road: str, model: SignalLM, tmp_path: Path) -> None:
    ask = RECORDINGS[road]
    ask(model, in_units("g", 0.1), tmp_path)
    with pytest.raises(SignalError, match=COUNTS):
        ask(model, in_units("m/s^2", 1000), tmp_path)
    ask(model, in_units("m/s^2", 1000), tmp_path, believe=True)
    if not road.startswith("a file"):  # commands conform it when all files are read
        with pytest.raises(SignalError, match=r"unit is 'V', but 'm/s.2' is expected"):
            ask(model, in_units("V"), tmp_path)


def test_what_is_odd_but_possible_is_logged_in_a_line(model: SignalLM, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sig2lm"):
        found = model.ask(in_units("m/s^2", 10))
    assert found.probabilities == model.ask(in_units("m/s^2", 10), believe=True).probabilities
    (line,) = caplog.messages
    assert line.startswith("motion: acc_x varies 9.7 times")
    assert "check its unit" in line


def written(folder: Path, unit: str, factor: float, channels: tuple[str, ...] = MOTION.channels) -> Path:
    """A table of twelve people, six of them to test on."""
    source, values = folder / "source", factor * np.random.default_rng(0).normal(size=(12, 3, 64)) / 9.80665
    source.mkdir(parents=True)
    lines = ["file,subject,label,split"]
    for number, window in enumerate(values):
        rows = [",".join(f"{value:.6f}" for value in row) for row in window.T]
        (source / f"{number}.csv").write_text("\n".join([",".join(channels), *rows]) + "\n")
        lines.append(f"{number}.csv,s{number},{LABELS[number % 3]},{('train', 'test')[number % 2]}")
    (source / "manifest.csv").write_text("\n".join(lines) + "\n")
    declared = {"sampling_rate": 50, "channels": list(channels), "units": [unit] * 3}
    (source / "dataset.yaml").write_text(yaml.safe_dump({"task": "har", "signals": {"motion": declared}}))
    prepare("manifest", source, folder / "table", believe=True)
    return folder / "table"


@pytest.fixture(scope="module")
def encoder(model: SignalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate") / "encoder"
    save_encoder(model.branch("motion").encoder, folder)
    return folder


@pytest.fixture(scope="module", params=["volts", "counts"])
def wrong(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, str]:
    unit, factor, message = {
        "volts": ("V", 1.0, "unit is 'V'.*'m/s.2' is expected"),
        "counts": ("m/s^2", 1e4, COUNTS),
    }[request.param]
    return load_table(written(tmp_path_factory.mktemp(request.param), unit, factor)), message


def classifier(model: SignalLM) -> Classifier:
    return Classifier({"motion": model.branch("motion").encoder}, LABELS)


def folds(table: Table, model: SignalLM, encoder: Path) -> None:
    settings = CrossValidationSettings(folds=2, fine_tuning=None)
    out = table.path.parent / "folds"
    cross_validate(table, out, lm=build_lm(), template=TEMPLATE, encoders={"motion": encoder}, settings=settings)


TABLES: dict[str, Callable[[Table, SignalLM, Path], Any]] = {
    "train-adapter": lambda table, model, encoder: build_model(
        [table], {"motion": encoder}, build_lm(), [TEMPLATE], TRAINING
    ),
    "evaluate": lambda table, model, encoder: evaluate(model, table),
    "evaluate --questions": lambda table, model, encoder: evaluate_questions(model, table),
    "evaluate --compare": lambda table, model, encoder: compare(model, table),
    "evaluate ENCODER": lambda table, model, encoder: evaluate_classifier(classifier(model), table),
    "fine-tune-encoder": lambda table, model, encoder: fitting_encoders(table, {"motion": encoder}),
    "probe": lambda table, model, encoder: Study.from_table(table, model.branch("motion").encoder),
    "cross-validate": folds,
}


@pytest.mark.parametrize("road", TABLES)
def test_tables_come_through_one_gate(road: str, wrong: tuple[Table, str], model: SignalLM, encoder: Path) -> None:
    table, message = wrong
    with pytest.raises(DatasetError, match=f"'motion' of '.*{message}") as caught:
        TABLES[road](table, model, encoder)
    assert "\n" not in str(caught.value)


def test_a_table_in_another_unit_and_order_is_taken_and_one_that_is_believed_is_not_judged(
    model: SignalLM, encoder: Path, wrong: tuple[Table, str], tmp_path: Path
) -> None:
    table = load_table(written(tmp_path, "g", 1.0, MOTION.channels[::-1]))
    for road in ("train-adapter", "fine-tune-encoder", "probe"):
        TABLES[road](table, model, encoder)
    check_values(replace(wrong[0], believed=True), "test", model.encoders)
    with pytest.raises(Sig2LMError):
        check_values(wrong[0], "test", model.encoders)
