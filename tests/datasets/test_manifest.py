"""A manifest turns anybody's files into a table, and every slip in it is told with file and line."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.declaration import Declaration, ReadDeclaration, SignalDeclaration, WindowDeclaration
from sig2lm.errors import DatasetError
from sig2lm.signals import ReadOptions, Signal, save_signal

MOTION = {"sampling_rate": 50, "channels": ["x", "y"], "units": ["m/s^2", "g"]}
DAILY = {"sampling_rate": None, "period": 86400, "channels": ["steps"], "units": ["count"]}
RR = {"sampling_rate": None, "channels": ["rr"], "units": ["ms"]}


def write_source(folder, rows: str, **declaration):
    folder.mkdir(exist_ok=True)
    content = {"task": "har", "signals": {"motion": MOTION}, **declaration}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    (folder / "manifest.csv").write_text(rows)
    return folder


def write_ramp(folder, name: str, rows: int = 200, rate: float | None = None):
    """x counts the rows, y is noise of the file's own; with a rate, a time column stands first."""
    folder.mkdir(exist_ok=True)
    lines = ["time,x,y" if rate else "x,y"]
    noise = np.random.default_rng(sum(name.encode())).normal(1, 0.1, rows)
    lines += [f"{i / rate},{i},{y:.3f}" if rate else f"{i},{y:.3f}" for i, y in enumerate(noise)]
    (folder / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "mine"
    for name in ("a.csv", "b.csv", "c.csv"):
        write_ramp(folder, name)
    return folder


THREE = "file,subject,label\na.csv,s1,walk\nb.csv,s2,walk\nc.csv,s3,sit\n"


def first_values(table, split, name="motion"):
    return [table.signals(row)[name].values[0, 0] for row in table.data[split]]


def test_windows_labels_and_a_seeded_split(source, tmp_path):
    write_source(source, THREE, window={"seconds": 2.0, "stride": 1.0}, licence="CC0-1.0", citation="me")
    info = prepare("manifest", source, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.name, info.task, info.labels, info.kept, info.dropped) == ("mine", "har", ("sit", "walk"), 9, {})
    assert (info.licence, info.citation) == ("CC0-1.0", "me")
    assert info.signals["motion"].window == 2.0
    assert "drawn with seed 0" in info.split_rule
    # Nobody but s3 sits, so s3 trains; of the others one is spared.
    assert {split: len(rows) for split, rows in table.data.items()} == {"train": 6, "test": 3}
    assert "s3" in table.data["train"]["subject"][:]
    assert first_values(table, "test") == [0, 50, 100]
    assert table.data["test"]["start"][:] == [0.0, 1.0, 2.0]


def test_rows_cut_one_file_into_several_and_splits_are_honoured(source, tmp_path):
    rows = "file,subject,label,start,end,split\n" + "".join(
        f"a.csv,s{i},{label},{start},{end},{split}\n"
        for i, (label, start, end, split) in enumerate(
            [("walk", 0, 1, "test"), ("sit", 1.5, "", "train"), ("walk", 1, 1.5, "train")]
        )
    )
    info = prepare("manifest", write_source(source, rows), tmp_path / "table", seed=5)
    table = load_table(tmp_path / "table")
    assert info.split_rule == "by subject, given by the manifest's split column: 2 train, 1 test"
    assert [np.array(row["motion"]).size // 2 for row in table.data["train"]] == [125, 25]
    assert table.data["train"]["start"][:] == [1.5, 1.0]
    assert first_values(table, "train") == [75, 50]
    assert list(table.data) == ["train", "test"]


def test_files_are_brought_to_the_declared_contract(source, tmp_path):
    write_ramp(source, "a.csv", rows=400, rate=100.0)
    save_signal(Signal(np.ones((2, 40)), 10.0, ("y", "x"), ("m/s^2", "g")), source / "b.npz")
    rows = "file,subject,label,split\na.csv,s1,walk,train\nb.npz,s2,walk,test\n"
    prepare("manifest", write_source(source, rows), tmp_path / "table")
    table = load_table(tmp_path / "table")
    ramp = table.signals(table.data["train"][0])["motion"]
    assert (ramp.num_samples, ramp.sampling_rate) == (200, 50.0)
    np.testing.assert_allclose(ramp.values[0, 50:150], 2 * np.arange(50, 150), atol=0.1)
    other = table.signals(table.data["test"][0])["motion"]
    assert (other.num_samples, other.units) == (200, ("m/s^2", "g"))
    np.testing.assert_allclose(other.values[:, 0], [9.80665, 1 / 9.80665], rtol=1e-5)


def test_several_signals_of_different_clocks(source, tmp_path):
    for subject in ("1", "2", "3"):
        (source / f"days{subject}.csv").write_text("steps\n100\n\n300\n".replace("\n\n", "\nNA\n"))
        np.save(source / f"beats{subject}.npy", np.arange(700.0, 710.0))
    rows = (
        "file_motion,file_daily,file_rr,subject,label\n"
        "a.csv,days1.csv,beats1.npy,s1,walk\nb.csv,days2.csv,beats2.npy,s2,sit\nc.csv,,beats3.npy,s3,sit\n"
    )
    signals = {"motion": MOTION, "daily": DAILY, "rr": RR}
    info = prepare("manifest", write_source(source, rows, signals=signals, window={"seconds": 2}), tmp_path / "table")
    assert (info.kept, info.dropped) == (4, {"manifest rows without a file for every signal": 1})
    table = load_table(tmp_path / "table")
    found = table.signals(table.data["train"][1])
    assert {name: signal.num_samples for name, signal in found.items()} == {"motion": 100, "daily": 3, "rr": 10}
    assert (found["daily"].period, found["rr"].duration) == (86400.0, pytest.approx(7.045))
    assert {name: contract.window for name, contract in info.signals.items()} == {
        "motion": 2.0, "daily": None, "rr": None,
    }  # fmt: skip
    write_source(source, rows, signals=signals, window={"rows": 2, "stride": 1})
    prepare("manifest", source, tmp_path / "rows")
    train = load_table(tmp_path / "rows").data["train"]
    assert [(row["start"], row["rr"], len(row["motion"])) for row in train] == [
        (0.0, [700.0, 701.0], 400), (86400.0, [701.0, 702.0], 400),
    ]  # fmt: skip


def test_sessions_of_a_wristband_are_folders_of_which_one_signal_is_read(source, tmp_path):
    for subject, level in (("s1", 0.5), ("s2", 0.6)):
        (source / subject).mkdir()
        for name, rate in (("EDA", 4), ("BVP", 64)):
            rows = "".join(f"{level + i / 1000}\n" for i in range(20 * rate))
            (source / subject / f"{name}.csv").write_text(f"1560279825.000000\n{rate}.000000\n{rows}")
    eda = {"sampling_rate": 4, "channels": ["eda"], "units": ["uS"]}
    write_source(source, "file,subject,label\ns1,s1,calm\ns2,s2,calm\n", signals={"eda": eda}, window={"seconds": 10})
    info = prepare("manifest", source, tmp_path / "table")
    assert info.kept == 4


def test_open_questions_need_no_label(source, tmp_path):
    rows = 'file,subject,label,question,answer\na.csv,s1,,How long is it?,"4 s, in all"\nb.csv,s2,walk,,\nc.csv,s3,,,\n'
    info = prepare("manifest", write_source(source, rows), tmp_path / "table")
    assert (info.kept, info.dropped, info.labels) == (2, {"manifest rows without label or question": 1}, ("walk",))
    found = [row for split in load_table(tmp_path / "table").data.values() for row in split]
    assert {(row["label"], row["question"], row["answer"]) for row in found} == {
        (None, "How long is it?", "4 s, in all"), ("walk", None, None),
    }  # fmt: skip


def test_short_and_empty_recordings_are_counted(source, tmp_path):
    write_ramp(source, "a.csv", rows=30)
    (source / "b.csv").write_text("x,y\n" + "NA,NA\n" * 100 + "1,2\n" * 100)
    info = prepare("manifest", write_source(source, THREE, window={"seconds": 1}), tmp_path / "table")
    assert info.kept == 6
    assert info.dropped == {"recordings shorter than a window": 1, "windows without any value": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"task": 5}, r"dataset\.yaml': task: Input should be a valid string"),
     ({"colour": "red"}, "colour: Extra inputs are not permitted"),
     ({"signals": {}}, "signals: Dictionary should have at least 1 item"),
     ({"signals": {"motion": {"channels": ["x"], "units": ["g"]}}}, r"signals\.motion\.sampling_rate: Field required"),
     ({"signals": {"motion": {**MOTION, "rate": 5}}}, r"signals\.motion\.rate: Extra inputs"),
     ({"signals": {"motion": {**MOTION, "units": ["g"]}}}, r"signals\.motion: channels and units must be as many"),
     ({"signals": {"motion": {**MOTION, "units": ["g", "foo"]}}}, "unit 'foo' is not known"),
     ({"signals": {"motion": {**MOTION, "sampling_rate": -1}}}, "sampling_rate must be positive"),
     ({"signals": {"motion": {**MOTION, "period": 5}}}, "sampling_rate and period are both given"),
     ({"signals": {"label": MOTION}}, "signal name 'label' must be a word"),
     ({"signals": {"a b": MOTION}}, "signal name 'a b' must be a word"),
     ({"window": {}}, "window: give seconds"),
     ({"window": {"seconds": 1, "rows": 2}}, "window: give seconds"),
     ({"window": {"seconds": 0}}, r"window\.seconds: Input should be greater than 0"),
     ({"window": {"rows": 5}}, "window is in rows, but every signal has a sampling_rate"),
     ({"window": {"rows": 5, "stride": 0.5}}, "stride in rows is a whole number"),
     ({"signals": {"rr": RR}, "window": {"seconds": 5}}, "window is in seconds, but no signal has a sampling_rate"),
     ({"window": {"seconds": 0.001}}, "window length and stride must reach one sample"),
     ({"labels": ["walk"]}, r"manifest\.csv' line 4: label 'sit' is none of walk"),
     ({"labels": ["walk", "walk"]}, "labels must differ"),
     ({"labels": [True]}, r"labels\.0: Input should be a valid string")],
)  # fmt: skip
def test_declarations_are_checked_key_by_key(change, message, source, tmp_path):
    with pytest.raises(DatasetError, match=message) as caught:
        prepare("manifest", write_source(source, THREE, **change), tmp_path / "table")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "table").exists()


