"""UCI HAR: a phone at the waist, 30 people, six activities, cut into windows by its authors (Anguita et al. 2013).

Reads the official layout, `UCI HAR Dataset/{train,test}/Inertial Signals/total_acc_x_train.txt` and so on: a line holds
the 128 samples of one window, 2.56 s at 50 Hz; `y_train.txt` and `subject_train.txt` hold its activity and person,
`activity_labels.txt` the activities' names. Total acceleration (g) becomes m/s²; angular velocity (`body_gyro`, rad/s)
stays. The signal `motion` has the contract of MotionSense's, so an encoder trained on one reads the other.

Licence: CC BY 4.0 at the UCI repository, doi 10.24432/C54S4K; the README in the archive forbids commercial use.
Citation: ESANN 2013, pages 437-442.

The split of people into train and test is the authors'; subjects 7, 16 and 26 are taken from train for validation.

Traps. Windows overlap by half, so neighbours may never stand in two splits (people do not). The authors removed noise
with a median filter and a low-pass of 20 Hz; nobody did so for MotionSense. Where a window lies in its recording is not
told: `start` is 0, and a row's source names the line. `body_acc` lacks gravity and is not read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.public.hapt import draft_hapt, is_hapt
from sig2lm.datasets.public.motionsense import MOTION, SAMPLING_RATE
from sig2lm.datasets.public.uci_phone import ACTIVITIES, UNITS, describe_table, published_split
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Signal

SAMPLES = 128
_NAMES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
LABELS = dict(zip(_NAMES, ACTIVITIES, strict=True))
_FOLDER = "UCI HAR Dataset"
_PARTS = ("train", "test")
_FILES = tuple(f"{sensor}_{axis}" for sensor in ("total_acc", "body_gyro") for axis in "xyz")
_WINDOWS_PER_BLOCK = 512


@dataclass(frozen=True)
class _Part:
    """One of the two folders: who did what in each of its windows."""

    name: str
    folder: Path
    subjects: list[str]
    labels: list[str]


def draft_ucihar(source: Path, seed: int | None) -> Draft:
    """Plan the table: total acceleration (m/s²) and angular velocity (rad/s), 50 Hz, windows of 2.56 s.

    Parameters
    ----------
    source
        `UCI HAR Dataset`, or the folder that holds it; or the raw recordings of HAPT (:mod:`.hapt`).
    seed
        None for the authors' split, with validation subjects 7 16 26; else a random one by subject.

    Raises
    ------
    DatasetError
        If the layout is another, or lines lack or exceed in a file; while rows are read, if a file is damaged.
    """
    if (raw := is_hapt(source)) is not None:
        return draft_hapt(raw, seed)
    folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
    names = _read_names(folder / "activity_labels.txt")
    parts = [_read_part(folder, part, names) for part in _PARTS]
    splits, rule = _official_split(parts) if seed is None else split_subjects(_labels_by_subject(parts), seed)
    info = describe_table(
        "ucihar",
        rule,
        source="Human Activity Recognition Using Smartphones, UCI Machine Learning Repository, doi 10.24432/C54S4K",
        licence="CC BY 4.0 (UCI repository); the README in the archive forbids commercial use",
        citation=(
            "Anguita, Ghio, Oneto, Parra, Reyes-Ortiz: A Public Domain Dataset for Human Activity Recognition Using "
            "Smartphones. ESANN 2013, 437-442"
        ),
    )
    return Draft(info, _read_rows(parts, splits), Counter())


def _read_names(path: Path) -> dict[str, str]:
    names = {}
    for number, line in enumerate(_read_lines(path), 1):
        code, _, name = line.strip().partition(" ")
        if name not in LABELS:
            raise DatasetError(
                f"'{path}': line {number}: expected a number and an activity among {', '.join(LABELS)}, found {line!r}"
            )
        names[code] = LABELS[name]
    return names


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(
            f"expected UCI HAR's file '{path}', found no such file; unpack the archive and give '{_FOLDER}'"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path}' cannot be read as text: {error}; copy the file again") from error


def _read_part(folder: Path, part: str, names: dict[str, str]) -> _Part:
    codes = [line.strip() for line in _read_lines(folder / part / f"y_{part}.txt")]
    subjects = [line.strip() for line in _read_lines(folder / part / f"subject_{part}.txt")]
    if len(codes) != len(subjects):
        raise DatasetError(
            f"'{folder / part}': expected as many lines in y_{part}.txt as in subject_{part}.txt, "
            f"found {len(codes)} and {len(subjects)}; one of them is truncated"
        )
    for number, (code, subject) in enumerate(zip(codes, subjects, strict=True), 1):
        if code not in names or not subject.isdecimal():
            raise DatasetError(
                f"'{folder / part}': line {number}: expected an activity among {', '.join(names)} in y_{part}.txt "
                f"and a person's number in subject_{part}.txt, found {code!r} and {subject!r}"
            )
    return _Part(part, folder / part, subjects, [names[code] for code in codes])


def _labels_by_subject(parts: list[_Part]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        for subject, label in zip(part.subjects, part.labels, strict=True):
            found[subject].add(label)
    return found


def _official_split(parts: list[_Part]) -> tuple[dict[str, str], str]:
    train, test = (set(part.subjects) for part in parts)
    if train & test:
        raise DatasetError(
            f"expected nobody both in train and in test, found subject {min(train & test, key=int)} in both; "
            "a subject file is from the other folder, or pass a seed to divide again"
        )
    return published_split(train, test)


def _read_rows(parts: list[_Part], splits: dict[str, str]) -> Iterator[TableRow]:
    for part in parts:
        for number, motion in enumerate(_read_windows(part)):
            subject = part.subjects[number]
            source = f"{part.name}, line {number + 1}"
            yield TableRow(subject, part.labels[number], {"motion": motion}, source, 0.0, splits[subject])


def _read_windows(part: _Part) -> Iterator[Signal]:
    """Read the six files side by side, a block of lines at a time."""
    paths = [part.folder / "Inertial Signals" / f"{name}_{part.name}.txt" for name in _FILES]
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(path.open(encoding="ascii", errors="replace")) for path in paths]
        except OSError as error:
            raise DatasetError(
                f"expected UCI HAR's file '{error.filename}', but: {error.strerror}; unpack the archive again"
            ) from error
        for first in range(0, len(part.labels), _WINDOWS_PER_BLOCK):
            count = min(_WINDOWS_PER_BLOCK, len(part.labels) - first)
            blocks = [
                _parse(path, list(islice(file, count)), first, count) for path, file in zip(paths, files, strict=True)
            ]
            joined = np.stack(blocks).reshape(len(blocks), -1).astype(np.float32)
            motion = Signal(joined, SAMPLING_RATE, MOTION.channels, UNITS).convert(MOTION.units)
            yield from (window for _, window in motion.windows(SAMPLES / SAMPLING_RATE))
        for path, file in zip(paths, files, strict=True):
            if file.readline():
                raise DatasetError(
                    f"'{path}': expected {len(part.labels)} windows, one for each line of y_{part.name}.txt, "
                    "found more; the files are of different copies"
                )


def _parse(path: Path, lines: list[str], first: int, count: int) -> npt.NDArray[np.float64]:
    """Return (count, SAMPLES) numbers; the lines begin with number `first` of the file, counted from 0."""
    if len(lines) < count:
        raise DatasetError(
            f"'{path}': expected a window for each line of the y file, but line {first + len(lines) + 1} is missing; "
            "the file is truncated, copy it again"
        )
    if not any(map(str.isspace, lines)):  # loadtxt would pass over them
        with suppress(ValueError):
            values = np.loadtxt(lines, ndmin=2, comments=None)
            if values.shape == (count, SAMPLES) and np.isfinite(values).all():
                return values
    broken = next(i for i, line in enumerate(lines) if not _is_window(line))
    raise DatasetError(
        f"'{path}': line {first + broken + 1}: expected {SAMPLES} finite numbers, found {len(lines[broken].split())} "
        f"values, {lines[broken].strip()[:40]!r} and so on; copy the file again"
    )


def _is_window(line: str) -> bool:
    try:
        values = np.array(line.split(), dtype=np.float64)
    except ValueError:
        return False
    return values.size == SAMPLES and bool(np.isfinite(values).all())
