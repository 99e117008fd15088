"""One row for each window of a recording, written as it comes."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sig2lm.errors import PromptError
from sig2lm.files import replaced_file

COLUMNS = ("start_s", "end_s", "label")
RELIES = "relies_on_signal"


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What was answered about one window.

    Attributes
    ----------
    start, end
        s from the beginning of the recording.
    label
        The closed answer, or the text of an open one; None for a window without any value, which is not asked about.
    probabilities
        Of a closed question's choices; None otherwise.
    relies_on_signal
        Whether a closed answer is likelier than for other recordings; None where that is not known.
    """

    start: float
    end: float
    label: str | None
    probabilities: Mapping[str, float] | None
    relies_on_signal: bool | None = None


def row_columns(choices: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Return the columns of a table of rows: start_s, end_s, label, each choice, and relies_on_signal.

    Raises
    ------
    PromptError
        If a choice has the name of one of these, or of ``others`` that stand beside them.
    """
    taken = (*others, *COLUMNS, RELIES)
    if wrong := [choice for choice in choices if choice in taken]:
        raise PromptError(f"expected choices that can name columns beside {', '.join(taken)}, found {wrong[0]!r}")
    return [*COLUMNS, *choices, RELIES]


@contextmanager
def row_file(path: str | Path, choices: Sequence[str] | None) -> Iterator[Callable[[WindowRow], None]]:
    """Yield what writes a row of a CSV file, which appears under its name when the block ends, and not if it fails.

    Columns are start_s, end_s (s, microseconds), label, and for a closed question each choice with its probability (six
    decimals), and relies_on_signal (yes or no). What is not known is an empty cell.

    Raises
    ------
    PromptError
        When a choice has the name of another column.
    Sig2LMError
        When the file cannot be written.
    """
    columns = row_columns(choices or ())
    with replaced_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)

        def write(row: WindowRow) -> None:
            known = row.probabilities or {}
            shares = [f"{known[choice]:.6f}" if choice in known else "" for choice in choices or ()]
            relies = "" if row.relies_on_signal is None else "yes" if row.relies_on_signal else "no"
            writer.writerow([_seconds(row.start), _seconds(row.end), row.label or "", *shares, relies])

        yield write


def _seconds(time: float) -> str:
    return f"{time:.6f}".rstrip("0").rstrip(".")
