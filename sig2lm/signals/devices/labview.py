"""LabVIEW measurement files (.lvm): a header, one of the segment, then rows of X_Value, the channels and a comment.

A file of several segments, or with a clock of its own for each channel, is refused.
"""

from pathlib import Path

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.devices.device import Device
from sig2lm.signals.devices.text import as_text
from sig2lm.signals.recording import Recording, Wanted, distinct

_END = "***End_of_Header***"


def recognises(head: bytes, path: Path) -> bool:
    """By the first word."""
    del path
    return as_text(head).startswith("LabVIEW Measurement")


def read(path: Path, wanted: Wanted) -> Recording:
    """Read all channels of one segment."""
    del wanted
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    ends = [number for number, line in enumerate(lines) if line.startswith(_END)]
    if len(ends) != 2:
        raise SignalError(f"expected a header and one segment, found {len(ends)} ends of headers; export one segment")
    general = dict(map(_parted, lines[: ends[0]]))
    mark = "," if general.get("Separator") == "Comma" else "\t"
    decimal = general.get("Decimal_Separator", ".")
    if general.get("X_Columns", "One") not in ("One", "No"):
        raise SignalError("expected one clock for all channels, found one for each; export with X_Columns One")
    segment = [line.split(mark) for line in lines[ends[0] + 1 : ends[1]]]
    fields = {cells[0]: [cell.strip() for cell in cells[1:]] for cells in segment}
    try:
        count = int(fields["Channels"][0])
        step = float(fields["Delta_X"][0].replace(decimal, "."))
        titles = [title.strip() for title in lines[ends[1] + 1].split(mark)][1 : count + 1]
        values = _rows(lines[ends[1] + 2 :], mark, decimal, count)
    except (IndexError, KeyError, ValueError) as error:
        raise SignalError(f"expected Channels, Delta_X and rows of numbers, found a damaged one ({error})") from error
    if not (0 < step < np.inf and len(titles) == count > 0):
        raise SignalError(f"expected {count} channels every Delta_X seconds, found {len(titles)} and {step:g} s")
    units = [*fields.get("Y_Unit_Label", []), *[""] * count][:count]
    return Recording(values, distinct(titles), tuple(units), float(f"{1 / step:.9g}"), states_clock=True)


def _parted(line: str) -> tuple[str, str]:
    name, _, rest = line.partition("\t" if "\t" in line else ",")
    return name.strip(), rest.strip()


def _rows(lines: list[str], mark: str, decimal: str, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    rows = [line.split(mark)[1 : count + 1] for line in lines if line.strip(f"{mark} ")]
    return np.array([[float(cell.replace(decimal, ".")) if cell.strip() else np.nan for cell in row] for row in rows]).T


DEVICE = Device("LabVIEW", "measurement files (.lvm) of one segment", recognises, read)