ROWS = {
    "file lacks": ("subject,label\ns1,walk\n", "header lacks file_motion"),
    "label lacks": ("file,subject\na.csv,s1\n", "header lacks label; found file, subject"),
    "unknown column": ("file,subject,label,Split\na.csv,s1,walk,test\n", "unknown columns Split"),
    "empty": ("", "header lacks .*found no header"),
    "no rows": ("file,subject,label\n", "lists no recording"),
    "ragged": (THREE + "a.csv,s4\n", "line 5: the number of cells"),
    "too many": (THREE + "a.csv,s4,walk,more\n", "line 5: the number of cells"),
    "no subject": (THREE + "a.csv,,walk\n", "line 5: subject is empty"),
    "missing file": (THREE + "d.csv,s4,walk\n", r"line 5: file 'd\.csv' does not exist"),
    "outside": (THREE + "../secret.csv,s4,walk\n", r"line 5: file '\.\./secret\.csv' leaves"),
    "absolute": (THREE + "/etc/passwd,s4,walk\n", "line 5: file '/etc/passwd' leaves"),
    "by a link": (THREE + "link.csv,s4,walk\n", r"line 5: file 'link\.csv' leaves"),
    "one subject": ("file,subject,label\na.csv,s1,walk\nb.csv,s1,sit\n", "two subjects are needed.*split column"),
    "bad split": ("file,subject,label,split\na.csv,s1,walk,dev\n", "line 2: split is 'dev', expected one of train"),
    "split lacks": ("file,subject,label,split\na.csv,s1,walk,\n", "line 2: split is ''"),
    "two splits": (
        "file,subject,label,split\na.csv,s1,walk,train\nb.csv,s2,sit,test\nc.csv,s1,sit,test\n",
        "line 4: subject 's1' is in test, but in train on line 2",
    ),
    "half a question": ("file,subject,label,question,answer\na.csv,s1,walk,Why?,\n", "line 2: question and answer"),
    "lone question": ("file,subject,label,question\na.csv,s1,walk,Why?\n", "question and answer come together"),
    "start in words": ("file,subject,label,start\na.csv,s1,walk,noon\n", "line 2: start is 'noon', expected seconds"),
    "negative start": ("file,subject,label,start\na.csv,s1,walk,-1\n", "line 2: start is '-1'"),
    "end first": ("file,subject,label,start,end\na.csv,s1,walk,2,1\n", r"line 2: end \(1 s\) must come after start"),
    "beyond": (
        "file,subject,label,start,end\na.csv,s1,walk,0,1\nb.csv,s2,walk,1,99\n",
        r"line 3: 'b\.csv': start and end must lie in order within 0 to 4 s, found 1 to 99 s",
    ),
    "text in a number's place": (THREE + "text.csv,s4,walk\n", r"line 5: '.*text\.csv': .*'two' in row 3"),
    "other channels": (THREE + "other.csv,s4,walk\n", r"line 5: .*channels are p, q, but the signal 'motion'"),
    "unknown kind": (THREE + "dataset.yaml,s4,walk\n", "line 5: .*sig2lm formats"),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_manifests_are_checked_line_by_line(case, source, tmp_path):
    rows, message = ROWS[case]
    (tmp_path / "secret.csv").write_text("x,y\n1,2\n")
    (source / "link.csv").symlink_to(tmp_path / "secret.csv")
    (source / "text.csv").write_text("x,y\n1,1\n1,two\n")
    (source / "other.csv").write_text("p,q\n1,1\n")
    with pytest.raises(DatasetError, match=message) as caught:
        prepare("manifest", write_source(source, rows), tmp_path / "table")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "secret.csv"]


