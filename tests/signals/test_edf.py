"""EDF and BDF: units and labels in the bytes that recorders write, and headers that cannot be true are refused."""

import edfio
import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, read_signal, read_signal_for

LABEL, UNIT, PHYSICAL, DIGITAL, SAMPLES = 256, 352, 360, 376, 472  # places of the fields of a file with one channel
RECORDS, DURATION, CHANNELS = 236, 244, 252


@pytest.fixture
def recording(tmp_path):
    """Ten records of 1 s of one channel at 128 Hz."""
    values = np.sin(np.arange(1280) / 10)
    edfio.Edf([edfio.EdfSignal(values, 128, label="Fp1", physical_dimension="uV")]).write(tmp_path / "a.edf")
    return tmp_path / "a.edf"


def put(path, place, field):
    data = bytearray(path.read_bytes())
    data[place : place + len(field)] = field
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("unit", [b"\xb5V", "µV".encode(), b"uV"])
def test_micro_is_read_in_any_encoding(recording, unit):
    put(recording, UNIT, unit.ljust(8))
    signal = read_signal(recording)
    np.testing.assert_allclose(signal.convert(["V"]).values[0], 1e-6 * np.sin(np.arange(1280) / 10), atol=1e-10)


@pytest.mark.parametrize("unit", [b".V", b"?V", b"$V", b"V..", b"\0V", b"\xef\xbf\xbdV", b"\xc2\xc2\xb5V"])
def test_damaged_units_are_refused_and_replaced_when_asked(recording, unit):
    put(recording, UNIT, unit.ljust(8))
    with pytest.raises(SignalError, match=r"is not known; state the unit \(--units\)"):
        read_signal(recording)
    assert read_signal(recording, units=["uV"]).units == ("uV",)


BAD = {
    "equal physical limits": (PHYSICAL, b"1       1       ", "both physical limits"),
    "infinite limit": (PHYSICAL, b"-inf    ", "physical limit of Fp1 is -inf"),
    "not a number": (PHYSICAL, b"nan     ", "physical limit of Fp1 is nan"),
    "digital limits the wrong way": (DIGITAL, b"32767   -32768  ", "digital limits"),
    "digital limit beyond 16 bits": (DIGITAL, b"-72768  ", "digital limit of Fp1 is -72768"),
    "negative length": (DURATION, b"-1      ", "length of a record is -1 s"),
    "no length": (DURATION, b"0       ", "length of a record is 0 s"),
    "length not a number": (DURATION, b"nan     ", "length of a record is nan"),
    "fewer records": (RECORDS, b"9       ", "claims 9 records, the file holds 10"),
    "more records": (RECORDS, b"99999999", "claims 99999999 records, the file holds 10"),
    "samples": (SAMPLES, b"99999999", "claims 10 records, the file holds 0"),
    "negative samples": (SAMPLES, b"-128    ", "samples in a record is -128"),
    "channels": (CHANNELS, b"9999", "9999 channels take a header"),
    "flipped bit in a number": (DURATION, bytes([ord("1") ^ 64]), "length of a record is 'q'"),
    "flipped bit in a label": (LABEL, bytes([ord("F") ^ 64]), "control characters"),
    "version": (0, b"8", "header of version 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_headers_that_cannot_be_true_are_refused(recording, case):
    place, field, message = BAD[case]
    put(recording, place, field)
    with pytest.raises(SignalError, match=message) as caught:
        read_signal(recording)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_and_an_unfinished_one_read(recording):
    put(recording, RECORDS, b"-1      ")
    assert read_signal(recording).num_samples == 1280
    recording.write_bytes(recording.read_bytes()[:-1])
    with pytest.raises(SignalError, match="truncated or damaged"):
        read_signal(recording)


def test_bdf(tmp_path):
    values = np.linspace(-1, 1, 512)
    edfio.Bdf([edfio.BdfSignal(values, 256, label="A1", physical_dimension="uV")]).write(tmp_path / "a.bdf")
    signal = read_signal(tmp_path / "a.bdf")
    np.testing.assert_allclose(signal.values[0], values, atol=1e-5)
    assert (signal.sampling_rate, signal.units) == (256.0, ("uV",))


def test_of_a_polysomnography_only_the_lead_is_read_for_intervals(tmp_path):
    """The EEG in front, the odd unit and the other rate of the others do not matter."""
    rng = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(rng.uniform(-50, 50, 1000), 100, label="EEG Fpz-Cz", physical_dimension="uV"),
        edfio.EdfSignal(rng.uniform(-1, 1, 2000), 200, label="ECG", physical_dimension="mV"),
        edfio.EdfSignal(rng.uniform(3, 4, 10), 1, label="Batt", physical_dimension="V"),
        edfio.EdfSignal(rng.uniform(0, 1, 10), 1, label="Flow", physical_dimension="???"),
    ]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    signal = read_signal_for(tmp_path / "a.edf", Contract(("rr",), ("ms",), None))
    assert (signal.channels, signal.sampling_rate, signal.num_samples) == (("ECG",), 200.0, 2000)
    assert read_signal(tmp_path / "a.edf", channels=["EEG Fpz-Cz"]).sampling_rate == 100.0
