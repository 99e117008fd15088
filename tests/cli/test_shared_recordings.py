"""Real exports of devices: every way in reads them alike."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from sig2lm.datasets import load_table, prepare
from sig2lm.signals import Contract, ReadOptions, Signal, read_signal, read_signal_for
from sig2lm.tokenization import read_series

# file: options, channels, units, rate (Hz), period (s), first value
CASES = {
    "e4/EDA.csv": ({}, ("eda",), ("uS",), 4, None, 0.0),
    "e4/ACC.csv": ({}, ("acc_x", "acc_y", "acc_z"), ("g",) * 3, 32, None, -61 / 64),
    "e4/IBI.csv": ({}, ("rr",), ("ms",), None, None, 609.4),
    "wfdb_multirate/03700181.hea": ({"channels": ["MCL1"]}, ("MCL1",), ("mV",), 500, None, None),
    "edf_latin1_micro.edf": ({}, ("Fp1",), ("µV",), 128, None, None),
    "edf_degc.edf": ({}, ("Fp1",), ("DegC",), 128, None, None),
    "rr_ms.csv": ({"channels": ["rr"], "units": ["ms"]}, ("rr",), ("ms",), None, None, 1203),
    "rr_ms_one_line.txt": ({"channels": ["rr"], "units": ["ms"]}, ("rr",), ("ms",), None, None, 1203),
    "phyphox.csv": ({}, ("X", "Y", "Z"), ("m/s^2",) * 3, 100.7, None, 0.653144),
    "phyphox_semicolon_decimal_comma.csv": ({}, ("X", "Y", "Z"), ("m/s^2",) * 3, 100.7, None, 0.653144),
    "phyphox_60s_pause.csv": ({}, ("X", "Y", "Z"), ("m/s^2",) * 3, 100.7, None, 0.653144),
    "gap200ms.csv": ({"units": ["mV"]}, ("ecg",), ("mV",), 250, None, 0),
    "camera_ppg_time_in_ms.csv": ({}, ("R", "G", "B"), ("",) * 3, 30, None, 165.606),
    "camera_ppg_dropped_frames.csv": ({}, ("R", "G", "B"), ("",) * 3, 30, None, 168.529),
    "sensor_logger_ns.csv": ({}, ("AccelerationZ", "AccelerationY", "AccelerationX"), ("",) * 3, 104.4, None, 12.3159),
    "ns_int.parquet": ({}, ("acc_x", "acc_y", "acc_z"), ("",) * 3, 50, None, 0.126),
    "floatindex.parquet": ({"sampling_rate": 50}, ("acc_x", "acc_y", "acc_z"), ("",) * 3, 50, None, 0.126),
    "datetime_column.csv": ({}, ("hr",), ("",), 100.4, None, 326),
    "pandas_index_false.csv": ({"sampling_rate": 50}, ("0", "1", "2"), ("",) * 3, 50, None, 0.126),
    "nilspod.csv": ({"channels": ["ecg"]}, ("ecg",), ("",), 256, None, 0),
    "apple_ecg_fr.csv": ({}, ("ecg",), ("µV",), 512, None, -202),
    "polar_ACC.txt": ({}, ("acc_x", "acc_y", "acc_z"), ("mg",) * 3, 51.7, None, -777),
    "polar_PPI.txt": ({"channels": ["ppi"]}, ("ppi",), ("ms",), None, None, 1117),
    "shimmer_imu.csv": ({"channels": ["Accel_LN_X"]}, ("Accel_LN_X",), ("m/(s^2)",), 73.1, None, -1.78963),
    "actigraph_ten_lines.csv": ({}, ("axis1", "axis2", "axis3"), ("count",) * 3, None, 15, 0),
    "actigraph_ten_lines_header.csv": ({"channels": ["axis1"]}, ("axis1",), ("count",), None, 1, 0),
    "opensignals.txt": ({}, ("ECG",), ("adc",), 1000, None, 496),
    "fitbit_heart_rate.json": ({}, ("heart_rate",), ("beats/min",), None, 5, 70),
    "t_by_c.npy": ({"time_axis": 0, "channels": list("xyz")}, tuple("xyz"), ("",) * 3, None, None, 0.126),
    "sentinel.csv": ({"missing": ["-999", "9999"], "sampling_rate": 50}, ("acc_x", "acc_y"), ("",) * 2, 50, None, None),
    "har_g.csv": ({"units": ["g"]}, ("acc_x", "acc_y", "acc_z"), ("g",) * 3, 50, None, 0.01),
    "label_col.csv": ({}, ("acc_x", "acc_y", "acc_z"), ("",) * 3, 50, None, 0),
}  # fmt: skip


@pytest.fixture
def recordings(shared: Path) -> Path:
    folder = shared / "cases" / "recordings"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not here")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_every_way_in_reads_a_recording_alike(name: str, recordings: Path, tmp_path: Path) -> None:
    options, channels, units, rate, period, first = CASES[name]
    signal = read_signal(recordings / name, **options)
    assert (signal.channels, signal.units) == (channels, units)
    assert signal.sampling_rate == (None if rate is None else pytest.approx(rate, rel=0.003))
    assert signal.period == (None if period is None else pytest.approx(period, rel=0.003))
    assert first is None or signal.values[0, 0] == pytest.approx(first, rel=1e-4)
    contract = Contract(signal.channels, signal.units, signal.sampling_rate, signal.period)
    unstated = {key: value for key, value in options.items() if key in ("time_axis", "missing")}
    asked = read_signal_for(recordings / name, contract, ReadOptions.from_stated(unstated))
    assert same(asked, signal)
    series = read_series(recordings / name, rows=400_000, **options)
    assert series.channels == signal.channels
    present = series.values[:, np.isfinite(series.values).any(axis=0)]
    measured = signal.values[:, np.isfinite(signal.values).any(axis=0)]
    np.testing.assert_allclose(present, measured, rtol=1e-6)
    table = prepared(tmp_path, recordings / name, contract, unstated)
    row = next(row for split in table.data.values() for row in split)
    np.testing.assert_array_equal(np.reshape(row["signal"], signal.values.shape), signal.values)


def same(first: Signal, second: Signal) -> bool:
    clocks = (first.sampling_rate, first.period) == (second.sampling_rate, second.period)
    return clocks and first.channels == second.channels and np.array_equal(first.values, second.values, equal_nan=True)


def prepared(folder: Path, file: Path, contract: Contract, stated: dict):
    source = folder / "source"
    source.mkdir()
    for part in file.parent.glob(f"{file.stem}*") if file.suffix == ".hea" else [file]:
        (source / part.name).write_bytes(part.read_bytes())
    signal = {name: value for name, value in contract.to_dict().items() if name != "window"}
    content = {"task": "any", "signals": {"signal": {**signal, "read": stated}}}
    (source / "dataset.yaml").write_text(yaml.safe_dump(content))
    (source / "manifest.csv").write_text(f"file,subject,label,split\n{file.name},s1,yes,train\n")
    prepare("manifest", source, folder / "table", believe=True)
    return load_table(folder / "table")
