"""A table gives back the signals that went in, and refuses whatever is not one."""

import json
from collections import Counter
from dataclasses import replace

import datasets as hf
import numpy as np
import pytest

from sig2lm.datasets import Table, TableInfo, TableRow, load_table
from sig2lm.datasets.writer import Draft, write_table
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

MOTION = Contract(("x", "y"), ("m/s^2", "rad/s"), 50.0)
RR = Contract(("rr",), ("ms",), None)
INFO = TableInfo(
    name="toy", task="har", labels=("walking", "sitting"), signals={"motion": MOTION, "rr": RR}, split_rule="by hand",
    kept=0, dropped={}, source="here", licence="none", citation="none",
)  # fmt: skip


def make_row(number: int, split: str = "train", **changes) -> TableRow:
    rng = np.random.default_rng(number)
    motion = rng.normal(size=(2, 4 + number % 3))
    motion[0, 0] = np.nan
    signals = {
        "motion": Signal(motion, 50.0, MOTION.channels, MOTION.units),
        "rr": Signal(rng.uniform(600, 900, (1, 5)), None, RR.channels, RR.units),
    }
    fields = {"subject": f"s{number}", "label": "walking", "signals": signals, "split": split, "start": number / 2}
    return TableRow(**{**fields, **changes})


@pytest.fixture
def table(tmp_path) -> Table:
    rows = [make_row(i, "test" if i % 10 == 0 else "train") for i in range(600)]
    rows.append(make_row(600, label=None, question="How fast?", answer="1 m/s", facts={"age": "67", "sex": "männlich"}))
    write_table(Draft(INFO, iter(rows), Counter({"too short": 2})), tmp_path)
    return load_table(tmp_path)


def test_rows_come_back_in_order_with_their_signals(table):
    assert {split: len(rows) for split, rows in table.data.items()} == {"train": 541, "test": 60}
    assert table.data["train"].column_names == [
        "subject", "label", "source", "start", "question", "answer", "facts", "motion", "rr",
    ]  # fmt: skip
    for position, number in ((0, 0), (59, 590)):
        row = table.data["test"][position]
        expected = make_row(number)
        assert (row["subject"], row["label"], row["start"]) == (expected.subject, "walking", expected.start)
        for name, signal in table.signals(row).items():
            np.testing.assert_array_equal(signal.values, expected.signals[name].values)
            assert (signal.channels, signal.sampling_rate) == (
                INFO.signals[name].channels,
                INFO.signals[name].sampling_rate,
            )
    last = table.data["train"][540]
    assert (last["label"], last["question"], last["answer"]) == (None, "How fast?", "1 m/s")
    assert table.facts(last) == {"age": "67", "sex": "männlich"}
    assert table.facts(table.data["train"][0]) == {}
    np.testing.assert_array_equal(
        table.signals(table.data["train"].with_format("numpy")[0])["rr"].values, make_row(1).signals["rr"].values
    )


def test_what_was_written_is_told(table):
    assert (table.info.kept, table.info.dropped) == (601, {"too short": 2})
    assert TableInfo.from_dict(json.loads(json.dumps(table.info.to_dict()))) == table.info
    assert sorted(path.name for path in table.path.iterdir()) == ["dataset_dict.json", "table.json", "test", "train"]


def test_progress_bars_are_left_as_they_were(tmp_path, capfd):
    before = hf.are_progress_bars_disabled()
    write_table(Draft(INFO, iter([make_row(1)])), tmp_path)
    assert hf.are_progress_bars_disabled() == before
    assert capfd.readouterr() == ("", "")


def rates(values, rate=50.0):
    return {"motion": Signal(values, rate, MOTION.channels, MOTION.units), "rr": make_row(1).signals["rr"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"split": None}, "the split must be one of train, validation, test, found None"),
     ({"label": "flying"}, "the label must be one of walking, sitting, found 'flying'"),
     ({"signals": {}}, "the signal 'motion' is absent"),
     ({"signals": rates(np.ones((2, 3)), 25.0)}, "the signal 'motion' is absent or not as its contract says")],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused(change, message, tmp_path):
    with pytest.raises(DatasetError, match=message):
        write_table(Draft(INFO, iter([make_row(1, **change)])), tmp_path)


def test_a_table_without_rows_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no example is left of 'toy': 3 too short"):
        write_table(Draft(INFO, iter([]), Counter({"too short": 3})), tmp_path)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


BREAKS = {
    "other version": (lambda p: edit(p / "table.json", lambda c: c.update(format_version=9)), "format version 9"),
    "field lacks": (lambda p: edit(p / "table.json", lambda c: c.pop("licence")), "licence; prepare it again"),
    "bad contract": (
        lambda p: edit(p / "table.json", lambda c: c["signals"].update(rr={})),
        "signals or labels are unreadable",
    ),
    "bad labels": (lambda p: edit(p / "table.json", lambda c: c.update(labels=5)), "signals or labels are unreadable"),
    "no JSON": (lambda p: (p / "table.json").write_text("{"), "cannot be read"),
    "no object": (lambda p: (p / "table.json").write_text("[]"), "holds no JSON object"),
    "no table.json": (lambda p: (p / "table.json").unlink(), "found no table.json"),
    "split lacks": (lambda p: (p / "test" / "state.json").unlink(), "is damaged"),
    "cut short": (
        lambda p: (p / "train" / "data-00000-of-00001.arrow").write_bytes(
            (p / "train" / "data-00000-of-00001.arrow").read_bytes()[:3000]
        ),
        "is damaged",
    ),
    "other columns": (
        lambda p: edit(p / "table.json", lambda c: c["signals"].update(ecg=c["signals"]["rr"])),
        "do not have the columns",
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_damaged_tables_are_refused(case, table):
    damage, message = BREAKS[case]
    damage(table.path)
    with pytest.raises(DatasetError, match=message) as caught:
        load_table(table.path)
    assert "\n" not in str(caught.value)


def test_a_folder_of_tables_lists_them(table, tmp_path):
    for name in ("har", "af_rr"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "table.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"holds 2 tables.*af_rr, har"):
        load_table(tmp_path / "sets")
    with pytest.raises(DatasetError, match="there is no folder"):
        load_table(tmp_path / "nowhere")


def test_a_split_that_lacks_is_said_in_a_line(days: Table) -> None:
    one = replace(days, data=hf.DatasetDict(test=days.data["test"]))
    with pytest.raises(DatasetError, match="expected a train split in the table, found test; prepare it again"):
        one.data["train"]
    assert "train" not in one.data


def test_labels_that_are_no_texts_are_refused(days: Table) -> None:
    with pytest.raises(DatasetError, match="labels are texts"):
        TableInfo.from_dict({**days.info.to_dict(), "labels": ["a", ["b"]]})
