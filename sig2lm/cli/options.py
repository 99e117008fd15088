"""Options that several commands share, and how their texts are read."""

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sig2lm.errors import Sig2LMError

Split = Literal["train", "validation", "test"]

MODEL = "Model"
ENCODER = "Encoder"
LEARNING = "Learning"
QUESTION = "Question"
WRITING = "Free text"

DataOption = Annotated[Path, typer.Option("--data", help="A data set that `sig2lm prepare` wrote.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run that `sig2lm train-adapter` wrote, 'pocket-har', or a hub id.")
]
LMOption = Annotated[
    str | None,
    typer.Option("--lm", help="Where the run's LM is now; by default where it was in training.", rich_help_panel=MODEL),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="cpu, cuda, cuda:1, mps, ...; auto is the accelerator where there is one.",
        rich_help_panel=MODEL,
    ),
]
DtypeOption = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option("--dtype", help="The LM's; auto is as published, where that is quick.", rich_help_panel=MODEL),
]
QuantizationOption = Annotated[
    Literal["none", "4bit", "8bit"],
    typer.Option("--quantization", help="Of the LM's linear layers (bitsandbytes).", rich_help_panel=MODEL),
]
EncoderPlaces = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        metavar="[NAME=]FOLDER",
        help="Where the run's encoder is now; repeatable.",
        rich_help_panel=MODEL,
    ),
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
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn at random.")]
MaxNewTokens = Annotated[
    int | None, typer.Option(min=1, help="How long an answer may be; 64 by default.", rich_help_panel=WRITING)
]
Temperature = Annotated[
    float | None,
    typer.Option(min=0.01, help="Draw words, boldly above 1; the likeliest by default.", rich_help_panel=WRITING),
]
TopP = Annotated[
    float | None,
    typer.Option(min=0.01, max=1.0, help="Draw words among the likeliest of this share.", rich_help_panel=WRITING),
]


def writing(max_new_tokens: int | None, temperature: float | None, top_p: float | None) -> dict[str, Any]:
    """Return the options of free text that were given; to draw words is to be asked for by one of the last two."""
    given = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return options | ({"do_sample": True} if temperature or top_p else {})


def split_choices(texts: list[str] | None) -> list[str] | None:
    """Read ``a,b,c``, several times or once; a label with a comma stands in quotes.

    >>> split_choices(['"walking, slowly", running', "sitting"])
    ['walking, slowly', 'running', 'sitting']
    """
    if texts is None:
        return None
    return [part.strip() for row in csv.reader(texts, skipinitialspace=True) for part in row if part.strip()]


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
    typer.echo(line, err=True)
