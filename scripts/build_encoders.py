"""Pretrain the encoders that ship with the package, each on several public data sets together, without labels.

    python scripts/build_encoders.py DATA WORK [--only movement] [--minutes 4] [--left-out wisdm_watch] [--judge [test]]
                                               [--few-labels wisdm_watch]

DATA holds the data sets in their official layouts, each in a folder of its name (`motionsense`, `afdb`, ...); those
that a recipe wants and that are not there are left out, and the card says which were used. Every data set is brought to
the recipe's contract, rates and units converted; only the people of its training split are learned from, so that scores
on its other people stay honest. Epochs are as many as `--minutes` of processor time allow, measured on the first steps.
Prepared tables and finished encoders stay in WORK and are not made again, so that it can be interrupted; a finished
encoder is copied into the package. `--left-out NAME` builds `movement` without a data set instead, ships nothing, and
records what the encoder is worth there with the labels of one, three and ten people, beside training from scratch.
`--few-labels NAME` builds nothing and records what the shipped `movement` is worth on a data set that it learned from,
with the labels of a tenth of its people, also with self-training on the windows of the others, and with those of all.
`--judge` builds nothing and records what a linear probe reads from each shipped encoder about the test people of the
data sets it learned from, beside the same encoder with random weights, and statistics of the window without an encoder;
`--judge validation` says it of the validation people, by whom settings are chosen, and records nothing. Rows of
encoders that `--only` leaves out stay.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets
from results import COMMIT, RESULTS, record
from timing import machine
from transformers import TrainerCallback

from sig2lm.datasets import Table, load_table, prepare
from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder
from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.statistics import window_statistics
from sig2lm.encoder.tables import as_read, renamed
from sig2lm.evaluation.probing import ProbeSettings, probe_encoder
from sig2lm.evaluation.probing.classifiers import linear_probe
from sig2lm.evaluation.probing.features import Features, untrained, window_features
from sig2lm.files import read_json
from sig2lm.metrics import Predictions, label_numbers, scores
from sig2lm.pocket import pocket_encoder, ready_encoders
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.signals import Contract

TIMED = 12  # steps
PEOPLE = (1, 3, 10)
CARD = """---
library_name: sig2lm
---
# {name}

{what}.

`python scripts/build_encoders.py` made it: an encoder of the architecture {architecture} with {parameters:,} weights,
{epochs} epochs of the objective {objective} over {windows:,} windows, without labels.

| data set | people | windows | licence |
| --- | --- | --- | --- |
{rows}

Only people of each data set's training split at the default of `sig2lm prepare` were learned from. The weights follow
from these recordings; cite their authors (`train.json` names them). It is no medical device.
"""


@dataclass(frozen=True)
class Source:
    """One signal of a data set, and which of its channels stand for those of the recipe."""

    dataset: str
    signal: str
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """What an encoder reads, and what it learns from.

    Attributes
    ----------
    seconds
        Longer windows are cut into windows of so many, which are then neighbours of one another.
    """

    what: str
    contract: Contract
    sources: tuple[Source, ...]
    seconds: float | None = None


RECIPES = {
    "movement": Recipe(
        "Acceleration of a phone or a watch, gravity included, at 50 Hz",
        Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 50.0),
        (
            Source("motionsense", "motion"),
            Source("wisdm_watch", "motion"),
            Source("sp_sw_har", "phone"),
            Source("sp_sw_har", "watch"),
        ),
    ),
    "rr": Recipe("Intervals between heart beats", Contract(("rr",), ("ms",), None), (Source("afdb", "rr"),)),
    "ecg": Recipe(
        "One lead of an electrocardiogram, at 100 Hz",
        Contract(("ecg",), ("mV",), 100.0),
        (Source("cinc2017", "ecg"), Source("ptbxl", "ecg", ("I",)), Source("ptbxl", "ecg", ("II",))),
        seconds=10.0,
    ),
}


class Stopped(TrainerCallback):
    """Stops a training after a few steps, to see how fast it is."""

    def __init__(self) -> None:
        self.began = self.took = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 2:  # the first ones are slower
            self.began = time.process_time()
        if state.global_step == TIMED:
            self.took = (time.process_time() - self.began) / (TIMED - 2)
            control.should_training_stop = True


def prepared(data: Path, work: Path, name: str) -> Table | None:
    """The table of a data set, made where it is not there yet; None where the data set is not."""
    folder = work / "tables" / name
    if not folder.is_dir():
        if not (data / name).is_dir():
            return None
        folder.parent.mkdir(parents=True, exist_ok=True)
        prepare(name, data / name, folder)
    return load_table(folder)


def brought(table: Table, source: Source, contract: Contract) -> Table:
    """The training windows of one source, in the contract's channels, units and rate, as the signal `signal`."""
    names = source.channels or contract.channels
    wanted = replace(contract, channels=names)
    train = replace(table, data=DatasetDict(train=table.data["train"]))
    return renamed(as_read(renamed(train, source.signal, "signal"), "signal", wanted), "signal", "signal")


