"""A prepared data set in folds by subject, beside the simple rivals that its own literature would name.

    python scripts/bench_tasks.py TABLE OUT [--record NAME] [options of `sig2lm cross-validate`]

Runs ``sig2lm cross-validate TABLE --out OUT``, or goes on with it, and prints its table as Markdown with the rivals
below: logistic regression on heart rate (stress_e4), constants (stress_daily); for ECG also atrial fibrillation against
normal rhythm, pooled over the folds. ``--record`` writes the rows to docs/benchmarks/results/NAME.json.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from results import record
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sig2lm.datasets import Table, load_table
from sig2lm.encoder.tables import labelled
from sig2lm.evaluation.asking import predict
from sig2lm.evaluation.cross_validation import learning_fold
from sig2lm.files import read_json
from sig2lm.metrics import Predictions, scores, spread, subject_intervals
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pages.cross_validation import mean_and_spread

RHYTHMS = ("normal sinus rhythm", "atrial fibrillation")
MEASURES = ("macro_f1", "accuracy", "auroc", "ece", "mae", "mae_expected", "quadratic_kappa")


def folds(table: Table, report: Mapping[str, Any]) -> Iterator[Table]:
    """The folds that a report is about."""
    settings = report["settings"]
    for number in range(1, settings["folds"] + 1):
        yield learning_fold(table, number, settings["folds"], settings["seed"], settings["every"])


def rivals(table: Table) -> dict[str, dict[str, float | None]]:
    """Scores of simple rivals on one fold."""
    if table.info.task == "stress_e4":
        return {"logistic regression on heart rate": _heart_rate(table)}
    return _constants(table) if table.info.task == "stress_daily" else {}


def _heart_rate(table: Table) -> dict[str, float | None]:
    def column(split: str) -> np.ndarray:
        facts = [table.facts(row) for row in table.data[split]]
        return np.array([[float(fact.get("heart_rate", "nan"))] for fact in facts])

    labels, train, test = table.info.labels, table.data["train"], table.data["test"]
    known = np.isfinite(column("train"))[:, 0]
    fitted = make_pipeline(StandardScaler(), LogisticRegression())
    fitted.fit(column("train")[known], np.array(train["label"])[known])
    order = [list(fitted.classes_).index(label) for label in labels]
    filled = np.nan_to_num(column("test"), nan=float(np.nanmean(column("train"))))
    probabilities = fitted.predict_proba(filled)[:, order]
    return scores(Predictions.from_names(labels, test["label"], probabilities, test["subject"]))


def _constants(table: Table) -> dict[str, dict[str, float | None]]:
    """Answer everybody alike: with the mean of the training people's means, and with the median training label."""
    train, truth = table.data["train"], np.array(table.data["test"]["label"], dtype=float)
    reports: dict[str, list[float]] = {}
    for subject, label in zip(train["subject"], train["label"], strict=True):
        reports.setdefault(subject, []).append(float(label))
    mean = statistics.fmean(statistics.fmean(values) for values in reports.values())
    median = statistics.median(float(label) for label in train["label"])
    subjects = np.array(table.data["test"]["subject"])
    own = np.array([truth[subjects == subject].mean() for subject in subjects])
    return {
        "mean of the training people's means": {"mae": float(abs(truth - mean).mean())},
        "median of training": {"mae": float(abs(truth - median).mean())},
        "each test person's own mean (an oracle)": {"mae": float(abs(truth - own).mean())},
    }


def af_or_normal(table: Table, report: Mapping[str, Any], out: Path) -> str:
    """Ask about the records of two rhythms which of them it is, in each fold; AUROC over all answers."""
    found = []
    for number, divided in enumerate(folds(table, report), start=1):
        model = SignalLM.from_pretrained(out / f"fold{number}" / "run")
        task = model.task(table.info.signals)
        question = model.question(task, task.template.held_out, RHYTHMS)
        found.append(predict(model, labelled(divided, RHYTHMS), "test", question))
    answers = Predictions.pooled(found)
    low, high = subject_intervals(answers)["auroc"] or (float("nan"),) * 2
    return (
        f"fibrillation against normal: AUROC {scores(answers)['auroc']:.3f} ({low:.3f} to {high:.3f}), "
        f"{len(answers.truth)} records, {int(answers.truth.sum())} of them fibrillation"
    )


def rows(report: Mapping[str, Any], of_folds: list[dict[str, dict[str, float | None]]]) -> list[dict[str, Any]]:
    """A row for each method, baseline, rival and control, with the spread of each score."""
    lines = {line["name"]: line["scores"] for line in (*report["methods"], *report["baselines"])}
    for name in of_folds[0]:
        lines[name] = {key: spread([one[name][key] for one in of_folds]) for key in of_folds[0][name]}
    lines |= {f"control: {name.replace('_', ' ')}": found for name, found in report["controls"].items()}
    shown = [key for key in MEASURES if any((found.get(key) or {}).get("mean") is not None for found in lines.values())]
    return [{"": name, **{key: mean_and_spread(found.get(key)) for key in shown}} for name, found in lines.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--record", metavar="NAME")
    arguments, options = parser.parse_known_args()
    if not (arguments.out / "report.json").is_file():
        going_on = ["--resume"] if arguments.out.exists() else []
        command = [sys.executable, "-m", "sig2lm", "cross-validate", arguments.table, "--out", arguments.out]
        subprocess.run([*map(str, command), *going_on, *options], check=True)
    table = load_table(arguments.table)
    report = read_json(arguments.out / "report.json", "the report of a cross-validation")
    found = rows(report, [rivals(divided) for divided in folds(table, report)])
    print("| " + " | ".join(found[0]) + " |\n|" + "---|" * len(found[0]))
    for row in found:
        print("| " + " | ".join(row.values()) + " |")
    notes = [note for line in report["methods"] for note in line.get("notes", ())]
    if table.info.task == "af_ecg":
        notes.append(af_or_normal(table, report, arguments.out))
    print("\n".join(notes))
    if arguments.record:
        title = f"{report['data']} in {len(report['folds'])} folds by subject, {report['examples']} questions"
        print(record(arguments.record, found, title, notes))


if __name__ == "__main__":
    main()
