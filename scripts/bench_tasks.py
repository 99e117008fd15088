"""The ladder on a prepared data set, in folds by subject: one encoder a signal, one adapter, one frozen LM.

    python scripts/bench_tasks.py fold TABLE OUT NUMBER [--methods 4] [--questions N] [--training-rows N] [--lm pocket]
    python scripts/bench_tasks.py table OUT

``fold`` pretrains encoders on the fold's training people, trains an adapter, climbs the methods and writes
OUT/fold<NUMBER>.json (``--fine-tune``: the encoder learned the labels first), fold<NUMBER>_trained.json
(``--train-encoder``: it learned with the adapter), fold<NUMBER>_joint.json (first by itself, then with the adapter) or
fold<NUMBER>_frozen.json (it never saw a label). Folds are independent, so that several can run side by side. What is
there is kept: encoders, the run, and from an earlier report of the fold the baselines, which do not depend on the run.
``table`` prints mean and spread over the folds that are there as Markdown. Settings that are no option here are the
defaults of the commands.
"""

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import machine

from sig2lm.datasets import Table, fold, load_table
from sig2lm.encoder import save_encoder
from sig2lm.encoder.tables import labelled
from sig2lm.evaluation.comparison import ComparisonSettings
from sig2lm.evaluation.comparison import compare as compare
from sig2lm.evaluation.evaluate import predict
from sig2lm.files import read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.metrics import Predictions, label_numbers, scores, subject_intervals
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.fine_tuning import Classifier, FineTuneSettings, classify, fine_tuned_encoders
from sig2lm.templates.template import list_templates, load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

FOLDS = 5
ENDINGS = {"fine_tuned": "", "trained": "_trained", "joint": "_joint", "frozen": "_frozen"}
RHYTHMS = ("normal sinus rhythm", "atrial fibrillation")


@dataclass(frozen=True)
class Fold:
    """One fold of a table, its folder, and what an earlier report of it says."""

    table: Table
    way: str
    home: Path
    pretraining: PretrainSettings
    fine_tuning: FineTuneSettings

    @property
    def ending(self) -> str:
        return ENDINGS[self.way]

    @property
    def report(self) -> Path:
        return self.home.with_name(f"{self.home.name}{self.ending}.json")

    @property
    def earlier(self) -> dict[str, Any]:
        return read_json(self.report, "a report of this script") if self.report.is_file() else {}

    def pretrained(self) -> dict[str, Path]:
        encoders = {name: self.home / "encoders" / name for name in self.table.info.signals}
        for name, place in encoders.items():
            if not place.exists():
                encoder, provenance = pretrain_encoder(self.table, self.pretraining, name)
                save_encoder(encoder, place, provenance)
        return encoders

    def training_record(self, encoders: dict[str, Path]) -> tuple[dict[str, Path], Classifier | None, float | None]:
        """Encoders that have learned the labels, the classifier that they learned in, and the seconds that it took."""
        places = {name: self.home / "fine_tuned" / name for name in encoders}
        if self.earlier and all(place.exists() for place in places.values()):
            return places, None, self.earlier["fine_tuning_seconds"]
        classifier, records = fine_tuned_encoders(self.table, encoders, self.table.info.labels, self.fine_tuning)
        for name, record in records.items():
            if not places[name].exists():
                save_encoder(classifier.encoder(name), places[name], record)
        return places, classifier, next(iter(records.values()))["seconds"]


