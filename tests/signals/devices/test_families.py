"""Small files in the layout of each family, and what is read of them."""

import json
import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import io

from sig2lm.errors import SignalError
from sig2lm.signals import Signal, read_signal
from sig2lm.signals.devices import DEVICES, device_of

BEGIN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
CASES = {}


def case(name, device):
    """Register a writer of ``name``: what it returns is the expected channels, units, clock and first sample."""

    def register(write):
        CASES[write.__name__.removeprefix("write_")] = (name, device, write)
        return write

    return register


def text(path, *lines, encoding="utf-8"):
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def stamps(count, rate, form="%Y-%m-%dT%H:%M:%S.%f", cut=3):
    return [(BEGIN + timedelta(seconds=i / rate)).strftime(form)[: -cut or None] for i in range(count)]


@case("ACC.txt", "Polar")
def write_polar_acc(path):
    rows = [f"{stamp};{10**17 + i * 20_000_000};{i};-2;980" for i, stamp in enumerate(stamps(100, 50))]
    text(path, "Phone timestamp;sensor timestamp [ns];X [mg];Y [mg];Z [mg]", *rows)
    return ("acc_x", "acc_y", "acc_z"), ("mg",) * 3, 50.0, (0, -2, 980)


@case("ECG.txt", "Polar")
def write_polar_ecg(path):
    rows = [f"{stamp};{10**17 + i * 8_000_000};{8 * i};{i}" for i, stamp in enumerate(stamps(100, 125))]
    text(path, "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]", *rows)
    return ("ecg",), ("uV",), 125.0, (0,)


@case("PPG.txt", "Polar")
def write_polar_ppg(path):
    rows = [f"{stamp};{10**17 + i * 20_000_000};1;2;3;4" for i, stamp in enumerate(stamps(100, 50))]
    text(path, "Phone timestamp;sensor timestamp [ns];channel 0;channel 1;channel 2;ambient", *rows)
    return ("ppg_0", "ppg_1", "ppg_2", "ppg_ambient"), ("",) * 4, 50.0, (1, 2, 3, 4)


@case("PPI.txt", "Polar")
def write_polar_ppi(path):
    rows = [f"{stamp};800;12;{i % 2};1;1;0" for i, stamp in enumerate(stamps(9, 1))]
    text(path, "Phone timestamp;PP-interval [ms];error estimate [ms];blocker;contact;contact;hr [bpm]", *rows)
    return ("ppi", "ppi_error"), ("ms", "ms"), None, (800, 12)


@case("HR.txt", "Polar")
def write_polar_hr(path):
    text(path, "Phone timestamp;HR [bpm];HRV [ms];Breathing interval [rpm];", *(f"{s};70;;;" for s in stamps(9, 1)))
    return ("heart_rate",), ("beats/min",), 1.0, (70,)


@case("ecg.csv", "Apple Watch ECG")
def write_apple_ecg(path):
    text(path, "Name,Someone", "Abtastrate,\"512,000 Hertz\"", "Gerät,Watch", "Klassifizierung,Sinusrhythmus",
         "Ableitung,Ableitung I", "Einheit,µV", "", *(f"-{i + 202},500" for i in range(99)))  # fmt: skip
    return ("ecg",), ("µV",), 512.0, (-202.5,)


@case("shimmer.csv", "Shimmer")
def write_shimmer(path):
    names = [f"Shimmer_AB12_{name}_CAL" for name in ("Timestamp_Unix", "Accel_LN_X", "GSR_Skin_Conductance", "Mag_X")]
    rows = [f"{1.6e12 + 20 * i},-1.5,2.5,0.1," for i in range(50)]
    text(path, '"sep=,"', ",".join(names) + ",", "ms,m/(s^2),uS,local_flux,", *rows)
    return ("Accel_LN_X", "GSR_Skin_Conductance", "Mag_X"), ("m/(s^2)", "uS", "local_flux"), 50.0, (-1.5, 2.5, 0.1)


