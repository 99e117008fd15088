"""Where commands write: JSON to a file or, for ``-``, to standard output; pages to files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sig2lm._version import __version__
from sig2lm.files import write_json

PANEL = "Output"
STANDARD = Path("-")

JsonOption = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write everything there; - for standard output.", rich_help_panel=PANEL
    ),
]


def write_output(path: Path | None, content: Mapping[str, Any]) -> bool:
    """Write JSON where it is wanted, and say whether it has taken standard output, where words would be in its way."""
    if path is None:
        return False
    content = {"sig2lm": __version__, **content}  # by this a later command knows that it may write over the file
    if path != STANDARD:
        write_json(path, content)
        return False
    typer.echo(json.dumps(content, ensure_ascii=False))
    return True
