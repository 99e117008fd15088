"""Probing an encoder: how well labels can be read from it, with few of them and with many, and what needs none."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from typing import Any

from sig2lm.datasets import Table
from sig2lm.encoder.checkpoint import encoder_fingerprint
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.evaluation.probing.classifiers import linear_probe, nearest_neighbours
from sig2lm.evaluation.probing.features import Features, untrained, window_features
from sig2lm.evaluation.probing.fractions import nested_rows
from sig2lm.evaluation.probing.label_free import measure_without_labels
from sig2lm.evaluation.probing.missing import Progress, missing_sensors
from sig2lm.evaluation.probing.study import ProbeSettings, Scores, Study
from sig2lm.metrics import spreads
from sig2lm.pretraining.windows import WindowDataset

METHODS = {
    "linear": "linear probe, frozen encoder",
    "knn": "nearest neighbours, frozen encoder",
    "random": "linear probe, untrained encoder",
    "fine_tuned": "fine-tuned",
    "self_trained": "self-trained, other people unlabelled",
    "scratch": "from scratch, supervised",
}

Frozen = Callable[[tuple[int, ...]], Scores]


def probe_encoder(
    table: Table,
    encoder: PatchEncoder,
    settings: ProbeSettings | None = None,
    signal: str | None = None,
    test_table: Table | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge an encoder.

    Parameters
    ----------
    table
        A prepared data set; its train split teaches, its validation or test split judges.
    encoder
        Stays as it is.
    settings
        See :class:`ProbeSettings`.
    signal
        Which named signal, where several suit the encoder.
    test_table
        Judge on the same split of this table instead, by its signal of the same name or ``settings.test_signal``; only
        labels that both have are used.
    progress
        Called before each longer step.

    Returns
    -------
    dict
        Ready for JSON. ``fractions``: for each fraction the numbers of ``people`` and ``windows`` (for each seed) and
        for each of ``methods`` mean, spread and values of accuracy, macro-F1 and AUROC, of which encoders of other
        libraries lack ``random`` and ``scratch``, and fractions of all people ``self_trained``; ``label_free``: see
        :func:`measure_without_labels`; ``missing``: see :func:`missing_sensors`, or None; and what was measured.
        Without labels ``fractions`` is empty.

    Raises
    ------
    DatasetError, SignalError
        Before anything slow: when the table's signal is not what the encoder reads, a split lacks, labels or training
        people are fewer than two, or tables share fewer than two labels.
    """
    started = time.perf_counter()
    progress = progress or (lambda _: None)
    study = Study.from_table(table, encoder, settings, signal, test_table)
    progress("measuring what needs no label")
    features = _features(study, encoder)
    judged = study.settings.split
    windows = WindowDataset(study.table, study.name, judged)
    label_free = measure_without_labels(encoder, windows, features[judged])
    fractions = _with_labels(study, features, progress) if study.labels else []
    return {
        "encoder": {"fingerprint": encoder_fingerprint(encoder)},
        "data": table.info.name,
        "test_data": (test_table or table).info.name,
        "signal": study.name,
        "split": judged,
        "labels": list(study.labels),
        "sizes": {part: _size(study.labelled if study.labels else study.table, part) for part in study.table.data},
        "settings": asdict(study.settings),
        "methods": {method: METHODS[method] for method in (fractions[0]["methods"] if fractions else METHODS)},
        "fractions": fractions,
        "label_free": label_free,
        "missing": missing_sensors(study, progress) if study.settings.missing else None,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _size(table: Table, split: str) -> dict[str, int]:
    rows = table.data[split]
    return {"people": len(set(rows["subject"])), "windows": len(rows)}


def _features(study: Study, encoder: PatchEncoder) -> dict[str, Features]:
    return {
        split: window_features(encoder, WindowDataset(study.table, study.name, split)) for split in study.table.data
    }


def _with_labels(study: Study, features: dict[str, Features], progress: Progress) -> list[dict[str, Any]]:
    """Every fraction, with mean and spread over seeds."""
    settings, train = study.settings, study.labelled.data["train"]
    subjects, labels = list(train["subject"]), list(train["label"])
    linear = _frozen(study, features, linear_probe)
    knn = _frozen(study, features, partial(nearest_neighbours, neighbours=settings.neighbours))
    drawn: dict[float, list[dict[str, Any]]] = {fraction: [] for fraction in sorted(settings.fractions)}
    for seed in range(settings.seeds):
        random = untrained(study.encoder, seed) if settings.untrained else None
        frozen = {"linear": linear, "knn": knn}
        starts = {"fine_tuned": study.encoder}
        if random is not None:
            frozen["random"] = _frozen(study, _features(study, random), linear_probe)
            starts["scratch"] = random
        for fraction, rows in nested_rows(subjects, labels, list(drawn), seed).items():
            progress(f"seed {seed}: the labels of {fraction:g} of the training people, {len(rows)} windows")
            chosen = tuple(rows)
            found = {method: scored(chosen) for method, scored in frozen.items()}
            found |= {method: _trained(study, start, rows, seed) for method, start in starts.items()}
            if settings.self_training and len(rows) < len(labels):
                found["self_trained"] = _self_trained(study, rows, seed)
            people = len({subjects[row] for row in rows})
            drawn[fraction].append({"people": people, "windows": len(rows), "methods": found})
    return [{"fraction": fraction, **_summary(trials)} for fraction, trials in drawn.items()]


def _summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of each seed, and mean and spread of the scores."""
    measured = [method for method in METHODS if all(method in one["methods"] for one in trials)]
    return {
        "people": [one["people"] for one in trials],
        "windows": [one["windows"] for one in trials],
        "methods": {method: spreads([one["methods"][method] for one in trials]) for method in measured},
    }


def _frozen(study: Study, features: dict[str, Features], answer: Callable[..., Features]) -> Frozen:
    """Rows of the train split -> scores of a classifier on features that has learned from them."""
    train, test = (features[split][study.rows[split]] for split in ("train", study.settings.split))
    truth = study.truth("train")

    @cache
    def scored(rows: tuple[int, ...]) -> Scores:
        chosen = list(rows)
        return study.scores(answer(train[chosen], truth[chosen], test, len(study.labels)))

    return scored


def _trained(study: Study, start: PatchEncoder, rows: list[int], seed: int) -> Scores:
    """Scores of all weights of an encoder, trained on rows."""
    (answer,) = study.training(seed).fine_tuned(start, study.labelled, [study.labelled], rows)
    return study.scores(answer)


def _self_trained(study: Study, rows: list[int], seed: int) -> Scores:
    """Scores of all weights of the encoder, trained on rows, and on the windows of all others without their labels."""
    return study.scores(study.training(seed).self_trained(study.encoder, study.labelled, rows))
