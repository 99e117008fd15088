"""Training: the LM stays bit for bit, only the adapter is written, an interruption costs nothing."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import DatasetDict
from safetensors.torch import load_file, save_file
from tiny import build_lm
from transformers import TrainerCallback

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, load_encoder, save_encoder
from sig2lm.errors import CheckpointError, DatasetError, PromptError, Sig2LMError
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.files import alone
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates.template import Template, load_template
from sig2lm.training import train_adapter as train_module
from sig2lm.training.checkpoints import newest
from sig2lm.training.reliance import Losses
from sig2lm.training.train_adapter import TrainOutcome, train_adapter
from sig2lm.training.trainer import AdapterTrainer, TrainSettings, adapted

ADAPTER = AdapterConfig("resampler", num_virtual_tokens=3, hidden=16, depth=1, heads=2)
SETTINGS = TrainSettings(ADAPTER, epochs=2, batch_size=16, learning_rate=3e-3, align_steps=4)


def train(simulated: Path, table: Table, out: Path, lm: FrozenLM | None = None, **changes: Any) -> TrainOutcome:
    settings = TrainSettings(**{**vars(SETTINGS), **changes.pop("settings", {})})
    return train_adapter(
        table,
        {"daily": simulated / "encoder"},
        out,
        lm=lm or build_lm(),
        template=changes.pop("template", load_template("stress")),
        settings=settings,
        **changes,
    )


@pytest.fixture(scope="module")
def whole(simulated: Path, days: Table, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainOutcome, Path]:
    """A training that nothing stopped, and its folder."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return train(simulated, days, out), out


def test_training_leaves_the_lm_bit_for_bit_and_writes_the_adapter_alone(whole: tuple[TrainOutcome, Path]) -> None:
    outcome, out = whole
    before = build_lm().model.state_dict()
    for name, tensor in outcome.model.lm.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert sorted(path.name for path in out.iterdir()) == [
        "adapter.safetensors",
        "calibration.safetensors",
        "config.json",
        "train.json",
    ]
    tensors = load_file(out / "adapter.safetensors")
    assert all(name.startswith("daily.adapter.") for name in tensors)
    assert sum(tensor.numel() for tensor in tensors.values()) == outcome.trained_parameters
    record = json.loads((out / "train.json").read_text())
    assert record["steps"] == 12
    assert record["alignment"]["steps"] > 0
    assert record["losses"]["without_signal"] == record["loss_without_signal"] > losses_of(record)[-1]
    assert not record["interrupted"]
    assert losses_of(record)[-1] < losses_of(record)[0]


def test_patience_without_validation_people_is_refused_and_leaves_nothing(
    simulated: Path, days: Table, tmp_path: Path
) -> None:
    alone = Table(DatasetDict({"train": days.data["train"]}), days.info, days.path)
    with pytest.raises(Sig2LMError, match="--patience needs a validation split"):
        train(simulated, alone, tmp_path / "run", settings={"patience": 1})
    assert not (tmp_path / "run").exists()


def losses_of(record: dict[str, Any]) -> list[float]:
    return [entry["loss"] for entry in record["history"] if "loss" in entry]


@pytest.mark.slow
def test_training_stops_early_with_the_best_weights_and_learns_from_the_rows_asked_for(
    simulated: Path, days: Table, tmp_path: Path
) -> None:
    """A learning rate at which validation soon gets worse."""
    changes = {"rows": 32, "patience": 1, "epochs": 40, "learning_rate": 0.1}
    outcome = train(simulated, days, tmp_path / "run", settings=changes)
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert not outcome.interrupted
    assert outcome.steps < 40 * 2
    measured = [entry["eval_loss"] for entry in record["history"] if "eval_loss" in entry]
    assert measured[-1] > min(measured)
    assert outcome.losses is not None
    assert outcome.losses.own == pytest.approx(min(measured), rel=0.05)


def test_few_rows_are_learned_from_for_a_hundred_steps_unless_epochs_are_named() -> None:
    lm = build_lm()
    assert adapted(TrainSettings(), lm, rows=40).epochs == 50.0
    assert adapted(TrainSettings(), lm, rows=40_000).epochs == 5.0
    assert adapted(TrainSettings(epochs=1.0), lm, rows=40).epochs == 1.0
    assert adapted(TrainSettings(batch_size=8, gradient_accumulation=4), lm, rows=40).epochs == 50.0


def test_a_run_that_does_not_read_its_signals_is_called_out() -> None:
    assert Losses(without_signal=3.0, shuffled=1.5, own=0.7).advice is None
    for blind in (Losses(3.0, 1.5, 1.49), Losses(1.0, 1.5, 1.2)):
        assert "does not read its signals" in str(blind.advice)


