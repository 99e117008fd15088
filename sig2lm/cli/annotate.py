"""``sig2lm annotate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.cli.cohort import ManyRecordings, say_cohort
from sig2lm.cli.groups import RunPlaces, takes_groups
from sig2lm.cli.options import (
    ChoicesOption,
    FactOption,
    RunArgument,
    facts,
    paths_of,
    split_choices,
)
from sig2lm.cli.output import PANEL, JsonOption, write_output
from sig2lm.cli.recordings import RunRecordings, say_notes
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.model.annotate import Annotation
    from sig2lm.pages.timeline.digest import Digest
    from sig2lm.signals import Signal


@takes_groups
def annotate(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            help="A CSV file: start_s, end_s, label, each label's probability, relies_on_signal; with --signals a "
            "folder of Parquet."
        ),
    ],
    question: Annotated[
        str | None,
        typer.Argument(
            metavar="QUESTION",
            help="By default the template's first. Others are closed only with --choices.",
            show_default=False,
        ),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option("--signal", metavar="[NAME=]FILE", help="A recording of any format that `sig2lm formats` lists."),
    ] = None,
    choices: ChoicesOption = None,
    window: Annotated[
        float | None, typer.Option(help="Seconds (rows of a series without a rate); by default the encoder's window.")
    ] = None,
    stride: Annotated[
        float | None, typer.Option(help="From the start of a window to the next, likewise; by default the window.")
    ] = None,
    json_file: JsonOption = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with a timeline there.", rich_help_panel=PANEL)
    ] = None,
    fact: FactOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows asked about at once.")] = 64,
    *,
    many: ManyRecordings,
    places: RunPlaces,
    reading: RunRecordings,
) -> None:
    """Ask about each window of a recording of any length; one row a window, and a timeline.

    With --signals, of many recordings: a Parquet file each, and a list of those that failed (exit code 1).

    Example: sig2lm annotate pocket-har --signal walk.csv --sampling-rate 50 --out walk_labels.csv --html walk.html

    Example: sig2lm annotate pocket-har --signals 'data/**/*.csv' --out labels/ --workers 4 --resume
    """
    from sig2lm.cli.loading import read_signals, say_beats
    from sig2lm.files import check_outputs, replaced_file
    from sig2lm.pages.timeline.digest import Digest
    from sig2lm.progress import Progress
    from sig2lm.signals.annotation_rows import row_file

    asked: dict[str, Any] = {"question": question, "choices": split_choices(choices), "facts": facts(fact)}
    asked |= {"window": window, "stride": stride, "batch_size": batch_size}
    if many.meant(signal):
        if html is not None:
            raise Sig2LMError("--html shows one recording; leave it out with --signals")
        check_outputs({"--json": json_file})
        say_cohort(*many.annotate(run, out, asked, places, reading), out, json_file)
        return
    assert signal is not None
    check_outputs({"--out": out, "--html": html, "--json": json_file}, paths_of(signal))
    model = places.load_run(run)
    readings = read_signals(model, signal, reading)
    signals = {name: read.signal for name, read in readings.items()}
    annotation = model.annotate(signals, believe=True, **asked)
    for read in readings.values():
        say_notes(read.file, read.notes)
    for track in annotation.tracks.values():
        if track.beats:
            say_beats(*track.beats)
    digest = Digest(annotation.end, annotation.question.choices)
    with (
        row_file(out, annotation.question.choices) as write,
        Progress("annotating", len(annotation), unit="windows") as progress,
    ):
        for row in annotation:
            write(row)
            digest.add(row)
            progress.advance()
    notes = _notes(annotation, digest)
    if html:
        with replaced_file(html) as temporary:
            temporary.write_text(_page(annotation, digest, signals, run, signal, notes), encoding="utf-8")
    content = {
        "windows": digest.windows,
        "without_values": digest.missing,
        "counts": digest.counts(),
        "notes": notes,
        "rows": str(out),
    }
    if not write_output(json_file, content):
        _say(digest, notes, out)


def _notes(annotation: "Annotation", digest: "Digest") -> tuple[str, ...]:
    """What was left out or done beforehand, in sentences."""
    notes = [
        f"{count:,} heart beats were found in the channel {lead}; the questions are about the intervals between them."
        for count, lead in (track.beats for track in annotation.tracks.values() if track.beats)
    ]
    if digest.missing:
        words = "window holds no values and has" if digest.missing == 1 else "windows hold no values and have"
        notes.append(f"{digest.missing:,} {words} no label.")
    if digest.by_habit:
        words = "answer does" if digest.by_habit == 1 else "answers do"
        notes.append(f"{digest.by_habit:,} {words} not rely on the signal (relies_on_signal is no).")
    if annotation.left_over > 1e-6:
        notes.append(f"The last {annotation.left_over:.3g} s make no whole window and are left out.")
    return tuple(notes)


def _page(
    annotation: "Annotation",
    digest: "Digest",
    signals: "dict[str, Signal]",
    run: str,
    files: list[str],
    notes: tuple[str, ...],
) -> str:
    from sig2lm.pages.timeline.digest import traces
    from sig2lm.pages.timeline.page import Heading, to_html

    drawn = []
    for name, signal in signals.items():
        track = annotation.tracks.get(name)
        drawn.append(traces(signal, track.times if track and signal.sampling_rate is None else None))
    recording = ", ".join(Path(file.partition("=")[2] or file).name for file in files)
    heading = Heading(
        recording, annotation.question.text, Path(run).name or run, Path(annotation.model.lm.name).name, notes
    )
    return to_html(heading, digest, drawn)


def _say(digest: "Digest", notes: tuple[str, ...], out: Path) -> None:
    answered = max(digest.windows - digest.missing, 1)
    typer.echo(f"{digest.windows:,} windows in {out}")
    for label, count in sorted(digest.counts().items(), key=lambda item: -item[1]):
        typer.echo(f"  {count / answered:6.1%}  {label}")
    for note in notes:
        typer.echo(note)
