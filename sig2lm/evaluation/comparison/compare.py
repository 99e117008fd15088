"""Climb the comparison, and say what was found on each method."""

import copy
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict

from sig2lm.datasets import Table
from sig2lm.encoder import load_encoder
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import Sig2LMError
from sig2lm.evaluation.baselines import linear_probe, majority
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
from sig2lm.evaluation.evaluate import Progress, controls, paraphrases
from sig2lm.files import read_json
from sig2lm.metrics import Predictions, label_numbers
from sig2lm.model.signal_branch import SignalBranch
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.fine_tuning import Classifier, FineTuneSettings, classify, fine_tune

__all__ = ["ComparisonSettings", "compare"]


def compare(
    model: SignalLM,
    table: Table,
    split: str = "test",
    settings: ComparisonSettings | None = None,
    training: Mapping[str, Any] | None = None,
    classifier: Classifier | None = None,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Measure the methods and the baselines on the same rows of a split.

    Parameters
    ----------
    model
        A trained run: method 4, and the encoders and the LM of all others.
    table, split
        What is asked. Rungs 2, 3 and 5 and the baselines learn from its train split.
    training
        The run's ``train.json``, for the seconds that its training took.
    classifier
        The fine-tuned encoder to stand beside the methods, where one is at hand; else one is trained, from the encoder
        as it was pretrained.
    progress
        Called with a line for each part that begins.

    Returns
    -------
    dict
        JSON-ready, what :func:`sig2lm.pages.comparison.write_html` shows.

    Raises
    ------
    Sig2LMError
        When the run has LoRA layers of its own, or a method is unknown.
    """
    settings = settings or ComparisonSettings()
    _check(model, settings)
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
    baselines = _baselines(context, classifier, progress) if settings.baselines else []
    task = context.task
    report = {
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
        "methods": [entry.report(task) for entry in entries.values()],
        "baselines": [entry.report(task) for entry in baselines],
        "windows": [],
        "mistakes": [],
    }
    if 4 in entries:
        progress("controls: the same questions without the signal")
        answered = entries[4].predictions
        report |= {
            "controls": controls(model, table, split),
            "paraphrases": paraphrases(model, table, split, answered),
            "windows": windows(table, split, answered, settings.seed),
            "mistakes": mistakes(table, split, answered),
        }
    return report


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
    place, origin = Path(branch.source), _record(branch).get("fine_tuned_from")
    if origin and (Path(origin) / "encoder.safetensors").is_file():
        return load_encoder(origin)
    if branch.train_encoder and (place / "encoder.safetensors").is_file():
        return load_encoder(place)
    return copy.deepcopy(branch.encoder)


def _baselines(context: ComparisonContext, classifier: Classifier | None, progress: Progress) -> list[MethodResult]:
    table, split, task = context.table, context.split, context.task
    progress("baselines: majority class, linear probe, fine-tuned encoder")
    free = Cost(trained_parameters=0, training_seconds=0.0)
    encoders = {name: _pretrained(context.model.branch(name)) for name in table.info.signals}
    probe = linear_probe(context.model, table, split, encoders)
    started = time.perf_counter()
    at_hand = classifier is not None
    classifier = classifier or fine_tune(table, encoders, task.labels, FineTuneSettings(seed=context.settings.seed))
    seconds = None if at_hand else round(time.perf_counter() - started, 1)
    tuned = Predictions(
        task.labels,
        label_numbers(table.data[split]["label"], task.labels),
        classify(classifier, table, split, task.labels),
        np.array(table.data[split]["subject"]),
    )
    cost = Cost(trained_parameters=sum(p.numel() for p in classifier.parameters()), training_seconds=seconds)
    return [
        MethodResult(None, "majority class", majority(table, split, task.labels), free),
        MethodResult(None, "linear probe, no LM", probe, Cost()),
        MethodResult(None, "fine-tuned encoder, no LM", tuned, cost),
    ]