def test_a_run_comes_back_with_the_same_answers(days: Table, whole: tuple[TrainOutcome, Path]) -> None:
    outcome, out = whole
    loaded = SignalLM.from_pretrained(out, lm=build_lm())
    row = days.data["test"].with_format("numpy")[0]
    assert loaded.ask(days.signals(row)) == outcome.model.ask(days.signals(row))


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"lora_rank": 2}, {"train_encoder": True}], ids=lambda c: next(iter(c)))
def test_what_else_is_trained_comes_back_too(
    simulated: Path, days: Table, run: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    outcome = train(simulated, days, tmp_path / "run", settings={**changes, "epochs": 1})
    loaded = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    row = days.data["test"].with_format("numpy")[0]
    found, expected = (model.ask(days.signals(row)).probabilities for model in (loaded, outcome.model))
    assert found == pytest.approx(expected, abs=1e-5)
    assert (tmp_path / "run" / "lora").is_dir() == ("lora_rank" in changes)
    plain = load_file(run / "adapter.safetensors")
    assert outcome.trained_parameters > sum(tensor.numel() for tensor in plain.values())
    files = {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert files <= {".json", ".safetensors", ".md"}  # no pickle is left behind
    assert has_moved(simulated, outcome) == ("train_encoder" in changes)


@pytest.mark.slow
def test_an_encoder_learns_at_a_rate_of_its_own(simulated: Path, days: Table, tmp_path: Path) -> None:
    settings = {"train_encoder": True, "encoder_learning_rate": 0.0, "rows": 32, "epochs": 1}
    assert not has_moved(simulated, train(simulated, days, tmp_path / "run", settings=settings))


def has_moved(simulated: Path, outcome: TrainOutcome) -> bool:
    """Whether the encoder is another than training began with."""
    before, after = load_encoder(simulated / "encoder"), outcome.model.branch("daily").encoder
    return any(not torch.equal(one, other) for one, other in zip(before.parameters(), after.parameters(), strict=True))


class Interrupt(TrainerCallback):
    """Sends this process what Ctrl-C sends, at a given step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="adapter"),
        pytest.param({"lora_rank": 2}, id="lora", marks=pytest.mark.slow),
        pytest.param({"train_encoder": True}, id="encoder", marks=pytest.mark.slow),
        pytest.param({"augment": 0.5}, id="augment", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_resumes_to_the_same_weights(
    simulated: Path,
    days: Table,
    whole: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    """Ctrl-C within the first epoch; the adapter has dropout, so that random numbers must go on where they were."""
    before = signal.getsignal(signal.SIGINT)
    unstopped = whole[0] if not changes else train(simulated, days, tmp_path / "whole", settings=changes)
    stop = train_module.StopWithCheckpoint
    with monkeypatch.context() as patched:

        class StopAtFour(stop):  # type: ignore[misc, valid-type]
            def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
                Interrupt(4).on_step_begin(*args, **kwargs)

        patched.setattr(train_module, "StopWithCheckpoint", StopAtFour)
        halted = train(simulated, days, tmp_path / "run", settings=changes)
    assert halted.interrupted
    assert 0 < halted.steps < unstopped.steps
    usable = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    assert usable.tasks[0].labels == ("stressed", "calm")
    assert usable.calibrations == {}
    assert signal.getsignal(signal.SIGINT) is before
    resumed = train(simulated, days, tmp_path / "run", settings=changes, resume=True)
    assert resumed.steps == unstopped.steps
    found, expected = (outcome.model.trained_tensors() for outcome in (resumed, unstopped))
    for name in expected:
        assert torch.equal(found[name], expected[name]), name
    assert resumed.model.calibrations[0].average == unstopped.model.calibrations[0].average
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
def test_a_run_stopped_before_its_first_checkpoint_begins_again(simulated: Path, days: Table, tmp_path: Path) -> None:
    few = {"epochs": 1, "rows": 32}
    whole = train(simulated, days, tmp_path / "whole", settings=few)
    broken = tmp_path / "run" / "checkpoints" / "checkpoint-2"
    broken.mkdir(parents=True)
    (broken / "adapter.safetensors").write_bytes(b"half of it")
    again = train(simulated, days, tmp_path / "run", settings=few, resume=True)
    assert again.steps == whole.steps
    for name, tensor in whole.model.trained_tensors().items():
        assert torch.equal(again.model.trained_tensors()[name], tensor), name
    with pytest.raises(CheckpointError, match="found a finished one"):
        train(simulated, days, tmp_path / "run", settings=few, resume=True)


def test_a_run_stopped_at_its_very_start_or_end_is_not_stuck(tmp_path: Path) -> None:
    """Killed when only its folder was made, it begins again; when its checkpoints were going, it is finished."""
    (tmp_path / "empty").mkdir()
    assert train_module._last_checkpoint(tmp_path / "empty", {}) is None
    done = tmp_path / "done"
    (done / "checkpoints" / "checkpoint-2").mkdir(parents=True)
    (done / "checkpoints" / "checkpoint-2" / "optimizer.pt").write_bytes(b"state")
    (done / "config.json").write_text("{}")
    (done / "train.json").write_text('{"interrupted": false}')
    with pytest.raises(CheckpointError, match="found a finished one"):
        train_module._last_checkpoint(done, {})
    assert not (done / "checkpoints").exists()


@pytest.mark.slow
def test_a_run_killed_behind_an_epoch_s_last_step_resumes_to_the_same_weights(
    simulated: Path, days: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint is older than what the epoch's end measures, which must draw no random number that is missed."""
    changes = {"rows": 32, "save_steps": 2, "align_steps": 1}
    whole = train(simulated, days, tmp_path / "whole", settings=changes)

    def killed(trainer: Any, *_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(AdapterTrainer, "evaluate", killed)
        with pytest.raises(SystemExit):
            train(simulated, days, tmp_path / "run", settings=changes)
    last = newest(tmp_path / "run" / "checkpoints")
    assert last is not None
    assert (last.name, whole.steps) == ("checkpoint-2", 4)
    resumed = train(simulated, days, tmp_path / "run", settings=changes, resume=True)
    for name, tensor in whole.model.trained_tensors().items():
        assert torch.equal(resumed.model.trained_tensors()[name], tensor), name


def test_a_failure_before_the_first_checkpoint_leaves_nothing(
    simulated: Path, days: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sig2lm.training.train_adapter.align_adapters", fail)
    with pytest.raises(OSError, match="No space left"):
        train(simulated, days, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_in_a_line_and_leaves_the_older_checkpoint(
    simulated: Path, days: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(trainer: Any, folder: str) -> None:
        if trainer.state.global_step > 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(AdapterTrainer, "_save_rng_state", fill)
    with pytest.raises(CheckpointError, match=r"No space left on device; make room and go on with --resume"):
        train(simulated, days, tmp_path / "run", settings={"save_steps": 2})
    last = newest(tmp_path / "run" / "checkpoints")
    assert last is not None
    assert last.name == "checkpoint-2"


def test_two_trainings_into_one_place_are_one(simulated: Path, days: Table, tmp_path: Path) -> None:
    with alone(tmp_path / "run"), pytest.raises(Sig2LMError, match="another command writes into"):
        train(simulated, days, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_resuming_needs_a_checkpoint_and_all_that_the_training_began_with(
    simulated: Path, days: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="without --resume"):
        train(simulated, days, tmp_path / "run", resume=True)
    monkeypatch.setattr(train_module.StopWithCheckpoint, "on_step_begin", Interrupt(2).on_step_begin, raising=False)
    train(simulated, days, tmp_path / "run")
    with pytest.raises(CheckpointError, match="settings"):
        train(simulated, days, tmp_path / "run", resume=True, settings={"learning_rate": 1.0})
    with pytest.raises(CheckpointError, match="began with lm"):
        train(simulated, days, tmp_path / "run", build_lm(seed=1), resume=True)
    reordered = Table(DatasetDict({**days.data, "train": days.data["train"].shuffle(seed=1)}), days.info, days.path)
    with pytest.raises(CheckpointError, match="began with data"):
        train(simulated, reordered, tmp_path / "run", resume=True)
    other = load_template("stress").model_copy(update={"system": "Answer."})
    with pytest.raises(CheckpointError, match="began with template"):
        train(simulated, days, tmp_path / "run", resume=True, template=other)


def test_a_run_on_another_lm_is_refused_with_both_fingerprints(run: Path) -> None:
    other = build_lm(seed=1)
    with pytest.raises(CheckpointError, match=f"{build_lm().fingerprint}.*{other.fingerprint}"):
        SignalLM.from_pretrained(run, lm=other)


def test_damaged_and_foreign_runs_are_refused(run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run, tmp_path / "run"))
    weights = run / "adapter.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        SignalLM.from_pretrained(run, lm=build_lm())
    weights.write_bytes(whole)
    tensors = load_file(weights)
    name, tensor = next(iter(tensors.items()))
    save_file({**tensors, name: torch.cat([tensor, tensor])}, weights)  # as of a wider adapter
    with pytest.raises(CheckpointError, match="another run"):
        SignalLM.from_pretrained(run, lm=build_lm())
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        SignalLM.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="no folder here"):
        SignalLM.from_pretrained(tmp_path / "nowhere")


def test_a_moved_encoder_is_asked_for_and_must_be_the_same(simulated: Path, days: Table, tmp_path: Path) -> None:
    encoder = tmp_path / "encoder"
    shutil.copytree(simulated / "encoder", encoder)
    settings = TrainSettings(**{**vars(SETTINGS), "epochs": 1, "rows": 32})
    template = load_template("stress")
    train_adapter(days, {"daily": encoder}, tmp_path / "run", lm=build_lm(), template=template, settings=settings)
    encoder.rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match="--encoder daily=FOLDER"):
        SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    model = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm(), encoders={"daily": tmp_path / "moved"})
    model.save_pretrained(tmp_path / "shared")
    shutil.rmtree(tmp_path / "moved")
    assert SignalLM.from_pretrained(tmp_path / "shared", lm=build_lm()).tasks == model.tasks


def test_what_does_not_fit_is_refused_before_training(simulated: Path, days: Table, tmp_path: Path) -> None:
    har = load_template("har")
    with pytest.raises(PromptError, match="daily"):
        train(simulated, days, tmp_path / "run", template=har)
    narrow = Template(
        task="x", version=1, source="tests", prompt="$daily $question", question="?", labels=("happy", "sad")
    )
    with pytest.raises(DatasetError, match=r"row 0 of the train split .* has the label '(stressed|calm)'"):
        train(simulated, days, tmp_path / "run", template=narrow)
    wide = narrow.model_copy(update={"labels": ("stressed", "calm", "asleep")})
    with pytest.raises(DatasetError, match=r"has no row with the label 'asleep', found \d+ calm, \d+ stressed"):
        train(simulated, days, tmp_path / "run", template=wide)
    with pytest.raises(DatasetError, match="an encoder for each"):
        train_adapter(days, {}, tmp_path / "run", lm=build_lm(), template=load_template("stress"))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(Sig2LMError, match="exists"):
        train(simulated, days, tmp_path / "taken")
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())


@pytest.mark.slow
def test_several_tasks_share_one_run(simulated: Path, days: Table, tmp_path: Path) -> None:
    """Two tables with signals of their own; each task answers alone as it does beside the other."""
    beats = load_table(simulated / "data" / "af_rr")
    beats = Table(DatasetDict({split: rows.select(range(0, len(rows), 20)) for split, rows in beats.data.items()}),
                  beats.info, beats.path)  # fmt: skip
    torch.manual_seed(0)
    save_encoder(SignalEncoder(PatchTransformerConfig(beats.info.signals["rr"], 8, 8, 16, 1, 2)), tmp_path / "beats")
    outcome = train_adapter(
        [days, beats],
        {"daily": simulated / "encoder", "rr": tmp_path / "beats"},
        tmp_path / "run",
        lm=build_lm(),
        template=[load_template("stress"), load_template("af_rr")],
        settings=TrainSettings(**{**vars(SETTINGS), "epochs": 1, "rows": 64}),
    )
    model = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    assert set(model.branches) == {"daily", "rr"}
    for table in (days, beats):
        row = table.data["test"].with_format("numpy")[0]
        found = model.ask(table.signals(row)).probabilities
        assert tuple(found or ()) == table.info.labels
        assert found == pytest.approx(outcome.model.ask(table.signals(row)).probabilities, abs=1e-6)
    report = evaluate(model, beats).report
    assert set(report["encoder"]) == {"rr"}
    assert set(report["paraphrases"]) == {"held_out", "of_training", "uncalibrated"}


@pytest.mark.slow
def test_mixed_precision_and_accumulated_gradients_train_too(simulated: Path, days: Table, tmp_path: Path) -> None:
    """Four accumulated batches of 4 take as many steps, and nearly the same ones, as batches of 16."""
    ways = {
        "whole": {},
        "accumulated": {"batch_size": 4, "gradient_accumulation": 4},
        "bf16": {"precision": "bf16"},
    }
    plain = AdapterConfig(**{**vars(ADAPTER), "dropout": 0.0, "patch_dropout": 0.0})
    losses = {}
    for name, changes in ways.items():
        outcome = train(simulated, days, tmp_path / name, settings={**changes, "adapter": plain})
        assert outcome.steps == 12
        history = json.loads((tmp_path / name / "train.json").read_text())["history"]
        losses[name] = [entry["loss"] for entry in history if "loss" in entry]
        assert all(tensor.dtype == torch.float32 for tensor in outcome.model.trained_tensors().values())
    assert losses["accumulated"] == pytest.approx(losses["whole"], rel=0.05)
    assert losses["bf16"] == pytest.approx(losses["whole"], rel=0.1)


def test_a_logger_that_is_not_here_is_refused_before_training(simulated: Path, days: Table, tmp_path: Path) -> None:
    with pytest.raises(Sig2LMError, match="report_to is 'nonsense'"):
        train(simulated, days, tmp_path / "run", settings={"report_to": "nonsense"})
    assert not (tmp_path / "run").exists()
