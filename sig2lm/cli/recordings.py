"""Options of every command that takes a recording, and what is said of what was read."""

import csv
import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.signals import ReadOptions

_PANEL = "How recordings are read"


def _option(flag: str, metavar: str, help: str) -> Any:
    meant = typer.Option(flag, metavar=metavar, help=help, rich_help_panel=_PANEL)
    return Annotated[list[str] | None, meant]


# Each may be repeated, and begin with the name of a signal, where a run reads several: --sampling-rate motion:50.
_OPTIONS = {
    "sampling_rate": _option("--sampling-rate", "HZ", "Hz, where a file does not state it."),
    "period": _option("--period", "SECONDS", "Seconds between slow rows: 86400 for days."),
    "channels": _option("--channels", "A,B,...", "Columns to read, or names for them; NAME=COLUMN renames one."),
    "units": _option("--units", "A,B,...", "One unit for each channel, or one for all."),
    "time_column": _option("--time-column", "NAME[:UNIT]", "The clock; UNIT is s, ms, us, ns, min or h; or none."),
    "missing": _option("--missing", "A,B,...", "Numbers or words that stand for a missing sample: -999."),
    "start": _option("--start", "SECONDS", "Where to begin, from the first sample."),
    "end": _option("--end", "SECONDS", "Where to end."),
    "time_axis": _option("--time-axis", "0|1", "Of arrays: 0 if samples stand in rows, 1 if in columns."),
}
_NUMBERS = {"sampling_rate": float, "period": float, "start": float, "end": float, "time_axis": int}
_LISTS = ("channels", "units", "missing")

Texts = dict[str, list[str]]
"""What the options of recordings say, as texts."""

BelieveOption = Annotated[
    bool, typer.Option("--believe", help="Take values that cannot be what they are said to be.", rich_help_panel=_PANEL)
]


def takes_recordings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of recordings; it gets their texts as its argument ``reading``."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "reading"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=None, annotation=annotation) for name, annotation in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        reading = {name: values.pop(name) for name in _OPTIONS}
        command(**values, reading={name: texts for name, texts in reading.items() if texts})

    own = [parameter.replace(kind=keyword) for parameter in own]
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return run


def read_options(reading: Texts, signal: str = "", signals: Sequence[str] = ()) -> "ReadOptions":
    """Read the texts for one of a run's signals: those without a name belong to all.

    Raises
    ------
    Sig2LMError
        If a number is none, or an option is given twice for a signal.
    """
    from sig2lm.signals import ReadOptions

    found: dict[str, Any] = {}
    for name, texts in reading.items():
        flag = f"--{name.replace('_', '-')}"
        meant = [_of_signal(text, signals) for text in texts]
        own = [text for to, text in meant if to == signal] if signal else []
        values = own or [text for to, text in meant if not to]
        if not values:
            continue
        if name in _LISTS:
            found[name] = [part.strip() for row in csv.reader(values, skipinitialspace=True) for part in row]
        elif len(values) > 1:
            raise Sig2LMError(f"expected one {flag}, found {' and '.join(values)}; drop one, or write SIGNAL:...")
        else:
            found[name] = _number(flag, values[0], _NUMBERS[name]) if name in _NUMBERS else values[0]
    return ReadOptions.from_stated(found)  # type: ignore[arg-type]


def _of_signal(text: str, signals: Sequence[str]) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    return (name, value) if separator and name in signals else ("", text)


def _number(flag: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise Sig2LMError(f"{flag} is {text!r}, expected a number") from error


def say_notes(file: Path | str, notes: Sequence[str]) -> None:
    """Say in one line what was guessed when a file was read."""
    if notes:
        typer.echo(f"{Path(file).name}: {'; '.join(notes)}", err=True)
