"""Print the table of tokenizers on real recordings, in Markdown.

    python scripts/table_tokenizers.py --data UNPACKED --tokenizers FOLDER_OF_FOLDERS [--lm LM_FOLDER]...

UNPACKED holds MotionSense, AFDB and PMData in their official layouts, as ``motionsense/``, ``afdb/`` and ``pmdata/``.
Three series: subject 1 walking, trial 15 (MotionSense, total acceleration in g and rotation in rad/s, 50 Hz, six
decimals, 1,333 rows); the first 10,000 RR intervals of AFDB
record 04015 in ms; 120 days of PMData p01 (steps in exercise, resting heart rate, minutes asleep, minutes of
exercise), values as the files write them.
"""

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from sig2lm.pages.tokenizer_report import to_html

os.environ["TOKENIZERS_PARALLELISM"] = "true"

import numpy as np

from sig2lm.tokenization import load_tokenizer, series_from_values, tokenizer_report
from sig2lm.tokenization.markdown import comparison
from sig2lm.tokenization.series import Series

ROWS = 10_000


def motionsense(folder: Path) -> Series:
    """Total acceleration (gravity + userAcceleration, g) and rotation rate (rad/s), six decimals as recorded."""
    path = folder / "A_DeviceMotion_data" / "wlk_15" / "sub_1.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1)[:ROWS]  # index, attitude 3, gravity 3, rotation 3, user 3
    values = np.concatenate([table[:, 4:7] + table[:, 10:13], table[:, 7:10]], axis=1).round(6)
    return series_from_values(values.T, "MotionSense, walking", duration=len(values) / 50)


def afdb(folder: Path) -> Series:
    """RR intervals (ms) from the beat annotations at 250 Hz; below 200 and above 3,000 ms is no interval of a heart."""
    import wfdb

    record = sorted(folder.rglob("04015.qrs"))[0]
    beats = wfdb.rdann(str(record.with_suffix("")), "qrs").sample
    intervals = np.diff(beats) * 1000 / 250
    kept = intervals[(intervals >= 200) & (intervals <= 3000)][:ROWS]
    return series_from_values(kept, "AFDB, RR intervals", duration=kept.sum() / 1000)


def pmdata(folder: Path) -> Series:
    """Days of one participant; a day without an entry is missing."""
    fitbit = sorted(folder.rglob("p01/fitbit"))[0]
    days: dict[str, list[float]] = defaultdict(lambda: [np.nan] * 4)
    for entry in _entries(fitbit / "exercise.json"):
        day = days[entry["startTime"][:10]]
        day[0] = np.nansum([day[0], entry.get("steps", 0)])
        day[3] = np.nansum([day[3], round(entry["activeDuration"] / 60_000)])
    for entry in _entries(fitbit / "resting_heart_rate.json"):
        if entry["value"]["value"]:
            days[entry["dateTime"][:10]][1] = entry["value"]["value"]
    for entry in _entries(fitbit / "sleep.json"):
        days[entry["dateOfSleep"]][2] = entry["minutesAsleep"]
    table = np.array([days[day] for day in sorted(days)][:120])
    return series_from_values(table.T, "PMData, days", duration=len(table) * 86_400.0)


def _entries(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--lm", type=Path, action="append", default=[])
    parser.add_argument("--html", type=Path)
    arguments = parser.parse_args()
    folders = [path.parent for path in sorted(arguments.tokenizers.glob("*/tokenizer.json"))] + arguments.lm
    data = arguments.data
    series = [motionsense(data / "motionsense"), afdb(data / "afdb"), pmdata(data / "pmdata")]
    report = tokenizer_report([load_tokenizer(folder) for folder in folders], series)
    for name, about in report.series.items():
        print(f"\n**{name}**: {about['rows']:,} rows x {len(about['channels'])} channels\n\n{comparison(report, name)}")
    if arguments.html is not None:
        arguments.html.write_text(to_html(report), encoding="utf-8")


if __name__ == "__main__":
    main()
