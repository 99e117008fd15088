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
    from sig2lm.files import write_json

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
    for column in ("", "accuracy", "macro-F1", "AUROC"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("signal read by the LM", *_cells(report, report["ci"]))
    for control, found in report["reliance"].items():
        table.add_row(control.replace("_", " "), *_cells(found))
    table.add_row("linear probe, no LM", *_cells(report["probe"]))
    console = Console()
    console.print(table)
    console.print(
        f"calibration error {report['ece']:.3f}; {report['seconds_per_answer'] * 1000:.1f} ms an answer; "
        f"LM {report['lm']['name']}; brackets: 95 % over subjects",
        highlight=False,
    )


def _cells(found: dict[str, Any], intervals: dict[str, Any] | None = None) -> list[str]:
    cells = []
    for name in ("accuracy", "macro_f1", "auroc"):
        value, interval = found.get(name), (intervals or {}).get(name)
        text = "-" if value is None else f"{value:.3f}"
        cells.append(f"{text} [{interval[0]:.3f}, {interval[1]:.3f}]".replace("[", r"\[") if interval else text)
    return cells
