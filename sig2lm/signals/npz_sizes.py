"""What an npz archive claims to hold, against what it can hold, before memory is taken for it."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from sig2lm.errors import SignalError

_DENSEST = 1100  # bytes out of one byte that is compressed; zlib reaches 1032
_MOST = 2**40
_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_npz(path: Path) -> None:
    """Refuse an archive whose arrays claim more than their bytes.

    Raises
    ------
    SignalError
        If one does; what is damaged otherwise is left to numpy.
    ValueError, OSError, zipfile.BadZipFile
        If it is no archive of arrays.
    """
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".npy"):
                continue
            with archive.open(entry) as file:
                claimed = _claimed(file)
            if claimed > min(entry.file_size, _MOST) or entry.file_size > _DENSEST * max(entry.compress_size, 64):
                raise SignalError(
                    f"the array {entry.filename.removesuffix('.npy')!r} claims {claimed} bytes and holds "
                    f"{entry.compress_size}; the file is damaged, save it again"
                )


def _claimed(file: IO[bytes]) -> int:
    """Return the bytes of an array by its header; 0 where numpy will refuse the header itself."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        return 0
    shape, _, dtype = _HEADERS[version](file)
    return 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize
