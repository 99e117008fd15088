"""Tables as people have them, and the ones that are none."""

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import read_signal
from sig2lm.tokenization import read_series
from sig2lm.tokenization.reading import as_series
from sig2lm.tokenization.series import series_from_values
from sig2lm.tokenization.streaming import count_file


@pytest.fixture
def write(tmp_path):
    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "channels", "last"),
    [
        ("x,y\n1,2.50\n3,4\n", ("x", "y"), ("3", "4")),
        ("1,2.50\n3,4", ("channel_1", "channel_2"), ("3", "4")),
        ("\ufeffx;y\r\n1;2\r\n\r\n3;4\r\n", ("x", "y"), ("3", "4")),
        ("x\ty\n1\t\n3\t4\n", ("x", "y"), ("3", "4")),
        ("1 2\n 3   4\n", ("channel_1", "channel_2"), ("3", "4")),
        ('"a, b",y\n1,2\n3,"4"\n', ("a, b", "y"), ("3", "4")),
        ("1,5;2,5\n3,5;4,5\n", ("channel_1", "channel_2"), ("3.5", "4.5")),
        ("5\n6\n", ("channel_1",), ("6",)),
        ("1600,7.0,-0.5;\n1600,4.9,-0.1;\n", ("channel_1", "channel_2", "channel_3"), ("1600", "4.9", "-0.1")),
    ],
)
def test_tables_in_many_hands(write, text, channels, last):
    series = read_series(write(text))
    assert series.channels == channels
    assert series.rows[-1] == last
    assert series.values.shape == (len(channels), 2)
    assert series.skipped == ()


def test_the_text_stays_as_written_and_missing_is_one_word(write):
    series = read_series(write("x,y\n7.10,NA\n1e3,\n"[:-1] + "2\n"))
    assert series.rows == (("7.10", "nan"), ("1e3", "2"))
    assert np.isnan(series.values[1, 0])
    assert series.lines == ("7.10,NA", "1e3,2")


def test_columns_that_are_no_numbers_are_named(write):
    series = read_series(
        write("t,label,id,empty,x\n0.00,walk,123456789012345678901,,1\n0.02,sit,123456789012345678902,,2\n")
    )
    assert series.channels == ("x",)
    reasons = {column.name: column.reason for column in series.skipped}
    assert "text" in reasons["label"]
    assert "2^53" in reasons["id"]
    assert "no value" in reasons["empty"]
    assert "50 rows per second" in reasons["t"]
    assert series.duration == pytest.approx(0.04)
    assert "walk" in str(series.skipped[1])


@pytest.mark.parametrize(("unit", "start"), [(1, 1.6e9), (1e3, 1.6e12), (1e6, 1.6e15), (1e9, 1.6e18)])
def test_clocks_in_seconds_to_nanoseconds(write, unit, start):
    rows = "".join(f"{int(start + i * unit)},{i}\n" for i in range(5))
    assert read_series(write("timestamp,x\n" + rows)).duration == pytest.approx(5)


def test_a_series_is_what_read_signal_reads(write):
    rows = "".join(f"{i / 50:.2f};{i},5;a\n".replace(".", ",") for i in range(20))
    text = "# exported\nTime (s);X (g);what\n" + rows
    series, signal = read_series(write(text)), read_signal(write(text))
    assert (series.channels, series.num_rows) == (signal.channels, signal.num_samples)
    assert series.duration == pytest.approx(signal.duration)
    assert series.rows[3] == ("3.5",)
    assert "decimal comma" in series.notes[0]
    found = read_series(write(text), start=0.1, end=0.2, channels=["x=X"])
    assert (found.channels, found.rows[0], found.num_rows) == (("x",), ("5.5",), 5)
    with pytest.raises(SignalError, match="gives 50 Hz, but 10 Hz was stated"):
        read_series(write(text), sampling_rate=10)


def test_only_the_first_rows_are_kept(write):
    path = write("x\n" + "1.5\n" * 30)
    series = read_series(path, rows=10, sampling_rate=5.0)
    assert (series.num_rows, series.file_has_more, series.duration) == (10, True, 2.0)
    assert not read_series(path, rows=30).file_has_more


