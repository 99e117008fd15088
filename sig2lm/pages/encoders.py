"""The page of encoders that were compared: a table for each way to learn from labels, and what needs none."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from sig2lm.formatting import DASH, duration, number
from sig2lm.pages import plots
from sig2lm.pages.base import render
from sig2lm.pages.probing import column, measures, score
from sig2lm.pages.windows import key

_RIVAL = "extra trees on hand features"


def to_html(report: dict[str, Any]) -> str:
    """Render what ``sig2lm probe --compare --json`` writes as one page that stands alone; all its text is escaped."""
    encoders = report["encoders"]
    tables = [(report["methods"][method], _rows(report, method)) for method in report["methods"]]
    return render(
        "encoders",
        style="probing",
        report=report,
        headline=headline(report),
        names=[(encoder["name"], key(place)) for place, encoder in enumerate(encoders)],
        drawing=curve(report) if report["fractions"] else None,
        columns=[column(part) for part in report["fractions"]],
        tables=tables,
        facts=[_facts(encoder) for encoder in encoders],
        terms=[term for term, _ in measures(encoders[0]["label_free"])],
        measures=[(encoder["name"], dict(measures(encoder["label_free"]))) for encoder in encoders],
    )


def headline(report: dict[str, Any]) -> str:
    """Say which encoder is best under a linear probe with all labels, and whether the simple rival is better."""
    if not report["fractions"]:
        return f"{len(report['encoders'])} encoders, measured without labels."
    best, value = max(
        ((encoder["name"], encoder["scores"][-1]["linear"]["macro_f1"]["mean"]) for encoder in report["encoders"]),
        key=lambda pair: pair[1],
    )
    rival = report["rival"][-1]["macro_f1"]["mean"]
    told = "more" if rival > value else "as much" if rival == value else "less"
    return (
        f"With the most labels, a linear probe of {best} has the highest macro-F1, {number(value, 3)}; {_RIVAL} have "
        f"{told}, {number(rival, 3)}."
    )


def curve(report: dict[str, Any]) -> Markup:
    """Draw macro-F1 of the linear probe of each encoder over the number of labelled windows."""
    amounts = [float(np.mean(part["windows"])) for part in report["fractions"]]
    lines, said = [], []
    for encoder in report["encoders"]:
        found = [part["linear"]["macro_f1"]["values"] for part in encoder["scores"]]
        middle, low, high = (np.array([reach(values) for values in found]) for reach in (np.mean, np.min, np.max))
        lines.append(plots.Curve(middle, low, high))
        said.append(f"{encoder['name']} {', '.join(f'{value:.2f}' for value in middle)}")
    described = f"Macro-F1 of a linear probe over the number of labelled windows: {'; '.join(said)}"
    return plots.curves(amounts, lines, "labelled windows", "macro-F1", described)


def _rows(report: dict[str, Any], method: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """A row for each encoder, then one for the simple rival."""
    rows = [
        (encoder["name"], [score(part.get(method)) for part in encoder["scores"]]) for encoder in report["encoders"]
    ]
    return [*rows, (_RIVAL, [score(found) for found in report["rival"]])]


def _facts(encoder: dict[str, Any]) -> tuple[str, list[str]]:
    made = encoder["pretrained_here"]
    learned = f"{made['objective']}, {made['epochs']} epochs, {duration(made['seconds'])}" if made else "as given"
    return encoder["name"], [
        encoder["architecture"] or DASH,
        f"{encoder['parameters']:,}",
        learned,
        encoder["signal"],
        duration(encoder["seconds"]),
    ]
