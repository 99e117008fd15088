"""Architectures of encoders beside a simple rival on one prepared data set, without an LM.

    python scripts/bench_encoders.py TABLE NAME [--architecture resnet1d ...] [--epochs 6] [--pretrain-epochs 0]
                                     [--intervals] [--rate 100]

Each architecture is built as `sig2lm pretrain-encoder` would, pretrained where epochs say so, and fine-tuned with a
linear layer on the training people; scores are those of the validation people, by which settings are chosen, and of
the test people. ``--trees`` adds extra trees on hand features. ``--intervals`` finds the beats in the table's ECG and
measures the waveform, its RR intervals, and both as two named signals; ``--rate`` brings a sampled signal to another
rate first. Rows go to docs/benchmarks/results/encoders_NAME.json;
those of other settings stay.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict, Features, List, Value
from results import RESULTS, record

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder
from sig2lm.encoder.tables import as_read, renamed
from sig2lm.errors import SignalError
from sig2lm.files import read_json
from sig2lm.metrics import Predictions, scores
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.designing import design_for
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classified, fine_tune
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract

SPLITS = ("validation", "test")
RHYTHMS = ("normal sinus rhythm", "atrial fibrillation", "other rhythm")


def trained(table: Table, architecture: str | None, arguments: argparse.Namespace) -> dict[str, Any]:
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
        "encoder": architecture or ", ".join(dict.fromkeys(one.config.architecture for one in encoders.values())),
        "size": arguments.size,
        "parameters": sum(parameter.numel() for parameter in classifier.parameters()),
        "pretraining epochs": arguments.pretrain_epochs,
        "epochs": tuning.epochs,
        "seconds": round(time.perf_counter() - started),
        "processor seconds": round(time.process_time() - used),
    }
    return row | judged(classified(classifier, table, split) for split in SPLITS)


def with_intervals(table: Table) -> dict[str, Table]:
    """The waveform, the RR intervals of its beats, and both; where no beat is found there is one missing interval."""
    (name,) = table.info.signals
    rr = Contract(("rr",), ("ms",), None)

    def found(row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"rr": rr.conform(table.signals(row)[name], "the table").values[0]}
        except SignalError:
            return {"rr": np.full(1, np.nan, dtype=np.float32)}

    data = {}
    for split, rows in table.data.items():
        features = Features({**rows.features, "rr": List(Value("float32"))})
        data[split] = rows.with_format("numpy").map(found, features=features).with_format(None)
    both = replace(table, data=DatasetDict(data), info=replace(table.info, signals={**table.info.signals, "rr": rr}))
    return {"waveform": renamed(both, name, name), "intervals": renamed(both, "rr", "rr"), "both": both}


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
    return tuple(row.get(key) for key in ("signals", "encoder", "size", "pretraining epochs", "epochs"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("name")
    parser.add_argument("--architecture", action="append", default=[], help="of each signal its own by default")
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--size", default="small")
    parser.add_argument("--trees", action="store_true")
    parser.add_argument("--pretrain-epochs", type=int, default=0)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = load_table(arguments.table)
    if arguments.rate:
        (name,) = table.info.signals
        table = as_read(table, name, replace(table.info.signals[name], sampling_rate=arguments.rate))
    rows, chosen = [], arguments.architecture or ([] if arguments.trees else [None])
    for signals, read in (with_intervals(table) if arguments.intervals else {None: table}).items():
        told = {} if signals is None else {"signals": signals}
        rows += [told | trained(read, architecture, arguments) for architecture in chosen]
        rows += [told | trees(read)] if arguments.trees else []
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