BAD = {
    "": "empty file",
    "\n \n": "empty file",
    "x,y\n": "no|none|text",
    "a,b\nc,d\n": "found none",
    "1,2\n3\n": "found 1 in line 2",
    "x,y\n1,2\n3,4,5\n": "found 3 in line 3",
    "x\n1\ninf\n": "found inf",
    "x\n1\n-Infinity\n": "found -Infinity",
    "x\n1e308\n1\n": "3.4e38",
    "x\n123456789012345678901234567890\n": "2\\^53",
    "x\nnan\nnan\n": "found none",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": "binary",
    b"1,2\n\x00\x01\x02\n": "binary",
    b"1,2\n\xff\xfe\x01\n": "binary data",
}


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=[repr(text)[:20] for text in BAD])
def test_bad_files_are_refused_in_one_line(write, text, message):
    with pytest.raises(SignalError, match=message) as caught:
        read_series(write(text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SignalError, match=r"no such file|found a folder"):
        read_series(tmp_path / "nothing.csv")
    with pytest.raises(SignalError, match=r"no such file|found a folder"):
        read_series(tmp_path / "folder.csv" if (tmp_path / "folder.csv").mkdir() is None else tmp_path)


def test_arrays_and_signals_are_series():
    series = series_from_values(np.array([0.1, 0.2], dtype=np.float32))
    assert series.rows == (("0.1",), ("0.2",))
    assert as_series(series) is series
    for wrong in ([[np.inf]], [[np.nan]], [], [["a"]], np.zeros((2, 2, 2))):
        with pytest.raises(SignalError, match="expected"):
            series_from_values(wrong)


def test_a_signal_is_written_as_float32_prints():
    from sig2lm.signals import Signal

    series = as_series(Signal(np.array([[0.1, np.nan]]), 2.0, ("x",), ("mV",)), "ecg")
    assert (series.name, series.channels, series.rows, series.duration) == ("ecg", ("x",), (("0.1",), ("nan",)), 1.0)


def test_other_files_go_through_read_signal(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.5, 1.5, 2.5]], dtype=np.float32))
    series = read_series(tmp_path / "a.npy", sampling_rate=2.0, rows=2)
    assert series.rows == (("0.5",), ("1.5",))
    assert series.duration == 1.0


TEXTS = {
    "plain": "x,y\n" + "".join(f"{i * 0.37:.3f},-{i}\n" for i in range(1500)),
    "no last break": "".join(f"{i},{i / 7}\n" for i in range(1500)) + "1,2",
    "semicolons": "".join(f"1600,A,{i * 0.1},-0.5;\n" for i in range(1000)),
    "blank lines": "".join(f"{i}\n\n" for i in range(1500)),
    "indented": "".join(f"  {i} {i * 3}\n" for i in range(1500)),
    "windows": "".join(f"{i},{i}\r\n" for i in range(1500)),
    "signs": "µ,x\n" + "".join(f"-{i},\u2212{i}\n" for i in range(1000)),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_streamed_counts_are_those_of_the_whole_text(real, write, text):
    path = write(text)
    found = count_file(path, [real])[0]
    assert found.tokens == len(real.ids([text])[0])
    assert (found.characters, found.bytes) == (len(text), len(text.encode()))
    assert found.rows == sum(bool(line.strip()) for line in text.split("\n")) - (text[0] in "xµ")
    assert 0.2 < found.checked <= 1 or not found.round_trip


def test_streaming_says_whether_the_text_comes_back(write, digits, lossy):
    path = write(TEXTS["plain"])
    assert [found.round_trip for found in count_file(path, [digits, lossy])] == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n" * 20_000 + "3\n", "found 1 in line 20001"),
        (b"1,2\n" * 300_000 + b"\x00", "binary"),
        (b"1,2\n" * 300_000 + b"\xff\xfe", "binary data or another encoding"),
        (b"1" * 17_000_000, "16 million"),
    ],
)
def test_streaming_refuses_what_goes_wrong_later(write, digits, text, message):
    with pytest.raises(SignalError, match=message):
        count_file(write(text), [digits])


def test_progress_adds_up_to_the_file(write, digits):
    path = write(TEXTS["plain"])
    done = []
    count_file(path, [digits], done.append)
    assert sum(done) == path.stat().st_size
