"""Options that several commands share, and how their texts are read."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sig2lm.arguments import split_list
from sig2lm.errors import Sig2LMError, one_line

Split = Literal["train", "validation", "test"]

ENCODER = "Encoder"
LEARNING = "Learning"
QUESTION = "Question"

DataOption = Annotated[Path, typer.Option("--data", help="A data set that `sig2lm prepare` wrote.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run that `sig2lm train-adapter` wrote, 'pocket-har', or a hub id.")
]
SignalOption = Annotated[
    list[str],
    typer.Option("--signal", metavar="[NAME=]FILE", help="A recording of any format that `sig2lm formats` lists."),
]
FactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fact",
        metavar="NAME=TEXT",
        help="What else is known, for templates that tell it; repeatable.",
        rich_help_panel=QUESTION,
    ),
]
ChoicesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--choices",
        metavar="A,B,...",
        help="Closed answers; the likeliest is given. Repeatable; a comma of a label stands in quotes: '\"a, b\",c'.",
        rich_help_panel=QUESTION,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Windows a step.", rich_help_panel=LEARNING)]
LearningRate = Annotated[float, typer.Option(min=0.0, help="Its highest.", rich_help_panel=LEARNING)]
EncoderDevice = Annotated[
    Literal["auto", "cpu"],
    typer.Option("--device", help="auto is the accelerator where there is one.", rich_help_panel=ENCODER),
]
Augment = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Probability of each augmentation that suits the signal.", rich_help_panel=LEARNING
    ),
]
BelieveOption = Annotated[
    bool, typer.Option("--believe", help="Take values of a table that cannot be what they are said to be.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Of everything that is drawn at random.")  # as numpy takes one
]


def split_choices(texts: list[str] | None) -> list[str] | None:
    """Read ``a,b,c``, several times or once; a label with a comma stands in quotes.

    >>> split_choices(['"walking, slowly", running', "sitting"])
    ['walking, slowly', 'running', 'sitting']
    """
    if texts is None:
        return None
    return [part for part in split_list(texts) if part]


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


def paths_of(texts: list[str]) -> list[Path]:
    """Return the files of ``[NAME=]FILE`` options, before it is known which names there are."""
    return [path for text in texts for path in (Path(text), Path(text.partition("=")[2] or text))]


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
    typer.echo(one_line(line), err=True)
