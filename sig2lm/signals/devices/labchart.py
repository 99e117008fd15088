"""LabChart (ADInstruments) text exports: ``Interval=``, ``ChannelTitle=``, ``UnitName=`` and others, then rows.

A unit is that of ``UnitName``, and where that is ``*`` that of the channel's range. Comments at the end of a row are
passed over. A file of several blocks, each with a header of its own, is refused: time passes between them.
"""

import re
from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import HEAD, Device
from sig2lm.signals.devices.text import as_text, encoding_of, text_head
from sig2lm.signals.recording import Recording, Wanted, distinct
from sig2lm.signals.units import convert_values

_INTERVAL = re.compile(r"Interval=\s*(?P<step>[\d.,eE+-]+)\s*(?P<unit>s|ms|us|min)?\s*$")


def recognises(head: bytes, path: Path) -> bool:
    """By the first line."""
    del path
    text = as_text(head)
    return text.startswith("Interval=") and "ChannelTitle=" in text


def read(path: Path, wanted: Wanted) -> Recording:
    """Read all channels of one block."""
    del wanted
    fields: dict[str, tuple[str, list[str]]] = {}
    begin = 0
    for begin, line in enumerate(text_head(path).splitlines()):  # noqa: B007
        name, mark, rest = line.partition("=")
        if not mark or not name.isalpha():
            break
        fields.setdefault(name, (line, [cell.strip() for cell in rest.split("\t")[1:]]))
    if "Interval" not in fields or "ChannelTitle" not in fields:
        raise SignalError("expected lines Interval= and ChannelTitle= before the rows, found them nowhere")
    interval = _INTERVAL.match(fields["Interval"][0])
    if interval is None:
        raise SignalError(f"expected the interval between samples, found {fields['Interval'][0][:60]!r}")
    titles = [title for title in fields["ChannelTitle"][1] if title]
    step = np.array([float(interval["step"].replace(",", "."))], dtype=np.float32)
    seconds = float(convert_values(step, interval["unit"] or "s", "s")[0])
    if not seconds > 0:
        raise SignalError(f"the interval between samples is {seconds:g} s")
    values = _rows(path, begin, len(titles))
    units = tuple(_unit(fields, place) for place in range(len(titles)))
    rate = float(f"{1 / seconds:.9g}")
    return Recording(values, distinct(titles), units, rate, states_clock=True)


def _rows(path: Path, begin: int, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    with path.open("rb") as file:
        encoding = encoding_of(file.read(HEAD)) or "latin-1"
    rows = []
    with path.open(encoding=encoding, errors="replace") as file:
        for number, line in enumerate(file):
            if number < begin or not line.strip():
                continue
            if line.startswith("Interval="):
                raise SignalError("the file holds several blocks, between which time passes; export them one by one")
            cells = line.rstrip("\n").split("\t")[: count + 1]
            try:
                rows.append([float(cell.replace(",", ".")) if cell.strip() else np.nan for cell in cells[1:]])
            except ValueError as error:
                raise SignalError(f"line {number + 1} is no row of numbers: {line[:60]!r}") from error
            if len(rows[-1]) != count:
                raise SignalError(f"line {number + 1} holds {len(rows[-1])} values, expected {count}")
    if not rows:
        raise SignalError("no rows follow the header")
    return np.array(rows).T


def _unit(fields: dict[str, tuple[str, list[str]]], place: int) -> str:
    named = fields.get("UnitName", ("", []))[1]
    if place < len(named) and named[place] not in ("", "*"):
        return named[place]
    ranges = fields.get("Range", ("", []))[1]
    return ranges[place].split(" ")[-1] if place < len(ranges) and " " in ranges[place] else ""


DEVICE = Device("LabChart", "text exports of one block", recognises, read)