@case("movesense.json", "Movesense")
def write_movesense(path):
    packets = [{"ecg": {"Timestamp": 80 * i, "Samples": [i] * 10}} for i in range(20)]
    path.write_text(json.dumps({"data": packets}))
    return ("ecg",), ("",), 125.0, (0,)


@case("epochs.csv", "ActiGraph")
def write_actigraph(path):
    header = ["------------ Data File Created By ActiGraph GT3X+ ActiLife v6 date format M/d/yyyy Filter Normal -----",
              "Serial Number: 0", "Start Time 07:08:09", "Start Date 5/6/2024", "Epoch Period (hh:mm:ss) 00:00:15",
              "Download Time 1:2:3", "Download Date 5/7/2024", "Current Memory Address: 0",
              "Current Battery Voltage: 4     Mode = 13", "-" * 50]  # fmt: skip
    text(path, *(line + ",,," for line in header), *(["5,6,7,8"] * 20))
    return ("axis1", "axis2", "axis3"), ("count",) * 3, 1 / 15, (5, 6, 7)


@case("raw.csv", "ActiGraph")
def write_actigraph_raw(path):
    first = (
        "------------ Data File Created By ActiGraph GT3X+ ActiLife v6 date format M/d/yyyy at 30 Hz  Filter Normal ---"
    )
    header = [first, "Serial Number: 0", "Start Time 07:08:09", "Start Date 5/6/2024",
              "Epoch Period (hh:mm:ss) 00:00:00", *("-" * 50,) * 5,
              "Accelerometer X,Accelerometer Y,Accelerometer Z"]  # fmt: skip
    text(path, *header, *(["0.1,-0.2,0.97"] * 20))
    return ("acc_x", "acc_y", "acc_z"), ("g",) * 3, 30.0, (0.1, -0.2, 0.97)


@case("epochs.agd", "ActiGraph")
def write_agd(path):
    ticks = 621_355_968_000_000_000 + int(BEGIN.timestamp()) * 10_000_000
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE settings (settingID INTEGER, settingName TEXT, settingValue TEXT)")
        database.execute("INSERT INTO settings VALUES (1, 'epochlength', '60')")
        database.execute(
            "CREATE TABLE data (dataTimestamp INTEGER, axis1 INTEGER, axis2 INTEGER, axis3 INTEGER, steps INTEGER)"
        )
        rows = [(ticks + 600_000_000 * i, 5 + i, 6, 7, 8) for i in range(20) if i != 3]
        database.executemany("INSERT INTO data VALUES (?, ?, ?, ?, ?)", rows)
    return ("axis1", "axis2", "axis3"), ("count",) * 3, 1 / 60, (5, 6, 7)


@case("axivity.csv", "Axivity")
def write_axivity(path):
    text(path, *(f"{stamp},0.1,0.2,-0.95" for stamp in stamps(200, 100, "%Y-%m-%d %H:%M:%S.%f")))
    return ("acc_x", "acc_y", "acc_z"), ("g",) * 3, 100.0, (0.1, 0.2, -0.95)


@case("geneactiv.csv", "GENEActiv")
def write_geneactiv(path):
    header = ["Device Type,GENEActiv", "Device Unique Serial Code,0", "Measurement Frequency,50.0 Hz"]
    rows = [f"{s},0.1,0.2,-0.95,3,0,31.5" for s in stamps(100, 50, "%Y-%m-%d %H:%M:%S:%f")]
    text(path, *header, *([""] * 97), *rows)
    units = ("g", "g", "g", "lux", "", "degC")
    return ("acc_x", "acc_y", "acc_z", "light", "button", "temperature"), units, 50.0, (0.1, 0.2, -0.95, 3, 0, 31.5)


