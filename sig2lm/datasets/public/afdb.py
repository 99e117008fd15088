"""MIT-BIH Atrial Fibrillation Database: about ten hours of rhythm and beat annotations of each of 25 people (AFDB).

Reads the official files of each record, `NNNNN.atr` (rhythm changes, made by hand) and `NNNNN.qrs` (beats, found by a
detector and not corrected); the waveforms are not needed, and records 00735 and 03665 have none. An interval between
two beats belongs to the rhythm in force at its second beat. 60 intervals side by side are one example; it is atrial
fibrillation where at least half of its intervals are, so that windows in which the rhythm changes stay in the test.

Known traps: `(N` means every rhythm but fibrillation, flutter and junctional rhythm, in people who all have paroxysms
of fibrillation, so the "normal" of this table holds ectopic beats and is no healthy heart; missed and false beats make
intervals of some seconds and of some tens of ms; neighbouring windows of a record are much alike, so the split is by
record; two records are fibrillation from end to end.

Source: https://physionet.org/content/afdb/1.0.0/, doi 10.13026/C2MW2D. Licence: ODC-By 1.0. Cite Moody and Mark, A new
method for detecting atrial fibrillation using R-R intervals, Computers in Cardiology 10:227-230, 1983; and Goldberger
et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101:e215-e220, 2000.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sig2lm.datasets.public.layout import folder_and_inner
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.windows import TOO_SHORT
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract, Signal

BEATS = 60  # intervals in a window; windows stand side by side
SAMPLING_RATE = 250.0  # Hz, of the sample numbers that annotations count in
SHORTEST, LONGEST = 200.0, 3000.0  # ms; outside of it lies a missed or a false beat, not a heart's interval
FIBRILLATION, NORMAL = "atrial fibrillation", "normal sinus rhythm"
RR = Contract(channels=("rr",), units=("ms",), sampling_rate=None, window=float(BEATS))
NO_INTERVAL = f"windows with an interval under {SHORTEST:g} ms or over {LONGEST / 1000:g} s"
OTHER_RHYTHM = "windows with atrial flutter, junctional or another rhythm"
_RHYTHMS = {"(AFIB": FIBRILLATION, "(N": NORMAL}
_PARTS = {".atr": "rhythm", ".qrs": "beat"}


@dataclass(frozen=True)
class _Record:
    """A record's windows (N, 60) in ms, and what each of them is: a label, or the reason to leave it out."""

    name: str
    intervals: npt.NDArray[np.float32]
    verdicts: npt.NDArray[np.str_]


def draft_afdb(source: Path, seed: int | None) -> Draft:
    """Plan the table: RR intervals in ms, 60 a window, atrial fibrillation or normal sinus rhythm.

    A window is left out whole for a single impossible interval (under 200 ms or over 3 s), since to take out the
    interval alone would make neighbours of beats that are none; and for a single interval of flutter, junctional or any
    other rhythm, since it is neither label.

    Parameters
    ----------
    source
        The folder of the `.atr` and `.qrs` files, or the folder that holds it.
    seed
        Of the split by record; None is 0.

    Raises
    ------
    DatasetError
        If a record lacks one of its two files, or one is truncated or holds something else.
    """
    folder = _find_folder(source)
    records = [_read_record(folder, name) for name in _find_records(folder)]
    kept = {record.name: set(record.verdicts) & {FIBRILLATION, NORMAL} for record in records}
    splits, rule = split_subjects(kept, 0 if seed is None else seed, "record")
    info = TableInfo(
        name="afdb",
        task="af_rr",
        labels=(FIBRILLATION, NORMAL),
        signals={"rr": RR},
        split_rule=rule,
        kept=0,
        dropped={},
        source="MIT-BIH Atrial Fibrillation Database 1.0.0, https://physionet.org/content/afdb/1.0.0/",
        licence="ODC-By 1.0",
        citation=(
            "Moody, Mark: A new method for detecting atrial fibrillation using R-R intervals. Computers in Cardiology "
            "10:227-230, 1983; doi 10.13026/C2MW2D"
        ),
    )
    dropped: Counter[str] = Counter()
    return Draft(info, _make_rows(records, splits, dropped), dropped)


