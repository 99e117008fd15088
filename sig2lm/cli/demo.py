"""``sig2lm demo``: the whole road on simulated recordings and the embedded LM, without data and without a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.cli.evaluate import show_report

if TYPE_CHECKING:
    from sig2lm.datasets import Table
    from sig2lm.model.signal_lm import SignalLM

# For minutes on two cores: these data sets are small, so they are seen more often, in smaller batches.
PRETRAIN_EPOCHS, ADAPTER_EPOCHS, BATCH_SIZE = 10, 8, 16


def demo(
    out: Annotated[Path, typer.Option(help="A new folder for data, encoders, runs and reports.")] = Path("runs/demo"),
) -> None:
    """Simulate recordings, pretrain encoders, train adapters for the embedded LM, and ask it questions."""
    import json
    import time

    from sig2lm.datasets import load_table, prepare
    from sig2lm.files import check_new, write_json

    check_new(out)
    started = time.perf_counter()
    typer.echo("People who do not exist, simulated; a small embedded LM reads them: a demonstration, not a result.")
    tables = prepare("synthetic", None, out / "data")
    assert isinstance(tables, list)
    reports, answers = {}, []
    for info in tables:
        typer.echo(f"\n{info.task}: {info.kept} windows, {', '.join(info.labels)}")
        table = load_table(out / "data" / info.task)
        model, report = _learn(table, out)
        reports[info.task] = report
        answers.append(_ask(model, table))
    write_json(out / "report.json", reports)
    typer.echo("\nThree test recordings, three questions:")
    for answer in answers:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    typer.echo(f"\n{time.perf_counter() - started:.0f} s in all. Runs, encoders and reports are in {out}; go on with")
    typer.echo(f"  sig2lm evaluate {out}/runs/har --data {out}/data/har")


def _learn(table: "Table", out: Path) -> "tuple[SignalLM, dict[str, Any]]":
    """Pretrain an encoder, teach it the labels, train an adapter, and score it."""
    from sig2lm.encoder import save_encoder
    from sig2lm.evaluation.evaluate import evaluate
    from sig2lm.lm import FrozenLM
    from sig2lm.pocket import POCKET
    from sig2lm.pretraining import PretrainSettings, pretrain_encoder
    from sig2lm.pretraining.fine_tuning import fine_tuned_encoders
    from sig2lm.templates.template import load_template
    from sig2lm.training.train_adapter import train_adapter
    from sig2lm.training.trainer import TrainSettings

    task = table.info.task
    # The quickest objective: what the labels teach afterwards leaves little of the difference.
    encoder, provenance = pretrain_encoder(table, PretrainSettings("masked", PRETRAIN_EPOCHS))
    save_encoder(encoder, out / "encoders" / task, provenance)
    typer.echo(f"  encoder pretrained without labels in {provenance['seconds']:.0f} s")
    name = next(iter(table.info.signals))
    classifier, records = fine_tuned_encoders(table, {name: out / "encoders" / task}, table.info.labels)
    save_encoder(classifier.encoder(name), out / "fine_tuned" / task, records[name])
    typer.echo(f"  then taught the labels in {records[name]['seconds']:.0f} s")
    outcome = train_adapter(
        table,
        {name: out / "fine_tuned" / task},
        out / "runs" / task,
        lm=FrozenLM.from_pretrained(POCKET),
        template=load_template(task),
        settings=TrainSettings(epochs=ADAPTER_EPOCHS, batch_size=BATCH_SIZE),
    )
    if outcome.interrupted:
        raise KeyboardInterrupt
    typer.echo(f"  adapter trained ({outcome.trained_parameters:,} parameters) in {outcome.seconds:.0f} s")
    report = evaluate(outcome.model, table).report
    show_report(report)
    return outcome.model, report


def _ask(model: "SignalLM", table: "Table") -> dict[str, Any]:
    """Ask the template's question about the first test recording."""
    row = table.data["test"].with_format("numpy")[0]
    question = model.tasks[0].template.question[0]
    answer = model.ask(table.signals(row), question)
    assert answer.probabilities is not None
    return {
        "question": question,
        "answer": answer.text,
        "probability": round(answer.probabilities[answer.text], 3),
        "simulated as": str(row["label"]),
    }
