"""Rows in, a table's folder out: one pass, a bounded number of rows in memory, whatever the size of the data set."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np
import pyarrow as pa

from sig2lm.arguments import first_alike
from sig2lm.datasets.duplicates import Duplicates
from sig2lm.datasets.table import COLUMNS, SPLITS, TABLE_FILE, TableInfo, TableRow
from sig2lm.errors import DatasetError
from sig2lm.files import write_json
from sig2lm.progress import Progress
from sig2lm.signals import Contract

_ROWS_PER_BATCH = 256


@dataclass
class Draft:
    """A table before it is written: what is known beforehand, and the rows to come.

    Parameters
    ----------
    info
        With `kept` 0 and no `dropped`; both are counted while writing.
    rows
        Consumed once. Whoever yields them counts into `dropped` what is left out.
    dropped
        Reason -> count.
    folder
        Where in OUT the table goes; "" is OUT itself.
    notes
        What was guessed when files were read -> number of files.
    refuses_duplicates
        Whether the same values under two subjects are an error; published data are as they are.
    said
        What was noticed while the rows were written.
    """

    info: TableInfo
    rows: Iterator[TableRow]
    dropped: Counter[str] = field(default_factory=Counter)
    folder: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    refuses_duplicates: bool = False
    said: list[str] = field(default_factory=list)


def write_table(draft: Draft, folder: Path) -> TableInfo:
    """Write the draft's rows and `table.json` into an existing, empty folder.

    Raises
    ------
    DatasetError
        If no row comes, two labels are alike, or a recording that must not stands under two subjects.
    """
    if pair := first_alike(draft.info.labels):
        raise DatasetError(
            f"the labels '{pair[0]}' and '{pair[1]}' of '{draft.info.name}' differ by case, blanks or Unicode form "
            "only and would be two classes; write them alike"
        )
    streams = folder / "streams"
    streams.mkdir()
    seen = Duplicates(draft.refuses_duplicates)
    kept = _write_streams(draft, streams, seen)
    draft.said += seen.sentences()
    info = replace(draft.info, kept=kept, dropped=dict(draft.dropped))
    if not kept:
        told = ", ".join(f"{count} {reason}" for reason, count in info.dropped.items()) or "the source has none"
        raise DatasetError(f"no example is left of '{info.name}': {told}; check the source and the window")
    files = {split: streams / f"{split}.arrow" for split in SPLITS}
    data = hf.DatasetDict({split: hf.Dataset.from_file(str(file)) for split, file in files.items() if file.is_file()})
    with _without_progress_bars():
        data.save_to_disk(str(folder))
    shutil.rmtree(streams)
    write_json(folder / TABLE_FILE, info.to_dict())
    return info


def _write_streams(draft: Draft, folder: Path, seen: Duplicates) -> int:
    kept = 0
    schema = _schema(draft.info)
    pending: dict[str, list[TableRow]] = {split: [] for split in SPLITS}
    with ExitStack() as stack:
        streams: dict[str, Any] = {}

        def flush(split: str) -> None:
            if split not in streams:
                file = stack.enter_context(pa.OSFile(str(folder / f"{split}.arrow"), "wb"))
                streams[split] = stack.enter_context(pa.ipc.new_stream(file, schema))
            streams[split].write_batch(_as_batch(pending[split], draft.info, schema))
            pending[split].clear()

        progress = stack.enter_context(Progress("preparing", None, unit="windows"))
        for row in draft.rows:
            _check(row, draft.info)
            seen.add(row)
            kept += 1
            rows = pending[str(row.split)]
            rows.append(row)
            progress.advance()
            if len(rows) == _ROWS_PER_BATCH:
                flush(str(row.split))
        for split, rows in pending.items():
            if rows:
                flush(split)
    return kept


def _schema(info: TableInfo) -> Any:
    features: dict[str, Any] = {name: hf.Value("string") for name in COLUMNS}
    features["start"] = hf.Value("float64")
    features |= {name: hf.List(hf.Value("float32")) for name in info.signals}
    return hf.Features(features).arrow_schema


def _as_batch(rows: list[TableRow], info: TableInfo, schema: Any) -> Any:
    plain = [vars(row) | {"facts": json.dumps(dict(row.facts)) if row.facts else None} for row in rows]
    columns = [pa.array([row[name] for row in plain], schema.field(name).type) for name in COLUMNS]
    for name in info.signals:
        values = [row.signals[name].values.ravel() for row in rows]
        offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
        columns.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(values))))
    return pa.record_batch(columns, schema=schema)


def _check(row: TableRow, info: TableInfo) -> None:
    place = f"'{row.source}' at {row.start:g}"
    if row.split not in SPLITS:
        raise DatasetError(f"{place}: the split must be one of {', '.join(SPLITS)}, found {row.split!r}")
    if row.label is not None and row.label not in info.labels:
        raise DatasetError(f"{place}: the label must be one of {', '.join(info.labels)}, found {row.label!r}")
    for name, contract in info.signals.items():
        if name not in row.signals or not _fits(row, name, contract):
            raise DatasetError(f"{place}: the signal '{name}' is absent or not as its contract says; conform it first")


def _fits(row: TableRow, name: str, contract: Contract) -> bool:
    signal = row.signals[name]
    found = signal.channels, signal.units, signal.sampling_rate, signal.period
    return found == (contract.channels, contract.units, contract.sampling_rate, contract.period)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    shown = not hf.are_progress_bars_disabled()
    hf.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            hf.enable_progress_bars()
