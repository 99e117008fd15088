"""WFDB: each channel at its own rate, and headers that claim what no file holds."""

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import read_signal

FAST, SLOW = np.sin(np.arange(400) / 9), np.linspace(10, 20, 100)


@pytest.fixture
def multirate(tmp_path):
    """One frame a hundredth of a second: four samples of an ECG, one of a pressure."""
    gains = (1000, 100)
    samples = np.column_stack([np.round(1000 * FAST).reshape(100, 4), np.round(100 * SLOW)]).astype("<i2")
    (tmp_path / "m.dat").write_bytes(samples.tobytes())
    lines = ["m 2 100 100", f"m.dat 16x4 {gains[0]}/mV 16 0 0 0 0 MCL1", f"m.dat 16 {gains[1]}(0)/mmHg 16 0 0 0 0 ABP"]
    (tmp_path / "m.hea").write_text("\n".join(lines) + "\n")
    return tmp_path / "m.hea"


def test_frames_of_several_samples_keep_each_channels_rate(multirate):
    ecg = read_signal(multirate, channels=["MCL1"])
    assert ecg.sampling_rate == 400.0
    np.testing.assert_allclose(ecg.values[0], FAST, atol=1e-3)
    pressure = read_signal(multirate, channels=["ABP"])
    assert (pressure.sampling_rate, pressure.units) == (100.0, ("mmHg",))
    np.testing.assert_allclose(pressure.values[0], SLOW, atol=1e-2)
    with pytest.raises(SignalError, match=r"different rates \(MCL1 400 Hz, ABP 100 Hz\); choose .*--channels"):
        read_signal(multirate)
    with pytest.raises(SignalError, match=r"no channel named ecg; the file holds MCL1 400 Hz, ABP 100 Hz"):
        read_signal(multirate, channels=["ecg"])


def test_a_signal_file_is_read_by_the_header_that_names_it(multirate):
    record = multirate.with_name("record.hea")
    record.write_text(multirate.read_text().replace("m 2", "record 2"))
    multirate.unlink()
    assert read_signal(record.with_name("m.dat"), channels=["ABP"]).sampling_rate == 100.0
    record.with_name("other.hea").write_text(record.read_text().replace("record 2", "other 2"))
    with pytest.raises(SignalError, match=r"several that name it \(other.hea, record.hea\); give the record's .hea"):
        read_signal(record.with_name("m.dat"))


def test_channels_without_a_description_are_numbered(tmp_path):
    (tmp_path / "n.dat").write_bytes(np.zeros((50, 2), "<i2").tobytes())
    (tmp_path / "n.hea").write_text("n 2 100 50\nn.dat 16 200/mV 16 0 0 0 0\nn.dat 16 200/mV 16 0 0 0 0\n")
    assert read_signal(tmp_path / "n").channels == ("channel_1", "channel_2")


@pytest.mark.parametrize("unit", [".V", "?V", "$V", "V.."])
def test_damaged_units_are_refused(multirate, unit):
    multirate.write_text(multirate.read_text().replace("/mV", f"/{unit}"))
    with pytest.raises(SignalError, match=r"WFDB can write|is not known"):
        read_signal(multirate, channels=["MCL1"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("m 2 100 100", "m 2 100 1000000000000000", "claims 4000000000000000 samples|claims 5000000000000000 samples"),
     ("16x4", "16x400000000", "claims .* samples in 'm.dat', which holds 500"),
     ("m 2 100 100", "m 2 -100 100", "not a whole WFDB record"),
     ("m 2 100 100", "m 2 0 100", "not a whole WFDB record"),
     ("m.dat 16x4", "../m.dat 16x4", "not a whole WFDB record|another folder"),
     ("m 2 100 100", "m/2 2 100 100\n", "not a whole WFDB record|lacks a file")],
)  # fmt: skip
def test_headers_that_cannot_be_true_are_refused(multirate, old, new, message):
    multirate.write_text(multirate.read_text().replace(old, new))
    with pytest.raises(SignalError, match=message) as caught:
        read_signal(multirate, channels=["MCL1"])
    assert "\n" not in str(caught.value)


def test_several_segments_with_a_gap(tmp_path):
    for name in ("s1", "s2"):
        (tmp_path / f"{name}.dat").write_bytes(np.full(50, 500, "<i2").tobytes())
        (tmp_path / f"{name}.hea").write_text(f"{name} 1 100 50\n{name}.dat 16 1000/mV 16 0 0 0 0 ECG\n")
    (tmp_path / "s.hea").write_text("s/3 1 100 130\ns1 50\n~ 30\ns2 50\n")
    signal = read_signal(tmp_path / "s.hea")
    assert signal.num_samples == 130
    assert np.isnan(signal.values[0, 50:80]).all()
    np.testing.assert_allclose(signal.values[0, 80:], 0.5)
    (tmp_path / "s.hea").write_text("s/3 1 100 1000000000100\ns1 50\n~ 1000000000000\ns2 50\n")
    with pytest.raises(SignalError, match="are in no file"):
        read_signal(tmp_path / "s.hea")
