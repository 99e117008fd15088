"""PTB-XL: 21,799 clinical twelve-lead ECGs of 10 s from 18,869 patients, with statements of cardiologists.

Reads the official layout: `ptbxl_database.csv`, `scp_statements.csv`, and the recordings as WFDB in `records100` (100
Hz) or `records500` (500 Hz). Given the data set's folder the recordings at 100 Hz are read where they are there, else
those at 500 Hz; given `records500` itself, these.

An ECG has several statements (scp codes). Two tables come of them:

- ``ptbxl`` (task `ecg_12`): the five diagnostic superclasses, by `scp_statements.csv` and, as in the authors' own
  example, whatever the likelihood of a statement. An ECG of one superclass has it as label; one of several has no label
  but a question of its own that asks for all, and their names as answer. ECGs without any are left out and counted.
- ``ptbxl_rhythm`` (task `ecg_12_rhythm`): sinus rhythm (of any rate), atrial fibrillation, atrial flutter, paced rhythm
  and others. ECGs without a statement on rhythm, or with two that differ, are left out and counted.

Facts of a row, for questions and sentences: `superclasses` and `rhythm` (all of them, in words), `report` (as it was
written, mostly in German), age and sex. The split is `strat_fold`: 9 is for validation, 10 for test, as published; no
patient is in two folds.

Known traps: age 300 means over 89; validators differ between folds (9 and 10 were checked by people most); the leads
aVR, aVL and aVF are named AVR, AVL and AVF in the files.

Source: https://physionet.org/content/ptb-xl/1.0.3/. Licence: CC BY 4.0. Cite Wagner et al., PTB-XL, a large publicly
available electrocardiography dataset, Scientific Data 7, 154, 2020, doi 10.1038/s41597-020-0495-6.
"""