def shorter(rows: Dataset, samples: int, rate: float) -> Dataset:
    """Rows whose windows have so many samples; a window that is shorter stays, the end of a longer one is left out."""

    def cut(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in batch}
        for number, values in enumerate(map(np.stack, batch["signal"])):  # of one channel there is no axis
            for first in range(0, max(1, values.shape[-1] - samples + 1), samples):
                row = {name: column[number] for name, column in batch.items()}
                row |= {"signal": values[..., first : first + samples], "start": row["start"] + first / rate}
                for name, value in row.items():
                    found[name].append(value)
        return found

    return rows.with_format("numpy").map(cut, batched=True, batch_size=64, features=rows.features).with_format(None)


def joined(recipe: Recipe, sources: list[tuple[Source, Table]]) -> tuple[Table, list[dict[str, Any]]]:
    """One table of all sources; a person is that of a data set, and a recording that of a signal."""
    parts, used = [], []
    for source, table in sources:
        rows = brought(table, source, recipe.contract).data["train"]
        place = ".".join([source.dataset, source.signal, *(source.channels or ())])
        own = {"subject": source.dataset, "source": place}
        for column, prefix in own.items():
            values = [f"{prefix}/{value}" for value in rows[column]]
            rows = rows.remove_columns([column]).add_column(column, values)
        rows = rows.select_columns(["subject", "source", "start", "signal"])
        rate = recipe.contract.sampling_rate
        parts.append(shorter(rows, round(recipe.seconds * rate), rate) if recipe.seconds and rate else rows)
        used.append(
            {
                "data set": place,
                "people": len(set(rows["subject"])),
                "windows": len(parts[-1]),
                "licence": table.info.licence,
                "citation": table.info.citation,
            }
        )
    first = sources[0][1]
    info = replace(first.info, name="+".join(row["data set"] for row in used), signals={"signal": recipe.contract})
    return Table(DatasetDict(train=concatenate_datasets(parts)), info, first.path), used