@case("opensignals.txt", "OpenSignals")
def write_opensignals(path):
    device = {"sensor": ["ECG", "EDA"], "column": ["nSeq", "I1", "O1", "A1", "A2"], "sampling rate": 1000,
              "label": ["A1", "A2"], "resolution": [4, 1, 1, 10, 10]}  # fmt: skip
    rows = [f"{i % 16}\t1\t0\t{500 + i}\t300\t" for i in range(100) if i != 7]
    text(path, "# OpenSignals Text File Format", f"# {json.dumps({'00:00': device})}", "# EndOfHeader", *rows)
    return ("ECG", "EDA"), ("adc", "adc"), 1000.0, (500, 300)


@case("labchart.txt", "LabChart")
def write_labchart(path):
    text(path, "Interval=\t0,001 s", "ExcelDateTime=\t4.5e+04\t5/6/24 07:08:09", "TimeFormat=\tStartOfBlock",
         "DateFormat=\t", "ChannelTitle=\tECG\tCO2", "Range=\t10.000 mV\t50.0 mmHg", "UnitName=\t*\tmmHg",
         *(f"{i / 1000}\t0,5\t37,5" for i in range(50)), "0.05\t0,5\tNaN\t#1 a comment",
         encoding="latin-1")  # fmt: skip
    return ("ECG", "CO2"), ("mV", "mmHg"), 1000.0, (0.5, 37.5)


@case("walk.lvm", "LabVIEW")
def write_labview(path):
    end = "***End_of_Header***\t"
    text(path, "LabVIEW Measurement\t", "Writer_Version\t2", "Separator\tTab", "Decimal_Separator\t,",
         "X_Columns\tOne", end, "\t", "Channels\t2\t\t", "Samples\t50\t50\t", "Date\t2024/05/06\t2024/05/06\t",
         "Y_Unit_Label\tVolts\tmV\t", "X0\t0,0E+0\t0,0E+0\t", "Delta_X\t0,002000\t0,002000\t", end,
         "X_Value\tECG\tRESP\tComment",
         *(f"{i / 500:.3f}\t0.5\t{i}\t".replace(".", ",") for i in range(50)))  # fmt: skip
    return ("ECG", "RESP"), ("Volts", "mV"), 500.0, (0.5, 0)


@case("muse.csv", "Muse")
def write_muse(path):
    names = "TimeStamp,Delta_TP9,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,Accelerometer_X,Battery,Elements"
    rows = [f"{s},0.1,800,801,802,803,0.01,90," for s in stamps(256, 128, "%Y-%m-%d %H:%M:%S.%f")]
    rows.insert(5, f"{stamps(1, 1, '%Y-%m-%d %H:%M:%S.%f')[0]},,,,,,,,/muse/elements/blink")
    text(path, names, *rows)
    return ("RAW_TP9", "RAW_AF7", "RAW_AF8", "RAW_TP10"), ("uV",) * 4, 128.0, (800, 801, 802, 803)


@case("nilspod.csv", "NilsPod")
def write_nilspod(path):
    rows = [f"{i},13.0,0.5" for i in range(50) if i not in (10, 11)]
    text(path, "samplingrate,256.0", "timestamp,acc_x,ecg", *rows)
    return ("acc_x", "ecg"), ("", ""), 256.0, (13, 0.5)


