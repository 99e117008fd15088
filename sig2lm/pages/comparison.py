"""The page of the comparison: the same data and the same LM at every method, beside what would refute the scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sig2lm.formatting import number
from sig2lm.pages import plots, scoreboard, windows
from sig2lm.pages.base import render

POCKET = "pocket"
_SHORT = 3  # characters of a label that can stand above a column of counts
_SMALL = 6  # tables of more labels than this take the width of the page


def to_html(report: dict[str, Any]) -> str:
    """Render what ``evaluate --compare --json`` writes as one page that stands alone; all its text is escaped.

    A number that does not apply is None.
    """
    entries = [*report["methods"], *(report.get("baselines") or [])]
    shown, wrong = report.get("windows") or [], report.get("mistakes") or []
    return render(
        "comparison",
        report=report,
        alone=bool(report.get("alone")),
        heading="The run" if report.get("alone") else "The comparison",
        entries=entries,
        headline=scoreboard.headline(report),
        about=list(about(report)),
        pocket=(report.get("lm") or {}).get("name") == POCKET,
        marks=scoreboard.marks(report),
        table=scoreboard.table(entries),
        controls=scoreboard.controls(report),
        gate=gate(report.get("gate")),
        measures=list(scoreboard.MEASURES.values()),
        confusions=list(confusions(entries)),
        diagrams=list(diagrams(entries)),
        windows=windows.cards(shown, wrong),
        mistakes=windows.cards(wrong, shown),
        key=windows.key,
    )


def gate(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the page shows of a score that must fall with degraded signals; None where that was not asked."""
    if found is None:
        return None
    floor = found["score"] - found["least"]
    drawings = []
    for key, title, unit in (
        ("noise", "noise is added", "standard deviations of each channel"),
        ("dropped", "channels are dropped", "share of the channels"),
    ):
        amounts, values = (np.array([one[name] for one in found[key]]) for name in ("amount", "macro_f1"))
        told = f"macro-F1 from {values[0]:.3f} to {values[-1]:.3f} as {title}"
        drawings.append((title, plots.falls(amounts, values, floor, unit, "macro-F1", told)))
    return {**found, "floor": floor, "drawings": drawings}


def about(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was asked, of whom and with what: pairs of a term and its value."""
    rule = f" ({report['split_rule']})" if report.get("split_rule") else ""
    yield "Data", f"{report['data']}, {report['split']} split{rule}"
    yield "Task", f"{report['task']}: {', '.join(report['labels'])}" + (" (a scale)" if report.get("ordinal") else "")
    yield "Examples", f"{report['examples']:,} of {report['subjects']:,} subjects"
    lm = report.get("lm") or {}
    fingerprint = f" ({lm['fingerprint'][:12]})" if lm.get("fingerprint") else ""
    yield "Language model", f"{lm.get('name')}{fingerprint}"
    if template := report.get("template"):
        yield "Prompt", f"{template['task']}, version {template['version']}"
    if report.get("serializer"):
        yield "Numbers as text", f"serializer {report['serializer']}"


def confusions(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Confusion matrices; columns are numbered where the labels are too long to stand above them."""
    for entry in entries:
        if found := entry.get("confusion"):
            rows = [
                _row(*row) for row in zip(range(len(found["labels"])), found["labels"], found["matrix"], strict=True)
            ]
            numbered = any(len(label) > _SHORT for label in found["labels"])
            yield {**_titled(entry), "rows": rows, "numbered": numbered, "wide": len(rows) > _SMALL}


def _row(place: int, label: str, counts: list[int]) -> dict[str, Any]:
    """Cells of a true label: count, share of the row, whether it is the right answer."""
    total = sum(counts)
    cells = [(count, count / total if total else 0.0, column == place) for column, count in enumerate(counts)]
    return {"label": label, "cells": cells, "recall": cells[place][1] if total else None}


def diagrams(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Reliability diagrams, with the calibration error in words."""
    for entry in entries:
        bins = [found for found in entry.get("reliability") or [] if found.get("count")]
        if not bins:
            continue
        error = number(entry.get("ece"), 3)
        points = ", ".join(f"{found['accuracy']:.2f} at {found['confidence']:.2f}" for found in bins)
        description = f"Reliability of {entry['name']}, calibration error {error}; accuracy at confidence: {points}"
        yield {**_titled(entry), "ece": error, "drawing": plots.reliability(bins, description)}


def _titled(entry: dict[str, Any]) -> dict[str, Any]:
    return {"method": entry.get("method"), "name": entry["name"]}
