"""Cross-validation: everybody is tested once, what is finished is not done again, the summary is that of the folds."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_checks import assert_stands_alone
from tiny import TRAINING, build_lm

from sig2lm.datasets import Table, load_table
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.evaluation.comparison import ComparisonSettings
from sig2lm.evaluation.cross_validation import CrossValidationSettings, cross_validate, learning_fold, summary
from sig2lm.evaluation.predictions import read_predictions
from sig2lm.pages.cross_validation import to_html
from sig2lm.pretraining import PretrainSettings
from sig2lm.pretraining.fine_tuning import FineTuneSettings
from sig2lm.templates.template import load_template

SETTINGS = CrossValidationSettings(
    folds=2,
    pretraining=PretrainSettings(objective="masked", epochs=1, width=16, depth=1, heads=2),
    fine_tuning=FineTuneSettings(epochs=1),
    training=TRAINING,
    comparison=ComparisonSettings((4,)),
)


def entry(name: str, score: float) -> dict[str, object]:
    return {
        "method": None,
        "name": name,
        "macro_f1": score,
        "accuracy": score,
        "auroc": None,
        "ece": 0.1,
    } | dict.fromkeys(("tokens_per_question", "seconds_per_answer", "trained_parameters", "training_seconds"))


def test_the_summary_has_mean_and_spread_of_the_folds_and_the_scores_of_all_answers() -> None:
    reports, frames = [], []
    for number, score in enumerate((0.25, 0.75)):
        reports.append(
            {
                "task": "t",
                "labels": ["a", "b"],
                "ordinal": False,
                "examples": 4,
                "subjects": 2,
                "seconds": {"pretraining": None, "fine_tuning": None, "training": 1.0},
                "training_rows": 8,
                "methods": [{**entry("run", score), "method": 4}],
                "baselines": [entry("majority", 0.5)],
                "controls": {"shuffled": {"macro_f1": 0.7, "accuracy": 0.7, "auroc": None}},
            }
        )
        right = np.arange(4) < 4 * score
        truth = np.array(["a", "b", "a", "b"])
        answer = np.where(right, truth, np.where(truth == "a", "b", "a"))
        frames += [
            pd.DataFrame(
                {
                    "method": name,
                    "subject": [f"{number}x", f"{number}x", f"{number}y", f"{number}y"],
                    "source": "s",
                    "start": 0.0,
                    "truth": truth,
                    "answer": answer,
                    "probability a": (answer == "a").astype(float),
                    "probability b": (answer == "b").astype(float),
                }
            )
            for name in ("run", "majority")
        ]
    found = summary(reports, [pd.concat(frames[:2]), pd.concat(frames[2:])])
    (line,) = found["methods"]
    assert line["scores"]["macro_f1"] == {"mean": 0.5, "std": pytest.approx(0.3535534), "values": [0.25, 0.75]}
    assert line["pooled"]["accuracy"] == 0.5
    assert line["pooled"]["ci"]["accuracy"][0] < 0.5 < line["pooled"]["ci"]["accuracy"][1]
    assert found["examples"] == 8
    assert found["subjects"] == 4
    assert "no better than with signals of other rows" in line["notes"][0]


def test_every_so_manieth_window_is_taken_of_each_label_of_each_person(simulated: Path) -> None:
    """However regularly the labels come: a stride over all rows would meet some labels never."""
    table = load_table(simulated / "data" / "har")
    whole, thin = (learning_fold(table, 1, 3, every=every).data for every in (1, 4))
    pairs = {(row["subject"], row["label"]) for row in whole["train"].select_columns(["subject", "label"])}
    assert len(thin["train"]) == len(pairs) == len(whole["train"]) / 4
    assert set(thin["train"]["label"]) == set(table.info.labels)
    assert thin["test"].num_rows == whole["test"].num_rows


@pytest.mark.slow
def test_folds_are_learned_once_each_and_go_on_where_they_were_left(days: Table, tmp_path: Path) -> None:
    out, template, lm = tmp_path / "out", load_template("stress"), build_lm()
    report = cross_validate(days, out, lm=lm, template=template, settings=SETTINGS)
    subjects = {subject for rows in days.data.values() for subject in rows["subject"]}
    frames = [read_predictions(out / f"fold{number}" / "predictions.parquet") for number in (1, 2)]
    tested = [set(frame["subject"]) for frame in frames]
    assert tested[0] | tested[1] == subjects
    assert not tested[0] & tested[1]
    assert report["examples"] == sum(rows.num_rows for rows in days.data.values())
    assert [line["name"] for line in report["baselines"]][-1] == "fine-tuned encoder, no LM"
    assert set(report["controls"]) == {"shuffled", "zeroed", "text_only"}
    assert_stands_alone(to_html(report))

    with pytest.raises(Sig2LMError, match="exists"):
        cross_validate(days, out, lm=lm, template=template, settings=SETTINGS)
    with pytest.raises(CheckpointError, match="began with settings"):
        cross_validate(days, out, lm=lm, template=template, settings=replace(SETTINGS, every=2), resume=True)
    kept = (out / "fold2" / "encoders" / "daily" / "encoder.safetensors").stat().st_mtime_ns
    (out / "fold2" / "report.json").unlink()
    shutil.rmtree(out / "fold2" / "run")
    said: list[str] = []
    again = cross_validate(days, out, lm=lm, template=template, settings=SETTINGS, resume=True, progress=said.append)
    assert (out / "fold2" / "encoders" / "daily" / "encoder.safetensors").stat().st_mtime_ns == kept
    assert said[0] == "fold 2: training the adapter"
    assert not any(line.startswith("fold 1") for line in said)
    for line, before in zip(
        again["methods"] + again["baselines"], report["methods"] + report["baselines"], strict=True
    ):
        assert line["scores"] == before["scores"]
