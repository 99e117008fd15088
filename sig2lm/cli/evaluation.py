"""``sig2lm evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sig2lm.cli.options import DataOption, EncoderPlaces, LMOption, RunArgument


def evaluate(
    run: RunArgument,
    data: DataOption,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report there.")] = None,
    lm: LMOption = None,
    encoder: EncoderPlaces = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
) -> None:
    """Score a run, beside shuffled and zeroed signals, text only, and a linear probe of its encoder."""
    from sig2lm.cli.loading import load_run
    from sig2lm.datasets import load_table
    from sig2lm.evaluate import evaluate as score
    from sig2lm.files import check_writable, write_json

    if json_file is not None:
        check_writable(json_file)
    table = load_table(data)
    model = load_run(run, lm, encoder)
    report = score(model, table, split, batch_size, progress=lambda line: typer.echo(f"{line} ...", err=True)).report
    if json_file is not None:
        write_json(json_file, report)
    show_report(report)


def show_report(report: dict[str, Any]) -> None:
    """Print a report as a table."""
    from rich.console import Console
    from rich.table import Table

    title = f"{report['task']}, {report['split']}: {report['examples']} questions, {report['subjects']} subjects"
    table = Table(title=title, title_justify="left")
    table.add_column()
    for column in ("accuracy", "macro-F1", "AUROC"):
        table.add_column(column, justify="right")
    table.add_row("the LM reads the signal", *map(_number, _scores(report)))
    table.add_row("  95 % over subjects", *map(_interval, _scores(report["ci"])))
    for control, found in report["reliance"].items():
        table.add_row(control.replace("_", " "), *map(_number, _scores(found)))
    table.add_row("linear probe, no LM", *map(_number, _scores(report["probe"])))
    console = Console()
    console.print(table)
    console.print(
        f"calibration error {report['ece']:.3f}; {report['seconds_per_answer'] * 1000:.1f} ms an answer; "
        f"LM: {report['lm']['name']}",
        highlight=False,
    )


def _scores(found: dict[str, Any]) -> list[Any]:
    return [found.get(name) for name in ("accuracy", "macro_f1", "auroc")]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
