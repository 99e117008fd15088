"""Every format gives the same signal, and every damaged file one line that says what is wrong."""

import os

import edfio
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sig2lm.errors import Sig2LMError, SignalError
from sig2lm.signals import Contract, Signal, read_signal, read_signal_as, save_signal

VALUES = np.array([[0.0, 0.5, 1.0, np.nan], [4.0, -2.0, 8.0, 16.0]], dtype=np.float32)


def write(path, text: str | bytes):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_csv(folder):
    return write(folder / "a.csv", "time,ecg,resp\n0,0,4\n0.25,0.5,-2\n0.5,1,8\n0.75,,16\n")


def write_tsv(folder):
    return write(folder / "a.tsv", "ecg\tresp\ttime_ms\n0\t4\t1000\n0.5\t-2\t1250\n1\t8\t1500\nnan\t16\t1750\n")


def write_parquet(folder):
    times = pa.array(np.arange(4) * 250, pa.timestamp("ms"))
    table = pa.table({"timestamp": times, "ecg": VALUES[0], "resp": pa.array([4, -2, 8, 16], pa.int16())})
    pa.parquet.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def write_npz(folder):
    save_signal(Signal(VALUES, 4.0, ("ecg", "resp"), ("mV", "mV")), folder / "a.npz")
    return folder / "a.npz"


def write_wfdb(folder):
    # Format 16 of the WFDB specification: interleaved little-endian integers, of which the lowest means missing.
    counts = np.where(np.isnan(VALUES), -32768, np.nan_to_num(VALUES) * 100).astype("<i2")
    write(folder / "a.dat", counts.T.tobytes())
    return write(folder / "a.hea", "a 2 4 4\na.dat 16 100(0)/mV 16 0 0 0 0 ecg\na.dat 16 100(0)/mV 16 0 4 0 0 resp\n")


WRITERS = [write_csv, write_tsv, write_parquet, write_npz, write_wfdb]


@pytest.mark.parametrize("writer", WRITERS)
def test_formats_agree(writer, tmp_path):
    signal = read_signal(writer(tmp_path))
    np.testing.assert_allclose(signal.values, VALUES)
    assert (signal.sampling_rate, signal.channels) == (4.0, ("ecg", "resp"))
    chosen = read_signal(writer(tmp_path), channels=["resp"])
    assert (chosen.channels, chosen.values.tolist()) == (("resp",), [[4.0, -2.0, 8.0, 16.0]])


def test_edf(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (2, 400))
    edf = edfio.Edf(
        [
            edfio.EdfSignal(rows[0], 100, label="ecg", physical_dimension="mV"),
            edfio.EdfSignal(rows[1], 100, label="ecg", physical_dimension="mV"),
            edfio.EdfSignal(rng.uniform(20, 30, 4), 1, label="temp", physical_dimension="degC"),
        ]
    )
    edf.write(tmp_path / "a.edf")
    signal = read_signal(tmp_path / "a.edf", channels=["ecg", "ecg_2"])
    np.testing.assert_allclose(signal.values, rows, atol=1e-4)
    assert (signal.sampling_rate, signal.units) == (100.0, ("mV", "mV"))
    with pytest.raises(SignalError, match=r"different rates \(ecg 100 Hz, ecg_2 100 Hz, temp 1 Hz\); choose"):
        read_signal(tmp_path / "a.edf")


def test_wfdb_by_bare_name_and_with_a_date_first(tmp_path):
    write_wfdb(tmp_path)
    header = tmp_path / "a.hea"
    lines = header.read_text().splitlines()
    header.write_text("\n".join([f"{lines[0]} 2014-03-29 08:03:08", *lines[1:]]) + "\n")
    signal = read_signal(tmp_path / "a")
    np.testing.assert_allclose(signal.values, VALUES)
    assert signal.units == ("mV", "mV")


def test_headerless_tables_and_arrays_take_names_in_order(tmp_path):
    table = write(tmp_path / "a.csv", "1,2\n3,4\n")
    assert read_signal(table).channels == ("channel_1", "channel_2")
    np.save(tmp_path / "a.npy", np.array([[1, 3], [2, 4]]))
    for path in (table, tmp_path / "a.npy"):
        signal = read_signal(path, sampling_rate=50, channels=["x", "y"], units=["g"])
        assert (signal.channels, signal.units, signal.sampling_rate) == (("x", "y"), ("g", "g"), 50.0)
        assert signal.values.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    np.save(tmp_path / "one.npy", np.array([800, 790, 810]))
    assert read_signal(tmp_path / "one.npy", units=["ms"]).duration == pytest.approx(2.4)


