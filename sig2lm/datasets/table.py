"""The common table: what every data set becomes, and what training and evaluation read.

On disk a table is a folder: a Hugging Face `DatasetDict` (one folder of Arrow for each split) and `table.json`, which
holds what Arrow cannot: the signals' contracts, the labels, the rule of the split, what was left out, and where it all
came from. Columns: subject, label, source, start, question, answer, facts (JSON), and one for each signal's name with
its (C, T) values flattened row by row (C stands in the contract).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np

from sig2lm.errors import DatasetError, SignalError
from sig2lm.files import expanded, parse_json, read_plain
from sig2lm.signals import Contract, Signal

TABLE_FILE = "table.json"
FORMAT_VERSION = 2
SPLITS = ("train", "validation", "test")
# Columns that are no signals; no signal may bear one of these names.
COLUMNS = ("subject", "label", "source", "start", "question", "answer", "facts")
LABELS_FACT, LABELS_BETWEEN = "labels", "; "
"""The fact that names all labels of a row that has several, and what stands between them."""


@dataclass
class TableRow:
    """One example on its way into a table.

    Parameters
    ----------
    subject
        Whose recording it is; no subject stands in two splits.
    label
        One of the table's labels, or None.
    signals
        One signal for each name of the table, conformed to its contract.
    source
        The file it comes from, relative to the data set's folder.
    start
        Where it begins in that file: in s, or in events for event series.
    split
        train, validation or test.
    question, answer
        An open question about these signals with its answer, or None.
    facts
        What else is known, ready to stand in a sentence ({"age": "67", "sex": "male"}); what is missing has no key.
    """

    subject: str
    label: str | None
    signals: dict[str, Signal]
    source: str = ""
    start: float = 0.0
    split: str | None = None
    question: str | None = None
    answer: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableInfo:
    """What a table is, beside its rows.

    Parameters
    ----------
    name, task
        The data set, and the task it serves (the name of a prompt template).
    labels
        The task's labels, in the order of class numbers.
    signals
        The contract of each signal, by name.
    split_rule
        How the subjects were divided, in words.
    kept, dropped
        Number of examples in the table, and of what was left out, by reason.
    source, licence, citation
        Where the data come from and on what terms.
    format_version
        Of the table's layout.
    """

    name: str
    task: str
    labels: tuple[str, ...]
    signals: dict[str, Contract]
    split_rule: str
    kept: int
    dropped: dict[str, int]
    source: str
    licence: str
    citation: str
    format_version: int = FORMAT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {
            **asdict(self),
            "labels": list(self.labels),
            "signals": {name: contract.to_dict() for name, contract in self.signals.items()},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "TableInfo":
        """Rebuild from `to_dict`.

        Raises
        ------
        DatasetError
            If the layout is of another version, or fields lack or are unknown.
        """
        version = data.get("format_version")
        if version != FORMAT_VERSION:
            raise DatasetError(f"the table has format version {version}, expected {FORMAT_VERSION}; prepare it again")
        expected = {known.name for known in fields(cls)}
        if set(data) != expected:
            told = ", ".join(sorted(set(data) ^ expected))
            raise DatasetError(f"the table's fields lack or exceed what is expected by {told}; prepare it again")
        try:
            signals = {str(name): Contract.from_dict(contract) for name, contract in data["signals"].items()}
            if not all(isinstance(label, str) for label in data["labels"]):
                raise TypeError("labels are texts")
            return cls(**{**data, "labels": tuple(data["labels"]), "signals": signals})
        except (SignalError, AttributeError, TypeError) as error:
            raise DatasetError(f"the table's signals or labels are unreadable ({error}); prepare it again") from error


class Splits(hf.DatasetDict):  # type: ignore[misc]
    """The splits of a table by name; asking for one that is not there is a mistake that the user can correct."""

    def __missing__(self, name: str) -> hf.Dataset:
        raise DatasetError(f"expected a {name} split in the table, found {', '.join(self)}; prepare it again")


@dataclass(frozen=True)
class Table:
    """A prepared data set, memory-mapped from its folder.

    Parameters
    ----------
    data
        Splits by name; a split without rows is absent.
    info
        See `TableInfo`.
    path
        The folder.
    believed
        Whether values are taken that cannot be what they are said to be
        (:func:`sig2lm.encoder.compatibility.check_values`).
    """

    data: hf.DatasetDict
    info: TableInfo
    path: Path
    believed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Splits(self.data))

    def signals(self, row: dict[str, Any]) -> dict[str, Signal]:
        """Return the signals of a row of `data` by name, (C, T) float32."""
        return {
            name: Signal(
                np.asarray(row[name], dtype=np.float32).reshape(len(contract.channels), -1),
                contract.sampling_rate,
                contract.channels,
                contract.units,
                contract.period,
            )
            for name, contract in self.info.signals.items()
        }

    @staticmethod
    def facts(row: dict[str, Any]) -> dict[str, str]:
        """Return what else is known about a row of `data`, in words."""
        return dict(json.loads(row["facts"])) if row["facts"] else {}

    def labels(self, row: dict[str, Any]) -> tuple[str, ...]:
        """Return all labels that hold for a row of `data`, in the table's order: its label, or those of its facts."""
        if row["label"] is not None:
            return (str(row["label"]),)
        named = self.facts(row).get(LABELS_FACT, "").split(LABELS_BETWEEN)
        return tuple(label for label in self.info.labels if label in named)


def load_table(path: str | Path, *, believe: bool = False) -> Table:
    """Open a table that `sig2lm prepare` wrote.

    Parameters
    ----------
    path
        Its folder.
    believe
        Take values that cannot be what they are said to be, when an encoder reads them.

    Raises
    ------
    DatasetError
        If the folder is missing, holds no table or several, or is damaged.
    """
    path = expanded(path)
    info = _load_info(path)
    try:
        data = hf.load_from_disk(str(path))
    except Exception as error:  # what the library makes of damaged files has no common kind
        raise DatasetError(f"the table in '{path}' is damaged ({_one_line(error)}); prepare it again") from error
    expected = [*COLUMNS, *info.signals]
    if not isinstance(data, hf.DatasetDict) or any(split.column_names != expected for split in data.values()):
        raise DatasetError(f"the rows in '{path}' do not have the columns {', '.join(expected)}; prepare it again")
    return Table(data, info, path, believe)


def _load_info(path: Path) -> TableInfo:
    if not path.is_dir():
        raise DatasetError(f"expected a prepared table, but there is no folder '{path}'; make it with sig2lm prepare")
    if not (path / TABLE_FILE).is_file():
        inner = sorted(file.parent.name for file in path.glob(f"*/{TABLE_FILE}"))
        if inner:
            raise DatasetError(
                f"'{path}' holds {len(inner)} tables ({', '.join(inner)}); choose one: '{path / inner[0]}'"
            )
        raise DatasetError(f"expected a prepared table, found no {TABLE_FILE} in '{path}'; make it with sig2lm prepare")
    try:
        data = parse_json(read_plain(path / TABLE_FILE))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"'{path / TABLE_FILE}' cannot be read ({_one_line(error)}); prepare the table again"
        ) from error
    if not isinstance(data, dict):
        raise DatasetError(f"'{path / TABLE_FILE}' holds no JSON object; prepare the table again")
    try:
        return TableInfo.from_dict(data)
    except DatasetError as error:
        raise DatasetError(f"'{path / TABLE_FILE}': {error}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