def test_events_are_cut_by_the_sum_of_their_intervals(source, tmp_path):
    np.save(source / "beats.npy", np.arange(800.0, 830.0))
    rows = "file,subject,label,start,end,split\nbeats.npy,s1,af,0.8,4,train\n"
    prepare("manifest", write_source(source, rows, signals={"rr": RR}), tmp_path / "table")
    assert load_table(tmp_path / "table").data["train"]["rr"][0] == [801.0, 802.0, 803.0, 804.0]


BAD = (
    "file,subject,label\na.csv,s1,walk\nnothing.csv,s2,walk\ntext.csv,s3,sit\nb.csv,s4,\nc.csv,s5,sit\ng.csv,s6,walk\n"
)


def test_all_bad_files_are_told_at_once_or_left_out(source, tmp_path):
    (source / "text.csv").write_text("x,y\n1,1\n1,two\n")
    (source / "g.csv").write_text("p,q\n1,1\n")
    write_source(source, BAD)
    with pytest.raises(DatasetError, match=r"line 3: .*nothing\.csv"):
        prepare("manifest", source, tmp_path / "table")
    (source / "nothing.csv").write_text("x\n")
    with pytest.raises(DatasetError, match=r"line 3: .*; line 4: .*'two' in row 3.*; line 7: .*p, q.*--skip-bad"):
        prepare("manifest", source, tmp_path / "table")
    assert not (tmp_path / "table").exists()
    said = []
    info = prepare("manifest", source, tmp_path / "table", say=said.append, skip_bad=True)
    assert info.kept == 2
    assert info.dropped["manifest rows that are wrong, or whose file cannot be read"] == 3
    assert any("2 files: no clock is stated, so 50 Hz is taken" in line for line in said)


