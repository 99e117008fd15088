"""The comparison as a table: which columns there are, what is best in each, and the same scores as marks on a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sig2lm.formatting import CONTROL_NAMES, DASH, duration, number, percent

MethodResult = dict[str, Any]
MEASURES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "auroc": "AUROC"}  # the first that is known leads
_RUN = 4  # the method that the run itself is, and that the controls belong to


@dataclass(frozen=True)
class Column:
    """A number of every entry.

    Attributes
    ----------
    key, title
        Where it is in the report and what stands above it.
    write
        Number to text.
    best
        `max` or `min` where one is better, None where it is only a fact.
    optional
        Left out when no entry has it.
    """

    key: str
    title: str
    write: Callable[[float | None], str]
    best: Callable[[list[float]], float] | None = None
    optional: bool = False


def _score(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _count(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}"


COLUMNS = (
    Column("accuracy", "accuracy", _score, max),
    Column("macro_f1", "macro-F1", _score, max),
    Column("auroc", "AUROC", _score, max),
    Column("mae", "MAE", _score, min, optional=True),
    Column("quadratic_kappa", "quadratic κ", _score, max, optional=True),
    Column("ece", "ECE", _score, min),
    Column("tokens_per_question", "tokens per question", lambda value: number(value, 0), min),
    Column("seconds_per_answer", "time per answer", duration, min),
    Column("trained_parameters", "trained parameters", _count),
    Column("training_seconds", "training time", duration),
)


def table(entries: Sequence[MethodResult]) -> dict[str, Any]:
    """Titles of the columns, and for each entry its cells: text, interval, whether it is the best of its column.

    Whatever is written like the best counts as best, since the digits behind are not shown; where all are written
    alike, none is.
    """
    columns = [column for column in COLUMNS if not column.optional or _values(entries, column.key)]
    best: dict[str, str] = {}
    for column in columns:
        values = _values(entries, column.key)
        if column.best is not None and len(set(map(column.write, values))) > 1:
            best[column.key] = column.write(column.best(values))
    rows = []
    for entry in entries:
        written = [(column, column.write(entry.get(column.key))) for column in columns]
        cells = [
            {"text": text, "interval": _interval(entry, column.key), "best": text == best.get(column.key)}
            for column, text in written
        ]
        rows.append({"method": entry.get("method"), "name": entry["name"], "cells": cells})
    return {"titles": [column.title for column in columns], "rows": rows}


def marks(report: MethodResult) -> dict[str, Any]:
    """One measure of every entry and control, with its interval, to be drawn on a line from 0 to 1."""
    entries = [*report["methods"], *(report.get("baselines") or [])]
    measure = next((key for key in MEASURES if _values(entries, key)), "accuracy")
    lines = [
        {
            "method": entry.get("method"),
            "name": entry["name"],
            "value": entry.get(measure),
            "interval": _bounds(entry, measure),
            "kind": "base" if entry.get("method") is None else "method",
        }
        for entry in entries
    ]
    return {"measure": MEASURES[measure], "lines": lines}


def controls(report: MethodResult) -> list[MethodResult]:
    """The run's own scores and those of its controls; nothing where no control was run."""
    found = report.get("controls") or {}
    own = [entry for entry in report["methods"] if entry.get("method") == _RUN]
    rows = [{**entry, "name": f"its own signals ({entry['name']})"} for entry in own]
    rows += [{**(found[key] or {}), "name": name} for key, name in CONTROL_NAMES.items() if key in found]
    return (
        [{"name": row["name"], "scores": [_score(row.get(key)) for key in MEASURES]} for row in rows] if found else []
    )


def headline(report: MethodResult) -> str:
    """Say in a sentence which method is best, how good, and what it stands beside."""
    key = next((key for key in MEASURES if _values(report["methods"], key)), None)
    if key is None:
        return "No method has a score."
    scored = [entry for entry in report["methods"] if entry.get(key) is not None]
    best = max(scored, key=lambda entry: entry[key])
    names = [f"“{entry['name']}”" for entry in scored if _score(entry[key]) == _score(best[key])]
    if report.get("alone"):
        text = f"The run on {report['examples']:,} questions"
    elif len(names) == len(scored) > 1:
        text = "No method is better than another"
    else:
        text = f"Best of the comparison {'is' if len(names) == 1 else 'are'} {' and '.join(names)}"
    text += f": {MEASURES[key]} {_score(best[key])}"
    if bounds := _bounds(best, key):
        text += f" (95% interval {bounds[0]:.3f} to {bounds[1]:.3f})"
    if best.get("accuracy") is not None:
        text += f", {percent(best['accuracy'])} of the answers right"
    rivals = [entry for entry in report.get("baselines") or [] if entry.get(key) is not None]
    if rivals:
        rival = max(rivals, key=lambda entry: entry[key])
        text += f"; the best without an LM, “{rival['name']}”, has {_score(rival[key])}"
    return text + "."


def _values(entries: Sequence[MethodResult], key: str) -> list[float]:
    return [entry[key] for entry in entries if entry.get(key) is not None]


def _bounds(entry: MethodResult, key: str) -> tuple[float, float] | None:
    found = (entry.get("ci") or {}).get(key)
    return (found[0], found[1]) if found and None not in found else None


def _interval(entry: MethodResult, key: str) -> str:
    bounds = _bounds(entry, key)
    return f"{bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else ""
