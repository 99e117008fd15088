"""PhysioNet/CinC Challenge 2017: one-lead ECG from a hand-held recorder, 9 to 61 s, one rhythm label a recording.

Reads the official layout: `A00001.mat` with its header `A00001.hea` (300 Hz, mV), and `REFERENCE*.csv` with the labels
N (normal sinus rhythm), A (atrial fibrillation), O (other rhythm) and ~ (too noisy to tell). The labels were revised
three times; where several files stand side by side the one of the highest version is read (REFERENCE-v3.csv), and the
table's `source` says which.

A label belongs to a whole recording (an "other rhythm" may be a single ectopic beat), so recordings are cut as little
as possible: into windows of 30 s side by side, the length of most recordings; shorter ones are examples as they are,
and what is left after the last whole window is left out.

Known traps: there are no subject ids, so the split is by recording and one person may stand on both sides; the official
validation set is 300 recordings of the training set, so the two are never to be joined; the electrodes were often held
the wrong way round, so many recordings are upside down.

Source: https://physionet.org/content/challenge-2017/1.0.0/. Licence: ODC-By 1.0. Cite Clifford et al., AF
Classification from a Short Single Lead ECG Recording: the PhysioNet/Computing in Cardiology Challenge 2017, Computing
in Cardiology 44, 2017, doi 10.22489/CinC.2017.065-469.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sig2lm.datasets.public.layout import csv_file
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal, read_signal

SAMPLING_RATE = 300.0  # Hz
WINDOW = WindowSpec(length=30.0, stride=30.0)  # s
LABELS = {
    "N": "normal sinus rhythm",
    "A": "atrial fibrillation",
    "O": "other rhythm",
    "~": "noisy recording",
}
ECG = Contract(channels=("ecg",), units=("mV",), sampling_rate=SAMPLING_RATE, window=WINDOW.length)
NO_LABEL = "recordings without a label in the reference"
_REFERENCE = re.compile(r"REFERENCE(?:-v(\d+))?\.csv")


def draft_cinc2017(source: Path, seed: int | None) -> Draft:
    """Plan the table: ECG in mV at 300 Hz, windows of 30 s (shorter recordings whole), the recording's label.

    Parameters
    ----------
    source
        The folder of recordings and `REFERENCE*.csv` (`training2017`, `validation`), or the folder that holds it.
    seed
        Of the split by recording; None is 0.

    Raises
    ------
    DatasetError
        If the layout is another, a labelled recording lacks a file, or a line of the reference cannot be read.
    """
    reference = _find_reference(source)
    labels = _read_reference(reference)
    _check_files(reference.parent, labels)
    splits, rule = split_subjects(
        {name: {label} for name, label in labels.items()}, 0 if seed is None else seed, "recording"
    )
    info = TableInfo(
        name="cinc2017",
        task="af_ecg",
        labels=tuple(LABELS.values()),
        signals={"ecg": ECG},
        split_rule=rule + "; the data set states no subjects",
        kept=0,
        dropped={},
        source=(
            f"PhysioNet/CinC Challenge 2017 ({reference.parent.name}, labels of {reference.name}), "
            "https://physionet.org/content/challenge-2017/1.0.0/"
        ),
        licence="ODC-By 1.0",
        citation=(
            "Clifford et al.: AF Classification from a Short Single Lead ECG Recording: the PhysioNet/Computing in "
            "Cardiology Challenge 2017. Computing in Cardiology 44, 2017, doi 10.22489/CinC.2017.065-469"
        ),
    )
    unlabelled = len({file.stem for file in reference.parent.glob("A*.mat")} - labels.keys())
    dropped = Counter({NO_LABEL: unlabelled} if unlabelled else {})
    return Draft(info, _read_rows(reference.parent, labels, splits, dropped), dropped)


def _find_reference(source: Path) -> Path:
    """Return the newest reference of the one folder that has any."""
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir())]
    found = {folder: [file for file in folder.iterdir() if _REFERENCE.fullmatch(file.name)] for folder in folders}
    found = {folder: files for folder, files in found.items() if files}
    if not found:
        raise DatasetError(
            f"expected CinC 2017 in '{source}' (A00001.mat, A00001.hea and so on beside REFERENCE-v3.csv), found no "
            "REFERENCE csv; unpack the archive and give its folder"
        )
    if len(found) > 1:
        told = ", ".join(folder.name for folder in found)
        raise DatasetError(f"'{source}' holds several sets with recordings in common ({told}); give one of them")
    (files,) = found.values()
    return max(files, key=_version)


def _version(reference: Path) -> int:
    match = _REFERENCE.fullmatch(reference.name)
    return int(match[1]) if match and match[1] else -1


def _read_reference(path: Path) -> dict[str, str]:
    labels: dict[str, str] = {}
    with csv_file(path) as file:
        for line, cells in enumerate(csv.reader(file), start=1):
            if not cells:
                continue
            if len(cells) != 2 or cells[1] not in LABELS:
                raise DatasetError(
                    f"'{path}' line {line}: expected a recording and one of {', '.join(LABELS)}, as in A00001,N, "
                    f"found {','.join(cells)!r}; get the file again"
                )
            labels[cells[0]] = LABELS[cells[1]]
    return labels


def _check_files(folder: Path, labels: dict[str, str]) -> None:
    files = [f"{name}{part}" for name in sorted(labels) for part in (".hea", ".mat")]
    missing = [file for file in files if not (folder / file).is_file()]
    if missing or not labels:
        told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DatasetError(
            f"expected a .hea and a .mat of {len(labels)} recordings in '{folder}', but there is no "
            f"{told or 'recording in the reference'}; get what is missing"
        )


def _read_rows(
    folder: Path, labels: dict[str, str], splits: dict[str, str], dropped: Counter[str]
) -> Iterator[TableRow]:
    for name in sorted(labels):
        ecg = _read_ecg(folder / f"{name}.mat")
        window = WINDOW if ecg.num_samples >= WINDOW.length * SAMPLING_RATE else None
        for start, signals in cut({"ecg": ecg}, window, dropped):
            yield TableRow(name, labels[name], signals, f"{name}.mat", start, splits[name])


def _read_ecg(path: Path) -> Signal:
    recorded = read_signal(path, allow_missing=True)
    if recorded.sampling_rate != SAMPLING_RATE or recorded.num_channels != 1:
        raise DatasetError(
            f"'{path}': expected one lead at {SAMPLING_RATE:g} Hz, found {recorded.num_channels} channels at "
            f"{recorded.sampling_rate:g} Hz; give the official files"
        )
    return Signal(recorded.values, SAMPLING_RATE, ECG.channels, recorded.units).convert(ECG.units)
