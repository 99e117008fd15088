"""Anybody's own recordings: `dataset.yaml` declares the signals, `manifest.csv` lists the files.

Columns of the manifest: file (or file_<name>) for the first signal, file_<name> for each further one, subject, label;
and optionally start and end (s), split (train, validation, test), question and answer, fact_<name>, and how a file is
read (the fields of `ReadOptions`, for one signal as sampling_rate_<name>). A file may serve many rows. Every line is
checked before anything is read; what is wrong with lines and files is said of all at once.
"""

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sig2lm.arguments import split_list
from sig2lm.datasets.declaration import DECLARATION_FILE, Declaration, read_declaration
from sig2lm.datasets.splits import split_subjects
from sig2lm.datasets.table import SPLITS, TableInfo, TableRow
from sig2lm.datasets.windows import WindowSpec, cut
from sig2lm.datasets.writer import Draft
from sig2lm.errors import DatasetError, SignalError
from sig2lm.files import real_path
from sig2lm.signals import Contract, ReadOptions, Signal, read_signal_for
from sig2lm.signals.plausibility import check_plausible

MANIFEST_FILE = "manifest.csv"
NO_LABEL = "manifest rows without label or question"
NO_FILE = "manifest rows without a file for every signal"
BAD = "manifest rows that are wrong, or whose file cannot be read"
_REQUIRED = ("subject", "label")
_OPTIONAL = ("start", "end", "split", "question", "answer")
_FACT = "fact_"  # a column fact_age holds what templates call $age
_LISTS, _NUMBERS = ("channels", "units", "missing"), ("sampling_rate", "period", "time_axis")
_READING = (*_LISTS, *_NUMBERS, "time_column")
_TOLD = 10  # problems in one message


@dataclass(frozen=True)
class Entry:
    """One line of the manifest, checked."""

    line: int
    files: dict[str, str]
    subject: str
    label: str | None
    start: float | None
    end: float | None
    split: str | None
    question: str | None
    answer: str | None
    facts: dict[str, str]
    reading: dict[str, ReadOptions]

    def overlaps(self, other: "Entry") -> bool:
        """Whether the other's part of the same file has some of this one's."""
        first, second = sorted([self, other], key=lambda entry: entry.start or 0.0)
        return first.end is None or (second.start or 0.0) < first.end

    def why_dropped(self, signals: int) -> str | None:
        """Return the reason to leave the row out of a table of so many signals, if there is one."""
        if self.label is None and self.question is None:
            return NO_LABEL
        return NO_FILE if len(self.files) < signals else None


def draft_manifest(source: Path, seed: int | None, *, skip_bad: bool = False, believe: bool = False) -> Draft:
    """Plan the table of SOURCE/dataset.yaml and SOURCE/manifest.csv.

    Parameters
    ----------
    source
        The folder; files are named relative to it and must lie in it.
    seed
        Of the split by subject, where the manifest gives no splits; None is 0.
    skip_bad
        Leave out, and count, lines that are wrong and files that cannot be read.
    believe
        Take recordings whose values cannot be what they are said to be (`check_plausible`).

    Raises
    ------
    DatasetError
        If the declaration or lines of the manifest are not as expected; the message names the file and each line.
    """
    declaration = read_declaration(source)
    problems = _Problems(source / MANIFEST_FILE, skip_bad)
    survey, entries = _Survey(), []
    for entry in _read_entries(source, declaration, problems):
        if reason := entry.why_dropped(len(declaration.signals)):
            problems.dropped[reason] += 1
        else:
            survey.add(entry, source)
            entries.append(entry)
    problems.close()
    if not survey.subjects:
        raise DatasetError(f"'{source / MANIFEST_FILE}' lists no recording with a label or a question; fill it")
    splits, rule = survey.splits(0 if seed is None else seed)
    info = TableInfo(
        name=real_path(source).name,
        task=declaration.task,
        labels=tuple(declaration.labels or sorted(survey.labels)),
        signals=declaration.contracts(),
        split_rule=rule,
        kept=0,
        dropped={},
        source=f"{MANIFEST_FILE} of the folder {real_path(source).name}",
        licence=declaration.licence,
        citation=declaration.citation,
    )
    files = _Files(source, info.signals, believe)
    window = None if declaration.window is None else declaration.window.as_window()
    rows = _read_rows(entries, files, window, splits, problems)
    return Draft(info, rows, problems.dropped, notes=files.notes, refuses_duplicates=True)


@dataclass
class _Problems:
    """What is wrong with lines: said of all at once, or left out and counted."""

    path: Path
    skip: bool
    dropped: Counter[str] = field(default_factory=Counter)
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, error: Exception) -> None:
        self.dropped[BAD] += 1
        self.found.append((line, str(error)))

    def close(self) -> None:
        """Raise DatasetError unless problems are skipped."""
        if self.skip or not self.found:
            return
        told = [f"line {line}: {text}" for line, text in self.found[:_TOLD]]
        more = [f"and {len(self.found) - _TOLD} more lines"] if len(self.found) > _TOLD else []
        raise DatasetError(
            f"'{self.path}' {'; '.join([*told, *more])}{' (--skip-bad leaves them out)' * (len(told) > 1)}"
        )