def run_fold(arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    table = thinned(fold(load_table(arguments.table), arguments.number, FOLDS), arguments.every)
    ways = {(True, False): "fine_tuned", (False, True): "trained", (True, True): "joint", (False, False): "frozen"}
    way = ways[arguments.fine_tune, arguments.train_encoder]
    pretraining = PretrainSettings(
        objective=arguments.objective,
        epochs=arguments.pretrain_epochs,
        batch_size=arguments.batch_size or PretrainSettings.batch_size,
        patch_size=arguments.patch_size,
        normalisation=arguments.normalisation,
    )
    fine_tuning = FineTuneSettings(
        epochs=arguments.fine_tune_epochs, batch_size=arguments.batch_size or FineTuneSettings.batch_size
    )
    one = Fold(table, way, arguments.out / f"fold{arguments.number}", pretraining, fine_tuning)
    encoders = one.pretrained()
    pretrained = {name: read_json(place / "train.json", "an encoder") for name, place in encoders.items()}
    classifier, tuning = None, None
    if arguments.fine_tune:
        encoders, classifier, tuning = one.taught(encoders)
    model, training = trained(one, encoders, arguments)
    methods = tuple(int(method) for method in arguments.methods.split(","))
    ladder = ComparisonSettings(methods, arguments.questions, arguments.training_rows, baselines=not one.earlier)
    report = compare(model, table, settings=ladder, training=training, classifier=classifier)
    report["baselines"] = one.earlier.get("baselines") or report["baselines"] + others(table)
    if table.info.task == "af_ecg":
        report["af_or_normal"] = af_or_normal(model, classifier, table, one.earlier)
    report |= {
        "machine": machine(),
        "settings": asdict(ladder),
        "every": arguments.every,
        "way": way,
        "fine_tuning": asdict(fine_tuning),
        "adapter_epochs": arguments.epochs,
        "adapter_augment": arguments.augment,
        "training_rows": len(table.data["train"]),
        "pretraining": {name: record["settings"] for name, record in pretrained.items()},
        "pretraining_seconds": sum(record["seconds"] for record in pretrained.values()),
        "fine_tuning_seconds": tuning,
        "seconds": round(time.perf_counter() - started, 1),
    }
    write_json(one.report, report)
    print(arguments.out.name, arguments.number, *[line(entry) for entry in entries(report)], sep="\n  ")


def trained(one: Fold, encoders: dict[str, Path], arguments: argparse.Namespace) -> tuple[SignalLM, dict[str, Any]]:
    """The run of a fold and its record."""
    run = one.home / f"run{one.ending}"
    if not (run / "config.json").is_file():
        task = one.table.info.task if one.table.info.task in list_templates() else "generic"
        train_adapter(
            one.table,
            encoders,
            run,
            lm=FrozenLM.from_pretrained(arguments.lm),
            template=load_template(task),
            settings=TrainSettings(
                epochs=arguments.epochs,
                augment=arguments.augment,
                train_encoder=arguments.train_encoder,
                encoder_learning_rate=arguments.encoder_learning_rate,
            ),
        )
    return SignalLM.from_pretrained(run), read_json(run / "train.json", "a run")


def thinned(table: Table, every: int) -> Table:
    """Keep every so-manieth training row; windows that overlap by half stand side by side with 2."""
    train = table.data["train"]
    return replace(table, data=DatasetDict({**table.data, "train": train.select(range(0, len(train), every))}))


def af_or_normal(
    model: SignalLM, classifier: Classifier | None, table: Table, earlier: dict[str, Any]
) -> dict[str, Any]:
    """Ask about the records of these two rhythms which of them it is; the answers, to be pooled over folds."""
    asked = labelled(table, RHYTHMS)
    task = model.task(table.info.signals)
    predictions = predict(model, asked, "test", model.question(task, task.template.held_out, RHYTHMS))
    found = {
        **earlier.get("af_or_normal", {}).get("probability", {}),
        "encoder and adapter": predictions.probabilities[:, 1],
    }
    if classifier is not None:
        of_labels = classify(classifier, asked, "test", table.info.labels)
        normal, af = (of_labels[:, table.info.labels.index(rhythm)] for rhythm in RHYTHMS)
        found["fine-tuned encoder, no LM"] = af / (normal + af)
    return {
        "truth": predictions.truth.tolist(),
        "subjects": predictions.subjects.tolist(),
        "probability": {name: np.asarray(values).tolist() for name, values in found.items()},
    }


def others(table: Table) -> list[dict[str, Any]]:
    """Simple rivals that a data set's own literature would name."""
    facts = {split: [table.facts(row) for row in rows] for split, rows in table.data.items()}
    found = []
    if table.info.task == "stress_e4":
        found.append({"name": "logistic regression on heart rate", **_heart_rate(table, facts)})
    if table.info.task == "stress_daily":
        found += _constants(table)
    return [{"method": None, **one} for one in found]


def _heart_rate(table: Table, facts: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    def column(split: str) -> np.ndarray:
        return np.array([[float(fact.get("heart_rate", "nan"))] for fact in facts[split]])

    labels = table.info.labels
    fitted = make_pipeline(StandardScaler(), LogisticRegression())
    known = np.isfinite(column("train"))[:, 0]
    fitted.fit(column("train")[known], np.array(table.data["train"]["label"])[known])
    order = [list(fitted.classes_).index(label) for label in labels]
    test = table.data["test"]
    middle = np.nan_to_num(column("test"), nan=float(np.nanmean(column("train"))))
    predictions = Predictions(
        labels, label_numbers(test["label"], labels), fitted.predict_proba(middle)[:, order], np.array(test["subject"])
    )
    return scores(predictions)


def _constants(table: Table) -> list[dict[str, Any]]:
    """Answer everybody alike: with the mean of the training people's means, and with the commonest training label."""
    train, truth = table.data["train"], np.array(table.data["test"]["label"], dtype=float)
    reports: dict[str, list[float]] = {}
    for subject, label in zip(train["subject"], train["label"], strict=True):
        reports.setdefault(subject, []).append(float(label))
    mean = statistics.fmean(statistics.fmean(values) for values in reports.values())
    median = statistics.median(float(label) for label in train["label"])
    subjects = np.array(table.data["test"]["subject"])
    own = np.array([truth[subjects == subject].mean() for subject in subjects])
    return [
        {"name": "mean of the training people's means", "mae": float(abs(truth - mean).mean())},
        {"name": "median of training", "mae": float(abs(truth - median).mean())},
        {"name": "each test person's own mean (an oracle)", "mae": float(abs(truth - own).mean())},
    ]


def entries(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [*report["methods"], *report["baselines"]]


MEASURES = ("macro_f1", "accuracy", "auroc", "ece", "mae", "mae_expected", "quadratic_kappa")
COSTS = ("tokens_per_question", "seconds_per_answer", "trained_parameters", "training_seconds")


def line(entry: dict[str, Any]) -> str:
    told = [f"{name} {entry[name]:.3f}" for name in MEASURES if entry.get(name) is not None]
    return f"{entry['method'] or '-'} {entry['name']}: {', '.join(told)}"


def print_table(out: Path, ending: str) -> None:
    reports = [json.loads(path.read_text()) for path in sorted(out.glob(f"fold?{ending}.json"))]
    first = reports[0]
    print(f"{first['data']}: {len(reports)} folds, {sum(report['examples'] for report in reports)} questions")
    shown = [name for name in MEASURES if any(entry.get(name) is not None for entry in entries(first))]
    print("| " + " | ".join(["", *shown, "tokens", "ms an answer", "trained", "training s"]) + " |")
    print("|" + "---|" * (len(shown) + 5))
    names = dict.fromkeys(entry["name"] for report in reports for entry in entries(report))
    for name in names:
        found = [entry for report in reports for entry in entries(report) if entry["name"] == name]
        method = f"{found[0]['method']} " if found[0]["method"] else ""
        cells = [_spread([entry.get(measure) for entry in found]) for measure in shown]
        costs = [_mean([entry.get(cost) for entry in found], 1000 if "answer" in cost else 1) for cost in COSTS]
        note = f" ({len(found)} fold)" if len(found) < len(reports) else ""
        print("| " + " | ".join([f"{method}{name}{note}", *cells, *costs]) + " |")
    print_af_or_normal([report["af_or_normal"] for report in reports if "af_or_normal" in report])
    for control in ("shuffled", "zeroed", "text_only"):
        values = [report["controls"][control]["macro_f1"] for report in reports]
        print(f"{control}: macro-F1 {_spread(values)}")
    for way in ("held_out", "uncalibrated", "of_training"):
        found = [report["paraphrases"][way] for report in reports if way in report["paraphrases"]]
        told = [f"{name} {_spread([one[name] for one in found])}" for name in ("macro_f1", "accuracy", "auroc")]
        print(f"paraphrase {way}: {', '.join(told)}")
    for entry in first["methods"]:
        print(f"method {entry['method']}: {'; '.join(entry['notes']) or '-'}")
    rows = _mean([report["training_rows"] for report in reports], 1)
    print(f"learned from {rows} windows a fold (every {first['every']} of the training people's)")
    pretraining = _mean([report["pretraining_seconds"] for report in reports], 1)
    tuning = _mean([report.get("fine_tuning_seconds") for report in reports], 1)
    print(f"pretraining {pretraining} s a fold, fine-tuning {tuning} s; training s above are the adapter's")
    print(f"numbers written as {first['serializer']}; {first['machine']}")


def print_af_or_normal(found: list[dict[str, Any]]) -> None:
    """AUROC over the answers of all folds together, with its interval over subjects."""
    for name in found[0]["probability"] if found else ():
        of_af = np.concatenate([one["probability"][name] for one in found])
        truth, subjects = (np.concatenate([one[key] for one in found]) for key in ("truth", "subjects"))
        predictions = Predictions(RHYTHMS, truth, np.stack([1 - of_af, of_af], axis=1), subjects)
        low, high = subject_intervals(predictions)["auroc"] or (float("nan"),) * 2
        print(
            f"fibrillation or normal, {name}: AUROC {scores(predictions)['auroc']:.3f} ({low:.3f} to {high:.3f}), "
            f"{len(truth)} records, {int(truth.sum())} of them fibrillation"
        )


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" ± {statistics.stdev(known):.3f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.3f}{spread}"


def _mean(values: list[float | None], scale: float) -> str:
    known = [scale * value for value in values if value is not None]
    return f"{statistics.fmean(known):,.{1 if scale > 1 else 0}f}" if known else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fold")
    one.add_argument("table", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("number", type=int)
    one.add_argument("--methods", default="4")
    one.add_argument("--fine-tune", action="store_true", help="the encoder learns the labels before the adapter")
    one.add_argument("--train-encoder", action="store_true", help="the encoder learns with the adapter")
    one.add_argument("--encoder-learning-rate", type=float, default=TrainSettings.encoder_learning_rate)
    one.add_argument("--objective", default="masked", help="that encoders are pretrained with")
    one.add_argument("--normalisation", help="of the encoders, see EncoderConfig; by default what suits the signal")
    one.add_argument("--pretrain-epochs", type=int, default=PretrainSettings.epochs)
    one.add_argument("--fine-tune-epochs", type=float, default=FineTuneSettings.epochs)
    one.add_argument("--batch-size", type=int, help="of pretraining and fine-tuning")
    one.add_argument("--patch-size", type=int, help="samples in a patch of the encoders")
    one.add_argument("--epochs", type=float, default=5.0, help="of the adapter")
    one.add_argument("--augment", type=float, default=0.0, help="what the adapter learns from")
    one.add_argument("--every", type=int, default=1, help="learn from every so-manieth window of the training people")
    one.add_argument("--questions", type=int)
    one.add_argument("--training-rows", type=int)
    one.add_argument("--lm", default="pocket")
    tables = commands.add_parser("table")
    tables.add_argument("out", type=Path)
    tables.add_argument("--way", choices=list(ENDINGS), default="fine_tuned")
    arguments = parser.parse_args()
    if arguments.command == "fold":
        run_fold(arguments)
    else:
        print_table(arguments.out, ENDINGS[arguments.way])


if __name__ == "__main__":
    main()
