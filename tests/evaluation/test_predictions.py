"""Every answer can be written and read again; an evaluation no better than its controls says so."""

from pathlib import Path

import numpy as np
import pytest

from sig2lm.datasets import Table
from sig2lm.errors import Sig2LMError
from sig2lm.evaluation.controls import no_better
from sig2lm.evaluation.predictions import prediction_frame, predictions_of, read_predictions, write_predictions
from sig2lm.metrics import Predictions, scores, subject_intervals


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_answers_come_back_as_they_were_written(days: Table, tmp_path: Path, suffix: str) -> None:
    rows = days.data["test"]
    rng = np.random.default_rng(0)
    found = Predictions.from_names(days.info.labels, rows["label"], rng.dirichlet([1, 1], len(rows)), rows["subject"])
    path = tmp_path / f"answers.{suffix}"
    write_predictions(prediction_frame(days, "test", found), path)
    frame = read_predictions(path)
    assert frame["subject"].tolist() == list(rows["subject"])
    assert frame["source"].tolist() == list(rows["source"])
    assert frame["truth"].tolist() == list(rows["label"])
    again = predictions_of(frame)
    np.testing.assert_allclose(again.probabilities, found.probabilities)
    assert scores(again) == pytest.approx(scores(found))


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Sig2LMError, match=r"ends in \.csv or \.parquet"):
        write_predictions(None, tmp_path / "answers.txt")  # type: ignore[arg-type]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Sig2LMError, match="no column subject"):
        read_predictions(tmp_path / "other.csv")


@pytest.mark.parametrize(("share", "expected"), [(0.9, False), (0.5, True)])
def test_answers_that_guess_are_called_no_better_than_the_controls(share: float, expected: bool) -> None:
    """Right answers with a probability, over twelve people, beside a control that is right every other time."""
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=360)
    answers = np.where(rng.random(360) < share, truth, 1 - truth)
    found = Predictions(("a", "b"), truth, np.eye(2)[answers], np.repeat([f"p{i}" for i in range(12)], 30))
    run = {**scores(found), "ci": subject_intervals(found)}
    said = no_better(run, {"shuffled": {"macro_f1": 0.5, "auroc": 0.5}, "text_only": {"macro_f1": 0.33, "auroc": 0.5}})
    assert (said is not None) == expected
    assert said is None or said.startswith("no better than with signals of other rows: macro-F1")
