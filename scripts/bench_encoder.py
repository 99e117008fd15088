"""Pretraining objectives on a prepared data set: how fast they are, and which makes the best encoder.

    python scripts/bench_encoder.py speed TABLE [--signal NAME] [--windows 2048] [--rounds 5] [--json FILE]
    python scripts/bench_encoder.py compare TABLE OUT [--signal NAME] [--fractions 0.1,1] [--seeds 3] [--every N]
    python scripts/bench_encoder.py table OUT

``speed`` pretrains for an epoch with each objective, round after round, and prints windows per second and the share of
the time that goes into reading data and into augmentation (target: 15 % together), median and reach over the rounds.
``compare`` pretrains with the default settings, probes, and writes OUT/<objective>/ and OUT/<objective>.json; what is
there is kept, so that it can be interrupted; ``--every 2`` learns from every second training window. ``table`` prints
OUT as Markdown, and so does ``compare`` at its end.
Objectives are chosen with ``--objective NAME[:option=value]``, repeatable; by default all that the data allow. Shares
are of one process without workers, as `sig2lm pretrain-encoder` runs.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from datasets import DatasetDict
from timing import machine
from transformers import TrainerCallback

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import load_encoder, save_encoder
from sig2lm.errors import DatasetError
from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
from sig2lm.files import read_json, write_json
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.augmentations import Augmentation
from sig2lm.pretraining.objectives import OBJECTIVES
from sig2lm.pretraining.windows import PairedWindows

TARGET = 0.15


@dataclass
class Stopwatch(TrainerCallback):
    """Seconds of training, and of data and augmentation within them."""

    started: float = 0.0
    training: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    inside: bool = False

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.spent = {"data": 0.0, "augmentation": 0.0}
        self.started = now()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.training = now() - self.started

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Count the time of a function; calls within calls once."""

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            if self.inside:
                return function(*arguments, **named)
            self.inside, started = True, now()
            try:
                return function(*arguments, **named)
            finally:
                self.inside = False
                self.spent[part] = self.spent.get(part, 0.0) + now() - started

        return timed