def test_row_numbers_labels_and_byte_order_marks_do_no_harm(tmp_path):
    path = write(tmp_path / "a.csv", "\ufeff,x,activity\n0,1,walking\n1,2,walking\n")
    assert read_signal(path, channels=["x"]).values.tolist() == [[1.0, 2.0]]
    assert read_signal(write(tmp_path / "b.csv", ",x\n0,5\n1,6\n")).channels == ("x",)


def test_a_given_rate_is_held_against_the_clock_or_believed_and_jitter_is_accepted(tmp_path):
    path = write(tmp_path / "a.csv", "t,x\n" + "".join(f"{i / 100},1\n" for i in range(9)))
    with pytest.raises(SignalError, match=r"clock gives 100 Hz, but 50 Hz was stated.*--time-column none"):
        read_signal(path, sampling_rate=50)
    believed = read_signal(path, sampling_rate=50, time_column="none")
    assert (believed.sampling_rate, believed.channels) == (50, ("x",))
    epoch = "".join(f"{1657544418323 + 10 * i + (i % 3)},{i}\n" for i in range(100))
    assert read_signal(write(tmp_path / "b.csv", "timestamp,x\n" + epoch)).sampling_rate == pytest.approx(100, rel=1e-3)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 20)),
                         elements=st.floats(-1e6, 1e6, width=32) | st.just(np.float32(np.nan))),
    clock=st.sampled_from([(50.0, None), (None, 86400.0), (None, None)]),
)  # fmt: skip
def test_saved_signals_come_back(tmp_path, values, clock):
    names = ("ä b", "y,z", "3")[: len(values)]
    signal = Signal(values, clock[0], names, ("µS", "m/s²", "")[: len(values)], clock[1])
    save_signal(signal, tmp_path / "a.npz")
    back = read_signal(tmp_path / "a.npz", allow_missing=True)
    np.testing.assert_array_equal(back.values, signal.values)
    assert (back.channels, back.units) == (signal.channels, signal.units)
    assert (back.sampling_rate, back.period) == clock
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def test_saving_refuses_other_suffixes_and_unwritable_places(tmp_path):
    signal = Signal([[1.0]], 1.0, ("x",), ("",))
    with pytest.raises(SignalError, match=r"saved as \.npz"):
        save_signal(signal, tmp_path / "a.csv")
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(Sig2LMError, match=r"expected to write .*a\.npz"):
        save_signal(signal, tmp_path / "a.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


BAD = {
    "missing.csv": (None, "no such file"),
    "empty.csv": ("", "the file is empty"),
    "header_only.csv": ("x,y\n", "found none .*holds 'x,y'"),
    "blank_line.csv": ("\n\n", "found an empty file"),
    "text.csv": ("x,y\n1,2\n3,walking\n", r"column 'y' holds 'walking' in row 3.*--missing 'walking'.*--channels"),
    "late_text.csv": ("x\n" + "1\n" * 400000 + "oops\n", "'oops' in row 400002"),
    "boolean.csv": ("x\n1\ntrue\n", "found none"),
    "ragged_short.csv": ("x,y\n1,2\n3\n4,5\n", "expected 2 cells in each row, found 1 in row 3"),
    "ragged_long.csv": ("x,y\n1,2\n3,4,5\n", "expected 2 cells in each row, found 3 in row 3"),
    "no_value.csv": ("x,y\n1,\n2,nan\n", "no value at all in channel y"),
    "infinite.csv": ("x\n1\ninf\n", "infinity"),
    "huge.csv": ("x\n1e39\n", "beyond float32"),
    "only_time.csv": ("time\n1\n2\n", "no channel is left beside the time column"),
    "backwards.csv": (
        "time,x\n" + "".join(f"{i % 20 + 0.5},{i}\n" for i in range(40)),
        r"clock goes back by 19 s at row 21; cut the file",
    ),
    "one_time.csv": ("time,x\n2,1\n", "needs two rows"),
    "zeros.csv": (b"\0" * 64, "binary data"),
    "binary.csv": (bytes(range(256)) * 4, "zero bytes"),
    "garbage.npy": (b"\x93NUMPY\x01\x00garbage", "not a numpy array of numbers"),
    "garbage.npz": (b"PK\x03\x04garbage", "not an npz archive"),
    "garbage.parquet": (b"PAR1garbage", "not a parquet file"),
    "garbage.edf": (b"garbage" * 100, "not a whole EDF file"),
    "garbage.hea": ("garbage\n", "not a whole WFDB record"),
    "lonely.dat": (b"12345", "needs its header beside it"),
    "picture.jpg": (b"\xff\xd8", "found none .*`sig2lm formats` lists what is read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told_in_one_line(name, tmp_path):
    content, message = BAD[name]
    if content is not None:
        write(tmp_path / name, content)
    with pytest.raises(SignalError, match=message) as caught:
        read_signal(tmp_path / name)
    assert str(caught.value).startswith(f"'{tmp_path / name}': ")
    assert "\n" not in str(caught.value)


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "a.npz", values=np.array([{"a": 1}]))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(SignalError, match=r"not an? (npz|numpy array)"):
            read_signal(tmp_path / name)


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"data": np.ones((1, 2))}, "key 'values' is missing, found data"),
     ({"values": np.ones((1, 2, 2))}, r"found shape \(1, 2, 2\)"),
     ({"values": np.array([["a"]])}, "must be real numbers"),
     ({"values": np.ones((1, 2)), "sampling_rate": np.array("fast")}, "'sampling_rate' must hold one number"),
     ({"values": np.ones((1, 2)), "channels": np.array(["a", "b"])}, "2 channels are named")],
)  # fmt: skip
def test_foreign_npz(keys, message, tmp_path):
    np.savez(tmp_path / "a.npz", **keys)
    with pytest.raises(SignalError, match=message):
        read_signal(tmp_path / "a.npz")


