"""Architectures of encoders beside a simple rival on one prepared data set, without an LM.

    python scripts/bench_encoders.py TABLE NAME [--architecture resnet1d ...] [--epochs 6] [--pretrain-epochs 0]
                                     [--intervals] [--rate 100 | --rate bvp=16 ...] [--folds 5 --keep FOLDER]

Each architecture is built as `sig2lm pretrain-encoder` would, pretrained where epochs say so, and fine-tuned with a
linear layer on the training people; scores are those of the validation people, by which settings are chosen, and of
the test people. ``--trees`` adds extra trees on hand features; ``--no-statistics`` leaves away what encoders know of a
window as a whole. ``--intervals`` finds the beats in the table's ECG and measures the waveform, its RR intervals, and
both as two named signals; ``--rate`` brings sampled signals, all or one by name, to another rate first.

``--folds 5`` divides the table by subject as `sig2lm cross-validate` does, so that everybody is tested once by what
learned from others: scores of all answers together, macro-F1 and AUROC of each fold, and the mean of these.
``--keep`` writes the answers of each fold, and hand features, into a folder and takes what lies there. Rows go to
docs/benchmarks/results/encoders_NAME.json; those of other settings stay.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict, Features, List, Value
from results import COMMIT, RESULTS, record
from rhythm_scores import rhythm_scores

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder
from sig2lm.encoder.tables import as_encoders_read, renamed
from sig2lm.errors import SignalError
from sig2lm.evaluation.cross_validation import learning_fold
from sig2lm.evaluation.hand_features import Numbers, answer_by_trees, features_of
from sig2lm.files import read_json, write_json
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.designing import design_for
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classified, fine_tune
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract

SPLITS = ("validation", "test")
NUMBER = "number"  # column: of a row in the whole table


Row = dict[str, Any]
Answers = list[Predictions]  # of the validation people, and of the test people


def trained(table: Table, architecture: str | None, arguments: argparse.Namespace) -> tuple[Row, Answers]:
    """Train one architecture: its size and what it cost, and its answers."""
    torch.manual_seed(arguments.seed)
    started, used = time.perf_counter(), time.process_time()
    encoders = {}
    for name in table.info.signals:
        settings = PretrainSettings(
            architecture=architecture,
            size=arguments.size,
            statistics=False if arguments.no_statistics else None,
            epochs=arguments.pretrain_epochs,
            seed=arguments.seed,
        )
        if arguments.pretrain_epochs:
            encoders[name] = pretrain_encoder(table, settings, name)[0]
        else:
            encoders[name] = SignalEncoder(design_for(WindowDataset(table, name), settings)[0])
    tuning = FineTuneSettings(
        arguments.epochs, arguments.batch_size, arguments.learning_rate, seed=arguments.seed
    ).planned(len(table.data["train"]))
    classifier = fine_tune(table, encoders, table.info.labels, tuning)
    row: Row = {
        "encoder": architecture or ", ".join(dict.fromkeys(one.config.architecture for one in encoders.values())),
        "size": arguments.size,
        "statistics": ", ".join(dict.fromkeys("yes" if one.config.statistics else "no" for one in encoders.values())),
        "parameters": sum(parameter.numel() for parameter in classifier.parameters()),
        "pretraining epochs": arguments.pretrain_epochs,
        "epochs": tuning.epochs,
        **cost(started, used),
    }
    return row, [classified(classifier, table, split) for split in SPLITS]


def cost(started: float, used: float) -> dict[str, int]:
    """Seconds since then, of the clock and of the processor."""
    return {
        "seconds": round(time.perf_counter() - started),
        "processor seconds": round(time.process_time() - used),
    }


def at_rates(contracts: dict[str, Contract], stated: list[str]) -> dict[str, Contract]:
    """Contracts of signals with other sampling rates: a number for each sampled one, or NAME=HZ."""
    found = dict(contracts)
    for text in stated:
        name, _, rate = text.rpartition("=")
        chosen = [name] if name else [one for one, contract in found.items() if contract.sampling_rate]
        found |= {one: replace(found[one], sampling_rate=float(rate)) for one in chosen}
    return found


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


def trees(table: Table, features: Numbers) -> tuple[Row, Answers]:
    """Fit extra trees on hand features, of which there are those of all rows by their numbers."""
    started, used = time.perf_counter(), time.process_time()
    rows = {split: table.data[split] for split in ("train", *SPLITS)}
    numbers = {split: features[found[NUMBER]] for split, found in rows.items()}
    labels = table.info.labels
    truth = {split: label_numbers(found["label"], labels) for split, found in rows.items()}
    answers = []
    for split in SPLITS:
        chances = answer_by_trees(numbers["train"], truth["train"], numbers[split], len(labels))
        answers.append(Predictions(labels, truth[split], chances, np.array(rows[split]["subject"])))
    return {"encoder": "extra trees on hand features", **cost(started, used)}, answers


def all_features(table: Table, place: Path | None) -> Numbers:
    """Hand features of all rows of a numbered table, made once where a place is given."""
    if place is None or not place.is_file():
        found = np.concatenate([features_of(table, split) for split in table.data])
        if place is None:
            return found
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, found)
    return np.load(place)


def numbered(table: Table) -> Table:
    """A table whose rows know their number, also in folds."""
    first, data = 0, {}
    for split, rows in table.data.items():
        data[split] = rows.add_column(NUMBER, list(range(first, first + len(rows))))
        first += len(rows)
    return replace(table, data=DatasetDict(data))


def in_folds(table: Table, learn: Callable[[Table], tuple[Row, Answers]], folds: int, keep: Path | None) -> Row:
    """A row of what learns again in each fold: the scores of all answers, of each fold, and the mean of these."""
    parts = [kept(learning_fold(table, number, folds), learn, keep, number) for number in range(1, folds + 1)]
    row = dict(parts[0][0])
    for key in ("seconds", "processor seconds"):
        row[key] = sum(one[key] for one, _ in parts)
    row |= judged(Predictions.pooled(answers) for answers in zip(*(answers for _, answers in parts), strict=True))
    of_folds = [found(answers[1]) for _, answers in parts]
    for score in ("macro_f1", "auroc"):
        values = [math.nan if one[score] is None else one[score] for one in of_folds]
        row[f"test {score} of folds"] = ", ".join(f"{value:.3f}" for value in values)
        row[f"test {score}, mean of folds"] = round(float(np.mean(values)), 4)
    return row


def kept(
    table: Table, learn: Callable[[Table], tuple[Row, Answers]], folder: Path | None, number: int
) -> tuple[Row, Answers]:
    """What was learned in a fold, now or when its answers were kept."""
    place = None if folder is None else folder / f"fold{number}.json"
    if place is None or not place.is_file():
        row, answers = learn(table)
        print(f"fold {number}", row | judged(answers), flush=True)
        if place is None:
            return row, answers
        answered = [{"truth": one.truth.tolist(), "probabilities": one.probabilities.tolist()} for one in answers]
        write_json(place, {"row": row | {"commit": COMMIT}, "answers": answered})
    content = read_json(place, "what a fold answered")
    answers = [
        Predictions(
            table.info.labels,
            np.array(one["truth"]),
            np.array(one["probabilities"]),
            np.array(table.data[split]["subject"]),
        )
        for split, one in zip(SPLITS, content["answers"], strict=True)
    ]
    return content["row"], answers


def judged(answers: Any) -> dict[str, float]:
    """Scores of both splits; of CinC 2017 the challenge's, and fibrillation against normal rhythm, too."""
    row = {}
    for split, predictions in zip(SPLITS, answers, strict=True):
        row |= {f"{split} {name}": round(value, 4) for name, value in found(predictions).items() if value is not None}
    return row


