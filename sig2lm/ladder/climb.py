"""Climb the ladder, and say what was found on each rung."""

import copy
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict

from sig2lm.baselines import linear_probe, majority
from sig2lm.bridge import SignalLM
from sig2lm.datasets import Table
from sig2lm.encoder import load_encoder
from sig2lm.encoder.finetune import Classifier, FineTuneSettings, classify, fine_tune
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import Sig2LMError
from sig2lm.evaluate import Progress, reliance, wordings
from sig2lm.files import read_json
from sig2lm.ladder.entries import RUNGS, Entry, Price
from sig2lm.ladder.numbers import NumberWriter
from sig2lm.ladder.rungs import (
    Ground,
    LadderSettings,
    adapter,
    adapter_with_lora,
    drawn_rows,
    few_shot,
    tuned_prompt,
    zero_shot,
)
from sig2lm.ladder.shown import mistakes, windows
from sig2lm.metrics import Predictions, label_numbers
from sig2lm.soft_prompt import Modality

__all__ = ["LadderSettings", "climb"]


def climb(
    model: SignalLM,
    table: Table,
    split: str = "test",
    settings: LadderSettings | None = None,
    training: Mapping[str, Any] | None = None,
    classifier: Classifier | None = None,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Measure the rungs and the baselines on the same rows of a split.

    Parameters
    ----------
    model
        A trained run: rung 4, and the encoders and the LM of all others.
    table, split
        What is asked. Rungs 2, 3 and 5 and the baselines learn from its train split.
    training
        The run's ``train.json``, for the seconds that its training took.
    classifier
        The fine-tuned encoder to stand beside the rungs, where one is at hand; else one is trained, from the encoder as
        it was pretrained.
    progress
        Called with a line for each part that begins.

    Returns
    -------
    dict
        JSON-ready, what :func:`sig2lm.report.write_html` shows.

    Raises
    ------
    Sig2LMError
        When the run has LoRA layers of its own, or a rung is unknown.
    """
    settings = settings or LadderSettings()
    _check(model, settings)
    rows = drawn_rows(len(table.data[split]), settings.questions, settings.seed)
    table = replace(table, data=DatasetDict({**table.data, split: table.data[split].select(rows)}))
    seconds = None if training is None else float(training["seconds"])
    ground = Ground(model, table, split, settings, NumberWriter.fit(table, model.lm.dialogue.tokenizer, settings.seed))
    entries: dict[int, Entry] = {}
    for rung in sorted(set(settings.rungs)):
        progress(f"rung {rung}: {RUNGS[rung]}")
        entries[rung] = _climbed(ground, rung, seconds)
    baselines = _baselines(ground, classifier, progress) if settings.baselines else []
    task = ground.task
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
        "serializer": ground.writer.names,
        "rungs": [entry.report(task) for entry in entries.values()],
        "baselines": [entry.report(task) for entry in baselines],
        "windows": [],
        "mistakes": [],
    }
    if 4 in entries:
        progress("controls: the same questions without the signal")
        answered = entries[4].predictions
        report |= {
            "reliance": reliance(model, table, split),
            "wordings": wordings(model, table, split, answered),
            "windows": windows(table, split, answered, settings.seed),
            "mistakes": mistakes(table, split, answered),
        }
    return report


def _check(model: SignalLM, settings: LadderSettings) -> None:
    if model.lm.has_lora:
        raise Sig2LMError(
            "expected a run without LoRA layers, since the ladder measures the LM without and with them; "
            "train one with --lora-rank 0"
        )
    if unknown := set(settings.rungs) - set(RUNGS):
        raise Sig2LMError(f"expected rungs from 1 to 5, found {min(unknown)}; pass them as --rungs 1,2,4")


def _climbed(ground: Ground, rung: int, seconds: float | None) -> Entry:
    if rung == 4:
        return adapter(ground, seconds, _history(ground))
    if rung == 5:
        return adapter_with_lora(ground, seconds)
    return {1: zero_shot, 2: few_shot, 3: tuned_prompt}[rung](ground)


def _history(ground: Ground) -> list[str]:
    """What the encoders of the run have learned of the labels, and when."""
    notes = []
    for name in ground.table.info.signals:
        modality = ground.model.modality(name)
        record = _record(modality)
        if "fine_tuned_from" in record:
            told = f"in {record['seconds']:.0f} s"
            notes.append(f"the encoder of {name} had learned the labels before the adapter did, {told}")
        if modality.train_encoder:
            notes.append(f"the encoder of {name} learned with the adapter")
    return notes


def _record(modality: Modality) -> dict[str, Any]:
    """The ``train.json`` of the encoder that a run began with; empty where it is gone."""
    place = Path(modality.source) / "train.json"
    return read_json(place, f"the record of the encoder in '{place.parent}'") if place.is_file() else {}


def _pretrained(modality: Modality) -> PatchEncoder:
    """A copy of the encoder as it was before it saw labels; the run's own where what it began with is gone."""
    place, origin = Path(modality.source), _record(modality).get("fine_tuned_from")
    if origin and (Path(origin) / "encoder.safetensors").is_file():
        return load_encoder(origin)
    if modality.train_encoder and (place / "encoder.safetensors").is_file():
        return load_encoder(place)
    return copy.deepcopy(modality.encoder)


def _baselines(ground: Ground, classifier: Classifier | None, progress: Progress) -> list[Entry]:
    table, split, task = ground.table, ground.split, ground.task
    progress("baselines: majority class, linear probe, fine-tuned encoder")
    free = Price(trained_parameters=0, training_seconds=0.0)
    encoders = {name: _pretrained(ground.model.modality(name)) for name in table.info.signals}
    probe = linear_probe(ground.model, table, split, encoders)
    started = time.perf_counter()
    at_hand = classifier is not None
    classifier = classifier or fine_tune(table, encoders, task.labels, FineTuneSettings(seed=ground.settings.seed))
    seconds = None if at_hand else round(time.perf_counter() - started, 1)
    tuned = Predictions(
        task.labels,
        label_numbers(table.data[split]["label"], task.labels),
        classify(classifier, table, split, task.labels),
        np.array(table.data[split]["subject"]),
    )
    price = Price(trained_parameters=sum(p.numel() for p in classifier.parameters()), training_seconds=seconds)
    return [
        Entry(None, "majority class", majority(table, split, task.labels), free),
        Entry(None, "linear probe, no LM", probe, Price()),
        Entry(None, "fine-tuned encoder, no LM", tuned, price),
    ]
