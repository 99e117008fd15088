"""The page of a cross-validation: mean and spread over the folds, every fold beside them, and all answers together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sig2lm.formatting import CONTROL_NAMES, DASH, duration, number
from sig2lm.pages.base import render

_TITLES = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "ece": "ECE",
    "mae": "MAE",
    "quadratic_kappa": "quadratic κ",
}
_WAYS = {
    "held_out": "in the held-out paraphrase",
    "of_training": "in paraphrases of training",
    "uncalibrated": "not calibrated",
}


def to_html(report: dict[str, Any]) -> str:
    """Render a report as one page that stands alone; all its text is escaped."""
    shown = measures(report)
    lines = [*report["methods"], *report["baselines"]]
    return render(
        "cross_validation",
        report=report,
        headline=headline(report),
        about=list(about(report)),
        titles=list(shown.values()),
        rows=[(line["name"], [mean_and_spread(line["scores"].get(key)) for key in shown]) for line in lines],
        refuting=list(refuting(report, list(shown))),
        pooled=[(line["name"], [_interval(line["pooled"], key) for key in _pooled(lines)]) for line in lines],
        pooled_titles=[_TITLES[key] for key in _pooled(lines)],
        folds=list(range(1, len(report["folds"]) + 1)),
        by_fold=[
            (line["name"], [number(value, 3) for value in line["scores"]["macro_f1"]["values"]]) for line in lines
        ],
        costs=list(costs(report)),
        notes=[(line["name"], note) for line in report["methods"] for note in line.get("notes", ())],
    )


def measures(report: dict[str, Any]) -> dict[str, str]:
    """Return the scores that some line has, with their titles."""
    lines = [*report["methods"], *report["baselines"]]
    return {
        key: title
        for key, title in _TITLES.items()
        if any((line["scores"].get(key) or {}).get("mean") is not None for line in lines)
    }


def mean_and_spread(found: dict[str, Any] | None) -> str:
    """Write a mean with its standard deviation.

    >>> mean_and_spread({"mean": 0.93215, "std": 0.011, "values": [0.921, 0.943]})
    '0.932 ± 0.011'
    """
    if found is None or found["mean"] is None:
        return DASH
    return f"{found['mean']:.3f}" + ("" if found["std"] is None else f" ± {found['std']:.3f}")


def headline(report: dict[str, Any]) -> str:
    """Say in a sentence what the first method reaches, and what stands beside it."""
    line = report["methods"][0]
    rivals = [one for one in report["baselines"] if one["scores"]["macro_f1"]["mean"] is not None]
    text = f"“{line['name']}”: macro-F1 {mean_and_spread(line['scores']['macro_f1'])} over {len(report['folds'])} folds"
    if rivals:
        best = max(rivals, key=lambda one: one["scores"]["macro_f1"]["mean"])
        text += f"; the best without an LM, “{best['name']}”, has {mean_and_spread(best['scores']['macro_f1'])}"
    return text + "."


def about(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was asked, of whom and with what: pairs of a term and its value."""
    yield "Data", report["data"]
    yield "Task", f"{report['task']}: {', '.join(report['labels'])}"
    yield "Examples", f"{report['examples']:,} of {report['subjects']:,} subjects, each tested once"
    yield "Language model", f"{report['lm']['name']} ({report['lm']['fingerprint'][:12]})"
    yield "Prompt", f"{report['template']['task']}, version {report['template']['version']}"
    settings = report["settings"]
    given = ", ".join(report["encoders"].values())
    yield "Encoders", given or f"pretrained in each fold ({settings['pretraining']['objective']})"
    yield "Fine-tuned on the labels", "yes" if settings["fine_tuning"] else "no"


def refuting(report: dict[str, Any], keys: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Scores without the signal and in other words, which the run's own stand beside."""
    for names, found in ((CONTROL_NAMES, report["controls"]), (_WAYS, report["paraphrases"])):
        for key, title in names.items():
            if key in found:
                yield title, [mean_and_spread(found[key].get(measure)) for measure in keys]


def costs(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a fold took: pairs of a term and its value."""
    for part, title in (("pretraining", "Pretraining"), ("fine_tuning", "Fine-tuning"), ("training", "Adapter")):
        known = [one["seconds"][part] for one in report["folds"] if one["seconds"][part] is not None]
        if known:
            yield title, f"{duration(sum(known) / len(known))} a fold"
    rows = [one["training_rows"] for one in report["folds"]]
    yield "Training windows", f"{sum(rows) / len(rows):,.0f} a fold"


def _pooled(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in ("macro_f1", "accuracy", "auroc") if any(line["pooled"].get(key) for line in lines)]


def _interval(pooled: dict[str, Any], key: str) -> tuple[str, str]:
    value, bounds = pooled.get(key), (pooled.get("ci") or {}).get(key)
    return number(value, 3), f"{bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else ""