def affordable(table: Table, settings: PretrainSettings, minutes: float) -> int:
    """Epochs that so many minutes of processor time allow, from 1 to 40."""
    stopped, batch = Stopped(), settings.batch_size
    rows = table.data["train"].select(range(min(len(table.data["train"]), (TIMED + 1) * batch)))
    pretrain_encoder(replace(table, data=DatasetDict(train=rows)), replace(settings, epochs=TIMED), None, [stopped])
    return max(1, min(40, int(60.0 * minutes / (stopped.took * -(-len(table.data["train"]) // batch)))))


def build(name: str, arguments: argparse.Namespace, out: Path) -> Path:
    """Pretrain one encoder, unless it is there."""
    if out.is_dir():
        return out
    recipe, missing, found = RECIPES[name], set[str](), []
    for source in recipe.sources:
        wanted = source.dataset != arguments.left_out
        table = prepared(arguments.data, arguments.work, source.dataset) if wanted else None
        if table is None:
            missing.add(source.dataset)
        else:
            found.append((source, table))
    if not found:
        raise SystemExit(f"expected {', '.join(sorted(missing))} in '{arguments.data}', found none; get one of them")
    table, used = joined(recipe, found)
    settings = PretrainSettings(size=arguments.size, seed=arguments.seed)
    settings = replace(settings, epochs=affordable(table, settings, arguments.minutes))
    print(f"{name}: {len(table.data['train'])} windows, {settings.epochs} epochs; left out: {missing or 'none'}")
    encoder, provenance = pretrain_encoder(table, settings, None, say=print)
    provenance["data"] = {"sets": used, "windows": len(table.data["train"])}
    provenance["machine"] = machine()
    save_encoder(encoder, out, provenance)
    rows = [f"| {row['data set']} | {row['people']} | {row['windows']:,} | {row['licence']} |" for row in used]
    told = CARD.format(
        name=f"sig2lm:{name}",
        what=recipe.what,
        architecture=encoder.config.architecture,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        objective=settings.objective,
        rows="\n".join(rows),
        windows=len(table.data["train"]),
        epochs=settings.epochs,
    )
    (out / "README.md").write_text(told, encoding="utf-8")
    return out


def judge(encoder: Path, name: str, arguments: argparse.Namespace) -> None:
    """Record what few people's labels of a data set give, which pretraining either saw without them or left out."""
    table = prepared(arguments.data, arguments.work, name)
    if table is None:
        raise SystemExit(f"expected {name} in '{arguments.data}' to judge on, found none; get it")
    told = read_json(encoder / "train.json", "its record")
    learned = ", ".join(part["data set"] for part in told["data"]["sets"])
    people = len(set(table.data["train"]["subject"]))
    settings = ProbeSettings(seeds=arguments.seeds, least_steps=arguments.least_steps)
    if arguments.left_out:
        place, how = "ready_encoder", "which the pretraining of this movement encoder left out"
        fractions = tuple(count / people for count in PEOPLE if count <= people)
        settings = replace(settings, fractions=fractions)
    else:
        place, how = "few_labels", "whose training people's windows this movement encoder has seen without labels"
        settings = replace(settings, fractions=(0.1, 1.0), self_training=True)
    report = probe_encoder(table, load_encoder(encoder), settings, progress=print)
    rows = []
    for part in report["fractions"]:
        scores = {report["methods"][method]: found["macro_f1"]["mean"] for method, found in part["methods"].items()}
        rows.append({"people with labels": part["people"][0], **scores})
    notes = [
        f"mean of {report['settings']['seeds']} draws of people; test people: {report['sizes']['test']['people']}",
        f"at least {settings.least_steps} steps of 64 windows for what is fine-tuned and from scratch",
        f"size {told['settings']['size']}, pretrained for {told['settings']['epochs']} epochs on {learned}",
    ]
    record(f"{place}_{name}", rows, f"Macro-F1 on {name}, {how}", notes)


def statistics_of(encoder: SignalEncoder, windows: WindowDataset, rows: list[int]) -> Features:
    """What textbooks list of windows, scaled as an encoder reads them, without the encoder."""
    mean, std = encoder.get_buffer("mean"), encoder.get_buffer("std")
    found = []
    for start in range(0, len(rows), 256):
        values, mask = stack_values(windows.__getitems__(rows[start : start + 256]))
        found.append(window_statistics(values / std, mask, mean[None] / std).double().numpy())
    return np.concatenate(found)


def probed(
    table: Table,
    source: Source,
    contract: Contract,
    split: str,
    describe: Callable[[WindowDataset, list[int]], Features],
) -> float:
    """Macro-F1 on the people of a split of logistic regression on features of the training people."""
    wanted = replace(contract, channels=source.channels or contract.channels)
    read = as_read(renamed(table, source.signal, "signal"), "signal", wanted)
    labels = table.info.labels
    features, truth = {}, {}
    for part in ("train", split):
        rows = [row for row, label in enumerate(read.data[part]["label"]) if label is not None]
        features[part] = describe(WindowDataset(read, "signal", part), rows)
        truth[part] = label_numbers([read.data[part]["label"][row] for row in rows], labels)
    answers = linear_probe(features["train"], truth["train"], features[split], len(labels))
    found = scores(Predictions(labels, truth[split], answers, np.arange(len(answers)).astype(str)))["macro_f1"]
    assert found is not None
    return found


def judge_all(arguments: argparse.Namespace) -> None:
    """Say what linear probes read from the shipped encoders, and record it of the test people."""
    rows = []
    for name in arguments.only or ready_encoders():
        encoder, recipe = load_encoder(pocket_encoder(name)), RECIPES[name]
        record_of = read_json(pocket_encoder(name) / "train.json", "its record")
        ways = {
            "macro-F1": partial(window_features, encoder),
            "untrained": partial(window_features, untrained(encoder, 0)),
        }
        if encoder.config.statistics:
            ways["statistics alone"] = partial(statistics_of, encoder)
        for source in recipe.sources:
            table = prepared(arguments.data, arguments.work, source.dataset)
            if table is None:
                continue
            found = {
                way: round(probed(table, source, recipe.contract, arguments.judge, describe), 4)
                for way, describe in ways.items()
            }
            rows.append(
                {
                    "encoder": f"sig2lm:{name}",
                    "data": ".".join([source.dataset, source.signal, *(source.channels or ())]),
                    "labels": len(table.info.labels),
                    f"{arguments.judge} people": len(set(table.data[arguments.judge]["subject"])),
                    **found,
                    "pretraining epochs": record_of["settings"]["epochs"],
                    "commit": COMMIT,
                }
            )
            print(rows[-1], flush=True)
    if arguments.judge == "test":
        known = read_json(RESULTS / "ready_encoders.json", "a benchmark")
        fresh = {row["encoder"] for row in rows}
        earlier = [row for row in known["rows"] if row["encoder"] not in fresh]
        rows = [*({**row, "commit": row.get("commit", known["commit"])} for row in earlier), *rows]
        notes = ["linear probe on mean and maximum of the patches, fitted on all training people, frozen encoder"]
        record("ready_encoders", rows, "Encoders that ship, on people that they never saw", notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", action="append", choices=RECIPES, default=[])
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--size", default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--left-out")
    parser.add_argument("--few-labels", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help="draws of people with --left-out and --few-labels")
    parser.add_argument("--least-steps", type=int, default=300, help="of training on few people, likewise")
    parser.add_argument("--judge", nargs="?", const="test", choices=("validation", "test"))
    arguments = parser.parse_args()
    if arguments.judge:
        judge_all(arguments)
        return
    if arguments.left_out:
        encoder = build("movement", arguments, arguments.work / "encoders" / f"movement-without-{arguments.left_out}")
        judge(encoder, arguments.left_out, arguments)
        return
    if arguments.few_labels:
        judge(pocket_encoder("movement"), arguments.few_labels, arguments)
        return
    for name in arguments.only or RECIPES:
        built = build(name, arguments, arguments.work / "encoders" / name)
        shutil.copytree(built, pocket_encoder(name), dirs_exist_ok=True)
        print(f"{name} -> {pocket_encoder(name)}")


if __name__ == "__main__":
    main()
