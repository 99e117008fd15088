"""MotionSense: an iPhone in the front pocket, 24 people, six activities (Malekzadeh et al. 2019).

Reads the official layout, `A_DeviceMotion_data/<activity>_<trial>/sub_<n>.csv`. The phone reports gravity and the
user's acceleration apart; their sum is what an accelerometer measures, and is what is kept, so that encoders trained
here meet the same quantity from other devices.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal, read_signal

SAMPLING_RATE = 50.0  # Hz
WINDOW = WindowSpec(length=2.56, stride=1.28)  # s
LABELS = {
    "wlk": "walking",
    "jog": "jogging",
    "ups": "walking upstairs",
    "dws": "walking downstairs",
    "sit": "sitting",
    "std": "standing",
}
MOTION = Contract(
    channels=("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"),
    units=("m/s^2",) * 3 + ("rad/s",) * 3,
    sampling_rate=SAMPLING_RATE,
    window=WINDOW.length,
)
TEST_SUBJECTS = ("3", "7", "11", "15", "19", "23")
VALIDATION_SUBJECTS = ("2", "6", "10")
_FOLDER = "A_DeviceMotion_data"
_TRIAL = re.compile(rf"({'|'.join(LABELS)})_(\d+)")
_SUBJECT = re.compile(r"sub_(\d+)\.csv")
_COLUMNS = tuple(f"{part}.{axis}" for part in ("gravity", "userAcceleration", "rotationRate") for axis in "xyz")
_UNITS = ("g",) * 6 + ("rad/s",) * 3


@dataclass(frozen=True)
class _Trial:
    path: Path
    label: str
    trial: int
    subject: str


def draft_motionsense(source: Path, seed: int | None) -> Draft:
    """Plan the table: total acceleration (m/s²) and rotation rate (rad/s), 50 Hz, windows of 2.56 s every 1.28 s.

    Parameters
    ----------
    source
        `A_DeviceMotion_data`, or the folder that holds it.
    seed
        None for the fixed split (test subjects 3 7 11 15 19 23, validation 2 6 10); else a random one by subject.

    Raises
    ------
    DatasetError
        If the layout is another.
    """
    recordings = _find_recordings(source)
    labels: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        labels[recording.subject].add(recording.label)
    splits, rule = _fixed_split(labels) if seed is None else split_subjects(labels, seed)
    info = TableInfo(
        name="motionsense",
        task="har",
        labels=tuple(LABELS.values()),
        signals={"motion": MOTION},
        split_rule=rule,
        kept=0,
        dropped={},
        source="MotionSense, A_DeviceMotion_data, https://github.com/mmalekzadeh/motion-sense",
        licence="MIT (authors' repository); the copy on Kaggle states ODbL",
        citation=(
            "Malekzadeh, Clegg, Cavallaro, Haddadi: Mobile Sensor Data Anonymization. IoTDI 2019, "
            "doi 10.1145/3302505.3310068"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _read_rows(recordings, splits, dropped), dropped)


def _find_recordings(source: Path) -> list[_Trial]:
    folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
    found = [
        _Trial(file, LABELS[trial[1]], int(trial[2]), subject[1])
        for file in folder.glob("*/sub_*.csv")
        if (trial := _TRIAL.fullmatch(file.parent.name)) and (subject := _SUBJECT.fullmatch(file.name))
    ]
    if not found:
        raise DatasetError(
            f"expected MotionSense in '{source}' ({_FOLDER}/wlk_7/sub_1.csv and so on), found no such file; "
            f"unpack the archive and give the folder that holds {_FOLDER}"
        )
    return sorted(found, key=lambda recording: (int(recording.subject), recording.label, recording.trial))


def _fixed_split(subjects: dict[str, set[str]]) -> tuple[dict[str, str], str]:
    splits = dict.fromkeys(subjects, "train")
    splits |= {subject: "test" for subject in TEST_SUBJECTS if subject in subjects}
    splits |= {subject: "validation" for subject in VALIDATION_SUBJECTS if subject in subjects}
    rule = f"by subject: test {' '.join(TEST_SUBJECTS)}, validation {' '.join(VALIDATION_SUBJECTS)}, the rest train"
    return splits, rule


def _read_rows(recordings: list[_Trial], splits: dict[str, str], dropped: Counter[str]) -> Iterator[TableRow]:
    for recording in recordings:
        source = "/".join(recording.path.parts[-2:])
        for start, signals in cut({"motion": _read_motion(recording.path)}, WINDOW, dropped):
            yield TableRow(recording.subject, recording.label, signals, source, start, splits[recording.subject])


def _read_motion(path: Path) -> Signal:
    parts = read_signal(path, sampling_rate=SAMPLING_RATE, channels=_COLUMNS, units=_UNITS, allow_missing=True)
    values = parts.values[[0, 1, 2, 6, 7, 8]]
    values[:3] += parts.values[3:6]
    return Signal(values, SAMPLING_RATE, MOTION.channels, ("g",) * 3 + ("rad/s",) * 3).convert(MOTION.units)
