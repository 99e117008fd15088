"""Distribution shift: encoders and labels of one data set, judged on the people of another.

    python scripts/bench_shift.py OUT TABLE[:SIGNAL] TABLE[:SIGNAL] ... [--every 4] [--channels acc_x,acc_y,acc_z]

For each ordered pair of tables, on the labels that both have: *pretrained there, taught there* (everything from the
source), *pretrained there, taught here* (only the encoder, which saw no label, comes from the source) and *all here*.
Rates and units are converted by the encoder's contract. Encoders are kept in OUT, results in OUT/shift.json.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import DatasetDict
from timing import machine

from sig2lm.datasets import Table, load_table
from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder
from sig2lm.encoder.tables import labelled, renamed
from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
from sig2lm.files import write_json
from sig2lm.pretraining import PretrainSettings, pretrain_encoder

METHODS = ("linear", "fine_tuned")


@dataclass(frozen=True)
class Side:
    """A table of one signal, and an encoder pretrained on it."""

    name: str
    table: Table
    encoder: SignalEncoder


def side(place: str, arguments: argparse.Namespace) -> Side:
    folder, _, signal = place.partition(":")
    table = load_table(folder)
    table = renamed(table, signal or next(iter(table.info.signals)), "motion")
    train = table.data["train"].select(range(0, len(table.data["train"]), arguments.every))
    table = replace(table, data=DatasetDict({**table.data, "train": train}))
    name = f"{table.info.name} {signal}".strip()
    home = arguments.out / name.replace(" ", "_")
    if not home.exists():
        settings = PretrainSettings(channels=tuple(arguments.channels.split(",")))
        encoder, provenance = pretrain_encoder(table, settings, "motion")
        save_encoder(encoder, home, provenance)
    return Side(name, table, load_encoder(home))


def judged(encoder: SignalEncoder, taught: Table, asked: Table, shared: list[str]) -> dict[str, float]:
    settings = ProbeSettings(fractions=(1.0,), seeds=1, untrained=False)
    other = None if asked is taught else labelled(asked, shared)
    found = probe_encoder(labelled(taught, shared), encoder, settings, test_table=other)
    return {method: found["fractions"][0]["methods"][method]["macro_f1"]["mean"] for method in METHODS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("tables", nargs="+", metavar="TABLE[:SIGNAL]")
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--channels", default="acc_x,acc_y,acc_z")
    arguments = parser.parse_args()
    sides = [side(place, arguments) for place in arguments.tables]
    print(f"{machine()}; every {arguments.every} training window; macro-F1, linear probe / fine-tuned")
    print("| from | to | labels | all there | encoder there, labels here | all here |")
    print("|---|---|---|---|---|---|")
    results: list[dict[str, Any]] = []
    for source in sides:
        for target in sides:
            shared = [label for label in source.table.info.labels if label in target.table.info.labels]
            if source is target or len(shared) < 2:
                continue
            found = {
                "all there": judged(source.encoder, source.table, target.table, shared),
                "encoder there": judged(source.encoder, target.table, target.table, shared),
                "all here": judged(target.encoder, target.table, target.table, shared),
            }
            cells = [" / ".join(f"{one[method]:.3f}" for method in METHODS) for one in found.values()]
            print(f"| {source.name} | {target.name} | {', '.join(shared)} | " + " | ".join(cells) + " |", flush=True)
            results.append({"from": source.name, "to": target.name, "labels": shared, **found})
    write_json(arguments.out / "shift.json", {"machine": machine(), "pairs": results})


if __name__ == "__main__":
    main()
