"""HAPT, the raw recordings of UCI HAR's people, with changes of posture between activities (Reyes-Ortiz et al. 2016).

Reads the official layout: `RawData/acc_exp01_user01.txt` (g), `gyro_exp01_user01.txt` (rad/s), 50 Hz, and
`RawData/labels.txt`, where a line says experiment, person, activity, and the first and last sample of a stretch.
Windows of 2.56 s every 1.28 s are cut within a stretch. Of the twelve activities six are those of UCI HAR; the other
six are transitions, such as sit to stand, which last some seconds: they are dropped and their stretches counted. What
lies between stretches has no label and is dropped too.

The split is the authors' where `Train/subject_id_train.txt` and `Test/subject_id_test.txt` are there, else by seed.
Unlike UCI HAR's windows, these recordings are not filtered.

Source: https://archive.ics.uci.edu/dataset/341, doi 10.24432/C54G7M. Licence: CC BY 4.0.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.public.motionsense import MOTION, SAMPLING_RATE
from sig2lm.datasets.public.uci_phone import ACTIVITIES, UNITS, describe_table, published_split
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Signal

WINDOW = WindowSpec(length=2.56, stride=1.28)  # s
LABELS = dict(enumerate(ACTIVITIES, start=1))
TRANSITIONS = range(7, 13)
TRANSITION = "stretches of transition between postures"
_SUBJECTS = {"train": "Train/subject_id_train.txt", "test": "Test/subject_id_test.txt"}


@dataclass(frozen=True)
class _Stretch:
    experiment: int
    person: int
    activity: int
    first: int
    last: int


def is_hapt(source: Path) -> Path | None:
    """Return the folder of the layout, or None where it is another."""
    folders = (source, *sorted(path for path in source.iterdir() if path.is_dir())) if source.is_dir() else ()
    return next((folder for folder in folders if (folder / "RawData" / "labels.txt").is_file()), None)


def draft_hapt(folder: Path, seed: int | None) -> Draft:
    """Plan the table: acceleration (m/s²) and angular velocity (rad/s), 50 Hz, windows of 2.56 s, six activities.

    Parameters
    ----------
    folder
        What holds `RawData`.
    seed
        None for the authors' split, if its files are there; else a random one by subject.

    Raises
    ------
    DatasetError
        If a file lacks or is damaged.
    """
    stretches = _read_stretches(folder / "RawData" / "labels.txt")
    people: dict[str, set[str]] = {}
    for stretch in stretches:
        people.setdefault(str(stretch.person), set()).update(
            {LABELS[stretch.activity]} if stretch.activity in LABELS else set()
        )
    official = _official_split(folder, people) if seed is None else None
    splits, rule = official or split_subjects(people, seed or 0)
    dropped: Counter[str] = Counter()
    info = describe_table(
        "hapt",
        rule,
        source="Smartphone-Based Recognition of Human Activities and Postural Transitions (raw), doi 10.24432/C54G7M",
        licence="CC BY 4.0",
        citation=(
            "Reyes-Ortiz, Oneto, Samà, Parra, Anguita: Transition-Aware Human Activity Recognition Using Smartphones. "
            "Neurocomputing 171, 2016, doi 10.1016/j.neucom.2015.07.085"
        ),
    )
    return Draft(info, _read_rows(folder / "RawData", stretches, splits, dropped), dropped)


def _read_stretches(path: Path) -> list[_Stretch]:
    found = []
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.split()
        known = len(cells) == 5 and all(re.fullmatch(r"\d{1,9}", cell) for cell in cells)
        stretch = _Stretch(*map(int, cells)) if known else None
        if stretch is None or not 1 <= stretch.activity <= 12 or not 1 <= stretch.first <= stretch.last:
            raise DatasetError(
                f"'{path}' line {number}: expected experiment, person, activity 1 to 12, first and last sample, found "
                f"{line[:60]!r}; copy the file again"
            )
        found.append(stretch)
    if not found:
        raise DatasetError(f"'{path}' holds no line; copy the file again")
    return found


def _official_split(folder: Path, people: dict[str, set[str]]) -> tuple[dict[str, str], str] | None:
    files = {split: folder / name for split, name in _SUBJECTS.items()}
    if not all(file.is_file() for file in files.values()):
        return None
    sets = {split: set(file.read_text(encoding="ascii", errors="replace").split()) for split, file in files.items()}
    if sets["train"] & sets["test"] or people.keys() - sets["train"] - sets["test"]:
        raise DatasetError(
            f"expected everybody in one of '{files['train']}' and '{files['test']}', found somebody in both or in "
            "neither; copy the files again, or pass a seed to divide the people again"
        )
    return published_split(sets["train"] & people.keys(), sets["test"] & people.keys())


def _read_rows(
    folder: Path, stretches: list[_Stretch], splits: dict[str, str], dropped: Counter[str]
) -> Iterator[TableRow]:
    name, motion = "", None
    for stretch in sorted(stretches, key=lambda stretch: (stretch.experiment, stretch.person, stretch.first)):
        if stretch.activity in TRANSITIONS:
            dropped[TRANSITION] += 1
            continue
        wanted = f"exp{stretch.experiment:02}_user{stretch.person:02}"
        if motion is None or wanted != name:
            name, motion = wanted, _read_motion(folder, wanted)
        if stretch.last > motion.num_samples:
            raise DatasetError(
                f"'{folder / 'labels.txt'}': a stretch of {name} ends at sample {stretch.last}, the recording holds "
                f"{motion.num_samples}; the files are of different copies"
            )
        begin = (stretch.first - 1) / SAMPLING_RATE  # samples are counted from 1
        piece = Signal(motion.values[:, stretch.first - 1 : stretch.last], SAMPLING_RATE, motion.channels, motion.units)
        for start, signals in cut({"motion": piece}, WINDOW, dropped):
            person = str(stretch.person)
            yield TableRow(person, LABELS[stretch.activity], signals, f"RawData/{name}", begin + start, splits[person])


def _read_motion(folder: Path, name: str) -> Signal:
    acceleration, rotation = (_read_numbers(folder / f"{sensor}_{name}.txt") for sensor in ("acc", "gyro"))
    if acceleration.shape != rotation.shape:
        raise DatasetError(
            f"'{folder}': expected as many samples in acc_{name}.txt as in gyro_{name}.txt, found "
            f"{acceleration.shape[1]} and {rotation.shape[1]}; one of them is truncated"
        )
    values = np.concatenate([acceleration, rotation]).astype(np.float32)
    return Signal(values, SAMPLING_RATE, MOTION.channels, UNITS).convert(MOTION.units)


def _read_numbers(path: Path) -> npt.NDArray[np.float64]:
    try:
        values = np.loadtxt(path, ndmin=2, encoding="ascii")
        if values.shape[1] != 3 or not np.isfinite(values).all():
            raise ValueError(f"shape {values.shape}")
    except FileNotFoundError as error:
        raise DatasetError(f"expected HAPT's file '{path}', found no such file; unpack the archive again") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"'{path}': expected rows of three finite numbers: {error}; copy the file again") from error
    return values.T
