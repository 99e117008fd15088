"""Leads of an ECG: other names, some that lack, and two that are one."""

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal, read_signal_as
from sig2lm.signals.leads import LEADS

TWELVE = Contract(LEADS, ("mV",) * 12, 100.0)


def ecg(channels: tuple[str, ...], rate: float = 100.0, unit: str = "uV") -> Signal:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(channels), int(4 * rate))).astype(np.float32)
    return Signal(values, rate, channels, (unit,) * len(channels))


def test_leads_are_known_by_other_names_and_those_that_lack_are_missing() -> None:
    signal = ecg(("Lead I", "MLII", "AVR", "v1", "RESP"))
    found = TWELVE.conform(signal, "the encoder")
    assert found.channels == LEADS
    present = [0, 1, 3, 6]
    np.testing.assert_allclose(found.values[present], signal.values[:4] / 1000, rtol=1e-6)
    assert np.isnan(np.delete(found.values, present, axis=0)).all()
    assert found.notes[0].startswith("the channels Lead I, MLII, AVR, v1 are read as I, II, aVR, V1")
    assert "the leads III, aVL, aVF, V2, V3, V4, V5, V6 are not in the recording" in found.notes[1]


def test_eleven_leads_at_another_rate_are_resampled() -> None:
    found = TWELVE.conform(ecg(LEADS[:-1], 500.0), "the encoder")
    assert (found.sampling_rate, found.num_samples) == (100.0, 400)
    assert np.isnan(found.values).all(axis=1).tolist() == [False] * 11 + [True]


def test_two_channels_of_one_lead_and_none_at_all_are_refused() -> None:
    with pytest.raises(SignalError, match="'Lead II' and 'MLII' are both the lead II; choose one"):
        TWELVE.conform(ecg(("Lead II", "MLII")), "the encoder")
    assert np.isfinite(TWELVE.conform(ecg(("MLII", "II")), "it").values[1]).all()  # one is called exactly so
    with pytest.raises(SignalError, match="missing: I, II"):
        TWELVE.conform(ecg(("ecg",)), "the encoder")


def test_a_file_with_some_of_the_leads_is_read(tmp_path) -> None:
    lines = ["I [mV],AVR [mV]", *(f"{n % 7},{n % 5}" for n in range(400))]
    (tmp_path / "two.csv").write_text("\n".join(lines) + "\n")
    found = read_signal_as(tmp_path / "two.csv", TWELVE, "the encoder")
    assert np.isfinite(found.values).all(axis=1).nonzero()[0].tolist() == [0, 3]
    assert any("not in the recording" in note for note in found.notes)
