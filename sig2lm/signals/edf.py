"""EDF, EDF+C and BDF recordings, each channel at its own rate (edfio).

The header is checked as a whole before anything is read: edfio accepts headers that cannot be true, and a file with one
damaged bit would come out as plausible, wrong values.
"""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from sig2lm.errors import SignalError
from sig2lm.signals.recording import Recording, Wanted, distinct, shorten
from sig2lm.signals.streams import Header, Streams

BIOSEMI = b"\xffBIOSEMI"
_HEADER = 256  # bytes, and as many again for each channel
_MOST_SIGNALS = 10_000
# Bytes of each field of a channel, in order: label, transducer, unit, physical and digital limits, filter, samples.
_FIELDS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)


def read_edf(path: Path, wanted: Wanted) -> Streams:
    """Read EDF, EDF+C or BDF.

    Labels and units are UTF-8 or Latin-1. A file whose header says one thing and whose length says another is refused,
    except for a count of -1, which recorders leave behind when they are not stopped properly.
    """
    del wanted
    notes = _check_header(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # edfio warns of every departure from the standard that it accepts
            edf = _open(path)
            if edf.reserved.startswith(("EDF+", "BDF+")) and not edf.is_continuous:
                raise SignalError("the recording is interrupted (EDF+D); export it as EDF+C or cut it into pieces")
            signals = edf.signals
            labels = distinct([_decode(signal.label) or f"channel_{i + 1}" for i, signal in enumerate(signals)])
            headers = tuple(
                Header(label, _decode(signal.physical_dimension), float(signal.sampling_frequency))
                for label, signal in zip(labels, signals, strict=True)
            )
    except (ValueError, OSError, IndexError, KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise SignalError(f"not a whole EDF file: {shorten(error)}") from error
    if not signals:
        raise SignalError("the EDF file holds no signals, only annotations")

    def load(places: list[int]) -> Recording:
        return Recording(
            np.stack([np.asarray(signals[place].data) for place in places]),
            tuple(headers[place].name for place in places),
            tuple(headers[place].unit for place in places),
            headers[places[0]].sampling_rate,
            states_clock=True,
            notes=notes,
        )

    return Streams(headers, load)


def _open(path: Path) -> Any:
    import edfio

    with path.open("rb") as file:
        biosemi = file.read(8) == BIOSEMI
    if biosemi:
        return edfio.read_bdf(path, header_encoding="latin-1")
    return edfio.read_edf(path, header_encoding="latin-1")


def _check_header(path: Path) -> tuple[str, ...]:
    """Hold every number of the header against the others and against the file's length; return what is worth saying.

    Raises
    ------
    SignalError
        If one cannot be.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(_HEADER)
        if len(fixed) < _HEADER or (fixed[:8] != BIOSEMI and fixed[:8].strip() != b"0"):
            raise SignalError("not a whole EDF file: it does not begin with a header of version 0")
        width = 3 if fixed[:8] == BIOSEMI else 2
        count = _whole(fixed[252:256], "number of channels", 1, _MOST_SIGNALS)
        length = _whole(fixed[184:192], "length of the header", _HEADER, size)
        if length != _HEADER * (count + 1):
            raise _damaged(f"{count} channels take a header of {_HEADER * (count + 1)} bytes, it says {length}")
        told = _whole(fixed[236:244], "number of records", -1, 10**8)
        duration = _number(fixed[244:252], "length of a record")
        fields = _split(file.read(_HEADER * count), count)
    samples = [_whole(field, "samples in a record", 1, 10**8) for field in fields[8]]
    annotations = [label.strip() in (b"EDF Annotations", b"BDF Annotations") for label in fields[0]]
    if duration < 0 or (duration == 0 and not all(annotations)):
        raise _damaged(f"the length of a record is {duration:g} s")
    for i in range(count):
        if not annotations[i]:
            _check_limits(fields, i, width)
    record = width * sum(samples)
    whole, rest = divmod(size - length, record)
    if told not in (-1, whole) or rest:
        found = f"{whole}" if not rest else f"{whole} and {rest} bytes"
        raise _damaged(f"its header claims {told} records, the file holds {found}; it is truncated or damaged")
    return ("the recorder did not note how many records there are; all in the file were read",) if told == -1 else ()


def _check_limits(fields: list[list[bytes]], i: int, width: int) -> None:
    label = _decode(fields[0][i].decode("latin-1")) or f"channel_{i + 1}"
    if any(not character.isprintable() for character in label):
        raise _damaged(f"the label of channel {i + 1} holds control characters")
    low, high = (_number(fields[place][i], f"physical limit of {label}") for place in (3, 4))
    if low == high:
        raise _damaged(f"both physical limits of {label} are {low:g}")
    bound = 2 ** (8 * width - 1)
    digital = [_whole(fields[place][i], f"digital limit of {label}", -bound, bound - 1) for place in (5, 6)]
    if digital[0] >= digital[1]:
        raise _damaged(f"the digital limits of {label} are {digital[0]} and {digital[1]}")


def _split(block: bytes, count: int) -> list[list[bytes]]:
    """Fields of all channels: the header stores the first field of each, then the second, and so on."""
    if len(block) < _HEADER * count:
        raise SignalError("not a whole EDF file: it ends within its header")
    found, place = [], 0
    for width in _FIELDS:
        found.append([block[place + i * width : place + (i + 1) * width] for i in range(count)])
        place += width * count
    return found


def _whole(field: bytes, what: str, least: int, most: int) -> int:
    try:
        number = int(field.decode("ascii").strip(" \0"))
    except ValueError as error:
        raise _damaged(f"the {what} is {_told(field)}") from error
    if not least <= number <= most:
        raise _damaged(f"the {what} is {number}")
    return number


def _number(field: bytes, what: str) -> float:
    try:
        number = float(field.decode("ascii").strip(" \0").replace(",", "."))
    except ValueError as error:
        raise _damaged(f"the {what} is {_told(field)}") from error
    if not math.isfinite(number):
        raise _damaged(f"the {what} is {number}")
    return number


def _told(field: bytes) -> str:
    return repr(field.decode("latin-1").strip())


def _damaged(what: str) -> SignalError:
    return SignalError(f"not a whole EDF file: {what}")


def _decode(text: str) -> str:
    """Undo Latin-1 where the bytes are UTF-8: the standard knows ASCII only, and recorders write either for µ."""
    text = text.rstrip(" \0")
    try:
        return text.encode("latin-1").decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        return text.strip(" ")
