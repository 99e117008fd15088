"""The evaluation of a run alone, in the form of a comparison, so that one page shows both."""

from typing import Any

from sig2lm.datasets import Table
from sig2lm.evaluation.comparison.shown_windows import mistakes, windows
from sig2lm.evaluation.evaluate import Evaluation
from sig2lm.templates.task import Task


def as_comparison(evaluation: Evaluation, table: Table, task: Task, seed: int = 0) -> dict[str, Any]:
    """Return the report of a comparison with one method, the run itself, and its baselines."""
    report = evaluation.report
    own = {key: report[key] for key in ("accuracy", "macro_f1", "auroc", "ece", "ci", "confusion", "reliability")}
    own |= {key: report.get(key) for key in ("mae", "quadratic_kappa", "seconds_per_answer")}
    probe = {"method": None, "name": "linear probe, no LM", **report["probe"], "notes": []}
    return {
        "alone": True,
        "task": report["task"],
        "data": table.info.name,
        "split": report["split"],
        "split_rule": table.info.split_rule,
        "examples": report["examples"],
        "subjects": report["subjects"],
        "labels": list(task.labels),
        "ordinal": task.template.ordinal,
        "lm": report["lm"],
        "template": report["template"],
        "methods": [{"method": 4, "name": "the LM reads the signal", **own, "notes": report["notes"]}],
        "baselines": [probe, *({"method": None, **rival, "notes": []} for rival in report["baselines"])],
        "controls": report["controls"],
        "gate": report.get("gate"),
        "paraphrases": report["paraphrases"],
        "windows": windows(table, report["split"], evaluation.predictions, seed),
        "mistakes": mistakes(table, report["split"], evaluation.predictions),
    }
