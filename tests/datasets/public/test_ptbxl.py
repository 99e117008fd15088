"""PTB-XL in its official layout, small: superclasses, rhythms, folds, and what is left out."""

import random
from dataclasses import replace

import numpy as np
import pytest
from datasets import DatasetDict, concatenate_datasets

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError
from sig2lm.templates.task import Task
from sig2lm.templates.template import load_template
from sig2lm.training.curriculum import Curriculum
from sig2lm.training.known import Known, known_rows
from sig2lm.training.questions import Writer

LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior myocardial infarction,1.0,,,MI,IMI
NDT,non-diagnostic T abnormalities,1.0,1.0,,STTC,STTC
SR,sinus rhythm,,,1.0,,
SBRAD,sinus bradycardia,,,1.0,,
AFIB,atrial fibrillation,,,1.0,,
LVOLT,low QRS voltages,,1.0,,,
"""
RECORDS = [  # patient, age, sex, codes, fold
    (1, "56.0", 1, {"NORM": 100.0, "LVOLT": 0.0, "SR": 0.0}, 3),
    (2, "300.0", 0, {"IMI": 0.0, "NDT": 100.0, "SBRAD": 0.0, "SR": 0.0}, 9),
    (3, "", 0, {"IMI": 100.0, "AFIB": 0.0}, 10),
    (4, "40.0", 0, {"LVOLT": 0.0, "AFIB": 0.0, "SR": 0.0}, 1),
]


def write_record(folder, name, rate, leads=tuple(LEADS), flat=()):
    """The n-th lead is a square wave of 0.1 n mV, turning every second, or a flat line."""
    folder.mkdir(parents=True, exist_ok=True)
    turns = 1 - 2 * (np.arange(10 * rate) // rate % 2)
    samples = np.array(
        [100 * n * (1 if lead in flat else turns) * np.ones(10 * rate) for n, lead in enumerate(leads, 1)]
    )
    samples = samples.T.astype("<i2")
    (folder / f"{name}.dat").write_bytes(samples.tobytes())
    lines = [f"{name} {len(leads)} {rate} {10 * rate}", *(f"{name}.dat 16 1000.0(0)/mV 16 0 0 0 0 {x}" for x in leads)]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "files" / "ptb-xl"
    rows = ["ecg_id,patient_id,age,sex,report,scp_codes,strat_fold,filename_lr,filename_hr"]
    for number, (patient, age, sex, codes, fold) in enumerate(RECORDS, start=1):
        names = f"records100/00000/{number:05}_lr", f"records500/00000/{number:05}_hr"
        rows.append(f'{number},{patient}.0,{age},{sex},sinusrhythmus,"{codes}",{fold},{names[0]},{names[1]}')
        write_record(folder / "records100" / "00000", f"{number:05}_lr", 100)
    write_record(folder / "records500" / "00000", "00001_hr", 500)
    (folder / "ptbxl_database.csv").write_text("\n".join(rows) + "\n")
    (folder / "scp_statements.csv").write_text(STATEMENTS)
    return folder


def rows_of(path):
    table = load_table(path)
    return table, {row["subject"]: (split, row) for split, rows in table.data.items() for row in rows}


def test_superclasses_are_labels_and_several_are_an_answer(layout, tmp_path):
    info = prepare("ptbxl", layout.parent, tmp_path / "table")
    table, rows = rows_of(tmp_path / "table")
    assert (info.task, info.kept, info.dropped) == ("ecg_12", 3, {"recordings without a diagnostic statement": 1})
    assert {subject: split for subject, (split, _) in rows.items()} == {"1": "train", "2": "validation", "3": "test"}
    assert [rows[subject][1]["label"] for subject in "123"] == [
        "normal electrocardiogram",
        None,
        "myocardial infarction",
    ]
    assert rows["2"][1]["answer"] == "myocardial infarction and ST/T change"
    facts = table.facts(rows["2"][1])
    assert (facts["superclasses"], facts["rhythm"]) == (
        "myocardial infarction, ST/T change",
        "sinus bradycardia, sinus rhythm",
    )
    assert (facts["age"], facts["sex"]) == ("over 89", "male")
    ecg = table.signals(rows["1"][1])["ecg"]
    assert (ecg.channels[3], ecg.units[0], ecg.sampling_rate, ecg.num_samples) == ("aVR", "mV", 100.0, 1000)
    np.testing.assert_allclose(ecg.values[:, 0], np.arange(1, 13) / 10, rtol=1e-6)
    assert table.labels(rows["2"][1]) == ("myocardial infarction", "ST/T change")


def test_rhythms_and_records_with_two(layout, tmp_path):
    info = prepare("ptbxl_rhythm", layout, tmp_path / "table")
    _, rows = rows_of(tmp_path / "table")
    assert info.dropped == {"recordings with statements on two rhythms": 1}
    assert [rows[subject][1]["label"] for subject in "123"] == ["sinus rhythm", "sinus rhythm", "atrial fibrillation"]


def test_leads_that_lack_are_flat_or_are_named_otherwise(layout, tmp_path):
    folder = layout / "records100" / "00000"
    write_record(folder, "00001_lr", 100, LEADS[:-1])  # eleven leads
    write_record(folder, "00002_lr", 100, ["Lead I", "MLII", *LEADS[2:]], flat=("V1",))
    write_record(folder, "00003_lr", 100, flat=LEADS)
    said = []
    info = prepare("ptbxl", layout, tmp_path / "table", say=said.append)
    assert "2 files: a lead is flat throughout and counts as missing" in said
    assert info.dropped["recordings without any value"] == 1
    table, rows = rows_of(tmp_path / "table")
    missing = {subject: np.isnan(table.signals(row)["ecg"].values).all(axis=1) for subject, (_, row) in rows.items()}
    assert missing["1"].tolist() == [False] * 11 + [True]
    assert missing["2"].nonzero()[0].tolist() == [6]
    np.testing.assert_allclose(table.signals(rows["2"][1])["ecg"].values[1, 0], 0.2, rtol=1e-6)


def test_a_curriculum_asks_about_each_of_several_labels(layout, tmp_path):
    prepare("ptbxl", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    task = Task.from_template(load_template("ecg_12"), table.info.labels)
    row = known_rows(table, "validation")[0]
    assert (row.label, row.labels) == (None, ("myocardial infarction", "ST/T change"))
    known = Known(task, task.template.questions, (*known_rows(table, "train"), *known_rows(table, "test"), row))
    asked = [Writer(known).write("verify", row, random.Random(seed)) for seed in range(60)]
    answers = {one.topic: one.answer for one in asked if one is not None}
    assert answers == {
        "normal electrocardiogram": "no",
        "myocardial infarction": "yes",
        "ST/T change": "yes",
        "abnormal": "yes",
    }
    single = replace(known, rows=known.rows[:2])  # nobody there has these two together
    assert set(single.claim_odds(row, ("myocardial infarction",))) == {"myocardial infarction"}

    everybody = replace(table, data=DatasetDict(train=concatenate_datasets(list(table.data.values()))))
    curricula = [Curriculum.from_table(everybody, task, {"verify": 1.0}, seed) for seed in range(4)]
    asked = [one for curriculum in curricula for one in curriculum.training_table().data["train"]]
    several = {(row["question"], row["answer"]) for row in asked if row["label"] is None}
    assert {"yes", "no"} & {answer for _, answer in several}


def test_what_lacks_is_named(layout, tmp_path):
    with pytest.raises(DatasetError, match=r"no records500/00000/00002_hr, .*get what is missing"):
        prepare("ptbxl", layout / "records500", tmp_path / "table")
    (layout / "ptbxl_database.csv").write_text(
        (layout / "ptbxl_database.csv").read_text().replace("{'IMI': 100", "{IMI")
    )
    with pytest.raises(DatasetError, match=r"ptbxl_database\.csv' line 4: expected ecg_id, patient_id, scp_codes"):
        prepare("ptbxl", layout, tmp_path / "table")
    with pytest.raises(DatasetError, match=r"expected PTB-XL in .*ptbxl_database\.csv"):
        prepare("ptbxl", tmp_path, tmp_path / "table")


def test_a_seed_divides_patients_again(layout, tmp_path):
    assert "drawn with seed 3" in prepare("ptbxl", layout, tmp_path / "table", seed=3).split_rule
