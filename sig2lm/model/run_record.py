"""What ``config.json`` of a run says, by kind; whatever else stands in one is refused before it is used."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sig2lm.model.adapter import AdapterConfig
from sig2lm.schema import SignalName

FORMAT = 2


@dataclass(frozen=True)
class LMRecord:
    """The LM that a run was trained on."""

    name: str
    revision: str | None
    fingerprint: str
    dtype: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class TaskRecord:
    """A template, which is checked as templates are, and the labels."""

    template: dict[str, Any]
    labels: list[str]


@dataclass(frozen=True)
class EncoderRecord:
    """An encoder: its config, which its architecture checks, and where to look for it."""

    config: dict[str, Any]
    trained_here: bool
    source: str
    relative: str | None
    fingerprint: str


@dataclass(frozen=True)
class BranchRecord:
    """Encoder and adapter of a signal."""

    adapter: AdapterConfig
    encoder: EncoderRecord


@dataclass(frozen=True)
class RunRecord:
    """All of it."""

    kind: Literal["run"]
    format: int
    lm: LMRecord
    lora: bool
    tasks: Annotated[list[TaskRecord], Field(min_length=1)]
    branches: Annotated[dict[SignalName, BranchRecord], Field(min_length=1)]
