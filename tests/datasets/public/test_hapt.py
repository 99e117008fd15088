"""HAPT's raw recordings through ``ucihar``: stretches become windows, transitions are dropped and counted."""

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public.hapt import TRANSITION
from sig2lm.datasets.public.motionsense import MOTION
from sig2lm.errors import DatasetError


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "HAPT"
    (folder / "RawData").mkdir(parents=True)
    lines = []
    for person in (1, 7, 2):
        rows = np.column_stack([np.arange(600) / 1000, np.zeros(600), np.ones(600)])
        for sensor in ("acc", "gyro"):
            np.savetxt(folder / "RawData" / f"{sensor}_exp0{person}_user0{person}.txt", rows, fmt="%.6f")
        lines += [f"{person} {person} 5 101 300", f"{person} {person} 9 301 350", f"{person} {person} 4 351 600"]
    (folder / "RawData" / "labels.txt").write_text("\n".join(lines) + "\n")
    for part, people in (("Train", "1\n7\n"), ("Test", "2\n")):
        (folder / part).mkdir()
        (folder / part / f"subject_id_{part.lower()}.txt").write_text(people)
    return folder


def test_stretches_become_windows_with_the_authors_split(layout, tmp_path):
    info = prepare("ucihar", layout.parent, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.name, info.task, info.signals, info.dropped) == (
        "hapt",
        "har_uci",
        {"motion": MOTION},
        {TRANSITION: 3},
    )
    assert {split: set(rows["subject"]) for split, rows in table.data.items()} == {
        "train": {"1"}, "validation": {"7"}, "test": {"2"},
    }  # fmt: skip
    rows = list(table.data["test"])
    assert [(row["label"], round(row["start"], 6)) for row in rows] == [
        ("standing", 2.0), ("standing", 3.28), ("sitting", 7.0), ("sitting", 8.28),
    ]  # fmt: skip
    motion = table.signals(rows[0])["motion"].values
    np.testing.assert_allclose(motion[0, :2], [0.1 * 9.80665, 0.101 * 9.80665], rtol=1e-5)
    np.testing.assert_allclose(motion[3:, 0], [0.1, 0, 1], rtol=1e-5)


def test_damage_is_named(layout, tmp_path):
    labels = layout / "RawData" / "labels.txt"
    whole = labels.read_text()
    labels.write_text(whole.replace("1 1 5 101 300", "1 1 13 101 300"))
    with pytest.raises(DatasetError, match=r"labels\.txt' line 1: expected experiment, person, activity 1 to 12"):
        prepare("ucihar", layout, tmp_path / "table")
    labels.write_text(whole.replace("351 600", "351 601"))
    with pytest.raises(DatasetError, match="ends at sample 601, the recording holds 600"):
        prepare("ucihar", layout, tmp_path / "table")
    (layout / "RawData" / "gyro_exp01_user01.txt").unlink()
    with pytest.raises(DatasetError, match=r"gyro_exp01_user01\.txt', found no such file"):
        prepare("ucihar", layout, tmp_path / "table")
