"""Architectures of encoders beside a simple rival on one prepared data set, without an LM.

    python scripts/bench_encoders.py TABLE NAME [--architecture resnet1d ...] [--epochs 6] [--pretrain-epochs 0]

Each architecture is built as `sig2lm pretrain-encoder` would, pretrained where epochs say so, and fine-tuned with a
linear layer on the training people; scores are those of the validation people, by which settings are chosen, and of
the test people. ``--trees`` adds extra trees on hand features. Rows go to docs/benchmarks/results/encoders_NAME.json;
those of other settings stay.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import RESULTS, record

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder
from sig2lm.files import read_json
from sig2lm.metrics import Predictions, scores
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.designing import design_for
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classified, fine_tune
from sig2lm.pretraining.windows import WindowDataset

SPLITS = ("validation", "test")
RHYTHMS = ("normal sinus rhythm", "atrial fibrillation", "other rhythm")


def trained(table: Table, architecture: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """A row of one architecture: its size, what it cost, and its scores."""
    torch.manual_seed(arguments.seed)
    started, used = time.perf_counter(), time.process_time()
    encoders = {}
    for name in table.info.signals:
        settings = PretrainSettings(
            architecture=architecture, size=arguments.size, epochs=arguments.pretrain_epochs, seed=arguments.seed
        )
        if arguments.pretrain_epochs:
            encoders[name] = pretrain_encoder(table, settings, name)[0]
        else:
            encoders[name] = SignalEncoder(design_for(WindowDataset(table, name), settings)[0])
    tuning = FineTuneSettings(
        arguments.epochs, arguments.batch_size, arguments.learning_rate, seed=arguments.seed
    ).planned(len(table.data["train"]))
    classifier = fine_tune(table, encoders, table.info.labels, tuning)
    row = {
        "encoder": architecture,
        "size": arguments.size,
        "parameters": sum(parameter.numel() for parameter in classifier.parameters()),
        "pretraining epochs": arguments.pretrain_epochs,
        "epochs": tuning.epochs,
        "seconds": round(time.perf_counter() - started),
        "processor seconds": round(time.process_time() - used),
    }
    return row | judged(classified(classifier, table, split) for split in SPLITS)


def trees(table: Table) -> dict[str, Any]:
    """A row of extra trees on hand features."""
    from sig2lm.evaluation.hand_features import extra_trees

    started, used = time.perf_counter(), time.process_time()
    answers = [extra_trees(table, split, table.info.labels) for split in SPLITS]
    cost = {"seconds": round(time.perf_counter() - started), "processor seconds": round(time.process_time() - used)}
    return {"encoder": "extra trees on hand features", **cost} | judged(answers)


def judged(answers: Any) -> dict[str, float]:
    """Scores of both splits; of CinC 2017 the challenge's, and fibrillation against normal rhythm, too."""
    row = {}
    for split, predictions in zip(SPLITS, answers, strict=True):
        row |= {f"{split} {name}": round(value, 4) for name, value in found(predictions).items() if value is not None}
    return row


def found(predictions: Predictions) -> dict[str, float | None]:
    told = scores(predictions)
    kept = {name: told[name] for name in ("macro_f1", "accuracy", "auroc")}
    if not set(RHYTHMS) <= set(predictions.labels):
        return kept
    numbers = [predictions.labels.index(label) for label in RHYTHMS]
    answers = predictions.probabilities.argmax(1)
    f1 = [
        2
        * ((answers == n) & (predictions.truth == n)).sum()
        / max(1, (answers == n).sum() + (predictions.truth == n).sum())
        for n in numbers
    ]
    normal, fibrillation = numbers[:2]
    rows = np.isin(predictions.truth, (normal, fibrillation))
    two = predictions.probabilities[rows][:, [normal, fibrillation]]
    binary = Predictions(
        RHYTHMS[:2],
        (predictions.truth[rows] == fibrillation).astype(int),
        two / two.sum(1, keepdims=True),
        predictions.subjects[rows],
    )
    return kept | {"challenge": float(np.mean(f1)), "af_normal_auroc": scores(binary)["auroc"]}


def _setting(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("encoder", "size", "pretraining epochs", "epochs"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("name")
    parser.add_argument("--architecture", action="append", default=[])
    parser.add_argument("--size", default="small")
    parser.add_argument("--trees", action="store_true")
    parser.add_argument("--pretrain-epochs", type=int, default=0)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = load_table(arguments.table)
    rows = [trained(table, architecture, arguments) for architecture in arguments.architecture]
    rows += [trees(table)] if arguments.trees else []
    name = f"encoders_{arguments.name}"
    known = RESULTS / f"{name}.json"
    earlier = read_json(known, "a benchmark")["rows"] if known.is_file() else []
    fresh = {_setting(row) for row in rows}
    rows = [*(row for row in earlier if _setting(row) not in fresh), *rows]
    sizes = ", ".join(f"{len(table.data[split])} {split}" for split in ("train", *SPLITS))
    notes = [f"windows: {sizes}; batches of {arguments.batch_size}, learning rate {arguments.learning_rate:g}"]
    print(record(name, rows, f"Encoders without an LM on {table.info.name}", notes))
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
