"""Recording: what a file itself states about a signal, before the reader's arguments fill the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.floating]

Wanted = tuple[str, ...] | None
"""Names of the channels asked for; a reader may use them to read less."""


@dataclass
class Recording:
    """Values with what their file says of them; None where it is silent.

    Parameters
    ----------
    values
        (C, T).
    times
        (T,) s, from a column of time stamps, NaN where one is missing; the reader puts values on an even grid.
    states_clock
        Whether `sampling_rate` and `period` are the file's own word (also that there is neither).
    start
        When the first sample was taken, s since 1970 (UTC).
    notes
        What the reader guessed or left out, a sentence each.
    """

    values: FloatMatrix
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    period: float | None = None
    times: npt.NDArray[np.float64] | None = None
    states_clock: bool = False
    start: float | None = None
    notes: tuple[str, ...] = ()

    def select(self, names: tuple[str, ...]) -> "Recording":
        """Keep the named channels, all of which must exist, in the order given."""
        assert self.channels is not None
        places = [self.channels.index(name) for name in names]
        units = None if self.units is None else tuple(self.units[i] for i in places)
        return replace(self, values=self.values[places], channels=names, units=units)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number the repeats, which many formats allow.

    Examples
    --------
    >>> distinct(["ECG", "ECG", "ECG_2"])
    ('ECG', 'ECG_3', 'ECG_2')
    """
    found: list[str] = []
    for i, name in enumerate(names):
        number, unique = 1, name
        while unique in found or (number > 1 and unique in names):
            number += 1
            unique = f"{name}_{number}"
        found.append(unique if name in names[:i] else name)
    return tuple(found)


def shorten(error: BaseException) -> str:
    """Return a library's message as one short line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
