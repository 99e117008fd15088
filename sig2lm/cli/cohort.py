"""``sig2lm annotate --signals``: many recordings, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sig2lm.cli.groups import RunPlaces
from sig2lm.cli.options import named, say
from sig2lm.cli.output import write_output
from sig2lm.cli.recordings import RunRecordings, read_options
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.cohort import CohortSummary

PANEL = "Many recordings"
_TOLD = 5  # notes and reasons that are said, the commonest


@dataclass(frozen=True)
class ManyRecordings:
    """Which recordings, and who works on them."""

    signals: Annotated[
        str | None,
        typer.Option(
            "--signals",
            metavar="[NAME=]PATTERN",
            help="Annotate every recording that matches, quoted: 'DIR/**/*'; --out is then a folder.",
            rich_help_panel=PANEL,
        ),
    ] = None
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="Processes here, or actors of Ray Data (RAY_ADDRESS).", rich_help_panel=PANEL),
    ] = "local"
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="How many load the model side by side.", rich_help_panel=PANEL)
    ] = 1
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with what lies in --out; failures are tried again.", rich_help_panel=PANEL
        ),
    ] = False

    def meant(self, signal: Sequence[str] | None) -> bool:
        """Tell whether many recordings are meant, and not one that ``--signal`` names.

        Raises
        ------
        Sig2LMError
            If both are, or neither, or options of the one are given for the other.
        """
        if bool(signal) == (self.signals is not None):
            raise Sig2LMError("expected --signal FILE or --signals PATTERN, one of them; see `sig2lm annotate --help`")
        if signal and (self.resume or self.workers > 1 or self.engine != "local"):
            raise Sig2LMError("--engine, --workers and --resume are for many recordings; name them by --signals")
        return self.signals is not None

    def annotate(
        self, run: str, out: Path, asked: Mapping[str, Any], places: RunPlaces, reading: RunRecordings
    ) -> "tuple[CohortSummary, tuple[str, ...]]":
        """Annotate what matches; return what became of it, and what is to be said of the pattern.

        Parameters
        ----------
        run, out, places, reading
            As on the command line.
        asked
            The fields of a :class:`~sig2lm.cohort.CohortJob` that say what is asked.
        """
        from sig2lm.cohort import CohortJob, annotate_cohort, find_sources
        from sig2lm.model.checkpoint import run_signals

        question = asked["question"]
        if question and Path(question).exists():  # what the shell made of the pattern
            raise Sig2LMError(f"the question is '{question}', a file: put the pattern behind --signals in quotes")
        names = run_signals(run)
        ((name, pattern),) = named([self.signals or ""], names, "--signals").items()
        found = find_sources(pattern, out)
        job = CohortJob(
            run,
            name,
            **asked,
            reading=read_options(reading, name, names),
            believe=reading.believe,
            lm=places.lm,
            encoder=named(places.encoder, names, "--encoder").get(name) if places.encoder else None,
            placement=places.stated,
        )
        options: dict[str, Any] = {"engine": self.engine, "workers": self.workers, "resume": self.resume}
        return annotate_cohort(job, found.sources, out, **options), found.notes


def say_cohort(summary: "CohortSummary", found: Sequence[str], out: Path, json_file: Path | None) -> None:
    """Print what became of a cohort, and leave with exit code 1 if a recording failed."""
    for note in found:
        say(note)
    for note, count in summary.notes.most_common(_TOLD):
        say(f"{note} ({_recordings(count)})")
    if not write_output(json_file, {**summary.to_dict(), "rows": str(out)}):
        rows = f"{summary.windows:,} windows of {_recordings(summary.annotated)} in {out}"
        typer.echo(f"{rows}; {summary.skipped:,} were finished before" if summary.skipped else rows)
        if summary.without_values:
            typer.echo(f"{summary.without_values:,} windows hold no values and have no label.")
    if summary.failed:
        typer.echo(f"{_recordings(summary.failed)} failed, listed in {summary.failures}:", err=True)
        for reason, count in summary.reasons.most_common(_TOLD):
            say(f"  {count:,}: {reason}")
        raise typer.Exit(1)


def _recordings(count: int) -> str:
    return f"{count:,} recording{'' if count == 1 else 's'}"