def _find_folder(source: Path) -> Path:
    for folder in folder_and_inner(source):
        if any(folder.glob("*.atr")) or any(folder.glob("*.qrs")):
            return folder
    raise DatasetError(
        f"expected the MIT-BIH AF database in '{source}' (04015.atr and 04015.qrs and so on), found no such file; "
        "give the folder that holds them"
    )


def _find_records(folder: Path) -> list[str]:
    """Return every record of which there is a file, or which the list `RECORDS` names."""
    names = {file.stem for suffix in _PARTS for file in folder.glob(f"*{suffix}")}
    if (folder / "RECORDS").is_file():
        names |= set((folder / "RECORDS").read_text(encoding="utf-8", errors="replace").split())
    missing = [f"{name}{part}" for name in sorted(names) for part in _PARTS if not (folder / f"{name}{part}").is_file()]
    if missing:
        raise DatasetError(
            f"expected rhythms (.atr) and beats (.qrs) of {len(names)} records in '{folder}', but there is no "
            f"{', '.join(missing)}; get what is missing, or take the record out of the folder and of RECORDS"
        )
    return sorted(names)


def _read_record(folder: Path, name: str) -> _Record:
    rhythm, beat = (_read_annotations(folder / f"{name}{part}", kind) for part, kind in _PARTS.items())
    changes = [i for i, note in enumerate(rhythm.aux_note) if note.startswith("(")]
    beats = np.asarray(beat.sample)[np.asarray(beat.symbol) == "N"]
    if not changes or beats.size < 2:
        raise DatasetError(
            f"'{folder / name}': expected rhythm changes in the .atr and beats in the .qrs, found {len(changes)} and "
            f"{beats.size}; check that both are files of the AF database"
        )
    starts = np.asarray(rhythm.sample)[changes]
    # Intervals before the first change, which the official files do not have, get a rhythm that is neither label.
    notes = np.array(["", *(rhythm.aux_note[i].rstrip("\0") for i in changes)])
    rhythms = notes[np.searchsorted(starts, beats[1:], side="right")]
    count = rhythms.size // BEATS * BEATS
    intervals = (np.diff(beats)[:count] / (beat.fs or SAMPLING_RATE) * 1000).astype(np.float32).reshape(-1, BEATS)
    return _Record(name, intervals, _judge(intervals, rhythms[:count].reshape(-1, BEATS)))


def _judge(intervals: npt.NDArray[np.float32], rhythms: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    impossible = ((intervals < SHORTEST) | (intervals > LONGEST)).any(axis=1)
    other = ~np.isin(rhythms, list(_RHYTHMS)).all(axis=1)
    fibrillation = (rhythms == "(AFIB").mean(axis=1) >= 0.5
    return np.select([impossible, other, fibrillation], [NO_INTERVAL, OTHER_RHYTHM, FIBRILLATION], NORMAL)


def _read_annotations(path: Path, kind: str) -> Any:
    """Read a WFDB annotation file, which ends in two zero bytes when it is whole."""
    if path.read_bytes()[-2:] != b"\0\0":
        raise DatasetError(f"expected {kind} annotations in '{path}', but it is truncated or another kind; fetch it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # wfdb 4.3 meets pandas 3.1 with an old argument
        import wfdb

        try:
            return wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
        except (ValueError, IndexError, KeyError, TypeError, ArithmeticError) as error:
            raise DatasetError(f"expected {kind} annotations in '{path}', but it is unreadable: {error}") from error


def _make_rows(records: list[_Record], splits: dict[str, str], dropped: Counter[str]) -> Iterator[TableRow]:
    for record in records:
        if not len(record.intervals):
            dropped[TOO_SHORT] += 1
        for index, (intervals, verdict) in enumerate(zip(record.intervals, record.verdicts, strict=True)):
            if verdict not in (FIBRILLATION, NORMAL):
                dropped[str(verdict)] += 1
                continue
            signal = Signal(intervals[None], None, RR.channels, RR.units)
            start = float(index * BEATS)
            yield TableRow(record.name, str(verdict), {"rr": signal}, record.name, start, splits[record.name])
