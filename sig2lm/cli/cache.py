"""``sig2lm cache``: what is kept so that it need not be made again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

_KEPT = {"capabilities": "what LMs can do, measured", "gguf": "LMs converted from GGUF files"}


def cache(
    tables: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[TABLE]...", help="Prepared tables, beside whose rows encoded patches are kept."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it; it is made again when needed.")] = False,
) -> None:
    """Show what is kept so that it need not be made again, and how much room it takes.

    Example: sig2lm cache data/har --clear
    """
    from sig2lm.datasets import load_table
    from sig2lm.files import cache_folder

    home = cache_folder()
    for name, what in _KEPT.items():
        _show(what, home / name, list(_files(home / name)), clear)
    for table in tables or []:
        place = load_table(table).path
        _show("patches of frozen encoders", place, sorted(place.glob("*/cache-*.arrow")), clear)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _show(what: str, place: Path, files: list[Path], clear: bool) -> None:
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    if clear:
        for path in files:
            path.unlink(missing_ok=True)
    done = "removed " if clear and files else ""
    typer.echo(f"{done}{what}: {len(files)} file{'s' * (len(files) != 1)}, {megabytes:.1f} MB in {place}")
