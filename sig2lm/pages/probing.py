"""The page of a probed encoder: scores over the number of labels, what needs no label, and missing sensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from markupsafe import Markup

from sig2lm.formatting import DASH, number
from sig2lm.pages import plots
from sig2lm.pages.base import render
from sig2lm.pages.windows import key

WHEN = {"test": "at test time", "training": "in training", "both": "in both"}
_ALIGNMENT = {
    "augmentation": "of two augmentations of a window",
    "subject": "of two windows of a person",
    "time": "of neighbours in time",
}
_DRAWN = ("fine_tuned", "scratch", "linear", "random", "knn", "self_trained")  # in the order of colours


def to_html(report: dict[str, Any]) -> str:
    """Render what ``sig2lm probe --json`` writes as one page that needs nothing else; all its text is escaped."""
    fractions, methods = report["fractions"], report["methods"]
    drawn = [(place, methods[method], key(place)) for place, method in enumerate(_drawn(report))]
    return render(
        "probing",
        report=report,
        name=report["encoder"].get("name") or report["encoder"]["fingerprint"],
        headline=headline(report),
        about=list(about(report)),
        drawing=curve(report) if fractions else None,
        drawn=drawn,
        columns=[column(part) for part in fractions],
        rows=[(title, [score(part["methods"].get(method)) for part in fractions]) for method, title in methods.items()],
        measures=list(measures(report["label_free"])),
        missing=list(missing(report)),
        when=list(WHEN.values()),
    )


def headline(report: dict[str, Any]) -> str:
    """Say in a sentence what the labels gave with fewest and with most of them, or what was measured without any."""
    if not report["fractions"]:
        free = report["label_free"]
        return f"Measured without labels: RankMe {number(free['rankme'], 1)} on {free['windows']:,} windows."
    few, many = report["fractions"][0], report["fractions"][-1]

    def told(part: dict[str, Any]) -> str:
        words = {
            "linear": "by a linear probe",
            "fine_tuned": "fine-tuned",
            "self_trained": "self-trained",
            "scratch": "from scratch",
        }
        return ", ".join(
            f"{number(part['methods'][method]['macro_f1']['mean'], 3)} {way}"
            for method, way in words.items()
            if method in part["methods"]
        )

    text = f"Macro-F1 with the labels of {_people(many)}: {told(many)}"
    return text + (f"; of {_people(few)}: {told(few)}." if few is not many else ".")


def about(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was judged on what: pairs of a term and its value."""
    yield "Encoder", f"{report['encoder'].get('name') or DASH} ({report['encoder']['fingerprint']})"
    sizes = {
        part: f"{size['windows']:,} windows of {size['people']:,} people" for part, size in report["sizes"].items()
    }
    if "train" in sizes:
        yield "Learned from", f"{report['data']}, train split: {sizes['train']}"
    yield "Judged on", f"{report['test_data']}, {report['split']} split: {sizes[report['split']]}"
    yield "Signal", report["signal"]
    if report["labels"]:
        yield "Labels", ", ".join(report["labels"])


def curve(report: dict[str, Any]) -> Markup:
    """Draw macro-F1 over the number of labelled windows."""
    parts = report["fractions"]
    amounts = [float(np.mean(part["windows"])) for part in parts]
    lines, said = [], []
    for method in _drawn(report):
        scored = [part["methods"].get(method) for part in parts]
        found = [[np.nan] if scores is None else scores["macro_f1"]["values"] for scores in scored]
        middle, low, high = (np.array([reach(values) for values in found]) for reach in (np.mean, np.min, np.max))
        lines.append(plots.Curve(middle, low, high))
        told = ", ".join(
            f"{score:.2f} at {amount:.0f}" for score, amount in zip(middle, amounts, strict=True) if not np.isnan(score)
        )
        said.append(f"{report['methods'][method]} {told}")
    description = f"Macro-F1 over the number of labelled windows: {'; '.join(said)}"
    return plots.curves(amounts, lines, "labelled windows", "macro-F1", description)


def _drawn(report: dict[str, Any]) -> list[str]:
    return [method for method in _DRAWN if report["fractions"] and method in report["methods"]]


def measures(free: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What needs no label: pairs of a term and its value."""
    yield "RankMe", number(free["rankme"], 1)
    yield "Effective rank, centred", number(free["effective_rank"], 1)
    yield "Uniformity", f"{free['uniformity']:.2f}".replace("-", "−")
    for pairs, words in _ALIGNMENT.items():
        if free["alignment"][pairs] is not None:
            yield f"Alignment {words}", number(free["alignment"][pairs], 3)
    if leakage := free["subject_leakage"]:
        found, chance = number(leakage["accuracy"], 3), number(leakage["chance"], 3)
        yield "Predicts who it is", f"{found} (chance {chance}, between {leakage['between']})"


def missing(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A table for each method: scores with each sensor missing, beside those with all."""
    found = report["missing"]
    for method in ("linear", "fine_tuned") if found else ():
        yield {
            "title": report["methods"][method],
            "complete": score(found["complete"][method]),
            "rows": [
                (", ".join(sensor["channels"]), sensor["unit"], [score(sensor[method][when]) for when in WHEN])
                for sensor in found["sensors"]
            ],
        }


def score(scores: dict[str, Any] | None) -> tuple[str, str]:
    """Mean of macro-F1, and its spread or nothing; a dash where it was not measured."""
    if scores is None:
        return DASH, ""
    std = scores["macro_f1"]["std"]
    return number(scores["macro_f1"]["mean"], 3), "" if std is None else f"± {std:.3f}"


def column(part: dict[str, Any]) -> tuple[str, str]:
    """Head of a column: whose labels are used, and how many windows that is."""
    return _people(part), f"{_span(part['windows'])} windows"


def _people(part: dict[str, Any]) -> str:
    people = _span(part["people"])
    return f"{people} {'person' if people == '1' else 'people'}"


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
