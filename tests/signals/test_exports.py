"""What further devices and programs export, in their own spelling: read right, or refused with advice that works."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import read_signal

BEGIN = datetime(2024, 5, 6, 7, 8, 9)
XYZ = np.random.default_rng(0).normal([0, 0, 9.8], 1, (300, 3)).round(4)


@dataclass(frozen=True)
class Export:
    """Lines of a file, and what is read of it: rate (Hz), channels with units, the first sample."""

    lines: list[str]
    rate: float | None
    channels: dict[str, str]
    first: list[float]
    encoding: str = "utf-8"
    end: str = "\n"
    options: dict[str, Any] = field(default_factory=dict)


def comma(number: float, digits: int = 4) -> str:
    return f"{number:.{digits}f}".replace(".", ",")


def rows(write: Callable[[int, float, float, float], str], count: int = 300) -> list[str]:
    return [write(i, *XYZ[i].tolist()) for i in range(count)]


def stamp(i: int, milliseconds: float = 20, form: str = "%Y-%m-%d %H:%M:%S.%f") -> str:
    return (BEGIN + timedelta(milliseconds=milliseconds * i)).strftime(form)[:-3]


FIRST = XYZ[0].tolist()
EXPORTS = {
    "AndroSensor: semicolons, Latin-1, two clocks of one rate": Export(
        [
            "ACCELEROMETER X (m/s²);ACCELEROMETER Y (m/s²);Time since start in ms ;YYYY-MO-DD HH-MI-SS_SSS",
            *rows(lambda i, a, b, c: f"{a};{b};{i * 20 + i % 3};{stamp(i)[:-4]}:{20 * i % 1000:03d}"),
        ],
        50,
        {"ACCELEROMETER X": "m/s²", "ACCELEROMETER Y": "m/s²"},
        FIRST[:2],
        "latin-1",
    ),
    "SensorLog: G for gravity, N for a counter": Export(
        [
            "loggingTime(txt),loggingSample(N),accelerometerAccelerationX(G),motionRotationRateX(rad/s)",
            *rows(lambda i, a, b, c: f"{stamp(i)} +0200,{i + 1},{a},{b}"),
        ],
        50,
        {"accelerometerAccelerationX": "g", "motionRotationRateX": "rad/s"},
        FIRST[:2],
    ),
    "Acqknowledge: a heading of names and units, a clock in minutes": Export(
        [
            *("walk.acq", "2 msec/sample", "2 channels", "ECG", "mV", "RSP", "Volts", "min\tCH1\tCH2", "\t300\t300"),
            *rows(lambda i, a, b, c: f"{i * 0.002 / 60:.9f}\t{a}\t{b}\t"),
        ],
        500,
        {"CH1": "", "CH2": ""},
        FIRST[:2],
        end="\r\n",
    ),
    "rdsamp: quoted names above quoted units": Export(
        ["'Elapsed time','MLII','V5'", "'seconds','mV','mV'", *rows(lambda i, a, b, c: f"{i * 0.004:.3f},{a},{b}")],
        250,
        {"MLII": "mV", "V5": "mV"},
        FIRST[:2],
    ),
    "OpenBCI: a counter that wraps, stamps in bursts, a rate in a comment": Export(
        [
            *("%OpenBCI Raw EEG Data", "%Sample Rate = 250 Hz", "Sample Index, EXG Channel 0, Timestamp"),
            *rows(lambda i, a, b, c: f"{float(i % 256)}, {a}, {1.65e9 + i // 10 * 0.04:.3f}"),
        ],
        250,
        {"EXG Channel 0": ""},
        FIRST[:1],
    ),
    "Hexoskin: a clock that counts 256ths of a second": Export(
        ["time [s/256],ECG_I [mV]", *rows(lambda i, a, b, c: f"{368640000000 + i},{a}")],
        256,
        {"ECG_I": "mV"},
        FIRST[:1],
    ),
    "Xsens: a clock of 32 bits that begins again": Export(
        [
            *("sep=,", "DeviceTag:,Xsens", "OutputRate:,60Hz", "PacketCounter,SampleTimeFine,Acc_X"),
            *rows(lambda i, a, b, c: f"{i + 1},{(2**32 - 1666700 + 16667 * i) % 2**32},{a}"),
        ],
        60,
        {"Acc_X": ""},
        FIRST[:1],
    ),
    "WISDM: no names, a clock in ns among numbers": Export(
        rows(lambda i, a, b, c: f"1600,A,{252207666810782 + 50354000 * i},{a},{b},{c};"),
        19.86,
        {"channel_1": "", "channel_2": "", "channel_3": "", "channel_4": ""},
        [1600, *FIRST],
    ),
    "no names, seconds first, blanks between": Export(
        rows(lambda i, a, b, c: f"{i * 0.02:.3f} {a} {b} {c}"),
        50,
        {"channel_1": "", "channel_2": "", "channel_3": ""},
        FIRST,
    ),
    "Excel: Unicode text, decimal commas": Export(
        ["Time (s)\tLinear Acceleration x (m/s^2)", *rows(lambda i, a, b, c: f"{comma(i * 0.01, 6)}\t{comma(a)}")],
        100,
        {"Linear Acceleration x": "m/s^2"},
        FIRST[:1],
        "utf-16",
        "\r\n",
    ),
    "Excel: times as fractions of a day": Export(
        ["time,hr (bpm)", *rows(lambda i, a, b, c: f"{0.297 + i / 86400:.9f},{60 + i % 7}")],
        1,
        {"hr": "bpm"},
        [60],
    ),
    "Excel: groups in merged cells above names that repeat": Export(
        ["Accelerometer,,Gyroscope,", "X,Y,X,Y", *rows(lambda i, a, b, c: f"{a},{b},{c},{a}")],
        50,
        {"Accelerometer X": "", "Accelerometer Y": "", "Gyroscope X": "", "Gyroscope Y": ""},
        [*FIRST, FIRST[0]],
        options={"sampling_rate": 50},
    ),
    "EmotiBit: packets of several rows": Export(
        [
            "EmotiBitTimestamp,PacketNumber,TypeTag,PI",
            *rows(lambda i, a, b, c: f"{123456 + i * 40},{500 + i // 5},PI,{a}"),
        ],
        25,
        {"PI": ""},
        FIRST[:1],
    ),
    "a German heading with a rate, letters of Windows": Export(
        [
            *("Gerät: „Müller“", "Abtastrate: 500 Hz", "", "EKG [mV]\tAtmung [mV]"),
            *rows(lambda i, a, b, c: f"{comma(a)}\t{comma(b)}"),
        ],
        500,
        {"EKG": "mV", "Atmung": "mV"},
        FIRST[:2],
        "cp1252",
    ),
    "a heading with an interval": Export(
        ["Sampling interval: 4 ms", "ECG", "", *rows(lambda i, a, b, c: f"{a}")], 250, {"ECG": ""}, FIRST[:1]
    ),
}  # fmt: skip


def write(path: Path, lines: list[str], encoding: str = "utf-8", end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_right(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name]
    signal = read_signal(write(tmp_path / "it.txt", export.lines, export.encoding, export.end), **export.options)
    assert dict(zip(signal.channels, signal.units, strict=True)) == export.channels
    assert signal.sampling_rate == pytest.approx(export.rate, rel=1e-3)
    np.testing.assert_allclose(signal.values[:, 0], export.first, rtol=1e-5)


DELSYS = [
    'X[s],"EMG 1 [Volts]",X[s],"Acc 1.X [g]"',
    *rows(lambda i, a, b, c: f"{i * 0.0009:.4f},{a}," + (f"{i * 0.0135:.4f},{b}" if i < 20 else ",")),
]
MIXED = {
    "rows of two sensors in turn": (
        ["time,sensor,x", *rows(lambda i, a, b, c: f"{i * 0.01:.2f},{('acc', 'gyro')[i % 2]},{a}")],
        r"take turns \(sensor: acc, gyro\)",
    ),
    "rows of two sensors by number": (
        ["time,sensor_id,x", *rows(lambda i, a, b, c: f"{i * 0.01:.2f},{i % 2},{a}")],
        r"take turns \(sensor_id: 0, 1\)",
    ),
    "two clocks": (
        ["time_acc,acc,time_ppg,ppg", *rows(lambda i, a, b, c: f"{i * 0.02:.2f},{a},{i * 0.04:.2f},{b}")],
        "'time_acc' .50 Hz. and 'time_ppg' .25 Hz. are clocks at different rates",
    ),
    "two clocks, the slower one ending before": (DELSYS, "clocks at different rates"),
    "units in the cells": (
        ["time,hr", *rows(lambda i, a, b, c: f"{i}.0 s,{60 + i % 9} bpm")],
        r"numbers alone in cells, found '.* s'",
    ),
    "two marks of decimals": (
        ["time;x;y", *rows(lambda i, a, b, c: f"{i * 0.02:.2f};{comma(a)};{comma(b)}")],
        "write one mark of decimals",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_several_recordings_in_one_table_are_refused(name: str, tmp_path: Path) -> None:
    lines, message = MIXED[name]
    with pytest.raises(SignalError, match=message) as caught:
        read_signal(write(tmp_path / "it.csv", lines))
    assert "\n" not in str(caught.value)


def test_what_is_advised_of_two_clocks_works(tmp_path: Path) -> None:
    path = write(tmp_path / "it.csv", DELSYS)
    signal = read_signal(path, time_column="X[s]", channels=["EMG 1"])
    assert signal.sampling_rate == pytest.approx(1 / 0.0009, rel=1e-3)
    assert signal.values[0, 0] == pytest.approx(FIRST[0])


def test_alternating_labels_are_no_series(tmp_path: Path) -> None:
    lines = ["time,rr,beat", *rows(lambda i, a, b, c: f"{i},{800 + i % 7},{'NV'[i % 2]}")]
    assert read_signal(write(tmp_path / "it.csv", lines), channels=["rr"]).num_samples == 300


def test_a_name_of_any_length_is_read_at_once(tmp_path: Path) -> None:
    signal = read_signal(write(tmp_path / "it.csv", ["," * 100_000 + "(", "1", "2"]))
    assert signal.values.tolist() == [[1.0, 2.0]]
