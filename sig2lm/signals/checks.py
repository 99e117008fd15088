"""What Signal and Contract accept for their fields, checked and brought to one form."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sig2lm.arguments import as_float
from sig2lm.errors import SignalError
from sig2lm.signals.units import FloatArray


def as_values(values: npt.ArrayLike) -> FloatArray:
    """Return finite or NaN float32 values (C, T); refuse any other shape, text and infinity."""
    try:
        with np.errstate(over="ignore"):  # what overflows float32 becomes infinite and is refused below
            array = np.asarray(values)
            if array.dtype.kind not in "fiub":
                raise SignalError(f"values must be real numbers, found {array.dtype}")
            array = array.astype(np.float32, copy=False)
    except ValueError as error:
        raise SignalError("values must be an array (channels, samples), found rows of different lengths") from error
    if array.ndim != 2:
        raise SignalError(
            f"values must be (channels, samples), found shape {array.shape}; one channel is values[None, :]"
        )
    if array.size == 0:
        raise SignalError(f"values are empty: shape {array.shape}; at least one sample is needed")
    if np.isinf(array).any():
        raise SignalError("values hold infinity, or numbers beyond float32; mark missing samples with NaN")
    return array


def as_names(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return a tuple of names; refuse a bare text, whose letters would pass as names."""
    if isinstance(names, str):
        raise SignalError(f"{what} must be a list of names, one per channel, found the text {names!r}")
    names = tuple(names)
    if not all(isinstance(name, str) for name in names):
        raise SignalError(f"{what} must be text, found {names!r}")
    return tuple(str(name) for name in names)


def as_positive(name: str, number: float | None) -> float | None:
    """Return a positive, finite float, or None for None."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
        raise SignalError(f"{name} must be a number, found {number!r}")
    number = as_float(number)
    if not (math.isfinite(number) and number > 0):
        raise SignalError(f"{name} must be positive and finite, found {number}")
    return number
