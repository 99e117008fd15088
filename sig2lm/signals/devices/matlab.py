"""MATLAB files (version 5 to 7, scipy) that hold numbers and, best, their rate.

One matrix is a recording, channels along its shorter side; several vectors of one length are channels by their names;
both may stand in a struct. A number named fs, srate, sampling_rate or alike is the rate in Hz. Version 7.3 is HDF5 and
is not read; ``save -v7`` in MATLAB writes what is.
"""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import Floats
from sig2lm.signals.recording import Recording, Wanted, shorten

_RATE = re.compile(r"(s?fs|fsamp|srate|s?freq|hz|sampl\w*_?(rate|freq\w*)|s_?rate|rate|fs_?hz)", re.IGNORECASE)
_NAMES = re.compile(r"(channels?|channel_?names?|labels?|leads?|ch_?names?)", re.IGNORECASE)
_UNITS = re.compile(r"(units?|unit_?names?)", re.IGNORECASE)
_DENSEST = 1100  # bytes out of one that is compressed


def recognises(head: bytes, path: Path) -> bool:
    """By the header; a file that a WFDB header stands beside is a WFDB record."""
    return head.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")) and not path.with_suffix(".hea").is_file()


def read(path: Path, wanted: Wanted) -> Recording:
    """Read the numbers."""
    del wanted
    variables = _flatten(_load(path))
    rates = {float(value) for name, value in variables.items() if _is_scalar(value) and _RATE.fullmatch(_last(name))}
    if len(rates) > 1 or not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise SignalError(f"expected one rate, found {', '.join(f'{rate:g}' for rate in sorted(rates))} Hz")
    rate = next(iter(rates), None)
    matrices = {name: value for name, value in variables.items() if _is_matrix(value)}
    vectors = {name: np.ravel(value) for name, value in variables.items() if _is_vector(value)}
    if len(matrices) == 1:
        values = next(iter(matrices.values()))
        values = values.T if values.shape[0] > values.shape[1] else values
        channels = _texts(variables, _NAMES, len(values))
        units = _texts(variables, _UNITS, len(values))
    elif not matrices and vectors and len({len(vector) for vector in vectors.values()}) == 1:
        values, channels = np.stack(list(vectors.values())), tuple(_last(name) for name in vectors)
        units = None
    else:
        found = ", ".join(f"{name} {value.shape}" for name, value in {**matrices, **vectors}.items()) or "none"
        raise SignalError(
            f"expected one matrix of samples, or vectors of one length, found {found}; save what you mean"
        )
    return Recording(np.asarray(values, np.float64), channels, units, rate, states_clock=rate is not None)


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        hdf5 = file.read(10) == b"MATLAB 7.3"
    if hdf5:
        raise SignalError("a MATLAB file of version 7.3 (HDF5) is not read; save it with -v7")
    from scipy import io

    try:
        for name, shape, _ in io.whosmat(str(path)):
            if math.prod(shape) > _DENSEST * path.stat().st_size:
                raise SignalError(f"not a whole MATLAB file: {name} claims the shape {shape}")
        return dict(io.loadmat(str(path), squeeze_me=True))
    except SignalError:
        raise
    except Exception as error:  # scipy's readers and zlib raise classes of their own
        raise SignalError(f"not a whole MATLAB file: {shorten(error)}") from error


def _flatten(variables: dict[str, Any]) -> dict[str, Any]:
    """Variables, and the fields of structs as NAME.FIELD."""
    found: dict[str, Any] = {}
    for name, value in variables.items():
        if name.startswith("__"):
            continue
        fields = getattr(getattr(value, "dtype", None), "names", None)
        if fields and value.size == 1:
            found |= {f"{name}.{field}": np.asarray(value[field].item()) for field in fields}
        else:
            found[name] = np.asarray(value)
    return found


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _is_scalar(value: Any) -> bool:
    return value.size == 1 and value.dtype.kind in "fiu"


def _is_vector(value: Any) -> bool:
    return value.ndim == 1 and value.size > 1 and value.dtype.kind in "fiu"


def _is_matrix(value: Floats) -> bool:
    return value.ndim == 2 and min(value.shape) > 1 and value.dtype.kind in "fiu"


def _texts(variables: dict[str, Any], pattern: re.Pattern[str], count: int) -> tuple[str, ...] | None:
    for name, value in variables.items():
        if pattern.fullmatch(_last(name)) and value.dtype.kind in "UO" and value.size == count:
            texts = tuple(str(text).strip() for text in np.ravel(value))
            if len(set(texts)) == count or pattern is _UNITS:
                return texts
    return None


DEVICE = Device("MATLAB", ".mat up to version 7 with numbers and their rate", recognises, read)
