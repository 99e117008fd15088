"""Cross-validation by subject: everything that learns, learns again in each fold, and everybody is tested once.

In each fold encoders are pretrained and fine-tuned, an adapter is trained and calibrated, all on the fold's training
people, and the fold's test people are asked. What is finished lies in the output folder and is not done twice.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import datasets as hf
import pandas as pd
from transformers.trainer_utils import get_last_checkpoint

from sig2lm._version import __version__
from sig2lm.datasets import Table, fold
from sig2lm.encoder import save_encoder
from sig2lm.encoder.loading import source_of
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.evaluation.comparison import Comparison, ComparisonSettings, compare
from sig2lm.evaluation.comparison.compare import FINE_TUNED, fine_tuned_result
from sig2lm.evaluation.comparison.results import Cost, MethodResult
from sig2lm.evaluation.controls import Progress, no_better
from sig2lm.evaluation.predictions import prediction_frame, predictions_of, read_predictions, write_predictions
from sig2lm.files import check_new, expanded, new_folder, read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.metrics import Predictions, scores, spread, subject_intervals
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
from sig2lm.templates.task import Task
from sig2lm.templates.template import Template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

REPORT = "report.json"
_ANSWERS = "predictions.parquet"
_BEGUN = "cross_validation.json"
_MEASURES = ("macro_f1", "accuracy", "auroc", "ece", "mae", "mae_expected", "quadratic_kappa")
_COSTS = ("tokens_per_question", "seconds_per_answer", "trained_parameters", "training_seconds")


@dataclass(frozen=True)
class CrossValidationSettings:
    """What is done in each fold.

    Attributes
    ----------
    folds
        How many; each tests about as many people as the others.
    seed
        Deals the people into folds.
    every
        Learn from every so-manieth window of each label of each training person; windows that overlap by half stand
        side by side with 2.
    pretraining
        Of the encoders, where none are given.
    fine_tuning
        Of the encoders, on the labels, before the adapter learns to read them; None for none.
    training, comparison
        Of the adapter; which ways to ask are measured beside it.
    """

    folds: int = 5
    seed: int = 0
    every: int = 1
    pretraining: PretrainSettings = field(default_factory=PretrainSettings)
    fine_tuning: FineTuneSettings | None = field(default_factory=FineTuneSettings)
    training: TrainSettings = field(default_factory=TrainSettings)
    comparison: ComparisonSettings = field(default_factory=lambda: ComparisonSettings((4,)))

    def __post_init__(self) -> None:
        if self.folds < 2 or self.every < 1:
            raise Sig2LMError(f"expected two folds or more and every 1 or more, found {self.folds} and {self.every}")


def cross_validate(
    table: Table,
    out: str | Path,
    *,
    lm: FrozenLM,
    template: Template,
    encoders: Mapping[str, str | Path] | None = None,
    settings: CrossValidationSettings | None = None,
    resume: bool = False,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Train and test in folds by subject, and write all of it into ``out``.

    Parameters
    ----------
    table
        A prepared data set; its own splits are not looked at (:func:`sig2lm.datasets.fold`).
    out
        A new folder; with ``resume`` that of an interrupted cross-validation. ``foldN`` holds the encoders, the run,
        ``report.json`` (as ``evaluate --compare`` writes it) and ``predictions.parquet``.
    lm, template
        Who answers, and how it is asked.
    encoders
        Pretrained on other data, for each signal; by default they are pretrained in each fold.
    settings
        See :class:`CrossValidationSettings`.
    progress
        Called with a line for each part that begins.

    Returns
    -------
    dict
        Ready for JSON, also in ``out/report.json``: for each of ``methods`` and ``baselines`` the spread of each score
        over the folds (mean, std, values), and ``pooled``: the scores of the answers of all folds together, with
        intervals over all subjects; ``controls`` and ``paraphrases`` likewise.

    Raises
    ------
    Sig2LMError
        If ``out`` exists, there is nothing to resume, or what is to be resumed began otherwise.
    DatasetError
        If there are fewer subjects than folds, or rows without a label.
    KeyboardInterrupt
        If the training of an adapter was interrupted; its checkpoint is kept.
    """
    settings, out = settings or CrossValidationSettings(), expanded(out)
    division = settings.folds, settings.seed, settings.every
    parts = [learning_fold(table, number, *division) for number in range(1, settings.folds + 1)]
    begun = _identity(table, lm, template, encoders or {}, settings)
    if resume:
        _check_same(out, begun)
    else:
        check_new(out)
        write_json(out / _BEGUN, begun)
    reports, frames = [], []
    for number, part in enumerate(parts, start=1):
        one = _Fold(part, out / f"fold{number}", settings, partial(_told, progress, number))
        if not (one.home / REPORT).is_file():
            one.run(lm, template, encoders or {})
        reports.append(read_json(one.home / REPORT, "the report of a fold"))
        frames.append(read_predictions(one.home / _ANSWERS))
    report = {**begun, **summary(reports, frames)}
    write_json(out / REPORT, report)
    return report


