"""Stress-Predict: an Empatica E4 on the wrist of 35 people during three stress tasks with rest between them.

Reads the official layout: `Raw_data/SNN/{BVP,EDA,TEMP,ACC,HR}.csv` (see `sig2lm.datasets.public.empatica`) and
`Processed_data/Improved_All_Combined_hr_rsp_binary.csv`, which gives a label to each second: 1 in the Stroop colour
test, the interview and the hyperventilation, 0 elsewhere (rest, questionnaires, instructions). Signals and windows are
those of WESAD's table, so that a model can move between the two.

Clocks: both are UTC seconds of the wristband itself, so nothing has to be shifted. Checked on the files: the labels'
heart rate is that of HR.csv, one row off, and the labels change in the very second of a button press (`tags_SNN.csv`).

Known traps: S01 has no labels and is left out; the labels of S06 follow the minutes of the written log, not button
presses, and may be a minute off; S17, S18 and S30 have button presses mended in the labels, not in the tags; the tasks
come in one order, so whatever drifts through a session (skin temperature) tells the time as well as the stress;
hyperventilation speeds up the heart by breathing, and speaking moves the wrist; labels say what was asked of a person,
not what the person felt.

Source: https://github.com/italha-d/Stress-Predict-Dataset. Licence: MIT. Cite Iqbal et al., Stress Monitoring Using
Wearable Sensors: A Pilot Study and Stress-Predict Dataset, Sensors 22(21):8135, 2022, doi 10.3390/s22218135.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from sig2lm.datasets.public.empatica import (
    LABELS,
    NO_STRESS,
    STRESS,
    UNLABELLED,
    Session,
    Track,
    cut_recording,
    describe_table,
    read_recording,
)
from sig2lm.datasets.public.layout import csv_file, folder_and_inner
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError

NO_LABELS = "recordings without labels"
_LABEL_FILE = Path("Processed_data", "Improved_All_Combined_hr_rsp_binary.csv")
_COLUMNS = ("Participant", "Time(sec)", "Label")
_WORDS = {"0": NO_STRESS, "1": STRESS}

Labels = dict[int, str]
"""Second since 1970 (UTC) -> label."""


def draft_stress_predict(source: Path, seed: int | None) -> Draft:
    """Plan the table: four signals of the wristband, windows of 60 s every 30 s, stress task or none.

    Parameters
    ----------
    source
        The folder that holds `Raw_data` and `Processed_data`, or the folder around it.
    seed
        Of the split by subject; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another, a labelled subject lacks a recording, or a line of the labels cannot be read.
    """
    folder = _find_folder(source)
    labels = _read_labels(folder / _LABEL_FILE)
    subjects = {path.name for path in (folder / "Raw_data").glob("S*") if path.is_dir()}
    missing = sorted(labels.keys() - subjects)
    if missing:
        raise DatasetError(
            f"expected the recordings of {len(labels)} labelled subjects in '{folder / 'Raw_data'}', but there is no "
            f"folder {', '.join(missing)}; get what is missing"
        )
    splits, rule = split_subjects(
        {name: set(by_second.values()) for name, by_second in labels.items()}, 0 if seed is None else seed
    )
    info = describe_table(
        "stress_predict",
        rule,
        source="Stress-Predict, https://github.com/italha-d/Stress-Predict-Dataset",
        licence="MIT",
        citation=(
            "Iqbal et al.: Stress Monitoring Using Wearable Sensors: A Pilot Study and Stress-Predict Dataset. Sensors "
            "22(21):8135, 2022, doi 10.3390/s22218135"
        ),
    )
    unlabelled = len(subjects - labels.keys())
    dropped = Counter({NO_LABELS: unlabelled} if unlabelled else {})
    return Draft(info, _read_rows(folder / "Raw_data", labels, splits, dropped), dropped)


def _find_folder(source: Path) -> Path:
    for folder in folder_and_inner(source):
        if (folder / "Raw_data").is_dir() and (folder / _LABEL_FILE).is_file():
            return folder
    raise DatasetError(
        f"expected Stress-Predict in '{source}' (Raw_data/S02/BVP.csv and so on, and {_LABEL_FILE.as_posix()}), found "
        "no such folder and file; unpack the archive and give the folder that holds both"
    )


def _read_labels(path: Path) -> dict[str, Labels]:
    labels: dict[str, Labels] = defaultdict(dict)
    with csv_file(path) as file:
        reader = csv.DictReader(file)
        if not set(_COLUMNS) <= set(reader.fieldnames or ()):
            found = ", ".join(reader.fieldnames or ()) or "an empty file"
            raise DatasetError(f"'{path}': expected the columns {', '.join(_COLUMNS)}, found {found}; get it again")
        for cells in reader:
            try:
                subject = f"S{int(cells['Participant']):02d}"
                labels[subject][int(cells["Time(sec)"])] = _WORDS[cells["Label"]]
            except (TypeError, ValueError, KeyError) as error:
                raise DatasetError(
                    f"'{path}' line {reader.line_num}: expected a participant's number, a second since 1970 and the "
                    f"label 0 or 1, found {', '.join(str(cells[name]) for name in _COLUMNS)}; get the file again"
                ) from error
    return dict(labels)


def _read_rows(
    folder: Path, labels: dict[str, Labels], splits: dict[str, str], dropped: Counter[str]
) -> Iterator[TableRow]:
    for subject in sorted(labels):
        recording = read_recording(folder / subject)
        track = _lay_track(recording, labels[subject], subject)
        for start, label, signals, facts in cut_recording(recording, track, dropped):
            yield TableRow(subject, label, signals, f"Raw_data/{subject}", start, splits[subject], facts=facts)


def _lay_track(recording: Session, labels: Labels, subject: str) -> Track:
    track = recording.track()
    begin = int(recording.start)
    for second, label in labels.items():
        if begin <= second < begin + len(track):
            track[second - begin] = LABELS.index(label)
    if (track == UNLABELLED).all():
        raise DatasetError(
            f"expected labels of {subject} within its recording ({len(track)} s from {begin} s on), found "
            f"{min(labels)} to {max(labels)} s; the two are not of one session, get them again"
        )
    return track
