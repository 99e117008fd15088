"""What a run that learned questions of many kinds makes of questions that it was never asked.

    python scripts/bench_curriculum.py NAME TABLE ENCODERS OUT [--lm smollm2] [--rows N] [--windows N] [options]

Trains what ``sig2lm train-adapter --curriculum all`` trains, unless OUT is a finished run, or goes on with it
(``--measured`` and ``--start-from`` as there, ``--held-out`` for other kinds than the template's to hold out); then
asks about ``--windows`` windows of ``--split`` what training never asks (``sig2lm evaluate --questions``). Written to
docs/benchmarks/results are, for each kind, accuracy, the share of free answers whose numbers all hold and the share
that refuses, beside shuffled signals and no signal (``curriculum-NAME``); stated numbers beside the training mean
(``-quantities``); conversations as they came (``-transcripts``); and where labels are those of movement, the eight
questions of ``scripts/bench_transfer.py``, where they are rhythms two questions about RR intervals (``-transfer``).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from bench_real_lm import encoder_folders
from bench_transfer import asked
from movement_questions import LABELS, TRANSFER
from results import record
from rhythm_questions import LABELS as RHYTHMS
from rhythm_questions import rhythm

from sig2lm.cli.loading import template_for
from sig2lm.datasets import Table, fold, load_table
from sig2lm.datasets.subset import spread_rows, take_rows
from sig2lm.evaluation.questions import evaluate_questions
from sig2lm.files import read_json
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.signal_lm import SignalLM
from sig2lm.templates import Task, Template
from sig2lm.templates.questions import HeldOut, QuestionPlan
from sig2lm.training.curriculum import Curriculum, read_weights
from sig2lm.training.known import know, stating_measured
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

FOLDS = 5
SHOWN = 30  # transcripts
SOURCES = ("own", "shuffled", "text_only", "measured_only")


def trained(table: Table, arguments: argparse.Namespace, lm: FrozenLM) -> SignalLM:
    """The run in OUT, trained where it is not finished."""
    checkpoints = arguments.out / "checkpoints"
    if (arguments.out / "config.json").is_file() and not checkpoints.exists():
        return SignalLM.from_pretrained(arguments.out, lm=lm)
    template = holding_out(template_for(table, None), arguments.held_out)
    known = know(table, Task.from_template(template, table.info.labels))
    fewer = take_rows(table, "train", arguments.rows)  # before pairs are made of them
    asking = Curriculum.from_known(fewer, known, read_weights(arguments.curriculum)).training_table()
    template = stating_measured(template, known) if arguments.measured else template
    encoders = encoder_folders(arguments.encoders, table)
    settings = TrainSettings(
        adapter=AdapterConfig(num_virtual_tokens=arguments.virtual_tokens),
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        batch_size=arguments.batch_size,
        rows=arguments.rows,
        lora_rank=arguments.lora_rank,
        save_steps=arguments.save_steps,
        start_from=arguments.start_from,
        calibration_examples=arguments.calibration_examples,
    )
    resume = checkpoints.exists()
    outcome = train_adapter(asking, encoders, arguments.out, lm=lm, template=template, settings=settings, resume=resume)
    if outcome.interrupted:
        raise KeyboardInterrupt
    print(f"{outcome.steps} steps, {outcome.seconds:.0f} s; {outcome.losses}", flush=True)
    return outcome.model


def holding_out(template: Template, kinds: list[str] | None) -> Template:
    """The template with other kinds of question held out than its own."""
    if kinds is None:
        return template
    plan = template.questions or QuestionPlan()
    held_out = HeldOut.model_validate({"kinds": kinds, "claims": plan.held_out.claims})
    return template.model_copy(update={"questions": plan.model_copy(update={"held_out": held_out})})


def kind_row(found: dict[str, Any]) -> dict[str, Any]:
    """Scores of one kind, beside what needs no signal."""
    row = {key: found[key] for key in ("kind", "held_out", "questions", "chance")}
    for name in ("accuracy", "holds", "refused"):
        row |= {f"{name}, {source.replace('_', ' ')}": found[source][name] for source in SOURCES if source in found}
    return {key: value for key, value in row.items() if value is not None}


def quantity_row(found: dict[str, Any]) -> dict[str, Any]:
    """Stated numbers of one quantity, beside what needs no signal."""
    row = {key: found[key] for key in ("quantity", "unit", "questions")}
    for source in (one for one in (*SOURCES, "training_mean") if one in found):
        row |= {f"{name}, {source.replace('_', ' ')}": found[source][name] for name in ("within", "mae")}
    return row


def conversation(found: dict[str, Any]) -> dict[str, Any]:
    """One conversation as a row: what came before, and what became of each number, as text."""
    earlier = " ".join(f"{question} {answer}" for question, answer in found["earlier"])
    numbers = [f"{one['text']} ({'holds' if one['within'] else 'does not hold'})" for one in found["checks"]]
    shown = {key: found[key] for key in ("kind", "question", "answer", "right")}
    return {"earlier": earlier, **shown, "numbers": ", ".join(numbers)}


def movement(model: SignalLM, table: Table, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The eight questions about movement, each with whether training may ask it in these words."""
    split = table.data[arguments.split]
    rows = spread_rows(split["label"], split["subject"], arguments.windows)
    task = model.task(table.info.signals)
    taught = Curriculum.from_table(table, task, read_weights(arguments.curriculum)).training()
    known = {one.question for one in taught}
    found = []
    for question, answers in TRANSFER.items():
        scores = asked(model, table, arguments.split, rows, question, answers)
        del scores["question, never trained"]
        found.append({"question": question, "trained": "yes" if question in known else "no", **scores})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("table", type=Path)
    parser.add_argument("encoders", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lm", default="smollm2")
    parser.add_argument("--curriculum", default="all")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--rows", type=int, help="to learn from; all by default")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--virtual-tokens", type=int, default=8)
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--save-steps", type=int, default=50)
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--start-from")
    parser.add_argument("--held-out", type=lambda text: text.split(","), metavar="KIND,...")
    parser.add_argument("--windows", type=int, default=60)
    parser.add_argument("--validation", type=int, default=300, help="rows of validation people")
    parser.add_argument("--calibration-examples", type=int, default=32)
    parser.add_argument("--transfer-alone", action="store_true", help="leave out the questions of each kind")
    parser.add_argument("--split", default="test", help="validation, to try things out")
    arguments = parser.parse_args()
    whole = load_table(arguments.table)
    table = whole if arguments.fold is None else fold(whole, arguments.fold, FOLDS)
    cut = take_rows(table, "validation", arguments.validation)
    model = trained(cut, arguments, FrozenLM.from_pretrained(arguments.lm))
    training = read_json(arguments.out / "train.json", "a run")
    of_training = (
        f"{training['steps']} steps in batches of {training['settings']['batch_size']}, {training['seconds']:.0f} s, "
        f"LoRA rank {training['settings']['lora_rank']}, {training['trained_parameters']:,} parameters trained; "
        f"loss {training['losses']['own']:.3f}, with signals of other rows {training['losses']['shuffled']:.3f}, "
        f"without any {training['losses']['without_signal']:.3f}."
    )
    what = f"{table.info.name}, {arguments.lm}"
    if set(table.info.labels) == set(LABELS):
        found = movement(model, table, arguments)
        mean = float(np.mean([row["balanced accuracy"] for row in found]))
        title = f"{what}: the eight questions about movement after the curriculum, mean {mean:.3f}"
        print(record(f"curriculum-{arguments.name}-transfer", found, title, [of_training]), flush=True)
    elif set(table.info.labels) == RHYTHMS:
        split = table.data[arguments.split]
        rows = spread_rows(split["label"], split["subject"], arguments.windows)
        found = rhythm(model, table, arguments.split, rows)
        title = f"{what}: two questions about RR intervals after the curriculum"
        print(record(f"curriculum-{arguments.name}-transfer", found, title, [of_training]), flush=True)
    if arguments.transfer_alone:
        return
    report = evaluate_questions(
        model, table, arguments.split, count=arguments.windows, progress=lambda text: print(text, flush=True)
    )
    title = f"{what}: questions that training never asked, {report['rows']} windows of people never seen"
    print(record(f"curriculum-{arguments.name}", [kind_row(one) for one in report["kinds"]], title, [of_training]))
    title = f"{what}: numbers in answers about windows of people never seen"
    record(f"curriculum-{arguments.name}-quantities", [quantity_row(one) for one in report["quantities"]], title)
    drawn = np.random.default_rng(0).permutation(len(report["transcripts"]))[:SHOWN]
    title = f"{what}: {SHOWN} conversations about windows of people never seen, drawn by seed"
    record(
        f"curriculum-{arguments.name}-transcripts", [conversation(report["transcripts"][one]) for one in drawn], title
    )


if __name__ == "__main__":
    main()
