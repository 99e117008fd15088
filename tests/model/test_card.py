"""A model card says what a run is, as far as it is known, and names no person."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard
from tiny import build_signal_lm
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.datasets import Table
from sig2lm.model.card import run_card
from sig2lm.model.checkpoint import write_run
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pocket import pocket_run
from sig2lm.tensors import fingerprint, read_tensors


def evaluated(folder: Path, **other: object) -> None:
    """An evaluation beside a run, as `evaluate --json` writes it."""
    config = json.loads((folder / "config.json").read_text())
    scores = {"accuracy": 0.5, "macro_f1": 0.4, "auroc": None}
    report = {
        "sig2lm": "x",
        "task": "stress",
        "split": "test",
        "examples": 1234,
        "subjects": 6,
        **scores,
        "ci": {"accuracy": [0.4, 0.6], "macro_f1": None},
        "controls": {"shuffled": scores, "text_only": {**scores, "accuracy": 0.25}},
        "notes": ["the answers are no better than with shuffled signals"],
        "lm": config["lm"],
        "encoder": {name: branch["encoder"]["fingerprint"] for name, branch in config["branches"].items()},
        "adapter": fingerprint({}, read_tensors(folder / "adapter.safetensors", "a run")),
    }
    (folder / "report.json").write_text(json.dumps(report | other))


def test_a_shared_run_has_a_card(run: Path, days: Table, tmp_path: Path) -> None:
    from tiny import build_lm

    shutil.copytree(run, tmp_path / "run")
    evaluated(tmp_path / "run")
    model = SignalLM.from_pretrained(tmp_path / "run", lm=build_lm())
    model.save_pretrained(tmp_path / "shared <b>run")
    card = ModelCard.load(tmp_path / "shared <b>run" / "README.md")
    assert card.data.library_name == "sig2lm"
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        "accuracy": 0.5,
        "f1": 0.4,
    }
    text = card.text
    rows, people = len(days.data["train"]), len(set(days.data["train"]["subject"]))
    assert f"**{days.info.name}**: {rows} examples of {people} subjects (train)" in text
    assert f"Licence: {days.info.licence}" in text
    assert "1,234 questions about 6 subjects of the test split" in text
    assert "| **the run** | 0.500 (0.400 to 0.600) | 0.400 | – |" in text
    assert "| no signal at all | 0.250 |" in text
    assert "no better than with shuffled signals" in text
    assert all(label in text for label in model.tasks[0].labels)
    assert model.lm.fingerprint in text
    assert "Licence: that of this run" in text
    assert 'SignalLM.from_pretrained("shared &lt;b>run")' in text
    assert not any(str(subject) in text for split in days.data.values() for subject in set(split["subject"]))
    assert str(tmp_path) not in card.content
    again = SignalLM.from_pretrained(tmp_path / "shared <b>run", lm=build_lm())
    assert (again.provenance, again.report) == (model.provenance, model.report)


def test_a_card_on_the_hub_is_called_as_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {}

    def upload(self: HfApi, *, repo_id: str, folder_path: Path, **_: object) -> str:
        sent[repo_id] = (Path(folder_path) / "README.md").read_text()
        return "url"

    class Repo:
        repo_id = "somebody/har"

    monkeypatch.setattr(HfApi, "create_repo", lambda self, **_: Repo)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    assert build_signal_lm().push_to_hub("somebody/har") == "url"
    assert 'from_pretrained("somebody/har")' in sent["somebody/har"]
    assert "No evaluation stands beside this run" in sent["somebody/har"]


def test_what_somebody_wrote_stays(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "README.md").write_text("mine")
    build_signal_lm().save_pretrained(tmp_path / "run")
    assert (tmp_path / "run" / "README.md").read_text() == "mine"


@pytest.mark.parametrize("other", [{"adapter": "0" * 16}, {"lm": {"fingerprint": "0" * 16}}, {"controls": None}])
def test_scores_of_another_run_are_left_out(other: dict, tmp_path: Path) -> None:
    write_run(build_signal_lm(), tmp_path)
    evaluated(tmp_path)
    assert "0.500" in run_card(tmp_path).text
    evaluated(tmp_path, **other)
    text = run_card(tmp_path).text
    assert "0.500" not in text
    assert "is not an evaluation of it and is left out" in text


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(app, ["card", "pocket-har"])
    assert result.exit_code == 0
    folder = pocket_run("pocket-har")
    assert folder is not None
    accuracy = json.loads((folder / "report.json").read_text())["accuracy"]
    assert f"| **the run** | {accuracy:.3f} (" in result.output
    assert "Language model: pocket" in result.output
    assert "Licence: apache-2.0" in result.output
    assert "calibration.safetensors" in result.output
