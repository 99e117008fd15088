"""Heart beats found in an ECG whose beats are known, and what becomes of them: intervals, gaps, refusals."""

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sig2lm.errors import SignalError
from sig2lm.signals import Contract, Signal, read_signal, read_signal_as, read_signal_for
from sig2lm.signals.heartbeats import choose_lead, ecg_lead, find_heart_beats

RR = Contract(("rr",), ("ms",), None, None, 60.0)
# Time from the R peak (s), height (mV), width (s) of the waves of one beat; shapes after McSharry et al. 2003,
# doi 10.1109/TBME.2003.808805, table I.
WAVES = ((-0.2, 0.12, 0.025), (-0.03, -0.1, 0.01), (0.0, 1.0, 0.011), (0.03, -0.2, 0.01), (0.28, 0.25, 0.04))


@pytest.fixture(scope="module")
def challenge(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of the PhysioNet/CinC Challenge 2017, with their labels."""
    archive = shared / "data" / "cinc2017_validation.tar.xz"
    if not archive.is_file():
        pytest.skip(f"needs {archive.name} in the shared data")
    folder = tmp_path_factory.mktemp("challenge")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return next(folder.rglob("REFERENCE.csv")).parent


def beat_times(seconds: float, seed: int = 0, irregular: bool = False) -> np.ndarray:
    """Beats about 0.85 s apart, as regular as in sinus rhythm or as irregular as in atrial fibrillation."""
    rng = np.random.default_rng(seed)
    intervals = rng.gamma(20, 0.0425, round(2 * seconds)) if irregular else rng.normal(0.85, 0.03, round(2 * seconds))
    times = np.cumsum(np.r_[0.5, np.clip(intervals, 0.35, 1.8)])
    return times[times < seconds - 0.6]


def ecg(times: np.ndarray, seconds: float, rate: float = 300.0, noise: float = 0.02, unit: str = "mV") -> Signal:
    """An ECG with these beats (mV), a wandering baseline and some noise."""
    clock = np.arange(round(seconds * rate)) / rate
    values = 0.2 * np.sin(2 * np.pi * 0.2 * clock) + np.random.default_rng(1).normal(0, noise, clock.size)
    for offset, height, width in WAVES:
        for time in times + offset:
            near = slice(max(0, int((time - 5 * width) * rate)), int((time + 5 * width) * rate) + 1)
            values[near] += height * np.exp(-0.5 * ((clock[near] - time) / width) ** 2)
    return Signal(values[None], rate, ("ECG",), ("mV",)).convert((unit,))


@pytest.mark.parametrize("irregular", [False, True], ids=["regular", "irregular"])
@pytest.mark.parametrize("rate", [128.0, 300.0, 500.0])
def test_known_beats_are_found_where_they_are(rate: float, irregular: bool) -> None:
    times = beat_times(120, irregular=irregular)
    found = find_heart_beats(ecg(times, 120, rate))
    assert len(found.times) == len(times)
    assert np.abs(found.times - times).max() < 0.02
    np.testing.assert_allclose(found.intervals.values[0], 1000 * np.diff(times), atol=20)
    assert found.intervals.units == ("ms",)
    assert found.intervals.duration == pytest.approx(found.times[-1] - found.times[0], abs=1e-3)


def test_long_recordings_are_searched_in_blocks_without_a_seam() -> None:
    """Forty minutes are several blocks; no beat is lost or found twice where they meet."""
    times = beat_times(2400, irregular=True)
    found = find_heart_beats(ecg(times, 2400, 128.0)).times
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.02


def test_neither_scale_nor_unit_nor_offset_moves_a_beat() -> None:
    times = beat_times(60)
    one = ecg(times, 60)
    other = Signal(1000 * one.values + 5000, 300.0, ("ecg",), ("uV",))
    np.testing.assert_allclose(find_heart_beats(other).times, find_heart_beats(one).times, atol=1 / 300)


def test_an_interval_over_a_gap_is_missing_and_time_goes_on() -> None:
    times = beat_times(120)
    signal = ecg(times, 120)
    values = signal.values.copy()
    values[0, 50 * 300 : 58 * 300] = np.nan
    values[0, 90 * 300 : 90 * 300 + 6] = np.nan  # 20 ms hide no beat
    found = find_heart_beats(Signal(values, 300.0, ("ECG",), ("mV",)))
    missing = np.isnan(found.intervals.values[0])
    assert missing.sum() == 1
    at = int(missing.argmax())
    assert found.times[at] < 50 < 58 < found.times[at + 1]
    kept = times[(times < 49) | (times > 61)]
    assert all(np.abs(found.times - time).min() < 0.02 for time in kept)


def test_a_flat_stretch_gives_no_interval() -> None:
    """A lead that fell off is flat: no heart pauses for eight seconds."""
    values = ecg(beat_times(120), 120).values.copy()
    values[0, 50 * 300 : 58 * 300] = values[0, 50 * 300]
    intervals = find_heart_beats(Signal(values, 300.0, ("ECG",), ("mV",))).intervals.values[0]
    assert np.isnan(intervals).sum() >= 1
    assert np.nanmax(intervals) <= 3000


def test_a_contract_of_rr_intervals_takes_an_ecg() -> None:
    times = beat_times(90)
    conformed = RR.conform(ecg(times, 90), "the encoder of 'rr'")
    assert conformed.channels == ("rr",)
    assert conformed.sampling_rate is None
    assert conformed.num_samples == len(times) - 1
    seconds = Contract(("rr",), ("s",), None).conform(ecg(times, 90), "it")
    np.testing.assert_allclose(seconds.values * 1000, conformed.values, rtol=1e-5)


def test_a_table_with_times_is_read_as_an_ecg_where_intervals_are_expected(tmp_path: Path) -> None:
    times = beat_times(60)
    signal = ecg(times, 60, 250.0)
    table = np.column_stack([np.arange(signal.num_samples) / 250, signal.values[0]])
    np.savetxt(tmp_path / "ecg.csv", table, delimiter=",", header="time,ecg", comments="", fmt="%.4f")
    read = read_signal_for(tmp_path / "ecg.csv", RR)
    assert read.sampling_rate == 250
    assert RR.takes_beats_of(read)
    assert read_signal_as(tmp_path / "ecg.csv", RR, "it").num_samples == len(times) - 1


@pytest.mark.parametrize(
    ("channels", "units", "expected"),
    [
        (("ECG",), ("mV",), "ECG"),
        (("MLII", "V5"), ("mV", "mV"), "MLII"),
        (("resp", "my_ekg"), ("", ""), "my_ekg"),
        (("acc_x",), ("m/s^2",), None),
        (("EEG Fpz-Cz", "ECG"), ("uV", "mV"), "ECG"),
        (("RESP", "Battery", "signal"), ("mV", "V", "mV"), "signal"),
        (("V5", "II"), ("mV", "mV"), "II"),
        (("Fp1", "C3-A2"), ("uV", "uV"), None),
        (("ECG 1", "odd"), ("", ".V"), "ECG 1"),
        (("channel_1",), ("",), None),
    ],
)
def test_a_lead_is_known_by_its_unit_or_its_name(channels: tuple[str], units: tuple[str], expected: str | None) -> None:
    assert choose_lead(channels, units) == expected


def test_a_lead_that_nothing_decides_is_refused() -> None:
    signal = Signal(np.zeros((2, 600)), 300.0, ("channel_1", "channel_2"), ("mV", "mV"))
    with pytest.raises(SignalError, match=r"channel_1, channel_2 are all in units of voltage.*--channels"):
        ecg_lead(signal)


def test_intervals_under_another_name_are_taken() -> None:
    pulse = Signal([[0.8, 0.9], [0.02, 0.01]], None, ("ppi", "ppi_error"), ("s", "s"))
    conformed = RR.conform(pulse, "it")
    assert (conformed.channels, conformed.units) == (("rr",), ("ms",))
    np.testing.assert_allclose(conformed.values, [[800, 900]])
    with pytest.raises(SignalError, match="missing: rr"):
        RR.conform(Signal([[0.8], [0.9]], None, ("ppi", "ibi"), ("s", "s")), "it")


def test_what_is_no_ecg_is_refused_as_before() -> None:
    motion = Signal(np.zeros((1, 600)), 300.0, ("acc_x",), ("m/s^2",))
    with pytest.raises(SignalError, match="rr"):
        RR.conform(motion, "the encoder of 'rr'")
    with pytest.raises(SignalError, match="100 Hz"):
        RR.conform(ecg(beat_times(30), 30, 64.0), "the encoder of 'rr'")


@pytest.mark.parametrize("values", [np.zeros(3000), np.full(3000, np.nan), np.r_[np.zeros(900), np.full(2100, np.nan)]])
def test_an_ecg_without_beats_is_refused(values: np.ndarray) -> None:
    with pytest.raises(SignalError, match="heart beats"):
        find_heart_beats(Signal(values[None], 300.0, ("ECG",), ("mV",)))


def test_without_sleepecg_the_extra_is_named() -> None:
    check = (
        "import sys; sys.modules['sleepecg'] = None\n"
        "import numpy as np\n"
        "from sig2lm.errors import SignalError\n"
        "from sig2lm.signals import Signal\n"
        "from sig2lm.signals.heartbeats import find_heart_beats\n"
        "try: find_heart_beats(Signal(np.random.rand(1, 3000), 300.0, ('ECG',), ('mV',)))\n"
        "except SignalError as error: assert 'sig2lm[ecg]' in str(error)\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_recordings_of_the_2017_challenge_give_plausible_hearts(challenge: Path) -> None:
    """Recordings that cardiologists called normal: 40 to 120 beats/min, and intervals like their neighbours."""
    labels = dict(line.split(",") for line in (challenge / "REFERENCE.csv").read_text().split())
    normal = [name for name, label in labels.items() if label == "N"][:20]
    usual = []
    for name in normal:
        found = find_heart_beats(read_signal(challenge / f"{name}.mat"))
        intervals = found.intervals.values[0]
        assert 40 < 60_000 / np.nanmedian(intervals) < 120
        usual.append(np.nanmedian(np.abs(np.diff(intervals))) < 100)
    assert np.mean(usual) >= 0.9  # a few are noisy, or normal with extrasystoles
