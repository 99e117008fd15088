"""Turns of a dialogue: text interleaved with places where soft prompts stand."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class SignalPlace:
    """The place of a soft prompt between words: recording number ``index`` of the signal called ``name``."""

    name: str
    index: int = 0


Part = str | SignalPlace


@dataclass(frozen=True)
class Turn:
    """One turn of a dialogue: who speaks, and text interleaved with signal places."""

    role: Role
    parts: tuple[Part, ...]
