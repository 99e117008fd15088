"""``sig2lm questions``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sig2lm.cli.options import SeedOption, Split
from sig2lm.cli.output import JsonOption, write_output

if TYPE_CHECKING:
    from sig2lm.training.questions import Asked


def questions(
    data: Annotated[Path, typer.Argument(help="A prepared table.")],
    template: Annotated[str | None, typer.Option(help="Template name or YAML file; by default the task's own.")] = None,
    kinds: Annotated[
        str, typer.Option("--kinds", metavar="KIND[=WEIGHT],...", help="Which kinds; all by default.")
    ] = "all",
    split: Annotated[Split, typer.Option(help="Whose recordings.")] = "train",
    held_out: Annotated[bool, typer.Option("--held-out", help="Those that training never shows.")] = False,
    count: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    seed: SeedOption = 0,
    json_file: JsonOption = None,
) -> None:
    """Show what `train-adapter --curriculum` asks about a table's recordings, or what it never asks.

    Example: sig2lm questions data/har --kinds measure,compare --count 10
    """
    from dataclasses import asdict

    from sig2lm.cli.loading import template_for
    from sig2lm.datasets import load_table
    from sig2lm.files import check_outputs
    from sig2lm.templates import Task
    from sig2lm.training.curriculum import Curriculum, read_weights

    check_outputs({"--json": json_file}, [data])
    table = load_table(data)
    task = Task.from_template(template_for(table, template), table.info.labels)
    curriculum = Curriculum.from_table(table, task, read_weights(kinds), seed)
    found = curriculum.transfer(split, count) if held_out else curriculum.training(split, count)
    if not write_output(json_file, {"questions": [asdict(one) for one in found]}):
        _show(found)


def _show(found: "list[Asked]") -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table("row", "kind", "question", "answer", "held out", row_styles=["", "dim"])
    for one in found:
        before = [f"{question} — {answer}" for question, answer in one.earlier]
        choices = f" ({' / '.join(one.choices)})" if one.choices else ""
        row = str(one.row) if one.beside is None else f"{one.row} and {one.beside}"
        grid.add_row(row, one.kind, "\n".join([*before, one.question]), one.answer + choices, one.held_out)
    Console().print(grid)
