"""A real LM reads a data set: train an adapter, judge it on test subjects beside its controls, and let it speak.

    python scripts/bench_real_lm.py NAME TABLE ENCODERS OUT [--lm smollm2] [--rows N] [--questions N] [options]

TABLE is a prepared table, ENCODERS a folder with an encoder for each signal (``ENCODERS/motion``), or ``ENCODERS``
itself for one signal; where it does not exist, encoders are pretrained on the training people there
(``--pretrain-epochs 0``: from scratch) and learn their labels; ``--rate`` brings sampled signals to another rate first.
OUT is a new folder for the run. ``--fold K`` divides the subjects again. Written are
``docs/benchmarks/results/real-lm-NAME*.json``: scores on ``--questions`` test windows, spread over labels and subjects,
with signals shuffled, zeroed and absent, the linear probe of the encoder without any LM, seconds of training and of an
answer, peak memory, gradient norms and losses, and ten free answers about test windows drawn by seed.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_encoders import at_rates
from results import record
from rhythm_scores import rhythm_scores
from transformers import set_seed

from sig2lm.cli.loading import template_for
from sig2lm.datasets import Table, fold, load_table
from sig2lm.datasets.subset import take_rows
from sig2lm.encoder import SignalEncoder
from sig2lm.encoder.checkpoint import save_encoder
from sig2lm.encoder.tables import as_encoders_read
from sig2lm.evaluation.classifier import evaluate_classifier
from sig2lm.evaluation.evaluate import Evaluation, evaluate
from sig2lm.files import read_json
from sig2lm.lm import FrozenLM
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.classifier import is_classifier, load_classifier, save_classifier
from sig2lm.pretraining.designing import design_for
from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
from sig2lm.pretraining.windows import WindowDataset
from sig2lm.training.train_adapter import TrainOutcome, train_adapter
from sig2lm.training.trainer import TrainSettings

FOLDS = 5
FREE_ANSWERS = 10
MIB_PER_UNIT = 1 / 1024 if sys.platform != "darwin" else 1 / 2**20  # ru_maxrss is KiB on Linux, bytes on macOS


def begin_encoder(table: Table, name: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Pretrain the encoder of a signal on the training people, or draw its weights."""
    choice = PretrainSettings(
        architecture=arguments.architecture, epochs=arguments.pretrain_epochs or None, seed=arguments.seed
    )
    if arguments.pretrain_epochs:
        encoder, record = pretrain_encoder(table, choice, name)
        save_encoder(encoder, folder, record)
    else:
        set_seed(arguments.seed)
        save_encoder(SignalEncoder(design_for(WindowDataset(table, name), choice)[0]), folder)


def learn_encoders(table: Table, out: Path, arguments: argparse.Namespace) -> None:
    """Let an encoder for each signal learn the labels of the training people, together."""
    begun = {name: out.with_name(f"{out.name}-pretrained") / name for name in table.info.signals}
    for name, folder in begun.items():
        begin_encoder(table, name, folder, arguments)
    settings = FineTuneSettings(
        epochs=arguments.fine_tune_epochs, learning_rate=arguments.fine_tune_learning_rate, seed=arguments.seed
    )
    classifier, records = fine_tuned_encoders(table, begun, table.info.labels, settings)
    save_classifier(classifier, out, records)
    print(f"encoders on validation people: {next(iter(records.values()))['validation']}", flush=True)


def encoder_folders(folder: Path, table: Table) -> dict[str, Path]:
    """Where the encoder of each signal lies: in the folder, or in one of the signal's name in it."""
    one = (folder / "config.json").is_file()
    return {name: folder if one else folder / name for name in table.info.signals}


def free_answers(model: SignalLM, table: Table, seed: int) -> list[dict[str, Any]]:
    """Free answers about drawn test windows, as they come."""
    test = table.data["test"].with_format("numpy")
    question = "Describe the recording."
    told = model.known_facts(model.task(table.info.signals))
    rows = np.random.default_rng(seed).choice(len(test), FREE_ANSWERS, replace=False).tolist()
    found = []
    for row in rows:
        shown = test[row]
        facts = {name: fact for name, fact in table.facts(shown).items() if name in told}
        answer = model.ask(table.signals(shown), question, facts=facts, max_new_tokens=32)
        found.append({"row": row, "label": str(shown["label"]), "question": question, "answer": answer.text})
    return found


def ways(evaluation: Evaluation, encoders: Path, table: Table) -> list[tuple[str, dict[str, Any]]]:
    """The run, the same with no or other signals, and the encoder without an LM."""
    report = evaluation.report
    controls = [(f"signals {name.replace('_', ' ')}", scores) for name, scores in report["controls"].items()]
    rivals = [("linear probe of the encoder, no LM", report["probe"])]
    if is_classifier(encoders):
        alone = evaluate_classifier(load_classifier(encoders), table)
        rivals.insert(0, ("the fine-tuned encoder, no LM", alone.report | rhythm_scores(alone.predictions)))
    return [("the LM", report | rhythm_scores(evaluation.predictions)), *controls, *rivals]


