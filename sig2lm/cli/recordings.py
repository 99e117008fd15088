"""Options of every command that takes a recording, and what is said of what was read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sig2lm.arguments import split_list
from sig2lm.cli.options import say
from sig2lm.errors import Sig2LMError

if TYPE_CHECKING:
    from sig2lm.signals import ReadOptions

_PANEL = "How recordings are read"
_NUMBERS = {"sampling_rate": float, "period": float, "start": float, "end": float, "time_axis": int}
_LISTS = ("channels", "units", "missing")


def _option(flag: str, metavar: str, help: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=_PANEL)


@dataclass(frozen=True)
class Recordings:
    """How recordings are read. Each may be repeated, and begin with the name of a signal: --sampling-rate motion:50."""

    sampling_rate: Annotated[
        list[str] | None, _option("--sampling-rate", "HZ", "Hz, where a file does not state it.")
    ] = None
    period: Annotated[
        list[str] | None, _option("--period", "SECONDS", "Seconds between slow rows: 86400 for days.")
    ] = None
    channels: Annotated[
        list[str] | None,
        _option("--channels", "A,B,...", "Columns to read, or names for them; NAME=COLUMN renames one."),
    ] = None
    units: Annotated[list[str] | None, _option("--units", "A,B,...", "One unit for each channel, or one for all.")] = (
        None
    )
    time_column: Annotated[
        list[str] | None,
        _option("--time-column", "NAME[:UNIT]", "The clock; UNIT is s, ms, us, ns, min or h; or none."),
    ] = None
    missing: Annotated[
        list[str] | None, _option("--missing", "A,B,...", "Numbers or words that stand for a missing sample: -999.")
    ] = None
    start: Annotated[list[str] | None, _option("--start", "SECONDS", "Where to begin, from the first sample.")] = None
    end: Annotated[list[str] | None, _option("--end", "SECONDS", "Where to end.")] = None
    time_axis: Annotated[
        list[str] | None, _option("--time-axis", "0|1", "Of arrays: 0 if samples stand in rows, 1 if in columns.")
    ] = None

    @property
    def stated(self) -> dict[str, list[str]]:
        """The texts of the options that were given."""
        named = {one.name: getattr(self, one.name) for one in fields(Recordings)}
        return {name: texts for name, texts in named.items() if texts}


@dataclass(frozen=True)
class RunRecordings(Recordings):
    """How recordings are read for a run, which knows what values they may have."""

    believe: Annotated[
        bool,
        typer.Option("--believe", help="Take values that cannot be what they are said to be.", rich_help_panel=_PANEL),
    ] = False


def read_options(reading: Recordings, signal: str = "", signals: Sequence[str] = ()) -> "ReadOptions":
    """Read the texts for one of a run's signals: those without a name belong to all.

    Raises
    ------
    Sig2LMError
        If a number is none, or an option is given twice for a signal.
    """
    from sig2lm.signals import ReadOptions

    found: dict[str, Any] = {}
    for name, texts in reading.stated.items():
        flag = f"--{name.replace('_', '-')}"
        meant = [_of_signal(text, signals) for text in texts]
        own = [text for to, text in meant if to == signal] if signal else []
        values = own or [text for to, text in meant if not to]
        if not values:
            continue
        if name in _LISTS:
            found[name] = split_list(values)
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
        say(f"{Path(file).name}: {'; '.join(notes)}")
