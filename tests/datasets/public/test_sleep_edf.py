"""Sleep-EDF in its official layout, small: stages of epochs, what is cropped, and what is left out."""

import edfio
import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError


def write_night(folder, psg, hypnogram, stages, epochs, emg_rate=1):
    """A recording of some epochs, and stages as (epochs, text) one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 30 * epochs

    def signal(label, rate, level):
        values = np.clip(np.repeat(np.arange(seconds) // 30, rate) + level, -250, 250)
        return edfio.EdfSignal(values, rate, label=label, physical_dimension="uV", physical_range=(-250, 250))

    channels = [signal("EEG Fpz-Cz", 100, 0), signal("EEG Pz-Oz", 100, 1), signal("EOG horizontal", 100, 2),
                signal("Resp oro-nasal", 1, 0), signal("EMG submental", emg_rate, 3),
                signal("Event marker", 1, 0)]  # fmt: skip
    edfio.Edf(channels).write(folder / psg)
    notes, onset = [], 0.0
    for count, text in stages:
        notes.append(edfio.EdfAnnotation(onset, 30.0 * count, text))
        onset += 30.0 * count
    edfio.Edf([], annotations=notes).write(folder / hypnogram)


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "files" / "sleep-cassette"
    stages = [(70, "W"), (2, "1"), (3, "2"), (1, "4"), (1, "3"), (1, "R"), (1, "?"), (5, "W")]
    stages = [(count, f"Sleep stage {stage}") for count, stage in stages]
    write_night(folder, "SC4001E0-PSG.edf", "SC4001EC-Hypnogram.edf", [*stages, (9, "Movement time")], 85)
    short = [(1, "Sleep stage 2"), (1, "Movement time"), (2, "Sleep stage R")]
    for person in ("SC4011", "SC4021", "SC4022"):
        write_night(folder, f"{person}E0-PSG.edf", f"{person}EH-Hypnogram.edf", short, 4)
    return folder


def test_stages_cropping_and_people(layout, tmp_path):
    info = prepare("sleep_edf", layout.parent, tmp_path / "table")
    table = load_table(tmp_path / "table")
    rows = [row for split in table.data.values() for row in split]
    first = sorted((row for row in rows if row["subject"] == "SC400"), key=lambda row: row["start"])
    # 70 epochs of wake before sleep, of which 60 are kept
    assert [row["label"] for row in first[:60]] == ["wake"] * 60
    assert [row["label"] for row in first[60:]] == ["N1", "N1", "N2", "N2", "N2", "N3", "N3", "REM"] + ["wake"] * 5
    assert first[0]["start"] == 300.0
    assert info.dropped == {
        "epochs that were not scored": 1, "epochs of movement": 1 + 3, "epochs beyond the end of the recording": 8,
        "epochs of wake more than 30 minutes from sleep": 10,
    }  # fmt: skip
    signals = table.signals(first[60])
    assert {name: (s.sampling_rate, s.num_samples) for name, s in signals.items()} == {
        "eeg": (100.0, 3000), "eog": (100.0, 3000), "emg": (1.0, 30),
    }  # fmt: skip
    np.testing.assert_allclose(signals["eeg"].values[:, 0], [70, 71], atol=0.01)
    assert len({row["subject"] for row in rows}) == 3
    assert all(len({s for s, r in table.data.items() if p in r["subject"]}) == 1 for p in ("SC400", "SC401", "SC402"))


def test_other_layouts_are_named(layout, tmp_path):
    write_night(
        layout.parent / "sleep-telemetry", "ST7011J0-PSG.edf", "ST7011JP-Hypnogram.edf", [(1, "Sleep stage 2")], 1, 100
    )
    with pytest.raises(DatasetError, match="holds both studies"):
        prepare("sleep_edf", layout.parent, tmp_path / "table")
    (layout / "SC4001EC-Hypnogram.edf").unlink()
    with pytest.raises(DatasetError, match=r"expected one hypnogram beside .*SC4001E0-PSG\.edf', found 0"):
        prepare("sleep_edf", layout, tmp_path / "table")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="expected Sleep-EDF in"):
        prepare("sleep_edf", tmp_path / "empty", tmp_path / "table")
