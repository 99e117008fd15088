"""A sensor missing at test time, in training or in both: what is left of a classifier, and of the LM's answers.

    python scripts/bench_missing.py TABLE OUT [--every 4] [--epochs 2] [--lm pocket]
    python scripts/bench_missing.py table OUT

Encoders are pretrained on complete windows without labels (masked, crossl random, crossl spatial) or learn nothing but
the labels (supervised). Then a classifier (the linear probe; the supervised encoder's own layer) and an adapter in
front of the LM learn from complete windows, and from windows without each channel group (channels that share a unit),
and both are judged on complete windows and on windows without it. OUT/<way>.json is kept, so that it can be
interrupted.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from timing import machine

from sig2lm.cli.loading import template_for
from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder
from sig2lm.encoder.config import channel_groups
from sig2lm.encoder.tables import without_channels
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.evaluation.probing.classifiers import linear_probe
from sig2lm.evaluation.probing.features import untrained, window_features
from sig2lm.files import read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.fine_tuning import classify, fine_tune
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

WAYS: dict[str, PretrainSettings | None] = {
    "supervised": None,
    "masked": PretrainSettings(objective="masked"),
    "crossl random": PretrainSettings(objective="crossl", options={"latent_mask": "random"}),
    "crossl spatial": PretrainSettings(objective="crossl", options={"latent_mask": "spatial"}),
}
Found = dict[str, float]


def measure(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Macro-F1 of the classifier and of the LM, learned and judged with and without each sensor."""
    table = load_table(arguments.table)
    rows = {split: table.data[split] for split in ("train", "test")}
    every = {"train": arguments.every, "test": arguments.test_every}
    thinned = {split: found.select(range(0, len(found), every[split])) for split, found in rows.items()}
    table = replace(table, data=DatasetDict(thinned))
    (name,) = table.info.signals
    groups = channel_groups(table.info.signals[name])
    tables = [table, *(without_channels(table, name, group) for group in groups)]
    encoder = pretrained(way, table, name, arguments.out)
    found: dict[str, list[dict[str, Found]]] = {"classifier": [], "lm": []}
    for number, learned in enumerate(tables):
        asked = tables if number == 0 else [table, learned]
        reader, classifier = classify_with(encoder, learned, asked, name, supervised=way == "supervised")
        found["classifier"].append(classifier)
        found["lm"].append(ask_lm(reader, learned, asked, name, arguments))
        print(way, number, {part: entries[-1] for part, entries in found.items()}, flush=True)
    channels = [[table.info.signals[name].channels[channel] for channel in group] for group in groups]
    return {
        "way": way,
        "sensors": channels,
        **found,
        "windows": {split: len(found) for split, found in thinned.items()},
        "epochs": arguments.epochs,
        "machine": machine(),
    }


def pretrained(way: str, table: Table, name: str, out: Path) -> SignalEncoder:
    """The encoder of a way; the supervised one begins as an untrained copy of the masked one."""
    settings = WAYS[way]
    if settings is None:
        fresh = untrained(pretrained("masked", table, name, out), 0)
        assert fresh is not None
        return fresh
    place = out / way.replace(" ", "_")
    if not place.exists():
        encoder, provenance = pretrain_encoder(table, settings, name)
        save_encoder(encoder, place, provenance)
    return load_encoder(place)


def classify_with(
    encoder: SignalEncoder, learned: Table, asked: list[Table], name: str, *, supervised: bool
) -> tuple[SignalEncoder, dict[str, Found]]:
    """An encoder that has learned what it may, and the scores of a classifier on it."""
    labels = learned.info.labels
    if supervised:
        model = fine_tune(learned, {name: encoder}, labels)
        answers = [classify(model, table, "test", labels) for table in asked]
        return model.encoder(name), named(asked, answers)
    truth = label_numbers(learned.data["train"]["label"], labels)
    features = window_features(encoder, WindowDataset(learned, name, "train"))
    answers = [
        linear_probe(features, truth, window_features(encoder, WindowDataset(table, name, "test")), len(labels))
        for table in asked
    ]
    return encoder, named(asked, answers)


def ask_lm(
    encoder: SignalEncoder, learned: Table, asked: list[Table], name: str, arguments: argparse.Namespace
) -> dict[str, Found]:
    with tempfile.TemporaryDirectory() as scratch:
        model = train_adapter(
            learned,
            {name: encoder},
            Path(scratch) / "run",
            lm=FrozenLM.from_pretrained(arguments.lm),
            template=template_for(learned, None),
            settings=TrainSettings(epochs=arguments.epochs),
        ).model
    question = held_out_question(model, learned)
    return named(asked, [predict(model, table, "test", question).probabilities for table in asked])


def named(asked: list[Table], answers: list[Any]) -> dict[str, Found]:
    """Scores on complete windows, and on those without each sensor, or without the one that training lacked."""
    found = {}
    for number, (table, probabilities) in enumerate(zip(asked, answers, strict=True)):
        labels, rows = table.info.labels, table.data["test"]
        truth = label_numbers(rows["label"], labels)
        known = scores(Predictions(labels, truth, probabilities, np.array(rows["subject"])))
        found["complete" if number == 0 else f"without {number}"] = {
            key: value for key, value in known.items() if value is not None
        }
    return found


def show(out: Path) -> None:
    reports = [read_json(path, "a report of this script") for path in sorted(out.glob("*.json"))]
    for number, channels in enumerate(reports[0]["sensors"], start=1):
        for part, title in (("classifier", "classifier, no LM"), ("lm", "the LM's answers")):
            print(f"\n{', '.join(channels)} missing, {title}: macro-F1\n")
            print("| encoder | complete | at test time | lost | in training | in both |")
            print("|---|---|---|---|---|---|")
            for report in reports:
                complete = report[part][0]["complete"]["macro_f1"]
                test = report[part][0][f"without {number}"]["macro_f1"]
                without = report[part][number]
                training, both = without["complete"]["macro_f1"], without["without 1"]["macro_f1"]
                cells = (complete, test, complete - test, training, both)
                print(f"| {report['way']} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")
    first = reports[0]
    print(f"\nwindows: {first['windows']}, adapter epochs {first['epochs']:g}; {first['machine']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="a prepared table of one signal, or the word table")
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=4, help="learn from every so-manieth training window")
    parser.add_argument("--test-every", type=int, default=4, help="judge on every so-manieth test window")
    parser.add_argument("--epochs", type=float, default=2.0, help="of the adapter")
    parser.add_argument("--lm", default="pocket")
    parser.add_argument("--way", action="append", choices=list(WAYS))
    arguments = parser.parse_args()
    if arguments.table != Path("table"):
        for way in arguments.way or WAYS:
            report = arguments.out / f"{way.replace(' ', '_')}.json"
            if not report.is_file():
                write_json(report, measure(way, arguments))
    show(arguments.out)


if __name__ == "__main__":
    main()
