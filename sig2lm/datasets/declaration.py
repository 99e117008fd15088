"""`dataset.yaml`: what the owner of recordings declares about them, checked key by key."""

from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from sig2lm.datasets.table import COLUMNS
from sig2lm.datasets.windows import WindowSpec
from sig2lm.errors import DatasetError, SignalError
from sig2lm.files import parse_yaml, read_plain
from sig2lm.signals import Contract, ReadOptions
from sig2lm.signals.options import Stated

DECLARATION_FILE = "dataset.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ReadDeclaration(_Strict):
    """What is stated of a signal's files, where they do not: the fields of `ReadOptions` but the span."""

    sampling_rate: float | None = None
    period: float | None = None
    channels: list[str] | None = Field(default=None, min_length=1)
    units: list[str] | None = Field(default=None, min_length=1)
    time_column: str | None = None
    missing: list[str | float | int] | None = None
    time_axis: int | None = None

    def options(self) -> ReadOptions:
        """Return what they come to.

        Raises
        ------
        SignalError
            If a value makes no sense.
        """
        return ReadOptions.from_stated(cast(Stated, self.model_dump()))


class SignalDeclaration(_Strict):
    """One signal: its clock, the names and units of its channels, and how its files are read."""

    # No default: a forgotten rate would turn a recording into an event series. It may be null.
    sampling_rate: float | None
    channels: list[str] = Field(min_length=1)
    units: list[str] = Field(min_length=1)
    period: float | None = None
    read: ReadDeclaration = ReadDeclaration()


class WindowDeclaration(_Strict):
    """How recordings are cut: `seconds` for signals with a sampling rate, `rows` for those without."""

    seconds: float | None = Field(default=None, gt=0)
    rows: PositiveInt | None = None
    stride: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_length(self) -> "WindowDeclaration":
        if (self.seconds is None) == (self.rows is None):
            raise ValueError("give seconds (signals with a sampling rate) or rows (without), one of them")
        if self.rows is not None and self.stride is not None and not self.stride.is_integer():
            raise ValueError(f"a stride in rows is a whole number, found {self.stride}")
        return self

    def as_window(self) -> WindowSpec:
        """Return the window; without a stride the windows stand side by side."""
        length = self.seconds if self.rows is None else self.rows
        assert length is not None
        return WindowSpec(length, self.stride or length, in_rows=self.rows is not None)


class Declaration(_Strict):
    """All of `dataset.yaml`."""

    task: str = Field(min_length=1)
    signals: dict[str, SignalDeclaration] = Field(min_length=1)
    window: WindowDeclaration | None = None
    labels: list[str] | None = Field(default=None, min_length=1)
    licence: str = ""
    citation: str = ""

    @model_validator(mode="after")
    def _names(self) -> "Declaration":
        for name in self.signals:
            if not name.isidentifier() or name in COLUMNS:
                raise ValueError(
                    f"signal name {name!r} must be a word (letters, digits, _) other than {', '.join(COLUMNS)}"
                )
        if self.labels and len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must differ, found {', '.join(self.labels)}")
        return self

    def contracts(self) -> dict[str, Contract]:
        """Return each signal's contract; a signal that the window cuts has its length.

        Raises
        ------
        SignalError
            If a unit is unknown, channels and units are not as many, or nothing is there for the window to cut.
        """
        window = None if self.window is None else self.window.as_window()
        contracts = {}
        for name, signal in self.signals.items():
            cut = window is not None and window.cuts(signal.sampling_rate)
            try:
                signal.read.options()
                contracts[name] = Contract(
                    tuple(signal.channels),
                    tuple(signal.units),
                    signal.sampling_rate,
                    signal.period,
                    window.length if window is not None and cut else None,
                )
            except SignalError as error:
                raise SignalError(f"signals.{name}: {error}") from error
        if window is not None and all(contract.window is None for contract in contracts.values()):
            wanted = "rows, but every signal has" if window.in_rows else "seconds, but no signal has"
            raise SignalError(f"window is in {wanted} a sampling_rate; give the other")
        return contracts


def read_declaration(source: Path) -> Declaration:
    """Read SOURCE/dataset.yaml.

    Raises
    ------
    DatasetError
        If it is missing, is no YAML, or has keys or values other than expected; the message names each by its path.
    """
    path = source / DECLARATION_FILE
    try:
        content = parse_yaml(read_plain(path))
    except FileNotFoundError as error:
        raise DatasetError(
            f"expected '{path}' with task and signals (name: sampling_rate, channels, units), found no such file"
        ) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"'{path}' is not readable as YAML: {' '.join(str(error).split())}") from error
    try:
        declaration = Declaration.model_validate(content)
        declaration.contracts()
    except ValidationError as error:
        raise DatasetError(f"'{path}': {_describe(error)}") from error
    except SignalError as error:
        raise DatasetError(f"'{path}': {error}") from error
    return declaration


def _describe(error: ValidationError) -> str:
    told = []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"])) or DECLARATION_FILE
        told.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(told)
