"""Options that several commands share, and how their texts are read."""

from pathlib import Path
from typing import Annotated

import typer

from sig2lm.errors import Sig2LMError

DataOption = Annotated[Path, typer.Option("--data", help="A data set that `sig2lm prepare` wrote.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run that `sig2lm train-adapter` wrote, or a hub id.")
]
LMOption = Annotated[
    str | None, typer.Option("--lm", help="Where the run's LM is now; by default where it was in training.")
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="cpu, cuda, cuda:1, mps, ...; auto is the accelerator where there is one.")
]
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype", help="The LM's type: float32, bfloat16, float16; auto is as published, where that is quick."
    ),
]
QuantizationOption = Annotated[
    str, typer.Option("--quantization", help="none, 4bit or 8bit (bitsandbytes) for the LM's linear layers.")
]
EncoderPlaces = Annotated[
    list[str] | None,
    typer.Option("--encoder", metavar="[NAME=]FOLDER", help="Where the run's encoder is now; repeatable."),
]
SignalOption = Annotated[
    list[str],
    typer.Option("--signal", metavar="[NAME=]FILE", help="A recording of any format that `sig2lm formats` lists."),
]
FactOption = Annotated[
    list[str] | None,
    typer.Option("--fact", metavar="NAME=TEXT", help="What else is known, for templates that tell it; repeatable."),
]


def facts(texts: list[str] | None) -> dict[str, str]:
    """Read ``NAME=TEXT`` options.

    Raises
    ------
    Sig2LMError
        When a text has no name.
    """
    pairs = [text.partition("=") for text in texts or []]
    if unnamed := [name for name, separator, value in pairs if not (name and separator and value)]:
        raise Sig2LMError(f"expected --fact NAME=TEXT, found '{unnamed[0]}'; write it as age=67")
    return {name: value for name, _, value in pairs}


def named(texts: list[str], names: list[str], option: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` options; a bare ``VALUE`` belongs to the only name there is.

    Raises
    ------
    Sig2LMError
        When a name is unknown, given twice, or missing where there are several.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or name not in names:
            if len(names) != 1:
                raise Sig2LMError(f"expected {option} NAME=... with a name among {', '.join(names)}, found '{text}'")
            name, value = names[0], text
        if name in found:
            raise Sig2LMError(f"expected one {option} for '{name}', found '{found[name]}' and '{value}'; drop one")
        found[name] = value
    return found


def say(line: str) -> None:
    """Print a line of what goes on, beside the results: to stderr."""
    typer.echo(line, err=True)
