"""``sig2lm demo``: the whole pipeline on simulated recordings and the embedded LM, without data or network."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sig2lm.cli.evaluate import show_report
from sig2lm.cli.groups import Placement, takes_groups

if TYPE_CHECKING:
    from sig2lm.datasets import Table
    from sig2lm.model.signal_lm import SignalLM

# For two minutes on two cores: one task from the beginning, and a run that was trained before for the other.
SHOWN, READY = "af_rr", "har"
PRETRAIN_EPOCHS, FINE_TUNE_EPOCHS, ADAPTER_EPOCHS = 4, 4.0, 3.0
TALK = ("What is the person doing?", "Describe the movement.", "Why do you think so?")


@takes_groups
def demo(
    out: Annotated[Path, typer.Option(help="A new folder for data, encoders, runs and reports.")] = Path("runs/demo"),
    *,
    placement: Placement,
) -> None:
    """Simulate recordings, pretrain an encoder, train an adapter for the embedded LM, score it, and converse.

    Example: sig2lm demo --out runs/demo
    """
    import time

    from sig2lm.datasets import load_table, prepare
    from sig2lm.files import check_new, write_json

    check_new(out)
    started = time.perf_counter()
    typer.echo("People who do not exist, simulated; a small embedded LM reads them: a demonstration, not a result.")
    prepare("synthetic", None, out / "data")
    table = load_table(out / "data" / SHOWN)
    typer.echo(f"\n1. From data to answers: {SHOWN}, {table.info.kept} windows, {', '.join(table.info.labels)}")
    model, report = _learn(table, out, placement)
    write_json(out / "report.json", report)
    _ask(model, table)
    recording = out / "jogging.npz"
    _converse(recording, placement)
    typer.echo(f"\n{time.perf_counter() - started:.0f} s in all. What next? Everything is in {out}:")
    for question, command in _next(out, recording):
        typer.echo(f"  {question}\n    {_program()} {command}")


def _learn(table: "Table", out: Path, placement: Placement) -> "tuple[SignalLM, dict[str, Any]]":
    """Pretrain an encoder, fine-tune it on the labels, train an adapter, and score it."""
    from sig2lm.encoder import save_encoder
    from sig2lm.evaluation.evaluate import evaluate
    from sig2lm.pocket import POCKET
    from sig2lm.pretraining import PretrainSettings, pretrain_encoder
    from sig2lm.pretraining.fine_tuning import FineTuneSettings, fine_tuned_encoders
    from sig2lm.templates.template import load_template
    from sig2lm.training.train_adapter import train_adapter
    from sig2lm.training.trainer import TrainSettings

    task = table.info.task
    device: Literal["auto", "cpu"] = "cpu" if placement.device == "cpu" else "auto"
    # The quickest objective: what the labels teach afterwards leaves little of the difference.
    encoder, provenance = pretrain_encoder(
        table, PretrainSettings(objective="masked", epochs=PRETRAIN_EPOCHS, device=device)
    )
    save_encoder(encoder, out / "encoders" / task, provenance)
    typer.echo(f"   encoder pretrained without labels in {provenance['seconds']:.0f} s")
    name = next(iter(table.info.signals))
    tuning = FineTuneSettings(epochs=FINE_TUNE_EPOCHS, device=device)
    classifier, records = fine_tuned_encoders(table, {name: out / "encoders" / task}, table.info.labels, tuning)
    save_encoder(classifier.encoder(name), out / "fine_tuned" / task, records[name])
    typer.echo(f"   then fine-tuned on the labels in {records[name]['seconds']:.0f} s")
    outcome = train_adapter(
        table,
        {name: out / "fine_tuned" / task},
        out / "runs" / task,
        lm=placement.load(POCKET),
        template=load_template(task),
        settings=TrainSettings(epochs=ADAPTER_EPOCHS, batch_size=16),
    )
    if outcome.interrupted:
        raise KeyboardInterrupt
    typer.echo(f"   adapter trained ({outcome.trained_parameters:,} parameters) in {outcome.seconds:.0f} s")
    report = evaluate(outcome.model, table).report
    show_report(report)
    return outcome.model, report


def _ask(model: "SignalLM", table: "Table") -> None:
    """Ask the template's question about the first test recording of each label."""
    rows = table.data["test"].with_format("numpy")
    labels = list(table.data["test"]["label"])
    question = model.tasks[0].template.question[0]
    typer.echo(f"   {question}")
    for label in table.info.labels:
        answer = model.ask(table.signals(rows[labels.index(label)]), question)
        typer.echo(f"     {answer.text} ({answer.confidence:.0%}), simulated as {label}")


def _converse(recording: Path, placement: Placement) -> None:
    """Hold a conversation about a recording of somebody new, with the run that ships with the package."""
    from sig2lm.model.signal_lm import SignalLM
    from sig2lm.signals import save_signal
    from sig2lm.signals.simulation import simulate

    (signal,) = simulate(READY, "jogging", seed=1).values()
    save_signal(signal, recording)
    typer.echo(f"\n2. A conversation with the run that ships with the package, about {recording}:")
    chat = SignalLM.from_pretrained(f"pocket-{READY}", **placement.stated).chat(signal)
    for question in TALK:
        answer = chat.ask(question)
        sure = "" if answer.confidence is None else f" ({answer.confidence:.0%})"
        typer.echo(f"   > {question}\n   {answer.text}{sure}")


def _program() -> str:
    """How this program was called: after `make demo` it is in .venv/bin and not on the path."""
    return sys.argv[0] if Path(sys.argv[0]).name == "sig2lm" and not shutil.which("sig2lm") else "sig2lm"


def _next(out: Path, recording: Path) -> list[tuple[str, str]]:
    """Questions that a newcomer may have now, and the commands that answer them."""
    run, data = f"{out}/runs/{SHOWN}", f"{out}/data/{SHOWN}"
    return [
        ("What else can be asked about a recording?", f"chat pocket-{READY} --signal {recording}"),
        ("Does it read the signal, or guess?", f"evaluate {run} --data {data} --html {out}/{SHOWN}.html"),
        ("How do numbers as text compare?", f"evaluate {run} --data {data} --compare --rows 100"),
        ("What would an LM see of these numbers?", f"tokenizer-report {recording} --html {out}/numbers.html"),
        ("What can be measured without any model?", f"quantities {recording}"),
        (
            "What does a real LM make of it? (make lm fetches it)",
            f"train-adapter --lm smollm2 --data {data} --encoder {out}/fine_tuned/{SHOWN} --out {out}/smollm2",
        ),
        ("And my own recordings? (formats lists what is read)", "prepare manifest FOLDER data/mine"),
    ]