def test_how_files_are_read_is_stated_for_all_and_for_one(source, tmp_path):
    (source / "a.csv").write_text("when;X [g];Y [g]\n" + "".join(f"{20 * i};{i};-999\n" for i in range(100)))
    (source / "b.csv").write_text("x,y\n" + "".join(f"{i},-1\n" for i in range(100)))
    signals = {"motion": {**MOTION, "read": {"time_column": "when:ms", "channels": ["x=X", "y=Y"], "missing": [-999]}}}
    rows = (
        "file,subject,label,split,time_column,channels,missing,sampling_rate\n"
        "a.csv,s1,walk,train,,,,\n"
        'b.csv,s2,walk,test,none,"x,y",-1,100\n'
    )
    prepare("manifest", write_source(source, rows, signals=signals), tmp_path / "table", believe=True)
    table = load_table(tmp_path / "table")
    first, second = (table.signals(table.data[split][0])["motion"] for split in ("train", "test"))
    np.testing.assert_allclose(first.values[0, :3], [0, 9.80665, 2 * 9.80665], rtol=1e-5)
    assert np.isnan(first.values[1]).all()
    assert (second.num_samples, np.isnan(second.values[1]).all()) == (50, True)
    write_source(source, rows.replace("none", "oops"), signals=signals)
    with pytest.raises(DatasetError, match=r"line 3: .*--time-column is 'oops', but the columns are x, y"):
        prepare("manifest", source, tmp_path / "other", believe=True)