@dataclass
class _Survey:
    """What the first pass gathers: labels by subject, the splits given, and whose every part of a file is."""

    subjects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    given: dict[str, tuple[str, int]] = field(default_factory=dict)
    owners: dict[Path, dict[str, list[Entry]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    @property
    def labels(self) -> set[str]:
        return set().union(*self.subjects.values())

    def add(self, entry: Entry, source: Path) -> None:
        self.subjects[entry.subject] |= {entry.label} if entry.label else set()
        self._check_owner(entry, source)
        if entry.split is None:
            return
        split, line = self.given.setdefault(entry.subject, (entry.split, entry.line))
        if split != entry.split:
            raise DatasetError(
                f"'{source / MANIFEST_FILE}' line {entry.line}: subject '{entry.subject}' is in {entry.split}, "
                f"but in {split} on line {line}; a subject belongs to one split"
            )

    def _check_owner(self, entry: Entry, source: Path) -> None:
        for file in entry.files.values():
            owners = self.owners[real_path(source / file)]
            for other in (other for subject, rows in owners.items() if subject != entry.subject for other in rows):
                if entry.overlaps(other):
                    raise DatasetError(
                        f"'{source / MANIFEST_FILE}' line {entry.line}: '{file}' is a recording of '{entry.subject}', "
                        f"but of '{other.subject}' on line {other.line}; give both lines one subject, or spans apart"
                    )
            owners[entry.subject].append(entry)

    def splits(self, seed: int) -> tuple[dict[str, str], str]:
        if not self.given:
            return split_subjects(self.subjects, seed)
        counts = Counter(split for split, _ in self.given.values())
        told = ", ".join(f"{counts[split]} {split}" for split in SPLITS if counts[split])
        rule = f"by subject, given by the manifest's split column: {told}"
        return {subject: split for subject, (split, _) in self.given.items()}, rule


def _read_entries(source: Path, declaration: Declaration, problems: _Problems) -> Iterator[Entry]:
    path = source / MANIFEST_FILE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = _file_columns(path, reader.fieldnames or [], list(declaration.signals))
            for cells in reader:
                try:
                    yield _as_entry(cells, reader.line_num, columns, source, declaration)
                except (DatasetError, SignalError) as error:
                    problems.add(reader.line_num, error)
    except FileNotFoundError as error:
        raise DatasetError(f"expected '{path}' with the columns file, subject, label, found no such file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path}' is not readable as csv in UTF-8: {error}") from error


def _file_columns(path: Path, header: Sequence[str], signals: list[str]) -> dict[str, str]:
    """Return the column of each signal; the first one's may be called just file."""
    columns = {name: f"file_{name}" for name in signals}
    if "file" in header:
        columns[signals[0]] = "file"
    expected = {*columns.values(), *_REQUIRED}
    missing = sorted(expected - set(header))
    if missing:
        raise DatasetError(f"'{path}': the header lacks {', '.join(missing)}; found {', '.join(header) or 'no header'}")
    reading = {f"{name}{end}" for name in _READING for end in ("", *(f"_{signal}" for signal in signals))}
    known_names = expected | set(_OPTIONAL) | reading
    unknown = sorted(name for name in set(header) - known_names if not name.startswith(_FACT))
    if unknown:
        known = ", ".join([*columns.values(), *_REQUIRED, *_OPTIONAL, *_READING, f"{_FACT}NAME"])
        raise DatasetError(f"'{path}': unknown columns {', '.join(unknown)}; known are {known}")
    if len(set(header)) != len(header):
        raise DatasetError(f"'{path}': a column is named twice in {', '.join(header)}")
    if ("question" in header) != ("answer" in header):
        raise DatasetError(f"'{path}': question and answer come together, found one of them")
    return columns


def _as_entry(
    cells: dict[str, str], line: int, columns: dict[str, str], source: Path, declaration: Declaration
) -> Entry:
    if None in cells or None in cells.values():
        raise DatasetError("the number of cells is not that of the header; quote texts that contain commas")
    text = {name: cell.strip() or None for name, cell in cells.items()}
    subject, label, split = text["subject"], text["label"], text.get("split")
    if subject is None:
        raise DatasetError("subject is empty; every row names whose recording it is")
    if label is not None and declaration.labels and label not in declaration.labels:
        raise DatasetError(f"label '{label}' is none of {', '.join(declaration.labels)}; add it to labels or fix it")
    if "split" in text and split not in SPLITS:
        raise DatasetError(f"split is '{split or ''}', expected one of {', '.join(SPLITS)}")
    if (text.get("question") is None) != (text.get("answer") is None):
        raise DatasetError("question and answer come together, found one of them")
    start, end = _seconds("start", text.get("start")), _seconds("end", text.get("end"))
    if end is not None and end <= (start or 0.0):
        raise DatasetError(f"end ({end:g} s) must come after start ({start or 0.0:g} s)")
    files = {name: file for name, column in columns.items() if (file := text[column]) is not None}
    for file in files.values():
        _check_inside(source, file)
    facts = {name.removeprefix(_FACT): cell for name, cell in text.items() if name.startswith(_FACT) and cell}
    reading = {name: _reading(text, name, signal.read.options()) for name, signal in declaration.signals.items()}
    asked = text.get("question"), text.get("answer")
    return Entry(line, files, subject, label, start, end, split, *asked, facts, reading)


def _reading(text: dict[str, str | None], signal: str, stated: ReadOptions) -> ReadOptions:
    """How the file of a signal is read: by the manifest's own columns for it, for all, or by dataset.yaml."""
    found: dict[str, Any] = {}
    for name in _READING:
        cell = text.get(f"{name}_{signal}") or text.get(name)
        if cell is None:
            continue
        if name in _LISTS:
            found[name] = tuple(split_list([cell]))
        else:
            found[name] = _number(name, cell) if name in _NUMBERS else cell
    return replace(stated, **found)


def _number(name: str, text: str) -> float:
    try:
        return int(text) if name == "time_axis" else float(text)
    except ValueError as error:
        raise DatasetError(f"{name} is '{text}', expected a number") from error


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise DatasetError(f"{name} is '{text}', expected seconds from the beginning of the file")
    return number


def _check_inside(source: Path, file: str) -> None:
    path = real_path(source / file)
    if not path.is_relative_to(real_path(source)):
        raise DatasetError(f"file '{file}' leaves '{source}'; files are named relative to that folder and lie in it")
    # A WFDB record may be named without a suffix, and a wristband's session is a folder.
    if not path.exists() and not path.with_name(f"{path.name}.hea").is_file():
        raise DatasetError(f"file '{file}' does not exist in '{source}'; check the path")


@dataclass
class _Files:
    """Reads the signals of entries; the last file of each stays at hand, since rows of one tend to stand together."""

    source: Path
    contracts: dict[str, Contract]
    believe: bool
    notes: Counter[str] = field(default_factory=Counter)
    last: dict[str, tuple[str, ReadOptions, Signal]] = field(default_factory=dict)

    def read(self, entry: Entry) -> dict[str, Signal]:
        """Return the signals of an entry, as their contracts want them."""
        signals = {}
        for name, contract in self.contracts.items():
            key = entry.files[name], entry.reading[name]
            if name not in self.last or self.last[name][:2] != key:
                self.last[name] = (*key, self._load(*key, name, contract))
            signals[name] = _slice(self.last[name][2], entry, name)
        return signals

    def _load(self, file: str, options: ReadOptions, name: str, contract: Contract) -> Signal:
        owner = f"the signal '{name}' of {DECLARATION_FILE}"
        signal = read_signal_for(self.source / file, contract, options, allow_missing=True)
        try:
            odd = check_plausible(signal, contract, owner=owner, believe=self.believe)
            conformed = contract.conform(signal, owner)
        except SignalError as error:
            raise SignalError(f"'{self.source / file}': {error}") from error
        self.notes.update({*signal.notes, *odd})
        return conformed


def _read_rows(
    entries: list[Entry], files: _Files, window: WindowSpec | None, splits: dict[str, str], problems: _Problems
) -> Iterator[TableRow]:
    first = next(iter(files.contracts))
    for entry in entries:
        try:
            examples = list(cut(files.read(entry), window, problems.dropped))
        except SignalError as error:
            problems.add(entry.line, error)
            continue
        for start, signals in examples:
            yield _as_row(entry, signals, start, splits[entry.subject], first)
    problems.close()


def _as_row(entry: Entry, signals: dict[str, Signal], start: float, split: str, first: str) -> TableRow:
    return TableRow(
        subject=entry.subject,
        label=entry.label,
        signals=signals,
        source=entry.files[first],
        start=start + (entry.start or 0.0),
        split=split,
        question=entry.question,
        answer=entry.answer,
        facts=entry.facts,
    )


def _slice(signal: Signal, entry: Entry, name: str) -> Signal:
    if entry.start is None and entry.end is None:
        return signal
    if signal.duration is None:
        raise SignalError(f"'{name}' is a series of events without times, which start and end cannot cut")
    end = entry.end if entry.end is not None else signal.duration
    assert end is not None
    try:
        return signal.slice(entry.start or 0.0, end)
    except SignalError as error:
        raise SignalError(f"'{entry.files[name]}': {error}") from error
