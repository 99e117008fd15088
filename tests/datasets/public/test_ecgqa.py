"""ECG-QA in its official layout, small: questions as rows, comparisons as pairs, and what is not there."""

import json

import numpy as np
import pytest
from test_ptbxl import layout  # noqa: F401  (PTB-XL, small)

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError


def entry(ecgs, kind, question, answer, about="scp_code"):
    return {
        "template_id": 1, "question_id": 2, "sample_id": 3, "question_type": kind, "attribute_type": about,
        "question": question, "answer": answer, "ecg_id": ecgs, "attribute": None,
    }  # fmt: skip


@pytest.fixture
def questions(tmp_path):
    asked = {
        "train": [
            entry([1], "single-verify", "Is it normal?", ["yes"]),
            entry([1], "single-query", "What is abnormal?", []),
            entry([99], "single-verify", "Is this one here?", ["no"]),
            entry(
                [1, 4], "comparison_irrelevant-query", "What is new?", ["qt interval", "rr interval"], "numeric_feature"
            ),
        ],
        "valid": [entry([2], "single-choose", "MI or CD?", ["MI"])],
        "test": [entry([3], "single-verify", "Is there noise?", ["not sure"], "noise")],
    }
    for variant, unread in (("paraphrased", False), ("template", True)):
        for split, entries in asked.items():
            folder = tmp_path / "files" / "ecgqa" / "ptbxl" / variant / split
            folder.mkdir(parents=True)
            (folder / "0.json").write_text("unread" if unread else json.dumps(entries))
    return tmp_path / "files"


def test_every_question_is_a_row_and_those_to_verify_have_a_label(layout, questions, tmp_path):  # noqa: F811
    info = prepare("ecgqa", questions, tmp_path / "table")
    assert info.dropped == {"questions about recordings that are not there": 1}
    table = load_table(tmp_path / "table")
    found = {
        split: [(row["subject"], row["question"], row["answer"], row["label"]) for row in rows]
        for split, rows in table.data.items()
    }
    assert found == {
        "train": [("1", "Is it normal?", "yes", "yes"), ("1", "What is abnormal?", "none", None)],
        "validation": [("2", "MI or CD?", "MI", None)],
        "test": [("3", "Is there noise?", "not sure", "not sure")],
    }
    row = table.data["test"][0]
    assert table.facts(row) == {"question_type": "single-verify", "attribute_type": "noise", "sex": "male"}
    assert table.signals(row)["ecg"].channels[3] == "aVR"
    assert "seed 1" in prepare("ecgqa", questions, tmp_path / "again", seed=1).split_rule


def test_comparisons_hold_two_recordings(layout, questions, tmp_path):  # noqa: F811
    info = prepare("ecgqa_pairs", questions / "ecgqa", tmp_path / "table", recordings=layout)
    assert (info.kept, list(info.signals)) == (1, ["first_ecg", "second_ecg"])
    (row,) = load_table(tmp_path / "table").data["train"]
    assert (row["subject"], row["answer"], row["label"]) == ("1+4", "qt interval, rr interval", None)
    np.testing.assert_array_equal(row["first_ecg"], row["second_ecg"])
    with pytest.raises(DatasetError, match="leave out --seed"):
        prepare("ecgqa_pairs", questions, tmp_path / "other", seed=1)


def test_what_is_damaged_or_not_there_is_named(layout, questions, tmp_path):  # noqa: F811
    with pytest.raises(DatasetError, match=r"expected PTB-XL in .*ecgqa"):
        prepare("ecgqa", questions / "ecgqa", tmp_path / "table")
    with pytest.raises(DatasetError, match="expected ECG-QA in"):
        prepare("ecgqa", layout, tmp_path / "table")
    file = questions / "ecgqa" / "ptbxl" / "paraphrased" / "valid" / "0.json"
    file.write_text(json.dumps([{"question": "MI?", "answer": ["yes"]}]))
    with pytest.raises(DatasetError, match=r"valid.0\.json' entry 1: expected question, answer"):
        prepare("ecgqa", questions, tmp_path / "table")
    file.write_text("{")
    with pytest.raises(DatasetError, match=r"0\.json': expected a list of questions"):
        prepare("ecgqa", questions, tmp_path / "table")