def fit_crc(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def fit_file(messages):
    """A FIT file of records (timestamp, heart rate) and intervals in s, by the protocol's description."""
    body = b""
    body += struct.pack("<BBBHB", 0x40, 0, 0, 20, 2) + bytes([253, 4, 0x86, 3, 1, 0x02])  # record: uint32, uint8
    body += struct.pack("<BBBHB", 0x41, 0, 0, 78, 1) + bytes([0, 4, 0x84])  # hrv: two uint16
    for kind, *values in messages:
        body += struct.pack("<BIB", 0, *values) if kind == "record" else struct.pack("<BHH", 1, *values)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT")
    head += struct.pack("<H", fit_crc(head))
    return head + body + struct.pack("<H", fit_crc(head + body))


@case("run.fit", "Garmin FIT")
def write_fit(path):
    first = int(BEGIN.timestamp()) - 631_065_600  # FIT counts s since 1989-12-31
    path.write_bytes(fit_file([("record", first + i, 120 + i) for i in range(10)]))
    return ("heart_rate",), ("beats/min",), 1.0, (120,)


@case("heart_rate.json", "Fitbit")
def write_fitbit(path):
    form = "%m/%d/%y %H:%M:%S"
    entries = [
        {"dateTime": s, "value": {"bpm": 60 + i, "confidence": 3}} for i, s in enumerate(stamps(9, 0.2, form, 0))
    ]
    path.write_text(json.dumps(entries))
    return ("heart_rate",), ("beats/min",), 0.2, (60,)


@case("intraday.json", "Fitbit")
def write_fitbit_intraday(path):
    times = [{"time": f"00:{i:02}:00", "value": 60 + i} for i in range(30)]
    day = {"activities-heart": [{"dateTime": "2024-05-06"}], "activities-heart-intraday": {"dataset": times}}
    path.write_text(json.dumps(day))
    return ("heart_rate",), ("beats/min",), 1 / 60, (60,)


@case("heart_rate_2024-05-06.csv", "Fitbit")
def write_fitbit_csv(path):
    text(path, "timestamp,beats per minute", *(f"{s}Z,61" for s in stamps(9, 0.2, "%Y-%m-%dT%H:%M:%S", 0)))
    return ("heart_rate",), ("beats/min",), 0.2, (61,)


@case("raw_hr_hr.csv", "Withings")
def write_withings(path):
    rows = [f'{s}+02:00,"[60,60]","[{60 + i},61]"' for i, s in enumerate(stamps(9, 1 / 120, "%Y-%m-%dT%H:%M:%S", 0))]
    text(path, "start,duration,value", *rows)
    return ("heart_rate",), ("beats/min",), 1 / 60, (60,)


@case("ecg.json", "Withings")
def write_withings_ecg(path):
    path.write_text(
        json.dumps({"status": 0, "body": {"signal": [7, 8, 9], "sampling_frequency": 500, "wearposition": 0}})
    )
    return ("ecg",), ("uV",), 500.0, (7,)


@case("export.xml", "Apple Health")
def write_apple_health(path):
    record = ' <Record type="HKQuantityTypeIdentifier{}" unit="count/min" startDate="{} +0200" value="{}"/>'
    beats = [record.format("HeartRate", s, 70 + i) for i, s in enumerate(stamps(9, 1 / 5, "%Y-%m-%d %H:%M:%S", 0))]
    other = record.format("StepCount", "2024-05-06 07:08:09", 9)
    text(path, '<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE HealthData [", "]>", '<HealthData locale="de_DE">',
         other, *beats[::-1], "</HealthData>")  # fmt: skip
    return ("heart_rate",), ("beats/min",), 0.2, (70,)


@case("ecg.mat", "MATLAB")
def write_matlab(path):
    io.savemat(
        path, {"ecg": {"val": np.arange(20.0).reshape(10, 2), "fs": 250, "leads": ["I", "II"], "units": ["mV", "mV"]}}
    )
    return ("I", "II"), ("mV", "mV"), 250.0, (0, 1)


def clock(signal: Signal) -> float | None:
    return 1 / signal.period if signal.period else signal.sampling_rate


@pytest.mark.parametrize("kind", CASES)
def test_what_a_family_exports_is_read(kind, tmp_path: Path) -> None:
    """By content: the same file under another suffix is of the same family."""
    name, device, write = CASES[kind]
    channels, units, rate, first = write(tmp_path / name)
    signal = read_signal(tmp_path / name)
    assert (signal.channels, signal.units) == (channels, units)
    assert clock(signal) == (None if rate is None else pytest.approx(rate, rel=2e-4))
    np.testing.assert_allclose(signal.values[:, 0], first, rtol=1e-6)
    other = (tmp_path / name).rename(tmp_path / "somewhere.data")
    found = device_of(other)
    assert found is not None
    assert found.name == device


@pytest.mark.parametrize("kind", CASES)
def test_a_truncated_export_is_read_in_part_or_refused_in_one_line(kind, tmp_path: Path) -> None:
    name, _, write = CASES[kind]
    write(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for share in (0.02, 0.3, 0.7, 0.99):
        (tmp_path / name).write_bytes(data[: round(share * len(data))])
        try:
            read_signal(tmp_path / name)
        except SignalError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_every_family_is_tested() -> None:
    tested = {device for _, device, _ in CASES.values()} | {"Empatica E4", "EDF and BDF"}
    assert {device.name for device in DEVICES} == tested


def test_lost_samples_are_missing(tmp_path: Path) -> None:
    write_nilspod(tmp_path / "a.csv")
    signal = read_signal(tmp_path / "a.csv")
    assert signal.num_samples == 50
    assert np.flatnonzero(np.isnan(signal.values[0])).tolist() == [10, 11]
    write_opensignals(tmp_path / "a.txt")
    assert np.flatnonzero(np.isnan(read_signal(tmp_path / "a.txt").values[0])).tolist() == [7]
    write_agd(tmp_path / "a.agd")
    assert np.flatnonzero(np.isnan(read_signal(tmp_path / "a.agd").values[0])).tolist() == [3]


def test_further_columns_are_read_when_asked_for(tmp_path: Path) -> None:
    write_agd(tmp_path / "a.agd")
    assert read_signal(tmp_path / "a.agd", channels=["steps"]).values[0, 0] == 8
    write_muse(tmp_path / "a.csv")
    assert read_signal(tmp_path / "a.csv", channels=["Accelerometer_X"]).units == ("g",)


def test_records_and_intervals_of_a_fit_file_have_different_clocks(tmp_path: Path) -> None:
    (tmp_path / "a.fit").write_bytes(
        fit_file([("record", 10**9 + i, 120) for i in range(5)] + [("hrv", 812, 0xFFFF)] * 5)
    )
    intervals = read_signal(tmp_path / "a.fit", channels=["rr"])
    np.testing.assert_allclose(intervals.values, [[812.0] * 5])
    with pytest.raises(SignalError, match="heart_rate by its time stamps, rr events"):
        read_signal(tmp_path / "a.fit")


def test_matlab_without_a_rate_takes_the_stated_one_and_hdf5_is_refused(tmp_path: Path) -> None:
    io.savemat(tmp_path / "a.mat", {"x": np.arange(9.0), "y": np.ones(9)})
    signal = read_signal(tmp_path / "a.mat", sampling_rate=100)
    assert (signal.channels, signal.sampling_rate) == (("x", "y"), 100.0)
    (tmp_path / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    with pytest.raises(SignalError, match="save it with -v7"):
        read_signal(tmp_path / "b.mat")


# What the recordings of the shared cases hold, if they are here.
SHARED = {
    "polar_ACC.txt": (("acc_x", "acc_y", "acc_z"), "mg", 51.7),
    "polar_PPI.txt": (("ppi", "ppi_error"), "ms", None),
    "apple_ecg_fr.csv": (("ecg",), "µV", 512),
    "actigraph_ten_lines.csv": (("axis1", "axis2", "axis3"), "count", 1 / 15),
    "actigraph_ten_lines_header.csv": (("axis1", "axis2", "axis3"), "count", 1),
    "opensignals.txt": (("ECG",), "adc", 1000),
    "nilspod.csv": (("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z", "ecg"), "", 256),
}


@pytest.mark.parametrize("name", SHARED)
def test_real_exports(name, shared: Path) -> None:
    channels, unit, rate = SHARED[name]
    file = shared / "cases" / "recordings" / name
    if not file.is_file():
        pytest.skip(f"needs {name} among the shared cases")
    signal = read_signal(file)
    assert (signal.channels, set(signal.units)) == (channels, {unit})
    assert clock(signal) == (None if rate is None else pytest.approx(rate, rel=1e-3))