def learning_fold(table: Table, number: int, folds: int, seed: int = 0, every: int = 1) -> Table:
    """Divide a table as the fold ``number`` (from 1 on) of a cross-validation does.

    Parameters
    ----------
    folds, seed, every
        As in :class:`CrossValidationSettings`.
    """
    divided = fold(table, number - 1, folds, seed)
    train = divided.data["train"]
    met: Counter[tuple[str, str | None]] = Counter()
    rows = []
    for row, pair in enumerate(zip(train["subject"], train["label"], strict=True)):
        if met[pair] % every == 0:
            rows.append(row)
        met[pair] += 1
    kept = train.select(rows)
    return replace(divided, data=hf.DatasetDict({**divided.data, "train": kept}))


def summary(reports: Sequence[Mapping[str, Any]], frames: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Sum the reports of folds up, as :func:`cross_validate` returns them.

    Parameters
    ----------
    reports
        Of the folds, as :func:`sig2lm.evaluation.comparison.compare` makes them.
    frames
        Every answer of each fold.
    """
    first, answers = reports[0], pd.concat(frames)
    methods = _lines(reports, "methods", answers)
    found = {
        "task": first["task"],
        "labels": first["labels"],
        "ordinal": first["ordinal"],
        "examples": sum(report["examples"] for report in reports),
        "subjects": answers["subject"].nunique(),
        "methods": methods,
        "baselines": _lines(reports, "baselines", answers),
        "controls": _spreads([report.get("controls", {}) for report in reports]),
        "paraphrases": _spreads([report.get("paraphrases", {}) for report in reports]),
        "folds": [
            {key: report[key] for key in ("examples", "subjects", "seconds", "training_rows")} for report in reports
        ],
    }
    for line in methods:
        if line["method"] == 4 and found["controls"]:
            without = {name: {key: one["mean"] for key, one in of.items()} for name, of in found["controls"].items()}
            line["notes"] = [note] if (note := no_better(line["pooled"], without)) else []
    return found


@dataclass(frozen=True)
class _Fold:
    """One fold: its table, its folder, and the steps that lead to its report, each done once."""

    table: Table
    home: Path
    settings: CrossValidationSettings
    progress: Progress

    def run(self, lm: FrozenLM, template: Template, given: Mapping[str, str | Path]) -> None:
        """Do what is not done yet; the report comes last."""
        encoders = given or self.pretrained()
        tuned = None
        if self.settings.fine_tuning is not None:
            labels = Task.from_template(template, self.table.info.labels).labels
            encoders, tuned = self.fine_tuned(encoders, labels, self.settings.fine_tuning)
        model, record = self.trained(encoders, lm, template)
        compared = compare(
            model, self.table, settings=self.settings.comparison, training=record, tuned=tuned, progress=self.progress
        )
        self.write(compared, record)

    def pretrained(self) -> dict[str, Path]:
        """Encoders of the fold's training people, one for each signal."""
        places = {name: self.home / "encoders" / name for name in self.table.info.signals}
        for name, place in places.items():
            if not place.exists():
                self.progress(f"pretraining the encoder of {name}")
                encoder, provenance = pretrain_encoder(self.table, self.settings.pretraining, name)
                save_encoder(encoder, place, provenance)
        return places

    def fine_tuned(
        self, encoders: Mapping[str, str | Path], labels: Sequence[str], settings: FineTuneSettings
    ) -> tuple[dict[str, Path], MethodResult]:
        """Encoders that have learned the labels, and what they answer without an LM."""
        home = self.home / "fine_tuned"
        if not home.exists():
            self.progress("fine-tuning on the labels")
            classifier, records = fine_tuned_encoders(self.table, encoders, labels, settings)
            seconds = next(iter(records.values()))["seconds"]
            result = fine_tuned_result(classifier, self.table, "test", labels, seconds)
            with new_folder(home) as folder:
                for name, record in records.items():
                    save_encoder(classifier.encoder(name), folder / name, record)
                write_predictions(prediction_frame(self.table, "test", result.predictions), folder / _ANSWERS)
                write_json(folder / "cost.json", asdict(result.cost))
        answered = predictions_of(read_predictions(home / _ANSWERS))
        cost = Cost(**read_json(home / "cost.json", "what fine-tuning took"))
        return {name: home / name for name in encoders}, MethodResult(None, FINE_TUNED, answered, cost)

    def trained(
        self, encoders: Mapping[str, str | Path], lm: FrozenLM, template: Template
    ) -> tuple[SignalLM, dict[str, Any]]:
        """The fold's run and its record; an interrupted training goes on."""
        run = self.home / "run"
        record = read_json(run / "train.json", "a run") if (run / "train.json").is_file() else {}
        if record.get("interrupted", True):
            last = get_last_checkpoint(str(run / "checkpoints")) if (run / "checkpoints").is_dir() else None
            if last is None:
                shutil.rmtree(run, ignore_errors=True)
            self.progress("training the adapter")
            outcome = train_adapter(
                self.table,
                encoders,
                run,
                lm=lm,
                template=template,
                settings=self.settings.training,
                resume=last is not None,
            )
            if outcome.interrupted:
                raise KeyboardInterrupt
            record = read_json(run / "train.json", "a run")
        return SignalLM.from_pretrained(run, lm=lm), record

    def write(self, compared: Comparison, record: Mapping[str, Any]) -> None:
        """Keep the answers and the report, which says that the fold is finished."""
        write_predictions(compared.frame(), self.home / _ANSWERS)
        seconds = {
            "pretraining": _seconds(self.home / "encoders"),
            "fine_tuning": _seconds(self.home / "fine_tuned"),
            "training": record["seconds"],
        }
        rows = len(self.table.data["train"])
        write_json(self.home / REPORT, {**compared.report, "seconds": seconds, "training_rows": rows})


def _told(progress: Progress, number: int, line: str) -> None:
    progress(f"fold {number}: {line}")


def _seconds(folder: Path) -> float | None:
    """How long the encoders of a folder took; together trained ones say the same."""
    records = [read_json(file, "an encoder") for file in sorted(folder.glob("*/train.json"))]
    seconds = [record["seconds"] for record in records if "seconds" in record]
    together = any("fine_tuned_from" in record for record in records)
    return (max(seconds) if together else sum(seconds)) if seconds else None


def _identity(
    table: Table,
    lm: FrozenLM,
    template: Template,
    encoders: Mapping[str, str | Path],
    settings: CrossValidationSettings,
) -> dict[str, Any]:
    """What is cross-validated, as far as it decides the scores."""
    return {
        "sig2lm": __version__,
        "data": table.info.name,
        "rows": {name: rows._fingerprint for name, rows in table.data.items()},
        "lm": {"name": lm.name, "fingerprint": lm.fingerprint},
        "template": {"task": template.task, "version": template.version},
        "encoders": {name: source_of(source) for name, source in encoders.items()},
        "settings": _plain(asdict(settings)),
    }


def _plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _check_same(out: Path, begun: Mapping[str, Any]) -> None:
    recorded = read_json(out / _BEGUN, f"an interrupted cross-validation in '{out}'")
    for key, value in begun.items():
        if recorded.get(key) != value:
            raise CheckpointError(
                f"the cross-validation in '{out}' began with {key} {recorded.get(key)}, found {value}; resume with the "
                "same, or begin elsewhere"
            )


def _lines(reports: Sequence[Mapping[str, Any]], kind: str, answers: pd.DataFrame) -> list[dict[str, Any]]:
    """A line for each method or baseline: the spread over the folds, and the scores of all answers together."""
    lines = []
    for number, entry in enumerate(reports[0][kind]):
        of_folds = [report[kind][number] for report in reports]
        pooled = predictions_of(answers[answers["method"] == entry["name"]])
        lines.append(
            {
                "method": entry["method"],
                "name": entry["name"],
                "scores": {key: spread([one[key] for one in of_folds]) for key in _MEASURES if key in entry},
                "pooled": _pooled(pooled),
                "costs": {key: spread([one[key] for one in of_folds])["mean"] for key in _COSTS},
            }
        )
    return lines


def _pooled(predictions: Predictions) -> dict[str, Any]:
    return {**scores(predictions), "ci": subject_intervals(predictions)}


def _spreads(of_folds: Sequence[Mapping[str, Mapping[str, float | None]]]) -> dict[str, dict[str, Any]]:
    """For each way that all folds were asked in, the spread of each score."""
    ways = [way for way in of_folds[0] if all(way in one for one in of_folds)]
    return {way: {key: spread([one[way][key] for one in of_folds]) for key in of_folds[0][way]} for way in ways}