def test_files_that_lack_or_are_no_text_are_told(source, tmp_path):
    with pytest.raises(DatasetError, match=r"expected .*dataset\.yaml' with task and signals"):
        prepare("manifest", source, tmp_path / "table")
    write_source(source, THREE)
    (source / "manifest.csv").unlink()
    with pytest.raises(DatasetError, match=r"expected .*manifest\.csv' with the columns file, subject, label"):
        prepare("manifest", source, tmp_path / "table")
    (source / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"manifest\.csv' is not readable as csv"):
        prepare("manifest", source, tmp_path / "table")
    for content in ("task: [", "- a\n- b\n", "", "\x00"):
        (source / "dataset.yaml").write_text(content)
        with pytest.raises(DatasetError, match=r"dataset\.yaml'") as caught:
            prepare("manifest", source, tmp_path / "table")
        assert "\n" not in str(caught.value)


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "your-recordings.md"


def test_the_example_of_the_guide_is_prepared_and_every_key_is_explained(tmp_path):
    text = GUIDE.read_text(encoding="utf-8")
    blocks = {kind: re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("yaml", "csv")}
    folder = tmp_path / "gait"
    folder.mkdir()
    (folder / "dataset.yaml").write_text(blocks["yaml"])
    (folder / "manifest.csv").write_text(blocks["csv"])
    for seed, name in enumerate(("ann", "bob")):
        walk = np.random.default_rng(seed).normal([0, 0, 1], 0.2, (1000, 3))
        lines = [f"{20 * i},{x:.4f},{y:.4f},{z:.4f}" for i, (x, y, z) in enumerate(walk)]
        (folder / f"{name}.csv").write_text("stamp,X,Y,Z\n" + "\n".join(lines) + "\n")
    info = prepare("manifest", folder, tmp_path / "table")
    assert (info.kept, info.labels) == (17, ("walking", "standing"))
    row = load_table(tmp_path / "table").data["train"][0]
    assert np.reshape(row["motion"], (3, -1))[2].mean() == pytest.approx(9.8, abs=0.3)
    for model in (Declaration, SignalDeclaration, ReadDeclaration, WindowDeclaration):
        assert [key for key in model.model_fields if key not in text] == []


