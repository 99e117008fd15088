"""CroSSL on a device of several sensors that one encoder reads: frozen, fine-tuned, and with a sensor missing.

    python scripts/bench_crossl.py TABLE NAME --keep FOLDER [--rate 8] [--architecture patch_transformer] [--folds 5]
                                   [--token-rate 0.25] [--size tiny] [--pretrain-epochs 20] [--epochs 12]

CroSSL hides whole sensors in latent space, so one encoder has to hold them all: the named signals of a prepared table
are brought to one rate and become the channels of one signal. In folds by subject, as in scripts/bench_encoders.py,
encoders are pretrained on the training people without labels, hiding latents at random or whole sensors (spatial);
then a linear probe reads them frozen, and they are fine-tuned with a linear layer. Beside them: the same encoder
supervised from random weights, a linear probe of random weights, and extra trees on hand features.

All are judged on complete windows of the test people and, without learning again, on windows without each sensor.
Probes and trees, which learn in seconds, also learn without it. `--labels OTHER` takes the labels of another table of
the same windows instead, in the folds of the first. FOLDER keeps pretrained encoders and hand features, which both
share, and answers. Rows go to docs/benchmarks/results/crossl_NAME.json, and those of missing sensors to
crossl_NAME_missing.json.
"""

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_encoders import NUMBER, all_features, at_rates, numbered
from datasets import DatasetDict, Features, List, Value
from results import record

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder
from sig2lm.encoder.tables import as_encoders_read, sensors_left_out
from sig2lm.evaluation.cross_validation import learning_fold
from sig2lm.evaluation.hand_features import answer_by_trees
from sig2lm.evaluation.probing.classifiers import linear_probe
from sig2lm.evaluation.probing.features import window_features
from sig2lm.files import read_json, write_json
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.designing import design_for
from sig2lm.pretraining.fine_tuning import FineTuneSettings, classify, fine_tune
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract

ALL = "sensors"  # the signal that all become
COMPLETE = "complete"
MASKS = ("random", "spatial")
Numbers = np.ndarray[Any, np.dtype[np.float64]]
Answers = dict[str, Numbers]  # probabilities by what is missing: COMPLETE, "SENSOR" at test time, "SENSOR in both"


def together(table: Table, rate: float) -> Table:
    """All signals of a table as the channels of one, at one rate."""
    signals = at_rates(table.info.signals, [str(rate)])
    read = as_encoders_read(table, signals)
    channels = tuple(channel for contract in signals.values() for channel in contract.channels)
    units = tuple(unit for contract in signals.values() for unit in contract.units)
    contract = Contract(channels, units, rate, window=next(iter(signals.values())).window)

    def stacked(row: dict[str, Any]) -> dict[str, Any]:
        found = [signal.values for signal in read.signals(row).values()]
        length = min(values.shape[1] for values in found)
        return {ALL: np.concatenate([values[:, :length] for values in found]).ravel()}

    data = {}
    for split, rows in read.data.items():
        kept = {name: feature for name, feature in rows.features.items() if name not in signals}
        features = Features({**kept, ALL: List(Value("float32"))})
        data[split] = (
            rows.with_format("numpy").map(stacked, features=features, remove_columns=list(signals)).with_format(None)
        )
    return replace(read, data=DatasetDict(data), info=replace(read.info, signals={ALL: contract}))


def relabelled(table: Table, other: Table) -> Table:
    """The same windows with the labels of another table."""
    key = "subject", "source", "start"
    known = {}
    for rows in other.data.values():
        known |= dict(zip(zip(*(rows[name] for name in key), strict=True), rows["label"], strict=True))
    data = {
        split: rows.remove_columns("label").add_column(
            "label", [known[place] for place in zip(*(rows[name] for name in key), strict=True)]
        )
        for split, rows in table.data.items()
    }
    info = replace(table.info, name=other.info.name, labels=other.info.labels)
    return replace(table, data=DatasetDict(data), info=info)


def choice(arguments: argparse.Namespace) -> PretrainSettings:
    """What all encoders have in common."""
    return PretrainSettings(
        architecture=arguments.architecture,
        size=arguments.size,
        token_rate=arguments.token_rate,
        seed=arguments.seed,
    )


