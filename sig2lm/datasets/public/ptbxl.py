"""PTB-XL: 21,799 clinical twelve-lead ECGs of 10 s from 18,869 patients, with statements of cardiologists.

Reads the official layout: `ptbxl_database.csv`, `scp_statements.csv`, and the recordings as WFDB in `records100` (100
Hz) or `records500` (500 Hz). Given the data set's folder the recordings at 100 Hz are read where they are there, else
those at 500 Hz; given `records500` itself, these.

An ECG has several statements (scp codes). Two tables come of them:

- ``ptbxl`` (task `ecg_12`): the five diagnostic superclasses, by `scp_statements.csv` and, as in the authors' own
  example, whatever the likelihood of a statement. An ECG of one superclass has it as label; one of several has no label
  but a question of its own that asks for all, their names as answer, and the fact `labels`, by which a curriculum asks
  about each (is this electrocardiogram a sign of hypertrophy?). ECGs without any are left out and counted.
- ``ptbxl_rhythm`` (task `ecg_12_rhythm`): sinus rhythm (of any rate), atrial fibrillation, atrial flutter, paced rhythm
  and others. ECGs without a statement on rhythm, or with two that differ, are left out and counted.

Facts of a row, for questions and sentences: `superclasses` and `rhythm` (all of them, in words), `report` (as it was
written, mostly in German), age and sex. The split is `strat_fold`: 9 is for validation, 10 for test, as published; no
patient is in two folds.

Known traps: validators differ between folds (9 and 10 were checked by people most); for others see
`sig2lm.datasets.public.ptbxl_records`.

Source: https://physionet.org/content/ptb-xl/1.0.3/. Licence: CC BY 4.0. Cite Wagner et al., PTB-XL, a large publicly
available electrocardiography dataset, Scientific Data 7, 154, 2020, doi 10.1038/s41597-020-0495-6.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sig2lm.datasets.public.ptbxl_records import FLAT, NO_VALUES, SUPERCLASSES, Archive, Record
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import LABELS_BETWEEN, LABELS_FACT, TableInfo, TableRow
from sig2lm.datasets.writer import Draft

RHYTHMS = {
    "SR": "sinus rhythm",
    "SBRAD": "sinus rhythm",
    "STACH": "sinus rhythm",
    "SARRH": "sinus rhythm",
    "AFIB": "atrial fibrillation",
    "AFLT": "atrial flutter",
    "PACE": "paced rhythm",
    "SVARR": "other rhythm",
    "SVTAC": "other rhythm",
    "PSVT": "other rhythm",
    "BIGU": "other rhythm",
    "TRIGU": "other rhythm",
}
ALL_OF_THEM = "Which of these does the electrocardiogram show? Name all that apply."
NO_SUPERCLASS = "recordings without a diagnostic statement"
NO_RHYTHM = "recordings without a statement on rhythm"
TWO_RHYTHMS = "recordings with statements on two rhythms"
_FOLDS = {9: "validation", 10: "test"}


def draft_ptbxl(source: Path, seed: int | None) -> Draft:
    """Plan the table of diagnostic superclasses: twelve leads in mV, 10 s, at 100 Hz (or 500, see the module's text).

    Parameters
    ----------
    source
        The data set's folder, or its `records100` or `records500`.
    seed
        None for the published folds; else a random split by patient.

    Raises
    ------
    DatasetError
        If the layout is another, a line of the database cannot be read, or a recording lacks.
    """
    return _draft("ptbxl", "ecg_12", tuple(SUPERCLASSES.values()), source, seed)


def draft_ptbxl_rhythm(source: Path, seed: int | None) -> Draft:
    """Plan the table of rhythms; as `draft_ptbxl` otherwise."""
    return _draft("ptbxl_rhythm", "ecg_12_rhythm", tuple(dict.fromkeys(RHYTHMS.values())), source, seed)


def _draft(name: str, task: str, labels: tuple[str, ...], source: Path, seed: int | None) -> Draft:
    archive = Archive.find(source)
    lines = list(archive.lines())
    archive.check_files(lines)
    if seed is None:
        splits = {line.patient: _FOLDS.get(line.fold, "train") for line in lines}
        rule = "by patient, as published: strat_fold 9 for validation, 10 for test, 1 to 8 for training"
    else:
        splits, rule = split_subjects(_labels_by_patient(lines), seed, "patient")
    dropped, notes = Counter[str](), Counter[str]()
    info = TableInfo(
        name=name,
        task=task,
        labels=labels,
        signals={"ecg": archive.contract},
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"PTB-XL ({archive.records}), https://physionet.org/content/ptb-xl/1.0.3/",
        licence="CC BY 4.0",
        citation=(
            "Wagner et al.: PTB-XL, a large publicly available electrocardiography dataset. Scientific Data 7, 154, "
            "2020, doi 10.1038/s41597-020-0495-6"
        ),
    )
    rows = _read_rows(archive, lines, splits, task == "ecg_12_rhythm", dropped, notes)
    return Draft(info, rows, dropped, notes=notes)


def _labels_by_patient(lines: list[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line.patient, set()).update(line.superclasses)
    return found


def _read_rows(
    archive: Archive,
    lines: list[Record],
    splits: dict[str, str],
    rhythm: bool,
    dropped: Counter[str],
    notes: Counter[str],
) -> Iterator[TableRow]:
    for line in lines:
        labels = _rhythms(line) if rhythm else tuple(SUPERCLASSES[name] for name in line.superclasses)
        if not labels or (rhythm and len(labels) > 1):
            dropped[TWO_RHYTHMS if labels else NO_RHYTHM if rhythm else NO_SUPERCLASS] += 1
            continue
        ecg, flat = archive.read_ecg(line)
        notes.update([FLAT] * flat)
        if np.isnan(ecg.values).all():
            dropped[NO_VALUES] += 1
            continue
        row = TableRow(
            line.patient,
            labels[0] if len(labels) == 1 else None,
            {"ecg": ecg},
            line.file,
            split=splits[line.patient],
            facts=line.facts,
        )
        if len(labels) > 1:
            row.facts = {**line.facts, LABELS_FACT: LABELS_BETWEEN.join(labels)}
            row.question, row.answer = ALL_OF_THEM, f"{', '.join(labels[:-1])} and {labels[-1]}"
        yield row


def _rhythms(line: Record) -> tuple[str, ...]:
    return tuple(dict.fromkeys(RHYTHMS.get(code, "other rhythm") for code in line.rhythms))