import ast
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import TableInfo, TableRow
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError, SignalError
from sig2lm.signals import Contract, Signal, read_signal

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LENGTH = 10.0  # s
SUPERCLASSES = {
    "NORM": "normal electrocardiogram",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
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
_DATABASE, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
_RATES = {"records100": (100.0, "filename_lr"), "records500": (500.0, "filename_hr")}
_FOLDS = {9: "validation", 10: "test"}
_OLDEST = 89


@dataclass(frozen=True)
class _Record:
    """A line of the database."""

    patient: str
    file: str
    fold: int
    superclasses: tuple[str, ...]
    rhythms: tuple[str, ...]
    facts: dict[str, str]


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
    folder, records, rate = _find(source)
    lines = list(_read_database(folder, _RATES[records][1]))
    _check_files(folder, lines)
    if seed is None:
        splits = {line.patient: _FOLDS.get(line.fold, "train") for line in lines}
        rule = "by patient, as published: strat_fold 9 for validation, 10 for test, 1 to 8 for training"
    else:
        splits, rule = split_subjects(_labels_by_patient(lines), seed, "patient")
    contract = Contract(LEADS, ("mV",) * len(LEADS), rate, window=LENGTH)
    dropped: Counter[str] = Counter()
    info = TableInfo(
        name=name,
        task=task,
        labels=labels,
        signals={"ecg": contract},
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"PTB-XL ({records}), https://physionet.org/content/ptb-xl/1.0.3/",
        licence="CC BY 4.0",
        citation=(
            "Wagner et al.: PTB-XL, a large publicly available electrocardiography dataset. Scientific Data 7, 154, "
            "2020, doi 10.1038/s41597-020-0495-6"
        ),
    )
    return Draft(info, _read_rows(folder, lines, splits, contract, task == "ecg_12_rhythm", dropped), dropped)


def _find(source: Path) -> tuple[Path, str, float]:
    """Return the data set's folder, which recordings are read, and their rate."""
    for folder in (source, source.parent if source.name in _RATES else source, *sorted(source.glob("*/"))):
        if (folder / _DATABASE).is_file():
            wanted = [source.name] if source.name in _RATES else list(_RATES)
            records = next((name for name in wanted if (folder / name).is_dir()), None)
            if records is None:
                raise DatasetError(f"expected {' or '.join(wanted)} beside '{folder / _DATABASE}', found none; get it")
            return folder, records, _RATES[records][0]
    raise DatasetError(
        f"expected PTB-XL in '{source}' ({_DATABASE}, {_STATEMENTS}, records100 or records500), found no {_DATABASE}; "
        "unpack the archive and give its folder"
    )


def _read_database(folder: Path, column: str) -> Iterator[_Record]:
    classes, rhythms, words = _read_statements(folder / _STATEMENTS)
    with (folder / _DATABASE).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for number, line in enumerate(csv.DictReader(file), start=2):
            try:
                codes = list(ast.literal_eval(line["scp_codes"]))
                found = {classes[code] for code in codes if code in classes}
                yield _Record(
                    str(int(float(line["patient_id"]))),
                    line[column],
                    int(line["strat_fold"]),
                    tuple(name for name in SUPERCLASSES if name in found),
                    tuple(code for code in codes if code in rhythms),
                    _facts(line, tuple(name for name in SUPERCLASSES if name in found), codes, rhythms, words),
                )
            except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                raise DatasetError(
                    f"'{folder / _DATABASE}' line {number}: expected patient_id, scp_codes, strat_fold and {column} as "
                    f"published, but it is unreadable: {error!r}; get the file again"
                ) from error


def _read_statements(path: Path) -> tuple[dict[str, str], set[str], dict[str, str]]:
    """Return the superclass of each diagnostic code, the codes of rhythms, and all codes in words."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = {line[""]: line for line in csv.DictReader(file)}
        classes = {code: line["diagnostic_class"] for code, line in lines.items() if _is_one(line["diagnostic"])}
        rhythms = {code for code, line in lines.items() if _is_one(line["rhythm"])}
        return classes, rhythms, {code: line["description"] for code, line in lines.items()}
    except (OSError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"expected '{path}' with the columns diagnostic, rhythm and diagnostic_class, found {error!r}; get it"
        ) from error


def _is_one(cell: str) -> bool:
    return cell.strip() in ("1", "1.0")


def _facts(
    line: dict[str, str], superclasses: tuple[str, ...], codes: list[str], rhythms: set[str], words: dict[str, str]
) -> dict[str, str]:
    facts = {
        "superclasses": ", ".join(SUPERCLASSES[name] for name in superclasses),
        "rhythm": ", ".join(words[code] for code in codes if code in rhythms),
        "report": " ".join(line["report"].split()),
        "sex": {"0": "male", "1": "female"}.get(line["sex"].strip(), ""),
    }
    if line["age"].strip():
        age = round(float(line["age"]))
        facts["age"] = f"over {_OLDEST}" if age > _OLDEST else f"{age}"
    return {name: fact for name, fact in facts.items() if fact}


def _check_files(folder: Path, lines: list[_Record]) -> None:
    missing = [line.file for line in lines if not (folder / f"{line.file}.hea").is_file()]
    if missing or not lines:
        told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DatasetError(
            f"expected the recordings of {len(lines)} lines of '{folder / _DATABASE}', but there is no "
            f"{told or 'line'}; get what is missing, or take its lines out"
        )


def _labels_by_patient(lines: list[_Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line.patient, set()).update(line.superclasses)
    return found


def _read_rows(
    folder: Path, lines: list[_Record], splits: dict[str, str], contract: Contract, rhythm: bool, dropped: Counter[str]
) -> Iterator[TableRow]:
    for line in lines:
        labels = _rhythms(line) if rhythm else tuple(SUPERCLASSES[name] for name in line.superclasses)
        if not labels or (rhythm and len(labels) > 1):
            dropped[TWO_RHYTHMS if labels else NO_RHYTHM if rhythm else NO_SUPERCLASS] += 1
            continue
        row = TableRow(
            line.patient,
            labels[0] if len(labels) == 1 else None,
            {"ecg": _read_ecg(folder / f"{line.file}.hea", contract)},
            line.file,
            split=splits[line.patient],
            facts=line.facts,
        )
        if len(labels) > 1:
            row.question, row.answer = ALL_OF_THEM, f"{', '.join(labels[:-1])} and {labels[-1]}"
        yield row


def _rhythms(line: _Record) -> tuple[str, ...]:
    return tuple(dict.fromkeys(RHYTHMS.get(code, "other rhythm") for code in line.rhythms))


def _read_ecg(path: Path, contract: Contract) -> Signal:
    """Read the twelve leads; one that lacks in the file is missing, and so is one without any value."""
    try:
        signal = read_signal(path, allow_missing=True)
    except SignalError as error:
        raise DatasetError(f"{error}; get the recording again") from error
    names = {name.casefold(): name for name in signal.channels}
    found = [lead for lead in LEADS if lead.casefold() in names]
    if signal.sampling_rate != contract.sampling_rate or not found:
        raise DatasetError(
            f"'{path}': expected leads of an ECG at {contract.sampling_rate:g} Hz, found {', '.join(signal.channels)} "
            f"at {signal.sampling_rate or 0:g} Hz; give the official files"
        )
    chosen = signal.select([names[lead.casefold()] for lead in found]).convert(["mV"] * len(found))
    values = np.full((len(LEADS), signal.num_samples), np.nan, dtype=np.float32)
    values[[LEADS.index(lead) for lead in found]] = chosen.values
    return Signal(values, contract.sampling_rate, LEADS, contract.units)