def test_every_option_is_explained_in_the_guide():
    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name in ReadOptions.__annotations__ if f"--{name.replace('_', '-')}" not in text] == []


def test_a_recording_under_two_subjects_is_refused(source, tmp_path):
    """Their windows would stand in training and in test while the split is said to be by subject."""
    spans = "file,subject,label,start,end\na.csv,s1,walk,0,2\n{}.csv,s2,sit,{},\n"
    refused = {
        "the same file": (spans.format("a", 1.5), r"line 3: 'a\.csv' is a recording of 's2', but of 's1' on line 2"),
        "by another name": (spans.format("linked", 0), r"line 3: 'linked\.csv' is a recording of 's2', but of 's1'"),
        "a copy": (spans.format("copy", 0), r"'copy\.csv' at 1 .*'s2'.* the same 'motion' as 'a\.csv' at 1 .*'s1'"),
    }
    (source / "linked.csv").symlink_to(source / "a.csv")
    (source / "copy.csv").write_text((source / "a.csv").read_text().replace("0,", "5,", 1))
    window = {"seconds": 1}
    for rows, message in refused.values():
        with pytest.raises(DatasetError, match=message) as caught:
            prepare("manifest", write_source(source, rows, window=window), tmp_path / "table")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "table").exists()
    prepare("manifest", write_source(source, spans.format("a", 2), window=window), tmp_path / "table")


def test_nearly_the_same_recording_in_two_splits_is_counted(source, tmp_path):
    """Another gain, offset and a little noise do not hide it; what only looks alike is not counted."""
    rng, said = np.random.default_rng(0), []
    walk = rng.normal(size=(200, 2))
    for name, values in (("a", walk), ("b", 3 * walk + 1 + rng.normal(size=walk.shape) * 1e-4), ("c", walk[::-1])):
        np.savetxt(source / f"{name}.csv", values, delimiter=",", header="x,y", comments="")
    rows = "file,subject,label,split\na.csv,s1,walk,train\nb.csv,s2,walk,test\nc.csv,s3,sit,test\n"
    write_source(source, rows, window={"seconds": 1})
    prepare("manifest", source, tmp_path / "table", say=said.append)
    assert said[-1] == "4 windows have nearly the values of one in another split, so that scores may flatter"


def test_an_ecg_is_read_as_intervals_and_both_stand_side_by_side(tmp_path):
    pytest.importorskip("sleepecg", reason="the extra ecg is not installed")
    source = tmp_path / "mine"
    source.mkdir()
    time = np.arange(0, 20, 1 / 200)
    for name, period in (("a", 0.8), ("b", 0.9)):
        beats = np.exp(-0.5 * ((time % period - 0.4) / 0.012) ** 2)
        save_signal(Signal(beats[None].astype(np.float32), 200.0, ("ecg",), ("mV",)), source / f"{name}.npz")
    rows = "file_ecg,file_rr,subject,label\na.npz,a.npz,s1,walk\nb.npz,b.npz,s2,sit\n"
    ecg = {"sampling_rate": 100, "channels": ["ecg"], "units": ["mV"]}
    prepare("manifest", write_source(source, rows, signals={"ecg": ecg, "rr": RR}), tmp_path / "table")
    table = load_table(tmp_path / "table")
    rows = {row["subject"]: row for split in table.data.values() for row in split}
    found = table.signals(rows["s1"])
    assert (found["ecg"].sampling_rate, found["ecg"].num_samples) == (100.0, 2000)
    assert 22 <= found["rr"].num_samples <= 25
    np.testing.assert_allclose(found["rr"].values, 800.0, atol=6)
