import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, read_signal, read_signal_as

START = 1_560_279_825.0


def write(folder, name, rate, rows):
    columns = len(rows[0])
    head = [", ".join([f"{value:.6f}"] * columns) for value in (START, rate)]
    text = "\n".join([*head, *(",".join(map(str, row)) for row in rows)])
    (folder / f"{name}.csv").write_text(text + "\n")


@pytest.fixture
def session(tmp_path):
    write(tmp_path, "ACC", 32, [(-64, 32, 16)] * 64)
    write(tmp_path, "EDA", 4, [(0.1 * i,) for i in range(8)])
    write(tmp_path, "TEMP", 4, [(32.13,)] * 9)
    write(tmp_path, "BVP", 64, [(-0.0,)] * 128)
    (tmp_path / "IBI.csv").write_text(f"{START:.6f}, IBI\n83.503822,0.609403\n99.973326,0.843789\n")
    return tmp_path


def test_first_rows_are_start_and_rate_and_acceleration_is_in_g(session):
    acc = read_signal(session / "ACC.csv")
    assert (acc.channels, acc.units, acc.sampling_rate) == (("acc_x", "acc_y", "acc_z"), ("g",) * 3, 32.0)
    np.testing.assert_array_equal(acc.values[:, 0], [-1, 0.5, 0.25])
    assert acc.num_samples == 64
    contract = Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 32.0)
    np.testing.assert_allclose(read_signal_as(session, contract, "it").values[0], -9.80665)


def test_intervals_are_events_in_ms(session):
    intervals = read_signal(session / "IBI.csv")
    assert (intervals.channels, intervals.units, intervals.sampling_rate) == (("rr",), ("ms",), None)
    np.testing.assert_allclose(intervals.values, [[609.403, 843.789]])


def test_a_session_is_read_one_clock_at_a_time(session):
    both = read_signal(session, channels=["temp", "eda"])
    assert (both.channels, both.sampling_rate, both.num_samples) == (("temp", "eda"), 4.0, 8)
    with pytest.raises(SignalError, match=r"bvp 64 Hz, eda 4 Hz.*--channels"):
        read_signal(session)


def test_a_plain_table_of_that_name_is_no_e4_file(tmp_path):
    (tmp_path / "EDA.csv").write_text("eda\n1\n2\n")
    assert read_signal(tmp_path / "EDA.csv", sampling_rate=4).num_samples == 2


@pytest.mark.parametrize("rows", ["", "x\n", "1,2\n"])
def test_damage_is_named(tmp_path, rows):
    (tmp_path / "EDA.csv").write_text(f"{START:.6f}\n4.000000\n{rows}")
    with pytest.raises(SignalError, match=r"EDA.csv': "):
        read_signal(tmp_path / "EDA.csv")
