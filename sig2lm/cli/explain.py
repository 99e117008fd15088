"""``sig2lm explain``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.cli.checks import say_checks, say_reliance, without_signal
from sig2lm.cli.groups import Asked, RunPlaces, Writing, takes_groups
from sig2lm.cli.options import QUESTION, RunArgument, SignalOption, paths_of
from sig2lm.cli.output import PANEL, JsonOption, write_output
from sig2lm.cli.recordings import RunRecordings

if TYPE_CHECKING:
    from sig2lm.model.answer import Answer
    from sig2lm.model.evidence import SignalEvidence

_BLOCKS = "▁▂▃▄▅▆▇█"


@takes_groups
def explain(
    run: RunArgument,
    signal: SignalOption,
    stretches: Annotated[
        int, typer.Option(min=1, help="Stretches of time that are hidden in turn.", rich_help_panel=QUESTION)
    ] = 16,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the shaded signal.", rich_help_panel=PANEL)
    ] = None,
    json_file: JsonOption = None,
    *,
    asked: Asked,
    writing: Writing,
    places: RunPlaces,
    reading: RunRecordings,
) -> None:
    """Ask one question about a recording, and show what the answer rests on: which stretches, which channels.

    Example: sig2lm explain pocket-har --signal run.npz "What is the person doing?" --html why.html
    """
    from dataclasses import asdict

    import torch

    from sig2lm.cli.loading import load_signals
    from sig2lm.files import check_outputs
    from sig2lm.pages.base import write_page
    from sig2lm.pages.explanation import Explained, changed, to_html

    check_outputs({"--html": html, "--json": json_file}, paths_of(signal))
    model = places.load_run(run)
    signals = load_signals(model, signal, reading)
    torch.manual_seed(writing.seed)
    answer = model.explain(
        signals,
        asked.question,
        asked.labels,
        facts=asked.facts,
        stretches=stretches,
        believe=True,
        **writing.stated,
    )
    assert answer.evidence is not None
    content: dict[str, Any] = {
        "question": asked.question or model.task(signals).template.question[0],
        "text": answer.text,
        "label": answer.label,
        "probabilities": answer.probabilities,
        "relies_on_signal": answer.relies_on_signal,
        "checks": [asdict(check) for check in answer.checks],
        "evidence": answer.evidence.to_dict(),
    }
    if html:
        recording = ", ".join(Path(file.partition("=")[2] or file).name for file in signal)
        shown = [signals[one.name] for one in answer.evidence.signals]
        told = answer.reliance
        notes = () if told is None or told.holds else (f"This answer {without_signal(told)}.",)
        page = Explained(content, shown, recording, Path(run).name or run, Path(model.lm.name).name, notes)
        write_page(to_html(page), html)
    if not write_output(json_file, content):
        typer.echo(answer.text)
        say_checks(answer.checks)
        say_reliance(answer.reliance)
        typer.echo(f"  with the signal {changed(answer.evidence.change)} without it")
        _say(answer)


def _say(answer: "Answer") -> None:
    """Print what each recording adds: a line along time, then each channel with its own."""
    assert answer.evidence is not None
    for one in answer.evidence.signals:
        start, end = one.peak
        typer.echo(f"{one.name}: most from {start:.3g} to {end:.3g} {one.clock}; change of the log-odds when hidden:")
        for name, whole, cells in _lines(one):
            typer.echo(f"  {sparkline(cells)}  {whole}  {name}")


def _lines(one: "SignalEvidence") -> list[tuple[str, str, list[float]]]:
    """Name, change as a whole and changes along time: of all channels, then of each."""
    lines = [("all channels", "      ", one.by_time.tolist())]
    if len(one.channels) > 1:
        pairs = zip(one.channels, one.by_channel.tolist(), one.by_cell.tolist(), strict=True)
        lines += [(name, f"{whole:+6.2f}" if math.isfinite(whole) else "     –", cells) for name, whole, cells in pairs]
    return lines


def sparkline(changes: list[float]) -> str:
    """Draw the size of changes, for or against, against the greatest of them.

    >>> sparkline([0.0, 0.1, 2.0, -1.0, float("nan")])
    '▁▁█▅ '
    """
    sizes = [abs(change) for change in changes]
    largest = max((size for size in sizes if math.isfinite(size)), default=0.0) or 1.0
    return "".join(
        _BLOCKS[round(size / largest * (len(_BLOCKS) - 1))] if math.isfinite(size) else " " for size in sizes
    )
