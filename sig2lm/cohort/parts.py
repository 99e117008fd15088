"""The rows of one recording as a Parquet file, which says of which recording and which job they are."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sig2lm.cohort.job import Outcome
from sig2lm.files import replaced_file
from sig2lm.signals.annotation_rows import WindowRow, row_columns

RECORDING = "recording"
_KEY = b"sig2lm"
_ROWS = 4096  # a row group; what is held in memory


class PartWriter:
    """Writes rows as they come.

    Parameters
    ----------
    file
        An open Parquet file.
    recording
        Its name, the same in every row.
    choices
        Whose probabilities the columns behind ``label`` hold.
    """

    def __init__(self, file: pq.ParquetWriter, recording: str, choices: Sequence[str]) -> None:
        self.file, self.recording, self.choices = file, recording, choices
        self.windows = self.missing = 0
        self._rows: list[WindowRow] = []

    def write(self, row: WindowRow) -> None:
        """Take a row."""
        self.windows += 1
        self.missing += row.label is None
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        names = pa.DictionaryArray.from_arrays(pa.array([0] * len(rows), pa.int32()), [self.recording])
        shares = [[(row.probabilities or {}).get(choice) for row in rows] for choice in self.choices]
        times = [row.start for row in rows], [row.end for row in rows]
        columns = [*times, [row.label for row in rows], *shares, [row.relies_on_signal for row in rows]]
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, list(self.file.schema)[1:], strict=True)]
        self.file.write_table(pa.Table.from_arrays([names, *arrays], schema=self.file.schema))


def part_schema(choices: Sequence[str]) -> pa.Schema:
    """Return the columns: recording, those of :func:`sig2lm.signals.annotation_rows.row_file`.

    Raises
    ------
    PromptError
        If a choice has the name of another column.
    """
    start, end, label, *shares, relies = row_columns(choices, (RECORDING,))
    return pa.schema(
        [
            (RECORDING, pa.dictionary(pa.int32(), pa.string())),
            (start, pa.float64()),
            (end, pa.float64()),
            (label, pa.string()),
            *((choice, pa.float64()) for choice in shares),
            (relies, pa.bool_()),
        ]
    )


@contextmanager
def part_file(path: Path, recording: str, choices: Sequence[str] | None) -> Iterator[PartWriter]:
    """Yield what writes a part, which appears under its name when the block ends, and not if it fails.

    Raises
    ------
    PromptError
        As :func:`part_schema`.
    Sig2LMError
        If the file cannot be written.
    """
    schema = part_schema(choices or ())
    with replaced_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        writer = PartWriter(file, recording, choices or ())
        yield writer
        writer.flush()


def sign(writer: PartWriter, outcome: Outcome, job: str, stamp: str) -> None:
    """Write into a part what it is."""
    content = {"job": job, "stamp": stamp, "outcome": outcome.to_json()}
    writer.file.add_key_value_metadata({_KEY: json.dumps(content).encode()})


def finished(path: Path, job: str, stamp: str) -> Outcome | None:
    """Return what became of a recording if its rows are here, of this job and of the recording as it is now."""
    try:
        content = json.loads((pq.read_metadata(path).metadata or {})[_KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    same = content.get("job") == job and content.get("stamp") == stamp
    return Outcome.from_json(content["outcome"]) if same else None
