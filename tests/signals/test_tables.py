"""Tables as devices, spreadsheets and programs write them: what is a channel, what the clock, and what is said."""

import numpy as np
import pandas as pd
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, read_signal, read_signal_for
from sig2lm.signals.layout import is_number


def rows(form: str, count: int = 40, **columns) -> str:
    """Lines of a table; ``form`` is filled with the row's number and with functions of it."""
    return (
        "\n".join(form.format(i, **{name: column(i) for name, column in columns.items()}) for i in range(count)) + "\n"
    )


def stamp(form: str, start: str = "2016-11-24 13:58:58", step: float = 0.02):
    return lambda i: (pd.Timestamp(start) + pd.Timedelta(seconds=i * step)).strftime(form)


# name: (text, channels, units, rate, first sample of each channel, what is said)
TABLES = {
    "units in brackets": (
        '"Time (s)","X (m/s^2)","Y [mg]"\n' + rows("{t},{0},1", t=lambda i: f"{i / 50:.6E}"),
        ("X", "Y"),
        ("m/s^2", "mg"),
        50,
        (0, 1),
        "clock is the column 'Time (s)'",
    ),
    "semicolons and decimal commas": (
        "t;ecg_mV\n" + rows("{t};{0},5", t=lambda i: f"{i / 50:.3f}".replace(".", ",")),
        ("ecg",),
        ("mV",),
        50,
        (0.5,),
        "decimal comma",
    ),
    "ms without a unit": (
        "time,R\n" + rows("{t},{0}.5", t=lambda i: round(i * 1000 / 30)),
        ("R",),
        ("",),
        30,
        (0.5,),
        "counts ms",
    ),
    "us of a device": ("t_us,R\n" + rows("{t},{0}.5", t=lambda i: 77 + i * 10000), ("R",), ("",), 100, (0.5,), "t_us"),
    "PhysioNet's csv": (
        "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
        + rows("'0:{t}',-0.145,0.5", t=lambda i: f"{i // 50:02d}.{i % 50 * 20:03d}"),
        ("MLII", "V5"),
        ("mV", "mV"),
        50,
        (-0.145, 0.5),
        "row below the names",
    ),
    "ms behind a colon": (
        "time,x\n" + rows("11:39:36:{t},1", t=lambda i: f"{i * 20:03d}"),
        ("x",),
        ("",),
        50,
        (1,),
        "",
    ),
    "ticks of Windows": (
        "Timestamp,x\n" + rows("{t},1", t=lambda i: 133 * 10**15 + i * 200_000),
        ("x",),
        ("",),
        50,
        (1,),
        "100 ns since 1601",
    ),
    "ns since 1970": (
        "Timestamp,seconds_elapsed,Z\n"
        + rows("{t},{s},1", t=lambda i: 1729260574556450300 + i * 10**7, s=lambda i: i / 100),
        ("Z",),
        ("",),
        100,
        (1,),
        "counts ns since 1970",
    ),
    "days of a spreadsheet": (
        "time,x\n" + rows("{t:.9f},1", t=lambda i: 45000 + i / 86400),
        ("x",),
        ("",),
        1,
        (1,),
        "counts days",
    ),
    "ISO dates": ("when,x\n" + rows("{t},1", t=stamp("%Y-%m-%dT%H:%M:%S.%f")), ("x",), ("",), 50, (1,), "'when'"),
    "dates with the day first": (
        "date;x\n" + rows("{t};1", t=stamp("%d.%m.%Y %H:%M:%S.%f")),
        ("x",),
        ("",),
        50,
        (1,),
        "",
    ),
    "dates as Americans write them": (
        "d,x\n" + rows("{t},1", t=stamp("%m/%d/%Y %I:%M:%S.%f %p")),
        ("x",),
        ("",),
        50,
        (1,),
        "",
    ),
    "a date and a time of day": (
        "Date,Time,x\n" + rows("{d},{t},1", d=stamp("%Y-%m-%d"), t=stamp("%H:%M:%S.%f")),
        ("x",),
        ("",),
        50,
        (1,),
        "Date and Time",
    ),
    "midnight": (
        "clock,x\n" + rows("{t},1", t=stamp("%H:%M:%S.%f", "2020-01-01 23:59:59.9")),
        ("x",),
        ("",),
        50,
        (1,),
        "",
    ),
    "stamps coarser than samples": (
        "time,x\n" + rows("{t},{0}", 100, t=stamp("%H:%M:%S")),
        ("x",),
        ("",),
        50,
        (0,),
        "",
    ),
    "newest first": ("t,x\n" + rows("{t},{0}", t=lambda i: (39 - i) / 50), ("x",), ("",), 50, (39,), "reverse order"),
    "a counter beside a stated rate": (
        "Sample frequency: 256.0 Hz,,\ntimestamp,x,y\n" + rows("{0},1.5,2"),
        ("x", "y"),
        ("", ""),
        256,
        (1.5, 2),
        "256 Hz",
    ),
    "a counter alone": ("time,x\n" + rows("{0},1.5"), ("x",), ("",), None, (1.5,), "counts rows and is no clock"),
    "seconds by name": ("time_s,x\n" + rows("{0},1.5"), ("x",), ("",), 1, (1.5,), ""),
    "a row of units, sep= and a closing comma": (
        '"sep=,"\nT_Unix,A_X,Bat,\nms,m/(s^2),mV,\n' + rows("{t},1,2,", t=lambda i: f"{1.629e12 + 20 * i:.12E}"),
        ("A_X", "Bat"),
        ("m/(s^2)", "mV"),
        50,
        (1, 2),
        "row below the names",
    ),
    "a heading of ten lines": (
        "--- Created By ActiLife date format d/M/yyyy ---,,\nStart Date 8/26/2013,,\n------,,\naxis1,axis2,axis3\n"
        + rows("5,{0},0"),
        ("axis1", "axis2", "axis3"),
        ("", "", ""),
        None,
        (5, 0, 0),
        "",
    ),
    "comments with names, as numpy writes": (
        "# fs = 25 Hz\n# x y\n" + rows("1.0 {0}"),
        ("x", "y"),
        ("", ""),
        25,
        (1, 0),
        "25 Hz",
    ),
    "no header": ("609.4\n" + rows("7{0}0.5"), ("channel_1",), ("",), None, (609.4,), "rows are events"),
    "decimal commas alone": ("0,812\n" + rows("1,0{0}"), ("channel_1",), ("",), None, (0.812,), "decimal comma"),
    "all in one line": (" ".join(str(800 + i) for i in range(40)), ("channel_1",), ("",), None, (800,), "one channel"),
    "column numbers of pandas": (
        "0,1,2\n" + rows("0.5,1.5,{0}"),
        ("0", "1", "2"),
        ("", "", ""),
        None,
        (0.5, 1.5, 0),
        "numbers the columns",
    ),
    "an index of pandas": (",x\n" + rows("{0},5.5"), ("x",), ("",), None, (5.5,), "(index)"),
    "a clock for an index": (
        ",x\n" + rows("{t},5.5", t=lambda i: i / 50),
        ("x",),
        ("",),
        50,
        (5.5,),
        "clock is the index",
    ),
    "text among numbers": (
        "t,x,activity\n" + rows("{t},1,walking", t=lambda i: i / 50),
        ("x",),
        ("",),
        50,
        (1,),
        "'activity' (walking) is left out",
    ),
    "names given twice": (
        "t,x,x\n" + rows("{t},1,2", t=lambda i: i / 50),
        ("x", "x_2"),
        ("", ""),
        50,
        (1, 2),
        "numbered",
    ),
    "quoted, with blanks": ('"a, b", y\n' + rows('"1", 2'), ("a, b", "y"), ("", ""), None, (1, 2), ""),
    "WISDM": (
        rows("33,7.0{0},-0.5;"),
        ("channel_1", "channel_2", "channel_3"),
        ("", "", ""),
        None,
        (33, 7.0, -0.5),
        "",
    ),
    "cut off in the last row": ("x,y\n" + rows("1,2") + "1", ("x", "y"), ("", ""), None, (1, 2), "last row is cut off"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", TABLES)
def test_tables_of_any_spelling(name, encoding, tmp_path):
    text, channels, units, rate, first, said = TABLES[name]
    path = tmp_path / "a.txt"
    path.write_text(text, encoding=encoding)
    signal = read_signal(path)
    assert (signal.channels, signal.units) == (channels, units)
    assert signal.sampling_rate == (None if rate is None else pytest.approx(rate, rel=2e-3))
    np.testing.assert_allclose(signal.values[:, 0], first, rtol=1e-6)
    assert said in "; ".join(signal.notes)


def test_latin_1_is_read_and_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("größe (µV)\n1\n2\n".encode("latin-1"))
    signal = read_signal(path)
    assert (signal.channels, signal.units) == (("größe",), ("µV",))
    assert "latin-1" in signal.notes[0]


def test_options_name_columns_clock_and_marks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("when,Acc X [g],b,c,note\n" + rows("{0},{0}.5,-999,1,ok"))
    signal = read_signal(
        path, channels=["x=Acc X", "b"], time_column="when:ms", missing=[-999], start=0.01, end=0.03, allow_missing=True
    )
    assert (signal.channels, signal.units, signal.sampling_rate) == (("x", "b"), ("g", ""), 1000)
    assert signal.values[0].tolist() == [i + 0.5 for i in range(10, 30)]
    assert np.isnan(signal.values[1]).all()
    for wrong, message in [
        ({"channels": ["x=nothing"]}, "nothing was asked for.*--channels"),
        ({"time_column": "b:ms"}, "does not advance"),
        ({"time_column": "d"}, "the columns are when, Acc X .g., b, c, note"),
        ({"time_column": "when"}, "counts rows; say what it counts, as in NAME:s"),
        ({"units": ["g", "m"]}, "3 units are needed .--units."),
        ({"start": 5.0, "end": 4.0}, "--end .* must come after --start"),
    ]:
        with pytest.raises(SignalError, match=message):
            read_signal(path, **wrong)
    with pytest.raises(TypeError, match="sampling"):
        read_signal(path, sampling=5)


def test_a_clock_that_cannot_be_read_is_not_passed_over(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,x\n" + rows("T{0}a,1"))
    with pytest.raises(SignalError, match=r"'T0a', which is no time that is known.*--sampling-rate"):
        read_signal(path)
    assert read_signal(path, sampling_rate=50).channels == ("x",)


def test_words_for_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\nlow,3\n4,5\n")
    with pytest.raises(SignalError, match="--missing 'low'"):
        read_signal(path)
    assert np.isnan(read_signal(path, missing=["low"]).values[0, 1])


def test_marks_that_nobody_named_are_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n" + rows("{x}", x=lambda i: -999 if i % 9 == 0 else 0.2))
    assert "x holds -999 5 times" in "; ".join(read_signal(path).notes)


def test_an_index_of_pandas_in_parquet_is_no_channel(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=[0.0, 1.0, 2.0])
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_signal(tmp_path / "a.parquet").channels == ("x",)
    frame.index = pd.date_range("2020-01-01", periods=3, freq="20ms", tz="UTC")
    frame.to_parquet(tmp_path / "b.parquet")
    signal = read_signal(tmp_path / "b.parquet")
    assert (signal.channels, signal.sampling_rate, signal.start) == (("x",), 50, 1577836800)
    pd.DataFrame({"timestamp": np.arange(3) * 20_000_000 + 1_700_000_000_000_000_000, "x": 1.0}).to_parquet(
        tmp_path / "c.parquet"
    )
    assert read_signal(tmp_path / "c.parquet").sampling_rate == 50


RR = Contract(("rr",), ("ms",), None)


def test_intervals_in_s_are_recognised_where_ms_are_expected(tmp_path):
    for scale, name in ((1.0, "ms.csv"), (0.001, "s.csv")):
        (tmp_path / name).write_text(rows("{v:.3f}", v=lambda i, scale=scale: scale * (800 + i % 7)))
    found = [read_signal_for(tmp_path / name, RR) for name in ("ms.csv", "s.csv")]
    assert [signal.units for signal in found] == [("ms",), ("s",)]
    assert "intervals in s" in "; ".join(found[1].notes)
    assert RR.conform(found[1], "it").values[0, 0] == pytest.approx(800)
    (tmp_path / "minutes.csv").write_text(rows("0.0{0}"))
    with pytest.raises(SignalError, match="expected intervals between heart beats in ms, found values around"):
        read_signal_for(tmp_path / "minutes.csv", RR)


def test_intervals_with_their_times_are_events(tmp_path):
    beats = 700 + 50 * np.sin(np.arange(50))
    (tmp_path / "a.csv").write_text(
        "time,rr_ms\n" + "".join(f"{t / 1000:.3f},{v:.1f}\n" for t, v in zip(beats.cumsum(), beats, strict=True))
    )
    signal = read_signal(tmp_path / "a.csv")
    assert (signal.sampling_rate, signal.period, signal.channels, signal.units) == (None, None, ("rr",), ("ms",))
    assert "holds the intervals between its rows" in "; ".join(signal.notes)


def test_what_a_contract_fills_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("Acc-X,Acc-Y\n" + rows("{0},1"))
    signal = read_signal_for(tmp_path / "a.csv", Contract(("acc_x", "acc_y"), ("g", "g"), 50.0))
    assert (signal.channels, signal.units, signal.sampling_rate) == (("acc_x", "acc_y"), ("g", "g"), 50)
    assert [word in "; ".join(signal.notes) for word in ("Acc-X", "50 Hz is taken", "g is taken")] == [True] * 3


@pytest.mark.parametrize("decimal", [".", ","])
def test_endless_digits_are_no_endless_work(decimal):
    assert is_number("9" * 300_000, decimal)
    assert not is_number("9" * 300_000 + "x", decimal)
    assert not is_number("9" * 300_000 + "e", decimal)


def test_a_name_that_is_no_utf_8_is_read_too(tmp_path):
    path = tmp_path / "odd\udcff.csv"
    path.write_text("x,y\n" + "1,2\n" * 60)
    assert read_signal(path, sampling_rate=50).channels == ("x", "y")


@pytest.mark.parametrize("metadata", [b"[]", b'{"index_columns": 3}', b'{"index_columns": [3]}'])
def test_what_pandas_notes_in_parquet_may_be_anything(metadata, tmp_path):
    assert read_signal(noted(tmp_path, metadata)).num_samples == 3


@pytest.mark.parametrize("metadata", [b"{", b"\xff"])
def test_what_pandas_notes_in_parquet_is_refused_when_it_is_damaged(metadata, tmp_path):
    with pytest.raises(SignalError, match="not a parquet file"):
        read_signal(noted(tmp_path, metadata))


def noted(folder, metadata):
    from pyarrow import parquet, table

    rows = table({"x": [1.0, 2.0, 3.0]}).replace_schema_metadata({b"pandas": metadata})
    parquet.write_table(rows, folder / "it.parquet")
    return folder / "it.parquet"


def test_latin_1_that_begins_far_down_is_read_quietly(tmp_path, capfd):
    lines = ["time,x,note", *(f"{i / 50:.2f},{i % 7},ok" for i in range(30_000))]
    lines[-2] = lines[-2].replace("ok", "gestört")
    (tmp_path / "it.csv").write_bytes("\n".join(lines).encode("latin-1"))
    signal = read_signal(tmp_path / "it.csv")
    assert (signal.channels, signal.num_samples) == (("x",), 30_000)
    (tmp_path / "it.csv").write_bytes("\n".join([*lines, "1,2,3,\xed\xff"]).encode("latin-1"))
    with pytest.raises(SignalError, match="expected 3 cells in each row"):
        read_signal(tmp_path / "it.csv")
    assert capfd.readouterr().err == ""
