"""Turns of a dialogue: text interleaved with places where soft prompts stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
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


def ordinal(place: SignalPlace) -> str:
    """Say which recording of several it is: ``first``."""
    return _ORDINALS[place.index] if place.index < len(_ORDINALS) else f"number {place.index + 1}"


def further_turn(
    question: str,
    recordings: Iterable[SignalPlace] = (),
    measured: Mapping[SignalPlace, str] | None = None,
    compared: str = "",
) -> Turn:
    """Return a question after the first, behind recordings that came with it, each behind its name.

    What was ``measured`` of a recording stands behind it, what the question compares (``compared``) before it; the
    question is the last part.

    >>> further_turn("And this one?", [SignalPlace("blood_pulse", 1)]).parts
    ('blood pulse: ', SignalPlace(name='blood_pulse', index=1), '\\n', 'And this one?')
    """
    parts: list[Part] = []
    for place in recordings:
        words = (measured or {}).get(place)
        parts += [f"{place.name.replace('_', ' ')}: ", place, f"\nMeasured: {words}.\n" if words else "\n"]
    return Turn("user", (*parts, *([f"{compared}\n"] if compared else []), question))
