"""Several tasks in one run beside one run for each: what is lost or gained.

    python scripts/bench_multitask.py OUT TASK ... [--fold 1] [--lm pocket]

Each TASK is TABLE=FOLDER: a prepared table, and the folder of its ``sig2lm cross-validate``. The same fold, encoders,
training rows, epochs and augmentation are used, the last two alike for all; the adapters learn together, in one run.
"""

import argparse
from pathlib import Path

import numpy as np
from timing import machine

from sig2lm.datasets import load_table
from sig2lm.evaluation.asking import held_out_question, predict
from sig2lm.evaluation.cross_validation import learning_fold
from sig2lm.files import read_json, write_json
from sig2lm.lm import FrozenLM
from sig2lm.metrics import scores
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("alone", nargs="+", metavar="TABLE=FOLDER")
    parser.add_argument("--fold", type=int, default=1)
    parser.add_argument("--lm", default="pocket")
    arguments = parser.parse_args()
    print(machine())
    tables, encoders, single, settings = [], {}, [], set()
    for pair in arguments.alone:
        place, out = map(Path, pair.split("="))
        done = read_json(out / "report.json", "the report of a cross-validation")["settings"]
        home = out / f"fold{arguments.fold}"
        report = read_json(home / "report.json", "the report of a fold")
        table = learning_fold(load_table(place), arguments.fold, done["folds"], done["seed"], done["every"])
        tables.append(table)
        single.append(next(entry for entry in report["methods"] if entry["method"] == 4))
        settings.add((done["training"]["epochs"], done["training"]["augment"]))
        learned = home / ("fine_tuned" if done["fine_tuning"] else "encoders")
        encoders |= {signal: learned / signal for signal in table.info.signals}
    if len(settings) != 1:
        raise SystemExit(f"expected folds whose adapters learned alike (epochs, augment), found {sorted(settings)}")
    ((epochs, augment),) = settings
    outcome = train_adapter(
        tables,
        encoders,
        arguments.out / "run",
        lm=FrozenLM.from_pretrained(arguments.lm),
        template=[load_template(table.info.task) for table in tables],
        settings=TrainSettings(epochs=epochs, augment=augment),
    )
    print(f"{outcome.trained_parameters:,} parameters, {outcome.steps} steps, {outcome.seconds:.0f} s together")
    print("| task | test windows | macro-F1 alone | together | AUROC alone | together | training s alone |")
    print("|---|---|---|---|---|---|---|")
    found = {}
    for table, alone in zip(tables, single, strict=True):
        predictions = predict(outcome.model, table, "test", held_out_question(outcome.model, table))
        found[table.info.name] = {"alone": {key: alone[key] for key in ("macro_f1", "auroc")}, **scores(predictions)}
        together = scores(predictions)
        cells = [table.info.name, f"{len(np.asarray(predictions.truth)):,}"]
        cells += [f"{one[key]:.3f}" for key in ("macro_f1", "auroc") for one in (alone, together)]
        print("| " + " | ".join([*cells, f"{alone['training_seconds']:.0f}"]) + " |", flush=True)
    write_json(arguments.out / "multitask.json", {"seconds": outcome.seconds, "tasks": found})


if __name__ == "__main__":
    main()