def scores_row(name: str, found: dict[str, Any]) -> dict[str, Any]:
    interval = found.get("ci", {}).get("macro_f1") or (None, None)
    return {
        "": name,
        **{key: found.get(key) for key in ("macro_f1", "accuracy", "auroc", "ece")},
        **{key: found[key] for key in ("challenge", "af_normal_auroc") if key in found},
        "macro_f1 from": interval[0],
        "to (95 %)": interval[1],
    }


def notes(outcome: TrainOutcome, training: dict[str, Any], report: dict[str, Any], seconds: float) -> list[str]:
    """What a reader must know beside the scores."""
    settings, losses = training["settings"], training["losses"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB_PER_UNIT
    return [
        f"{outcome.steps} steps in batches of {settings['batch_size']}, learning rate {settings['learning_rate']:g}, "
        f"{settings['adapter']['num_virtual_tokens']} virtual tokens, augmentation {settings['augment']:g}; "
        f"{outcome.trained_parameters:,} parameters trained.",
        f"Training {seconds:.0f} s with alignment and calibration ({time.process_time():.0f} s of processor time with "
        f"the evaluation), an answer {report['seconds_per_answer']:.2f} s, peak memory {peak:,.0f} MiB.",
        f"Alignment: {training['alignment']}.",
        f"Loss {losses['own']:.3f}; with signals of other rows {losses['shuffled']:.3f}, without any "
        f"{losses['without_signal']:.3f}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("table", type=Path)
    parser.add_argument("encoders", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lm", default="smollm2")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--rows", type=int, help="to learn from; all by default")
    parser.add_argument("--questions", type=int, default=300, help="test windows")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--augment", type=float, default=0.5)
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--rate", action="append", default=[], metavar="[NAME=]HZ")
    parser.add_argument("--architecture", help="of encoders that are learned here; by default what suits the signal")
    parser.add_argument("--pretrain-epochs", type=int, default=2)
    parser.add_argument("--fine-tune-epochs", type=float)
    parser.add_argument("--fine-tune-learning-rate", type=float, default=FineTuneSettings.learning_rate)
    parser.add_argument("--calibration-examples", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    whole = load_table(arguments.table)
    if arguments.rate:
        whole = as_encoders_read(whole, at_rates(whole.info.signals, arguments.rate))
    divided = whole if arguments.fold is None else fold(whole, arguments.fold, FOLDS)
    table = take_rows(take_rows(divided, "test", arguments.questions), "validation", arguments.questions)
    if not arguments.encoders.exists():
        learn_encoders(divided, arguments.encoders, arguments)
    settings = TrainSettings(
        epochs=arguments.epochs,
        augment=arguments.augment,
        rows=arguments.rows,
        lora_rank=arguments.lora_rank,
        calibration_examples=arguments.calibration_examples,
        seed=arguments.seed,
    )
    started = time.perf_counter()
    outcome = train_adapter(
        table,
        encoder_folders(arguments.encoders, table),
        arguments.out,
        lm=FrozenLM.from_pretrained(arguments.lm),
        template=template_for(table, None),
        settings=settings,
    )
    trained = time.perf_counter() - started
    print(f"{outcome.steps} steps, {trained:.0f} s with alignment and calibration; {outcome.losses}", flush=True)
    evaluation = evaluate(outcome.model, table, batch_size=32, progress=lambda text: print(text, flush=True))
    report = evaluation.report
    training = read_json(arguments.out / "train.json", "a run")
    path = record(
        f"real-lm-{arguments.name}",
        [scores_row(name, found) for name, found in ways(evaluation, arguments.encoders, table)],
        f"{table.info.name}: {arguments.lm} reads {report['examples']} windows of people it has not seen",
        notes(outcome, training, report, trained),
    )
    answers = free_answers(outcome.model, table, arguments.seed)
    record(
        f"real-lm-{arguments.name}-answers",
        answers,
        f"{table.info.name}: free answers about {FREE_ANSWERS} test windows, drawn by seed {arguments.seed}",
    )
    record(
        f"real-lm-{arguments.name}-training",
        [entry for entry in training["history"] if "loss" in entry or "eval_loss" in entry],
        f"{table.info.name}: losses and gradient norms of the training",
    )
    print(json.dumps(json.loads(path.read_text()), indent=1))
    for answer in answers:
        print(f"{answer['label']}: {answer['answer']}")


if __name__ == "__main__":
    main()