def now() -> float:
    """Seconds, after what an accelerator still had to do."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter()


@contextmanager
def watched() -> Iterator[Stopwatch]:
    """Put a stopwatch around reading, stacking and augmenting windows."""
    watch = Stopwatch()
    places = [
        (PairedWindows, "__getitems__", "data"),
        (PairedWindows, "collate", "data"),
        (Augmentation, "__call__", "augmentation"),
    ]
    before = [getattr(kind, name) for kind, name, _ in places]
    for (kind, name, part), function in zip(places, before, strict=True):
        setattr(kind, name, watch.around(part, function))
    try:
        yield watch
    finally:
        for (kind, name, _), function in zip(places, before, strict=True):
            setattr(kind, name, function)


def settings_of(text: str, arguments: argparse.Namespace) -> PretrainSettings:
    """Read NAME[:option=value]."""
    name, _, option = text.partition(":")
    key, _, value = option.partition("=")
    given = {"epochs": arguments.epochs, "batch_size": arguments.batch_size, "width": arguments.width}
    chosen = {key: value for key, value in given.items() if value is not None}
    return PretrainSettings(objective=name, options={key: value} if key else {}, **chosen)


def with_rows(table: Table, rows: range) -> Table:
    """The table with these rows of its train split."""
    return replace(table, data=DatasetDict({**table.data, "train": table.data["train"].select(rows)}))


def speed(arguments: argparse.Namespace) -> None:
    table = load_table(arguments.table)
    table = with_rows(table, range(min(arguments.windows, len(table.data["train"]))))
    names = list(arguments.objective or OBJECTIVES)
    found: dict[str, list[dict[str, float]]] = {}
    print(machine(), f"{table.info.name}: {len(table.data['train'])} windows", sep="\n")
    for number in range(-1, arguments.rounds):
        for name in list(names):
            settings = replace(settings_of(name, arguments), epochs=1)
            with watched() as watch:
                try:
                    pretrain_encoder(table, settings, arguments.signal, [watch])
                except DatasetError as error:
                    print(f"{name}: left out, {error}")
                    names.remove(name)
                    continue
            if number >= 0:  # the first round warms up
                rate = len(table.data["train"]) / watch.training
                shares = {part: seconds / watch.training for part, seconds in watch.spent.items()}
                found.setdefault(name, []).append({"windows_per_second": rate, **shares})
    if arguments.json:
        write_json(arguments.json, {"machine": machine(), "data": table.info.name, "rounds": found})
    print("| objective | windows/s | data | augmentation | both | target |")
    print("|---|---|---|---|---|---|")
    for name, rounds in found.items():
        both = [one["data"] + one["augmentation"] for one in rounds]
        cells = [
            reach([one["windows_per_second"] for one in rounds], "{:,.0f}"),
            *(reach([one[part] for one in rounds], "{:.1%}") for part in ("data", "augmentation")),
            reach(both, "{:.1%}"),
            "met" if statistics.median(both) <= TARGET else "missed",
        ]
        print("| " + " | ".join([name, *cells]) + " |")


def reach(values: list[float], form: str) -> str:
    """Median, lowest and highest."""
    middle, low, high = (form.format(pick(values)) for pick in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"


def compare(arguments: argparse.Namespace) -> None:
    table = load_table(arguments.table)
    table = with_rows(table, range(0, len(table.data["train"]), arguments.every))
    fractions = tuple(float(part) for part in arguments.fractions.split(","))
    probing = ProbeSettings(
        fractions=fractions, seeds=arguments.seeds, least_steps=arguments.least_steps, missing=arguments.missing
    )
    print(machine(), f"{table.info.name}: {len(table.data['train'])} training windows", sep="\n")
    for name in arguments.objective or OBJECTIVES:
        place = arguments.out / name.replace(":", "-").replace("=", "-")
        report = place.with_name(f"{place.name}.json")
        if report.is_file():
            continue
        probing = replace(probing, untrained=not list(arguments.out.glob("*.json")))  # once is enough
        try:
            if not place.exists():
                encoder, provenance = pretrain_encoder(table, settings_of(name, arguments), arguments.signal)
                save_encoder(encoder, place, provenance)
        except DatasetError as error:
            print(f"{name}: left out, {error}")
            continue
        encoder = load_encoder(place)
        if torch.accelerator.is_available():
            encoder.to(torch.accelerator.current_accelerator())
        found = probe_encoder(table, encoder, probing, arguments.signal)
        seconds = read_json(place / "train.json", f"an encoder in '{place}'")["seconds"]
        write_json(report, {"objective": name, "pretraining_seconds": seconds, **found})
        print(f"{name}: pretrained in {seconds:.0f} s, probed in {found['seconds']:.0f} s", flush=True)
    show(arguments)


def show(arguments: argparse.Namespace) -> None:
    reports = [read_json(path, "a report of this script") for path in sorted(arguments.out.glob("*.json"))]
    if not reports:
        raise SystemExit(f"no report in {arguments.out}; run compare first")
    first = reports[0]
    fractions = [part["fraction"] for part in first["fractions"]]
    methods = [f"{method}, {fraction:.0%}" for method in ("linear", "kNN", "fine-tuned") for fraction in fractions]
    size = first["sizes"]["train"]["windows"]
    print(f"\n{first['data']}, {size} training windows: macro-F1 with shares of the training people's labels\n")
    print("| " + " | ".join(["objective", *methods, "RankMe", "uniformity", "leakage (chance)", "s"]) + " |")
    print("|---" * (len(methods) + 5) + "|")
    for report in sorted(reports, key=lambda one: -mean(one, fractions[-1], "linear")):
        print("| " + " | ".join(row(report, fractions)) + " |")
    for report in reports:
        if "scratch" in report["methods"]:
            print("| " + " | ".join(untrained_row(report, fractions)) + " |")
    for method in ("linear", "fine_tuned"):
        show_missing([report for report in reports if report["missing"]], method)


def show_missing(reports: list[dict[str, Any]], method: str) -> None:
    """Scores with a sensor missing at test time, in training, in both."""
    for number, sensor in enumerate(reports[0]["missing"]["sensors"] if reports else ()):
        print(f"\n{', '.join(sensor['channels'])} missing, {reports[0]['methods'][method]}, all labels\n")
        print("| objective | complete | at test time | in training | in both |")
        print("|---|---|---|---|---|")
        for report in reports:
            found = report["missing"]["sensors"][number][method]
            cells = [report["missing"]["complete"][method], *(found[when] for when in ("test", "training", "both"))]
            print("| " + " | ".join([report["objective"], *map(score, cells)]) + " |")


def row(report: dict[str, Any], fractions: list[float]) -> list[str]:
    free = report["label_free"]
    leakage = free["subject_leakage"]
    return [
        report["objective"],
        *(score(at(report, part, method)) for method in ("linear", "knn", "fine_tuned") for part in fractions),
        f"{free['rankme']:.1f}",
        f"{free['uniformity']:.2f}",
        f"{leakage['accuracy']:.2f} ({leakage['chance']:.2f})" if leakage else "-",
        f"{report['pretraining_seconds']:.0f}",
    ]


def untrained_row(report: dict[str, Any], fractions: list[float]) -> list[str]:
    untrained, scratch = ([score(at(report, part, method)) for part in fractions] for method in ("random", "scratch"))
    return ["none (untrained; supervised)", *untrained, *["-"] * len(fractions), *scratch, *["-"] * 4]


def at(report: dict[str, Any], fraction: float, method: str) -> dict[str, Any]:
    methods = next(part["methods"] for part in report["fractions"] if part["fraction"] == fraction)
    found: dict[str, Any] = methods[method]
    return found


def mean(report: dict[str, Any], fraction: float, method: str) -> float:
    return float(at(report, fraction, method)["macro_f1"]["mean"])


def score(found: dict[str, Any]) -> str:
    mean, std = found["macro_f1"]["mean"], found["macro_f1"]["std"]
    return f"{mean:.3f}" + (f" ± {std:.3f}" if std else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("speed", speed), ("compare", compare), ("table", show)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name != "table":
            command.add_argument("table", type=Path)
        if name != "speed":
            command.add_argument("out", type=Path)
        if name == "table":
            continue
        command.add_argument("--signal")
        command.add_argument("--objective", action="append", metavar="NAME[:option=value]")
        command.add_argument("--batch-size", type=int)
        command.add_argument("--width", type=int)
        command.add_argument("--epochs", type=int)
        if name == "speed":
            command.add_argument("--windows", type=int, default=2048)
            command.add_argument("--rounds", type=int, default=5)
            command.add_argument("--json", type=Path)
        else:
            command.add_argument("--fractions", default="0.1,1")
            command.add_argument("--seeds", type=int, default=3)
            command.add_argument("--every", type=int, default=1)
            command.add_argument("--least-steps", type=int, default=300)
            command.add_argument("--missing", action="store_true")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
