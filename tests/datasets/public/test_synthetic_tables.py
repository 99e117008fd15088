"""The simulated tables are whole, and the same from the same seed."""

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public import synthetic
from sig2lm.signals.simulation import TASKS


@pytest.fixture(scope="module", autouse=True)
def few_recordings():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(synthetic, "RECORDINGS", {"har": 2, "af_rr": 3, "stress": 3})
        yield


@pytest.fixture(scope="module")
def tables(tmp_path_factory, few_recordings):
    out = tmp_path_factory.mktemp("sets") / "synthetic"
    return out, prepare("synthetic", None, out, seed=3)


def test_a_table_for_each_task(tables):
    out, infos = tables
    assert [info.task for info in infos] == list(TASKS) == ["har", "af_rr", "stress"]
    for info in infos:
        table = load_table(out / info.task)
        assert table.info == info
        assert info.signals == TASKS[info.task].signals
        subjects = {split: set(rows["subject"]) for split, rows in table.data.items()}
        assert [len(subjects[split]) for split in ("train", "validation", "test")] == [15, 3, 6]
        assert len(set().union(*subjects.values())) == 24
        for rows in table.data.values():
            labels = rows["label"][:]
            assert {label: labels.count(label) for label in labels} == dict.fromkeys(
                info.labels, len(labels) // len(info.labels)
            )


def test_the_same_seed_gives_the_same_rows(tables, tmp_path):
    out, _ = tables
    prepare("synthetic", None, tmp_path / "again", seed=3)
    prepare("synthetic", None, tmp_path / "other", seed=4)
    first, again, other = (
        load_table(folder / "af_rr").data["train"] for folder in (out, tmp_path / "again", tmp_path / "other")
    )
    assert first.to_dict() == again.to_dict()
    assert not np.allclose(first[0]["rr"], other[0]["rr"])