def found(predictions: Predictions) -> dict[str, float | None]:
    told = scores(predictions)
    return {name: told[name] for name in ("macro_f1", "accuracy", "auroc")} | rhythm_scores(predictions)


def _setting(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row.get(key) for key in ("signals", "folds", "encoder", "size", "statistics", "pretraining epochs", "epochs")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("name")
    parser.add_argument("--architecture", action="append", default=[], help="default: of each signal its own")
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--rate", action="append", default=[], metavar="[NAME=]HZ")
    parser.add_argument("--size", default="small")
    parser.add_argument("--no-statistics", action="store_true", help="encoders without statistics of the window")
    parser.add_argument("--trees", action="store_true")
    parser.add_argument("--pretrain-epochs", type=int, default=0)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--folds", type=int)
    parser.add_argument("--keep", type=Path, help="where answers of folds and hand features are kept")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = load_table(arguments.table)
    if arguments.rate:
        table = as_encoders_read(table, at_rates(table.info.signals, arguments.rate))
    table = numbered(table)
    rows, asked = [], arguments.architecture or ([] if arguments.trees else ["default"])
    for signals, read in (with_intervals(table) if arguments.intervals else {None: table}).items():
        told = {} if signals is None else {"signals": signals}
        ways = {
            one: partial(trained, architecture=None if one == "default" else one, arguments=arguments) for one in asked
        }
        if arguments.trees:
            place = arguments.keep and arguments.keep / "-".join(filter(None, (signals, "features.npy")))
            ways["trees"] = partial(trees, features=all_features(read, place))
        for way, learn in ways.items():
            if arguments.folds:
                keep = arguments.keep and arguments.keep / "-".join(filter(None, (signals, way)))
                rows.append(told | {"folds": arguments.folds} | in_folds(read, learn, arguments.folds, keep))
            else:
                row, answers = learn(read)
                rows.append(told | row | judged(answers))
    name = f"encoders_{arguments.name}"
    known = RESULTS / f"{name}.json"
    earlier = read_json(known, "a benchmark")["rows"] if known.is_file() else []
    fresh = {_setting(row) for row in rows}
    how = {"batch size": arguments.batch_size, "learning rate": arguments.learning_rate, "commit": COMMIT}
    rows = [*(row for row in earlier if _setting(row) not in fresh), *(how | row for row in rows)]
    sizes = ", ".join(f"{len(table.data[split])} {split}" for split in ("train", *SPLITS))
    notes = [f"windows: {sizes}; with folds all of them; the command is that of the last rows"]
    print(record(name, rows, f"Encoders without an LM on {table.info.name}", notes))
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
