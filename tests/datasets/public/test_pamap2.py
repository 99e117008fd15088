"""PAMAP2 in its official layout, small: 54 columns, lost rows, heart rate between gaps, transient activity."""

import numpy as np
import pytest

from sig2lm.datasets import load_table, prepare
from sig2lm.errors import DatasetError


def write_subject(folder, number, activities, lost=()):
    """Stretches of (seconds, activity); a value says its column, the heart rate is known every tenth sample."""
    folder.mkdir(parents=True, exist_ok=True)
    codes = np.repeat([code for _, code in activities], [100 * seconds for seconds, _ in activities])
    table = np.tile(np.arange(54.0), (len(codes), 1))
    table[:, 0] = 8.38 + np.arange(len(codes)) / 100
    table[:, 1] = codes
    table[:, 2] = np.where(np.arange(len(codes)) % 10 == 0, 100, np.nan)
    rows = np.delete(table, list(lost), axis=0)
    text = "\n".join(" ".join("NaN" if np.isnan(x) else f"{x:.6g}" for x in row) for row in rows)
    (folder / f"subject{number}.dat").write_text(text + "\n")


@pytest.fixture
def layout(tmp_path):
    folder = tmp_path / "PAMAP2_Dataset" / "Protocol"
    write_subject(folder, 101, [(3, 0), (11, 1), (2, 0), (6, 24), (4, 9)], lost=(400, 401))
    for number in (102, 103):
        write_subject(folder, number, [(8, 4), (8, 1)])
    return tmp_path


def test_sensors_units_windows_and_what_is_dropped(layout, tmp_path):
    info = prepare("pamap2", layout, tmp_path / "table")
    table = load_table(tmp_path / "table")
    assert (info.task, len(info.labels)) == ("har_pamap2", 12)
    assert info.dropped == {"seconds of transient activity": 5, "seconds of activities outside the protocol": 4}
    rows = [row for split in table.data.values() for row in split if row["subject"] == "101"]
    rows.sort(key=lambda row: row["start"])
    assert [(row["label"], round(row["start"], 2)) for row in rows] == [
        ("lying", 11.38), ("lying", 13.94), ("lying", 16.5), ("rope jumping", 24.38),
    ]  # fmt: skip
    signals = table.signals(rows[0])
    assert {name: (s.sampling_rate, s.num_samples) for name, s in signals.items()} == {
        "hand": (100.0, 512), "chest": (100.0, 512), "ankle": (100.0, 512), "heart_rate": (1.0, 5),
    }  # fmt: skip
    np.testing.assert_array_equal(signals["hand"].values[:, 0], [4, 5, 6, 10, 11, 12])
    np.testing.assert_array_equal(signals["ankle"].values[:, 0], [38, 39, 40, 44, 45, 46])
    assert np.flatnonzero(np.isnan(signals["hand"].values[0])).tolist() == [100, 101]
    np.testing.assert_array_equal(signals["heart_rate"].values, [[100] * 5])


def test_damage_is_named_by_its_file(layout, tmp_path):
    file = layout / "PAMAP2_Dataset" / "Protocol" / "subject102.dat"
    file.write_text(file.read_text().replace(" 53\n", "\n", 1))
    with pytest.raises(DatasetError, match=r"subject102\.dat': expected rows of 54 numbers"):
        prepare("pamap2", layout, tmp_path / "table")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="expected PAMAP2 in"):
        prepare("pamap2", tmp_path / "empty", tmp_path / "table")
