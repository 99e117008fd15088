"""The methods one after the other on the same rows, and what was found with each."""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import DatasetDict

from sig2lm.datasets import Table
from sig2lm.encoder import load_encoder
from sig2lm.encoder.compatibility import check_values
from sig2lm.encoder.loading import own_folder
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.tables import closed_rows
from sig2lm.errors import Sig2LMError
from sig2lm.evaluation.baselines import encoder_probe, majority
from sig2lm.evaluation.comparison.methods import (
    ComparisonContext,
    ComparisonSettings,
    adapter,
    adapter_with_lora,
    drawn_rows,
    few_shot,
    tuned_prompt,
    zero_shot,
)
from sig2lm.evaluation.comparison.numbers import NumberWriter
from sig2lm.evaluation.comparison.results import METHODS, Cost, MethodResult
from sig2lm.evaluation.comparison.shown_windows import mistakes, windows
from sig2lm.evaluation.controls import Progress, controls, no_better, paraphrases
from sig2lm.evaluation.predictions import prediction_frame
from sig2lm.files import read_json
from sig2lm.metrics import Predictions
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.classifier import Classifier
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classify, fine_tune

__all__ = ["Comparison", "ComparisonSettings", "compare"]
FINE_TUNED = "fine-tuned encoder, no LM"


@dataclass(frozen=True)
class Comparison:
    """The report of a comparison, as ``evaluate --compare --json`` writes it, and the answers it rests on.

    Attributes
    ----------
    report
        Ready for JSON, what :func:`sig2lm.pages.comparison.to_html` shows.
    results
        The methods and then the baselines, with their answers.
    table
        The table whose split holds the rows that were asked.
    """

    report: dict[str, Any]
    results: tuple[MethodResult, ...]
    table: Table

    def frame(self) -> pd.DataFrame:
        """Return every answer as a row (:func:`~sig2lm.evaluation.predictions.prediction_frame`), ``method`` first."""
        frames = {one.name: prediction_frame(self.table, self.report["split"], one.predictions) for one in self.results}
        return pd.concat(frames, names=["method"]).reset_index(level=0).reset_index(drop=True)


def compare(
    model: SignalLM,
    table: Table,
    split: str = "test",
    settings: ComparisonSettings | None = None,
    training: Mapping[str, Any] | None = None,
    tuned: MethodResult | None = None,
    progress: Progress = lambda text: None,
) -> Comparison:
    """Measure the methods and the baselines on the same rows of a split.

    Parameters
    ----------
    model
        A trained run: method 4, and the encoders and the LM of all others.
    table, split
        What is asked. Methods 2, 3 and 5 and the baselines learn from its train split.
    training
        The run's ``train.json``, for the seconds that its training took.
    tuned
        What :func:`fine_tuned_result` said of all rows of the split, where it is at hand; else an encoder is
        fine-tuned as it was pretrained.
    progress
        Called with a line for each part that begins.

    Raises
    ------
    Sig2LMError
        When the run has LoRA layers of its own, or a method is unknown.
    """
    settings = settings or ComparisonSettings()
    _check(model, settings)
    table = closed_rows(table, progress)
    check_values(table, split, model.encoders)
    rows = drawn_rows(len(table.data[split]), settings.questions, settings.seed)
    table = replace(table, data=DatasetDict({**table.data, split: table.data[split].select(rows)}))
    seconds = None if training is None else float(training["seconds"])
    context = ComparisonContext(
        model, table, split, settings, NumberWriter.fit(table, model.lm.dialogue.tokenizer, settings.seed)
    )
    entries: dict[int, MethodResult] = {}
    for method in sorted(set(settings.methods)):
        progress(f"method {method}: {METHODS[method]}")
        entries[method] = _method_result(context, method, seconds)
    if tuned is not None:
        tuned = replace(tuned, predictions=tuned.predictions.of_rows(rows))
    baselines = _baselines(context, tuned, progress) if settings.baselines else []
    task = context.task
    methods = [entry.report(task) for entry in entries.values()]
    report: dict[str, Any] = {
        "task": table.info.task,
        "data": table.info.name,
        "split": split,
        "split_rule": table.info.split_rule,
        "examples": len(rows),
        "subjects": len(set(table.data[split]["subject"])),
        "labels": list(task.labels),
        "ordinal": task.template.ordinal,
        "lm": {"name": model.lm.name, "fingerprint": model.lm.fingerprint},
        "template": {"task": task.template.task, "version": task.template.version},
        "serializer": context.writer.names,
        "methods": methods,
        "baselines": [entry.report(task) for entry in baselines],
        "windows": [],
        "mistakes": [],
    }
    if 4 in entries:
        progress("controls: the same questions without the signal")
        answered, without = entries[4].predictions, controls(model, table, split)
        own = methods[list(entries).index(4)]
        if note := no_better(own, without):
            own["notes"].append(note)
        report |= {
            "controls": without,
            "paraphrases": paraphrases(model, table, split, answered),
            "windows": windows(table, split, answered, settings.seed),
            "mistakes": mistakes(table, split, answered),
        }
    return Comparison(report, (*entries.values(), *baselines), table)


