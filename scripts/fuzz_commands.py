"""Malformed command lines: options with values that cannot be, words out of place, outputs that lose something."""

from pathlib import Path

import typer
from fuzz_common import TEXTS, Rng, commands, draw, fixtures, generator

from sig2lm.cli import app

OUTPUTS = ("--out", "--html", "--json", "--markdown", "--predictions")


@generator
def options(rng: Rng, folder: Path) -> list[str]:
    """One or two options of any command with a value that cannot be, or hardly."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    line = list(draw(rng, list(commands().values())))
    flags = [p.opts[0] for p in known[line[0]].params if p.opts[0].startswith("--") and p.opts[0] != "--resume"]
    for flag in rng.choice(flags, min(len(flags), int(rng.integers(1, 3))), replace=False):
        line += [str(flag), draw(rng, TEXTS)]
    return line


@generator
def arguments(rng: Rng, folder: Path) -> list[str]:
    """A word of a right line replaced, left out or said twice."""
    line = list(draw(rng, list(commands().values())))
    at = int(rng.integers(1, len(line))) if len(line) > 1 else 0
    if at and draw(rng, (True, True, False)):
        line[at] = draw(rng, TEXTS)
    elif at:
        line[at : at + 1] = draw(rng, ([], [line[at]] * 2))
    return line


@generator
def outputs(rng: Rng, folder: Path) -> list[str]:
    """Outputs that cannot be, or that something is lost by."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    written = {
        name: [param.opts[0] for param in known[name].params if param.opts[0] in OUTPUTS]
        for name in commands()
        if name not in ("demo", "prepare")
    }
    name = draw(rng, [name for name, flags in written.items() if flags])
    places = (*TEXTS, "walk.csv", "walk.csv", str(fixtures.table / "table.json"), str(fixtures.encoder))
    return [*commands()[name], draw(rng, written[name]), draw(rng, places)]


@generator
def full(rng: Rng, folder: Path) -> list[str]:
    """A right line with everything that it can write, on a disk where no file grows beyond four KiB."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    name = draw(rng, [name for name in commands() if name not in ("serve", "web", "demo")])
    line = commands()[name]
    files = {"--html": "page.html", "--json": "it.json", "--markdown": "it.md", "--predictions": "it.csv"}
    further = [flag for flag in files if any(flag in param.opts for param in known[name].params)]
    if further and "--out" not in line:  # one output: of several the first may be whole
        flag = draw(rng, further)
        line += [flag, files[flag]]
    return line


@generator
def cohorts(rng: Rng, folder: Path) -> list[str]:
    """Patterns and folders of a cohort that cannot be, or hardly."""
    line = ["annotate", "pocket-har", "--signals", "*.csv", "--out", "labels"]
    flags = ("--workers", "--engine", "--window", "--stride", "--batch-size", "--signal", "--html", "--start")
    way = draw(rng, ("pattern", "pattern", "out", "option"))
    if way == "option":
        return [*line, draw(rng, flags), draw(rng, TEXTS)]
    patterns = (
        "**/*",
        "**",
        "[",
        "motion=*.csv",
        "motion=motion=*",
        "*/" * 200,
        "{a,b}*",
        "/proc/*/fd/*",
        "walk.csv/*",
    )
    line[line.index("--signals" if way == "pattern" else "--out") + 1] = draw(rng, (*TEXTS, *patterns))
    return line
