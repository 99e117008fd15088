"""Figures as data: what a benchmark measured, with the command, the commit and the machine that it was measured on.

Every benchmark ends with :func:`record`; ``scripts/build_tables.py`` makes the tables of the documents from what lies
there, so that no figure is typed by hand.
"""

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from timing import machine

from sig2lm.files import write_json

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "benchmarks" / "results"

Row = Mapping[str, Any]


def record(name: str, rows: Sequence[Row], title: str, notes: Sequence[str] = ()) -> Path:
    """Write the rows of a table as JSON and return where.

    Parameters
    ----------
    name
        Of the file, without suffix; it stays the same when the benchmark runs again.
    rows
        One dictionary a row, with the columns in order; numbers as numbers.
    title
        What the table says, in a line.
    notes
        What a reader must know beside it: settings, limits.
    """
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "title": title,
        "command": shown_command(),
        "commit": COMMIT,
        "date": date.today().isoformat(),
        "machine": machine(),
        "notes": list(notes),
        "rows": [dict(row) for row in rows],
    }
    write_json(path, content)
    return path


def shown_command() -> str:
    """The command that runs, as a reader may repeat it."""
    return shlex.join(["python", f"scripts/{Path(sys.argv[0]).name}", *map(_shown, sys.argv[1:])])


def _shown(argument: str) -> str:
    """A folder of this machine by its last name: where data lie is nobody's business."""
    if "=" in argument:
        return "=".join(map(_shown, argument.split("=")))
    return Path(argument).name.upper() if argument.startswith(("/", "~", "..")) else argument


def commit() -> str:
    """The commit at hand; it says so where something is not committed, other than figures."""
    at_hand = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks")
    return f"{at_hand}-dirty" if at_hand and changed else at_hand or "unknown"


def _git(*asked: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *asked], capture_output=True, text=True, check=False).stdout.strip()


COMMIT = commit()  # as the benchmark begins: a long one may end after the next commit