def _check(model: SignalLM, settings: ComparisonSettings) -> None:
    if model.lm.has_lora:
        raise Sig2LMError(
            "expected a run without LoRA layers, since the comparison measures the LM without and with them; "
            "train one with --lora-rank 0"
        )
    if unknown := set(settings.methods) - set(METHODS):
        raise Sig2LMError(f"expected methods from 1 to 5, found {min(unknown)}; pass them as --methods 1,2,4")


def _method_result(context: ComparisonContext, method: int, seconds: float | None) -> MethodResult:
    if method == 4:
        return adapter(context, seconds, _history(context))
    if method == 5:
        return adapter_with_lora(context, seconds)
    return {1: zero_shot, 2: few_shot, 3: tuned_prompt}[method](context)


def _history(context: ComparisonContext) -> list[str]:
    """What the encoders of the run have learned of the labels, and when."""
    notes = []
    for name in context.table.info.signals:
        branch = context.model.branch(name)
        record = _record(branch)
        if "fine_tuned_from" in record:
            told = f"in {record['seconds']:.0f} s"
            notes.append(f"the encoder of {name} had learned the labels before the adapter did, {told}")
        if branch.train_encoder:
            notes.append(f"the encoder of {name} learned with the adapter")
    return notes


def _record(branch: SignalBranch) -> dict[str, Any]:
    """The ``train.json`` of the encoder that a run began with; empty where it is gone."""
    place = Path(branch.source) / "train.json"
    return read_json(place, f"the record of the encoder in '{place.parent}'") if place.is_file() else {}


def _pretrained(branch: SignalBranch) -> PatchEncoder:
    """A copy of the encoder as it was before it saw labels; the run's own where what it began with is gone."""
    origin = _record(branch).get("fine_tuned_from")
    origin = origin or (branch.source if branch.train_encoder else None)
    if origin is not None and (folder := own_folder(origin)) is not None:
        return load_encoder(folder)
    return copy.deepcopy(branch.encoder)


def _baselines(context: ComparisonContext, tuned: MethodResult | None, progress: Progress) -> list[MethodResult]:
    table, split, task = context.table, context.split, context.task
    progress("baselines: majority class, linear probe, fine-tuned encoder")
    encoders = {name: _pretrained(context.model.branch(name)) for name in table.info.signals}
    shares, probe = majority(table, split, task.labels), encoder_probe(context.model, table, split, encoders)
    if tuned is None:
        settings = context.settings.fine_tuning or FineTuneSettings(seed=context.settings.seed)
        started = time.perf_counter()
        classifier = fine_tune(table, encoders, task.labels, settings)
        tuned = fine_tuned_result(classifier, table, split, task.labels, time.perf_counter() - started)
    return [
        MethodResult(None, "majority class", shares, Cost(trained_parameters=0, training_seconds=0.0)),
        MethodResult(None, "linear probe, no LM", probe, Cost()),
        tuned,
    ]


def fine_tuned_result(
    classifier: Classifier, table: Table, split: str, labels: Sequence[str], seconds: float
) -> MethodResult:
    """Answer with encoders that were fine-tuned under a linear layer, without any LM.

    Parameters
    ----------
    seconds
        How long their training took.
    """
    rows = table.data[split]
    probabilities = classify(classifier, table, split, labels)
    return MethodResult(
        None,
        FINE_TUNED,
        Predictions.from_names(labels, rows["label"], probabilities, rows["subject"]),
        Cost(trained_parameters=sum(p.numel() for p in classifier.parameters()), training_seconds=round(seconds, 1)),
    )
