"""The main job on real recordings: MotionSense, one encoder, several frozen LMs.

    python scripts/bench_motionsense.py SOURCE OUT --lm pocket --lm FOLDER [--seed 0]

SOURCE is the folder of MotionSense, OUT a new folder. Prints a Markdown table: scores on six people never seen, beside
the controls and the linear probe, and the seconds that pretraining and training took. Settings are the defaults of the
commands.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from timing import machine

from sig2lm.datasets import load_table, prepare
from sig2lm.encoder import save_encoder
from sig2lm.evaluation.evaluate import evaluate
from sig2lm.files import write_json
from sig2lm.lm import FrozenLM
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.templates.template import load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

COLUMNS = (
    "| LM | macro-F1 (95 %) | accuracy | AUROC | ECE | probe F1 | shuffled F1 | zeroed F1 | text-only F1 "
    "| training | an answer |"
)


def score(value: float, interval: list[float] | None = None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.2f}-{interval[1]:.2f})" if interval else "")


def row(name: str, report: dict[str, Any], seconds: float) -> str:
    controls = report["controls"]
    cells = [
        name,
        score(report["macro_f1"], report["ci"]["macro_f1"]),
        score(report["accuracy"]),
        score(report["auroc"]),
        score(report["ece"]),
        score(report["probe"]["macro_f1"]),
        *(score(controls[control]["macro_f1"]) for control in ("shuffled", "zeroed", "text_only")),
        f"{seconds:.0f} s",
        f"{1000 * report['seconds_per_answer']:.1f} ms",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lm", action="append", required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(machine())
    prepare("motionsense", arguments.source, arguments.out / "data")
    table = load_table(arguments.out / "data")
    started = time.perf_counter()
    encoder, provenance = pretrain_encoder(table, PretrainSettings(objective="masked", seed=arguments.seed))
    save_encoder(encoder, arguments.out / "encoder", provenance)
    print(f"encoder pretrained in {time.perf_counter() - started:.0f} s")
    rows = [COLUMNS, "|---" * 11 + "|"]
    for name in arguments.lm:
        started = time.perf_counter()
        outcome = train_adapter(
            table,
            {"motion": arguments.out / "encoder"},
            arguments.out / Path(name).name,
            lm=FrozenLM.from_pretrained(name),
            template=load_template("har"),
            settings=TrainSettings(seed=arguments.seed),
        )
        seconds = time.perf_counter() - started
        report = evaluate(outcome.model, table).report
        write_json(arguments.out / f"{Path(name).name}.json", report)
        rows.append(row(Path(name).name, report, seconds))
        print(rows[-1], flush=True)
    print("\n".join(["", *rows]))


if __name__ == "__main__":
    main()