def pretrained(table: Table, latent_mask: str, arguments: argparse.Namespace) -> SignalEncoder:
    """The encoder of a fold's training people, made once for all tables of these windows."""
    train = table.data["train"]
    windows = repr((sorted(zip(train["subject"], train["start"], strict=True)), arguments.pretrain_epochs))
    own = hashlib.sha256(windows.encode()).hexdigest()[:12]
    place = arguments.keep / "pretrained" / f"{latent_mask}-{own}"
    if not place.exists():
        settings = replace(
            choice(arguments),
            objective="crossl",
            options={"latent_mask": latent_mask},
            epochs=arguments.pretrain_epochs,
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        encoder, provenance = pretrain_encoder(table, settings, ALL)
        save_encoder(encoder, place, provenance)
    return load_encoder(place)


def untrained(table: Table, arguments: argparse.Namespace) -> SignalEncoder:
    """The same encoder with random weights."""
    torch.manual_seed(arguments.seed)
    return SignalEncoder(design_for(WindowDataset(table, ALL), choice(arguments))[0])


def read_by(
    describe: Callable[[Table, str], Numbers], answer: Callable[..., Numbers], table: Table, without: dict[str, Table]
) -> Answers:
    """What a classifier on features answers; it is cheap enough to learn again without each sensor."""
    labels = table.info.labels
    truth = label_numbers(table.data["train"]["label"], labels)
    test = [describe(one, "test") for one in (table, *without.values())]
    found = np.split(answer(describe(table, "train"), truth, np.concatenate(test), len(labels)), len(test))
    answers = dict(zip((COMPLETE, *without), found, strict=True))
    for (sensor, one), features in zip(without.items(), test[1:], strict=True):
        answers[f"{sensor} in both"] = answer(describe(one, "train"), truth, features, len(labels))
    return answers


def frozen(encoder: SignalEncoder, table: Table, without: dict[str, Table]) -> Answers:
    """What a linear probe reads from an encoder that stays as it is."""

    def describe(one: Table, split: str) -> Numbers:
        return window_features(encoder, WindowDataset(one, ALL, split))

    return read_by(describe, linear_probe, table, without)


def tuned(encoder: SignalEncoder, table: Table, without: dict[str, Table], settings: FineTuneSettings) -> Answers:
    """What an encoder answers that has learned with a linear layer."""
    labels = table.info.labels
    model = fine_tune(table, {ALL: encoder}, labels, settings)
    return {name: classify(model, one, "test", labels) for name, one in {COMPLETE: table, **without}.items()}


def by_trees(table: Table, without: dict[str, Table], keep: Path) -> Answers:
    """What extra trees on hand features answer; there are those of all rows by their numbers."""

    def describe(one: Table, split: str) -> Numbers:
        (missing,) = [sensor for sensor, other in {COMPLETE: table, **without}.items() if other is one]
        place = keep / f"features-{missing.replace(', ', '-')}.npy"
        features: Numbers = np.load(place)[one.data[split][NUMBER]]
        return features

    return read_by(describe, answer_by_trees, table, without)


def ways_of(
    table: Table, without: dict[str, Table], arguments: argparse.Namespace
) -> dict[tuple[str, str], Callable[[], Answers]]:
    """Everything that is measured in a fold, by encoder and how it is read."""
    settings = FineTuneSettings(arguments.epochs, learning_rate=arguments.learning_rate, seed=arguments.seed)
    random = partial(untrained, table, arguments)
    starts = {f"crossl {mask}": partial(pretrained, table, mask, arguments) for mask in MASKS}
    ways: dict[tuple[str, str], Callable[[], Answers]] = {
        ("random weights", "supervised"): lambda: tuned(random(), table, without, settings),
        ("random weights", "frozen"): lambda: frozen(random(), table, without),
        ("extra trees on hand features", ""): lambda: by_trees(table, without, arguments.keep),
    }
    for name, start in starts.items():
        ways[name, "frozen"] = partial(_of, start, frozen, table, without)
        ways[name, "fine-tuned"] = partial(_of, start, tuned, table, without, settings)
    return ways


def _of(start: Callable[[], SignalEncoder], answer: Callable[..., Answers], *others: Any) -> Answers:
    """What is answered by an encoder that is only begun then."""
    return answer(start(), *others)


def kept(place: Path, answer: Callable[[], Answers]) -> Answers:
    """What a way answers in a fold, now or when it was kept."""
    if not place.is_file():
        write_json(place, {name: found.tolist() for name, found in answer().items()})
    return {name: np.array(found) for name, found in read_json(place, "what a fold answered").items()}


def pooled(tables: list[Table], answers: list[Numbers]) -> Predictions:
    """The answers of all folds, everybody tested once."""
    labels = tables[0].info.labels
    rows = [table.data["test"] for table in tables]
    return Predictions.pooled(
        [
            Predictions(labels, label_numbers(one["label"], labels), found, np.array(one["subject"]))
            for one, found in zip(rows, answers, strict=True)
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("name")
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="another table of the same windows")
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--architecture", default="patch_transformer")
    parser.add_argument("--token-rate", type=float, default=0.25)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--pretrain-epochs", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=12)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = numbered(together(load_table(arguments.table), arguments.rate))
    without = {", ".join(left.channels): left.table for left in sensors_left_out(table)}
    for sensor, one in {COMPLETE: table, **without}.items():
        all_features(one, arguments.keep / f"features-{sensor.replace(', ', '-')}.npy")
    other = arguments.labels and load_table(arguments.labels)
    tables, found = [], dict[tuple[str, str], list[Answers]]()
    for number in range(1, arguments.folds + 1):

        def divided(one: Table, number: int = number) -> Table:
            part = learning_fold(one, number, arguments.folds)
            return part if other is None else relabelled(part, other)

        tables.append(divided(table))
        lacking = {sensor: divided(one) for sensor, one in without.items()}
        for way, answer in ways_of(tables[-1], lacking, arguments).items():
            place = arguments.keep / arguments.name / f"{'-'.join(way).replace(' ', '_')}-fold{number}.json"
            place.parent.mkdir(parents=True, exist_ok=True)
            found.setdefault(way, []).append(kept(place, answer))
            told = scores(pooled(tables[-1:], [found[way][-1][COMPLETE]]))
            print(number, way, {name: told[name] for name in ("macro_f1", "auroc")}, flush=True)
    rows, missing = [], []
    for (encoder, how), answers in found.items():
        told = {name: scores(pooled(tables, [one[name] for one in answers])) for name in answers[0]}
        of_folds = [
            scores(pooled([one], [each[COMPLETE]]))["macro_f1"] for one, each in zip(tables, answers, strict=True)
        ]
        row = {"encoder": encoder, "weights": how}
        complete = {name: told[COMPLETE][name] for name in ("macro_f1", "accuracy", "auroc")}
        rows.append(row | complete | {"macro_f1 of folds": ", ".join(f"{value:.3f}" for value in of_folds)})
        for sensor in without:
            test = told[sensor]["macro_f1"]
            both = told.get(f"{sensor} in both", {}).get("macro_f1")
            figures = {"complete": complete["macro_f1"], "missing at test time": test}
            lost = {"lost": complete["macro_f1"] - test, "missing in training, too": both}
            missing.append({"missing": sensor} | row | figures | lost)
    missing.sort(key=lambda row: list(without).index(row["missing"]))
    notes = [
        f"{len(table.info.signals[ALL].channels)} channels at {arguments.rate:g} Hz in one {arguments.architecture} of "
        f"size {arguments.size}; {sum(map(len, table.data.values()))} windows, {arguments.folds} folds by subject",
        f"crossl: {arguments.pretrain_epochs} epochs without labels; supervised and fine-tuned: {arguments.epochs:g}",
    ]
    title = f"CroSSL on {tables[0].info.name}, {len(tables[0].info.labels)} labels"
    print(record(f"crossl_{arguments.name}", rows, title, notes))
    title = f"{title}, with a sensor missing: macro-F1"
    print(record(f"crossl_{arguments.name}_missing", missing, title, notes))


if __name__ == "__main__":
    main()
