"""NilsPod sensors as csv: the rate in the first line, names in the second, then rows of numbers.

The column ``timestamp`` counts samples and is no clock; where it jumps, samples were lost and are missing. The file
states no units.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.lost import put_lost
from sig2lm.signals.devices.text import as_text, numbers, read_table, text_head
from sig2lm.signals.recording import Recording, Wanted

_RATE = re.compile(r"samplingrate,(?P<rate>\d+(\.\d+)?)\s*\n", re.IGNORECASE)
_COUNTER = ("timestamp", "n_samples", "sample_counter")
_NONE = np.empty(0, dtype=np.int64)


def recognises(head: bytes, path: Path) -> bool:
    """By the first line."""
    del path
    return _RATE.match(as_text(head)) is not None


def read(path: Path, wanted: Wanted) -> Recording:
    """Read all channels; lost samples are missing."""
    del wanted
    match = _RATE.match(text_head(path))
    assert match is not None
    table = read_table(path, skip=1)
    channels = [name for name in table.columns if name.casefold() not in _COUNTER]
    if not channels:
        raise SignalError("found no signal beside the sample counter")
    values = np.stack([numbers(table[name]) for name in channels])
    counter = next((name for name in table.columns if name.casefold() in _COUNTER), None)
    notes: tuple[str, ...] = ()
    if counter is not None:
        counts = numbers(table[counter])
        values, notes = put_lost(values, np.diff(counts).astype(np.int64) if not np.isnan(counts).any() else _NONE)
    return Recording(values, tuple(channels), None, float(match["rate"]), states_clock=True, notes=notes)


DEVICE = Device("NilsPod", "csv with the rate in its first line", recognises, read)
