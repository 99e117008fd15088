"""Recordings in .gz and .zip are read as if they were unpacked, and traps among them are refused."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal, read_signal, read_signal_for, save_signal

START = "1560279825.000000"


def zipped(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_session_of_a_wristband_in_a_zip(tmp_path):
    files = {"E4/EDA.csv": f"{START}\n4.0\n" + "0.5\n" * 8, "E4/BVP.csv": f"{START}\n64.0\n" + "1\n" * 128}
    path = zipped(tmp_path / "session.zip", **files, **{"__MACOSX/._EDA.csv": "x"})
    assert read_signal(path, channels=["bvp"]).sampling_rate == 64.0
    assert read_signal_for(path, Contract(("eda",), ("uS",), 4.0)).units == ("uS",)
    with pytest.raises(SignalError, match=r"session\.zip': channels have different rates"):
        read_signal(path)


def test_one_table_in_gz_and_zip_and_a_record_of_two_files(tmp_path):
    table = "time,x\n" + "".join(f"{i / 50},{i}\n" for i in range(100))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(table.encode()))
    for path in (tmp_path / "a.csv.gz", zipped(tmp_path / "a.zip", **{"a.csv": table, "meta/device.csv": "p,v\n"})):
        signal = read_signal(path)
        assert (signal.sampling_rate, signal.num_samples) == (50.0, 100)
    record = {"r.hea": "r 1 100 50\nr.dat 16 100/mV 16 0 0 0 0 ECG\n", "r.dat": np.zeros(50, "<i2").tobytes()}
    assert read_signal(zipped(tmp_path / "r.zip", **record)).channels == ("ECG",)


def test_an_npz_is_no_archive_to_unpack(tmp_path):
    save_signal(Signal([[1.0, 2.0]], 2.0, ("x",), ("",)), tmp_path / "a.npz")
    assert read_signal(tmp_path / "a.npz").num_samples == 2


def test_traps_are_refused(tmp_path):
    bomb = zipped(tmp_path / "bomb.zip", **{"a.csv": "0\n" * 36_000_000})
    with pytest.raises(SignalError, match="far more than a recording does"):
        read_signal(bomb)
    for name, data in {"a.gz": gzip.compress(b"1,2\n" * 99)[:-9], "b.zip": b"PK\x03\x04" + bytes(50)}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SignalError, match="cannot be unpacked"):
            read_signal(tmp_path / name)
    outside = zipped(tmp_path / "out.zip", **{"../../escaped.csv": "1\n2\n"})
    assert read_signal(outside, sampling_rate=1).num_samples == 2
    assert not (tmp_path.parent.parent / "escaped.csv").exists()
    with pytest.raises(SignalError, match=r"a folder of Accelerometer\.csv, Gyroscope\.csv; give one"):
        read_signal(zipped(tmp_path / "d.zip", **{"Accelerometer.csv": "x\n1\n", "Gyroscope.csv": "x\n1\n"}))
    with pytest.raises(SignalError, match="the zip holds no file"):
        read_signal(zipped(tmp_path / "c.zip", **{"__MACOSX/x": "1"}))


def test_arrays_that_claim_more_than_they_hold_are_refused(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (1, 10**13)})
    (tmp_path / "a.npy").write_bytes(head.getvalue() + bytes(800))
    with pytest.raises(SignalError, match="not a numpy array"):
        read_signal(tmp_path / "a.npy")
    path = zipped(tmp_path / "a.npz", **{"values.npy": head.getvalue() + bytes(800)})
    with pytest.raises(SignalError, match="'values' claims 80000000000000 bytes"):
        read_signal(path)
