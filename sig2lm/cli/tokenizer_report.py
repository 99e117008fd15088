"""``sig2lm tokenizer-report``: what a language model will see of pasted numbers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sig2lm.cli.groups import takes_groups
from sig2lm.cli.output import PANEL, STANDARD, JsonOption
from sig2lm.cli.recordings import Recordings, read_options, say_notes

if TYPE_CHECKING:
    from sig2lm.tokenization import Series, TokenizerReport

BUILT_IN = {"har": "walking", "af_rr": "atrial fibrillation", "stress": "stressed"}


@takes_groups
def tokenizer_report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Recordings; by default three simulated ones.", show_default=False),
    ] = None,
    tokenizer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME_OR_FOLDER", help="A folder, a hub name or a tiktoken name; repeatable."),
    ] = None,
    serializer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="plain, fixed:2, significant:3, scaled:2, ...; repeatable; default all."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page that needs nothing else.", rich_help_panel=PANEL),
    ] = None,
    json_file: JsonOption = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a summary as Markdown.", rich_help_panel=PANEL)
    ] = None,
    lm: Annotated[Path | None, typer.Option(metavar="FOLDER", help="An LM whose embeddings to probe.")] = None,
    rows: Annotated[int, typer.Option(min=2, help="Rows of each file to analyse; tokens are counted in all.")] = 10_000,
    virtual_tokens: Annotated[int, typer.Option(min=1, help="Soft prompt to compare with.")] = 16,
    *,
    reading: Recordings,
) -> None:
    """Show what a tokenizer makes of numbers, and how best to write them.

    Example: sig2lm tokenizer-report walk.csv --html report.html
    """
    # Nothing here forks after encoding, so the tokenizers may use every core.
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    from rich.console import Console

    from sig2lm.files import check_outputs
    from sig2lm.pages.tokenizer_report import to_html
    from sig2lm.progress import Progress
    from sig2lm.tokenization import load_tokenizer, pocket_tokenizer
    from sig2lm.tokenization import tokenizer_report as analyse
    from sig2lm.tokenization.markdown import to_markdown
    from sig2lm.tokenization.terminal import summary

    check_outputs({"--html": html, "--json": json_file, "--markdown": markdown}, files or [])
    tokenizers = [load_tokenizer(name) for name in tokenizer or []]
    if not tokenizers and lm is None:
        tokenizers = [pocket_tokenizer()]
    series = _read(files or [], rows, reading)
    with Progress("measuring", 100, unit="%") as progress:
        report: TokenizerReport = analyse(
            tokenizers,
            series,
            serializers=serializer or (),
            lm=lm,
            virtual_tokens=virtual_tokens,
            progress=lambda text, part: progress.advance(round(100 * part) - progress.done),
        )
    if json_file == STANDARD:
        typer.echo(report.to_json())
    else:
        Console().print(summary(report))
    written = None if json_file == STANDARD else json_file
    _write({html: lambda: to_html(report), written: report.to_json, markdown: lambda: to_markdown(report)})


def _write(outputs: dict[Path | None, Callable[[], str]]) -> None:
    from sig2lm.files import replaced_file

    for path, text in outputs.items():
        if path is not None:
            with replaced_file(path) as temporary:
                temporary.write_text(text(), encoding="utf-8")
            typer.echo(f"wrote {path}", err=True)


def _read(files: list[Path], rows: int, reading: Recordings) -> "list[Series]":
    from sig2lm.tokenization import read_series

    if not files:
        return built_in_series()
    found = [read_series(path, rows=rows, **read_options(reading).stated) for path in files]
    for path, series in zip(files, found, strict=True):
        say_notes(path, series.notes)
    return found


def built_in_series() -> "list[Series]":
    """Simulate one recording for each of the three tasks."""
    from sig2lm.signals.simulation import simulate
    from sig2lm.tokenization import series_from_signal

    series = []
    for task, label in BUILT_IN.items():
        for name, signal in simulate(task, label).items():
            series.append(series_from_signal(signal, f"simulated {name} ({label})"))
    return series
