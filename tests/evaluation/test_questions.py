"""Scores of questions that were never trained on: right answers score 1, another row's do not, and all of it runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import DatasetDict
from tiny import build_lm
from typer.testing import CliRunner

from sig2lm.cli import app
from sig2lm.datasets import Table, load_table, prepare
from sig2lm.datasets.public import synthetic
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder
from sig2lm.evaluation.questions import Answered, evaluate_questions, score_kind
from sig2lm.model.adapter import AdapterConfig, build_adapter
from sig2lm.model.answer import Answer
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.quantities import check_numbers
from sig2lm.templates import Task, load_template
from sig2lm.templates.questions import KINDS
from sig2lm.training.curriculum import Curriculum
from sig2lm.training.known import known_rows


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Simulated RR intervals, a few rows of each split."""
    folder = tmp_path_factory.mktemp("beats") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "RECORDINGS", {"har": 1, "af_rr": 6, "stress": 1})
        prepare("synthetic", None, folder)
    return load_table(folder / "af_rr")


@pytest.fixture(scope="module")
def model(beats: Table) -> SignalLM:
    """An untrained model."""
    contract = beats.info.signals["rr"]
    encoder = SignalEncoder(PatchTransformerConfig(contract, 4, 4, 16, 1, 2, normalisation="centred", std=(100.0,)))
    lm = build_lm()
    adapter = build_adapter(AdapterConfig("resampler", 4), 16, lm.width, lm.embedding_norm)
    return SignalLM(lm, {"rr": SignalBranch(encoder, adapter)}, Task.from_template(load_template("af_rr")))


def test_right_answers_score_one_and_those_of_other_rows_do_not(beats: Table) -> None:
    curriculum = Curriculum.from_table(beats, Task.from_template(load_template("af_rr")))
    asked = curriculum.transfer("test", 40)
    measured = {row.number: row.measured for row in known_rows(beats, "test")}
    for kind in KINDS:
        mine = [one for one in asked if one.kind == kind]
        others = np.random.default_rng(0).permutation(len(mine))
        right, wrong = (
            [
                Answered(one, Answer(said.answer, None, None), check_numbers(said.answer, measured[one.row]))
                for one, said in zip(mine, told, strict=True)
            ]
            for told in (mine, [mine[place] for place in others])
        )
        best, shuffled = score_kind(right, curriculum.known), score_kind(wrong, curriculum.known)
        if kind == "unanswerable":
            assert (best["refused"], best["numbers"]) == (1.0, 0.0)
            continue
        assert best["accuracy"] in (1.0, None), kind
        if best["accuracy"] is not None:
            assert shuffled["accuracy"] is not None
            assert shuffled["accuracy"] < 0.9, kind
        if kind in ("describe", "measure"):
            assert (best["holds"], best["numbers"], best["refused"]) == (1.0, 1.0, 0.0)
            assert shuffled["holds"] is not None
            assert shuffled["holds"] < 0.8


def test_an_untrained_model_is_asked_everything_and_knows_nothing(model: SignalLM, beats: Table) -> None:
    cut = {split: rows.select(range(min(40, len(rows)))) for split, rows in beats.data.items()}
    report = evaluate_questions(model, replace(beats, data=DatasetDict(cut)), count=6)
    assert {one["kind"] for one in report["kinds"]} == set(KINDS)
    assert all(one["held_out"] for one in report["kinds"])
    assert sum(one["questions"] for one in report["kinds"]) == len(report["transcripts"])
    closed = [one for one in report["kinds"] if one["answers"] == "closed"]
    assert all(0 <= one[source]["accuracy"] <= 1 for one in closed for source in ("own", "shuffled", "text_only"))
    for one in report["quantities"]:
        assert one["training_mean"]["stated"] == 1
        assert one["own"]["within"] == 0
    json.dumps(report)


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    arguments = ["evaluate", str(tmp_path), "--data", str(tmp_path), "--questions", "--missing"]
    outcome = CliRunner().invoke(app, arguments)
    assert "--questions asks the run alone" in str(outcome.exception)