def test_truncated_records_are_refused(tmp_path):
    write_wfdb(tmp_path)
    for name in ("a.dat", "a.npz"):
        path = write_npz(tmp_path) if name == "a.npz" else tmp_path / name
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(SignalError, match="not a"):
            read_signal(path)
    (tmp_path / "a.dat").unlink()
    with pytest.raises(SignalError, match=r"lacks a file: 'a\.dat'"):
        read_signal(tmp_path / "a")


def test_arguments_that_contradict_the_file_are_refused(tmp_path):
    path = write_npz(tmp_path)
    with pytest.raises(SignalError, match="the file states 4 Hz, but 100 Hz was given; leave that out"):
        read_signal(path, sampling_rate=100)
    with pytest.raises(SignalError, match="channel ecg is in 'mV' by the file's own word, but --units says 'g'"):
        read_signal(path, units=["g"])
    assert read_signal(path, sampling_rate=4, units=["mV", "millivolt"]).units == ("mV", "millivolt")


def test_wrong_names_and_counts_are_refused(tmp_path):
    path = write_csv(tmp_path)
    with pytest.raises(SignalError, match="channels are ecg, resp, but pleth was asked for too"):
        read_signal(path, channels=["ecg", "pleth"])
    with pytest.raises(SignalError, match=r"--channels names 3 \(a, b, c\), but the file holds 2 \(ecg, resp\)"):
        read_signal(path, channels=["a", "b", "c"])
    with pytest.raises(SignalError, match="2 units are needed"):
        read_signal(path, units=["mV", "mV", "mV"])
    np.save(tmp_path / "a.npy", np.ones((100, 3)))
    with pytest.raises(SignalError, match=r"100 channels of 3 samples.*--time-axis 0"):
        read_signal(tmp_path / "a.npy", channels=["x", "y", "z"])
    assert read_signal(tmp_path / "a.npy", channels=["x", "y", "z"], time_axis=0).num_samples == 100
    with pytest.raises(SignalError, match="found a folder"):
        read_signal(tmp_path)


def test_a_contract_fills_what_the_file_leaves_open(tmp_path):
    contract = Contract(("y", "x"), ("m/s^2", "g"), 50.0)
    bare = read_signal_as(write(tmp_path / "a.csv", "x,y,z\n1,2,3\n4,5,6\n"), contract, "the table")
    assert (bare.channels, bare.units, bare.values.tolist()) == (("y", "x"), ("m/s^2", "g"), [[2, 5], [1, 4]])
    timed = "t,x,y\n" + "".join(f"{i / 100},1,2\n" for i in range(100))
    assert read_signal_as(write(tmp_path / "b.csv", timed), contract, "the table").num_samples == 50
    save_signal(Signal(np.ones((2, 10)), 50.0, ("x", "y"), ("g", "g")), tmp_path / "c.npz")
    assert read_signal_as(tmp_path / "c.npz", contract, "the table").values[0, 0] == pytest.approx(9.80665)
    with pytest.raises(SignalError, match=r"d\.csv': channels are x, q, but the table expects y, x; missing: y"):
        read_signal_as(write(tmp_path / "d.csv", "x,q\n1,2\n"), contract, "the table")
    save_signal(Signal(np.ones((2, 10)), None, ("x", "y"), ("g", "g")), tmp_path / "e.npz")
    with pytest.raises(SignalError, match=r"an event series.*the table expects 50 Hz"):
        read_signal_as(tmp_path / "e.npz", contract, "the table")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SignalError, match="found a pipe"):
        read_signal(tmp_path / "pipe.csv")
