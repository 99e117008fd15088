"""Extra trees on hand features, and rows that no class can be learned from, on every kind of signal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, Value
from tiny import build_lm

from sig2lm.datasets import Table, load_table
from sig2lm.encoder.tables import closed_rows
from sig2lm.errors import DatasetError
from sig2lm.evaluation.baselines import majority
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.evaluation.hand_features import extra_trees, hand_features
from sig2lm.metrics import scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal


@pytest.mark.slow
@pytest.mark.parametrize("name", ["har", "af_rr"])
def test_trees_beat_the_majority_on_simulated_people(simulated: Path, name: str) -> None:
    table = load_table(simulated / "data" / name)
    cut = {split: rows.shuffle(seed=0).select(range(min(120, len(rows)))) for split, rows in table.data.items()}
    table = replace(table, data=DatasetDict(cut))
    found = extra_trees(table, "test", table.info.labels)
    np.testing.assert_allclose(found.probabilities.sum(1), 1.0)
    own, guessed = (scores(one)["macro_f1"] for one in (found, majority(table, "test", table.info.labels)))
    assert own is not None
    assert guessed is not None
    assert own > guessed + 0.3


@pytest.mark.parametrize(
    ("channels", "units", "rate", "period"),
    [
        (("ecg",), ("mV",), 300.0, None),
        (("bvp",), ("dimensionless",), 64.0, None),
        (("eda", "temp"), ("uS", "degC"), 4.0, None),
        (("steps", "sleep"), ("count", "h"), None, 86400.0),
        (("rr",), ("ms",), None, None),
    ],
)
def test_features_are_as_many_whatever_is_missing(
    channels: tuple[str, ...], units: tuple[str, ...], rate: float | None, period: float | None
) -> None:
    if channels == ("ecg",):
        pytest.importorskip("sleepecg", reason="the extra ecg is not installed")
    rng = np.random.default_rng(0)
    whole = np.abs(rng.normal(size=(len(channels), 900))).astype(np.float32)
    if channels == ("ecg",):
        whole[:, ::240] += 30.0  # beats
    partly, short = whole.copy(), whole[:, :2]
    partly[:, 100:120] = np.nan
    shapes = {hand_features(Signal(x, rate, channels, units, period)).shape for x in (whole, partly)}
    shapes.add(hand_features(Signal(short, rate, channels, units, period)).shape)
    assert len(shapes) == 1


def test_open_questions_are_left_out_of_scores_and_rivals_stand_beside_them(run: Path, days: Table) -> None:
    def asking(rows: Dataset, count: int) -> Dataset:
        own = ["Why?"] * count + [None] * (len(rows) - count)
        label = [None] * count + list(rows["label"][count:])
        for name, column in {"question": own, "answer": own, "label": label}.items():
            rows = rows.remove_columns([name]).add_column(name, column, feature=Value("string"))
        return rows

    test = days.data["test"].select(range(12))
    table = replace(days, data=DatasetDict({**days.data, "test": asking(test, 4)}))
    said: list[str] = []
    found = evaluate(SignalLM.from_pretrained(run, lm=build_lm()), table, progress=said.append, baselines=True)
    assert found.report["examples"] == 8
    assert "4 rows of the test split ask an open question, without a label: left out" in said
    assert [rival["name"] for rival in found.report["baselines"]] == ["majority", "extra trees on hand features"]
    with pytest.raises(DatasetError, match="found open questions only"):
        closed_rows(replace(days, data=DatasetDict({"test": asking(test, 12)})))
