"""The five ways to put a signal to a real LM, beside what needs no LM, on one data set.

    python scripts/bench_comparison.py NAME TABLE RUN [--fold K] [--questions 48] [--context 768]
                                       [--training-rows 96] [--lora-rows 480] [--methods 1 2 3 4 5]

RUN is an adapter without LoRA layers that was trained on TABLE (scripts/bench_real_lm.py), divided in the same fold; a
classifier that fine-tuning left in its encoder's folder stands beside. ``--questions`` are about the test people.
Prompts with numbers take at most ``--context`` tokens. Prompt tuning learns from ``--training-rows``, which are long,
and LoRA from ``--lora-rows``, which are short. Each method is recorded as it ends, in
``docs/benchmarks/results/comparison-NAME.json``; methods that are not asked for again stay there.
"""

import argparse
from pathlib import Path
from typing import Any

from results import RESULTS, record

from sig2lm.datasets import Table, fold, load_table
from sig2lm.datasets.subset import take_rows
from sig2lm.evaluation.comparison import ComparisonSettings, compare
from sig2lm.evaluation.comparison.compare import fine_tuned_result
from sig2lm.evaluation.comparison.results import MethodResult
from sig2lm.files import read_json
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining.classifier import is_classifier, load_classifier

FOLDS = 5
BASELINES = 0  # number of what no LM is asked for, in the results


def fine_tuned(model: SignalLM, table: Table) -> MethodResult | None:
    """Answers of the classifier that the run's encoders were fine-tuned with, where it lies beside them."""
    folders = {Path(model.branch(name).source) for name in table.info.signals}
    parent = next(iter(folders)) if len(folders) == 1 else next(iter(folders)).parent
    if not is_classifier(parent):
        return None
    seconds = read_json(next(iter(folders)) / "train.json", "the record of an encoder")["seconds"]
    return fine_tuned_result(load_classifier(parent), table, "test", table.info.labels, seconds)


def shown(entry: dict[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    interval = entry["ci"].get("macro_f1") or (None, None)
    return {
        "method": entry["method"] or BASELINES,
        "": entry["name"],
        "macro_f1": entry["macro_f1"],
        "from": interval[0],
        "to (95 %)": interval[1],
        "auroc": entry["auroc"],
        "ece": entry["ece"],
        "tokens a question": entry["tokens_per_question"],
        "seconds an answer": entry["seconds_per_answer"],
        "trained parameters": entry["trained_parameters"],
        "training seconds": entry["training_seconds"],
        "notes": "; ".join(entry["notes"]),
    }


def learned_from(arguments: argparse.Namespace, training: dict[str, Any], methods: set[int]) -> list[str]:
    """How many rows each method that learns has learned from."""
    rows = {3: arguments.training_rows, 4: training["settings"]["rows"] or "all", 5: arguments.lora_rows}
    names = {3: "prompt tuning", 4: "the adapter", 5: "LoRA behind it"}
    told = [f"{names[method]} from {count}" for method, count in rows.items() if method in methods]
    return [f"Training rows: {', '.join(told)}."] if told else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("table", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--lm", help="where the run's LM is; by default where it was")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--context", type=int, default=768)
    parser.add_argument("--training-rows", type=int, default=96)
    parser.add_argument("--lora-rows", type=int, default=480)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--methods", type=int, nargs="*", default=[4, 5, 1, 2, 3])
    arguments = parser.parse_args()
    table = load_table(arguments.table)
    table = table if arguments.fold is None else fold(table, arguments.fold, FOLDS)
    table = take_rows(table, "test", arguments.questions)
    model = SignalLM.from_pretrained(arguments.run, lm=arguments.lm)
    training = read_json(arguments.run / "train.json", "a run")
    place = RESULTS / f"comparison-{arguments.name}.json"
    tuned = fine_tuned(model, table)
    for method in arguments.methods:
        settings = ComparisonSettings(
            (method,),
            training_rows=arguments.lora_rows if method == 5 else arguments.training_rows,
            context=arguments.context,
            batch_size=arguments.batch_size,
            baselines=method == 4,
        )
        report = compare(model, table, "test", settings, training, tuned, lambda text: print(text, flush=True)).report
        found = [shown(entry) for entry in (*report["methods"], *report["baselines"])]
        earlier = read_json(place, "a benchmark")["rows"] if place.is_file() else []
        fresh = {row["method"] for row in found}
        rows = [*(row for row in earlier if row["method"] not in fresh), *found]
        record(
            place.stem,
            sorted(rows, key=lambda row: row["method"] or len(rows) + 1),
            f"{table.info.name}: the same LM in five ways ({report['lm']['name']})",
            [
                f"{report['examples']} questions about {report['subjects']} people or records never seen, spread over "
                "these and labels; intervals over people. "
                f"Numbers written as {report['serializer']}, in prompts of at most {arguments.context} tokens.",
                *learned_from(arguments, training, {row["method"] for row in rows}),
            ],
        )
        print(found, flush=True)


if __name__ == "__main__":
    main()
