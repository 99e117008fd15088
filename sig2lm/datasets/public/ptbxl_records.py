"""The official layout of PTB-XL: its database, its statements and its recordings, which several tables are made of.

Known traps: age 300 means over 89; the leads aVR, aVL and aVF are named AVR, AVL and AVF in the files; a lead that is
flat throughout was not connected, and counts as missing.
"""

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sig2lm.datasets.public.layout import csv_file
from sig2lm.errors import DatasetError, SignalError
from sig2lm.signals import Contract, Signal, read_signal
from sig2lm.signals.leads import LEADS, as_leads

LENGTH = 10.0  # s
SUPERCLASSES = {
    "NORM": "normal electrocardiogram",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
FLAT = "a lead is flat throughout and counts as missing"
NO_VALUES = "recordings without any value"
DATABASE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
_RATES = {"records100": (100.0, "filename_lr"), "records500": (500.0, "filename_hr")}
_OLDEST = 89


@dataclass(frozen=True)
class Record:
    """A line of the database."""

    ecg: int
    patient: str
    file: str
    fold: int
    superclasses: tuple[str, ...]
    rhythms: tuple[str, ...]
    facts: dict[str, str]


@dataclass(frozen=True)
class Archive:
    """Where the data set lies, and which of its two folders of recordings is read.

    Attributes
    ----------
    folder
        That of the database.
    records
        ``records100`` or ``records500``.
    """

    folder: Path
    records: str

    @property
    def contract(self) -> Contract:
        """Twelve leads in mV, 10 s."""
        return Contract(LEADS, ("mV",) * len(LEADS), _RATES[self.records][0], window=LENGTH)

    @classmethod
    def find(cls, source: Path) -> "Archive":
        """Find the data set: in a folder, in one of its folders, or around ``records100`` or ``records500``.

        Raises
        ------
        DatasetError
            If it is not there.
        """
        for folder in (source, source.parent if source.name in _RATES else source, *sorted(source.glob("*/"))):
            if (folder / DATABASE).is_file():
                wanted = [source.name] if source.name in _RATES else list(_RATES)
                records = next((name for name in wanted if (folder / name).is_dir()), None)
                if records is None:
                    raise DatasetError(
                        f"expected {' or '.join(wanted)} beside '{folder / DATABASE}', found none; get it"
                    )
                return cls(folder, records)
        raise DatasetError(
            f"expected PTB-XL in '{source}' ({DATABASE}, {STATEMENTS}, records100 or records500), found no {DATABASE}; "
            "unpack the archive and give its folder"
        )

    def lines(self) -> Iterator[Record]:
        """Read the database.

        Raises
        ------
        DatasetError
            If a line cannot be read.
        """
        folder, column = self.folder, _RATES[self.records][1]
        classes, rhythms, words = _read_statements(folder / STATEMENTS)
        with csv_file(folder / DATABASE) as file:
            for number, line in enumerate(csv.DictReader(file), start=2):
                try:
                    codes = list(ast.literal_eval(line["scp_codes"]))
                    found = {classes[code] for code in codes if code in classes}
                    yield Record(
                        int(line["ecg_id"]),
                        str(int(float(line["patient_id"]))),
                        line[column],
                        int(line["strat_fold"]),
                        tuple(name for name in SUPERCLASSES if name in found),
                        tuple(code for code in codes if code in rhythms),
                        _facts(line, tuple(name for name in SUPERCLASSES if name in found), codes, rhythms, words),
                    )
                except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                    raise DatasetError(
                        f"'{folder / DATABASE}' line {number}: expected ecg_id, patient_id, scp_codes, strat_fold and "
                        f"{column} as published, but it is unreadable: {error!r}; get the file again"
                    ) from error

    def check_files(self, lines: list[Record]) -> None:
        """Refuse lines whose recording is not there.

        Raises
        ------
        DatasetError
            Naming some of them.
        """
        missing = [line.file for line in lines if not (self.folder / f"{line.file}.hea").is_file()]
        if missing or not lines:
            told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise DatasetError(
                f"expected the recordings of {len(lines)} lines of '{self.folder / DATABASE}', but there is no "
                f"{told or 'line'}; get what is missing, or take its lines out"
            )

    def read_ecg(self, record: Record) -> tuple[Signal, bool]:
        """Read the twelve leads of a recording, and say whether one of them is flat.

        A lead that the file lacks, that is flat or has no value is missing.

        Raises
        ------
        DatasetError
            If the recording cannot be read, or holds no lead at the archive's rate.
        """
        path, contract = self.folder / f"{record.file}.hea", self.contract
        try:
            signal = as_leads(read_signal(path, allow_missing=True), LEADS)
        except SignalError as error:
            raise DatasetError(f"{error}; get the recording again") from error
        if signal.sampling_rate != contract.sampling_rate or not set(signal.channels) & set(LEADS):
            raise DatasetError(
                f"'{path}': expected leads of an ECG at {contract.sampling_rate:g} Hz, found "
                f"{', '.join(signal.channels)} at {signal.sampling_rate or 0:g} Hz; give the official files"
            )
        signal = signal.select(LEADS).convert(contract.units)
        flat = [bool(np.isfinite(row).any()) and np.nanmin(row) == np.nanmax(row) for row in signal.values]
        values = np.where(np.array(flat)[:, None], np.float32(np.nan), signal.values)
        return Signal(values, contract.sampling_rate, LEADS, contract.units), any(flat)


def _read_statements(path: Path) -> tuple[dict[str, str], set[str], dict[str, str]]:
    """Return the superclass of each diagnostic code, the codes of rhythms, and all codes in words."""
    try:
        with csv_file(path) as file:
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
