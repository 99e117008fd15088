"""Windows that stand under two people: a split by subject promises nothing where one recording has two names."""

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from sig2lm.datasets.table import TableRow
from sig2lm.errors import DatasetError
from sig2lm.signals.units import FloatArray

_FEWEST = 32  # distinct values; shorter or flat windows of two people may well be the same
_BITS = 128  # of a sketch; windows that correlate by 0.99 share all of it in one case of some hundred


@dataclass
class Duplicates:
    """Watches the rows of a table as they are written.

    Parameters
    ----------
    refused
        Whether the same values under two subjects are an error; else they are counted.

    Attributes
    ----------
    same
        Number of windows whose values stand under another subject too.
    nearly
        Number of windows that are, up to noise, offset and scale, one of another split.
    """

    refused: bool
    same: int = 0
    nearly: int = 0
    _values: dict[bytes, tuple[str, str, float]] = field(default_factory=dict)
    _sketches: dict[bytes, str] = field(default_factory=dict)

    def add(self, row: TableRow) -> None:
        """Take note of a row.

        Raises
        ------
        DatasetError
            If duplicates are refused and another subject has the same values of a signal.
        """
        for name, signal in row.signals.items():
            if len(np.unique(signal.values[np.isfinite(signal.values)])) >= _FEWEST:
                self._add(row, name, signal.values)

    def _add(self, row: TableRow, name: str, values: FloatArray) -> None:
        digest = blake2b((np.nan_to_num(values, nan=np.inf) + 0.0).tobytes(), digest_size=16).digest()
        subject, source, start = self._values.setdefault(digest, (row.subject, row.source, row.start))
        split = self._sketches.setdefault(_sketch(values), str(row.split))
        if subject != row.subject:
            self.same += 1
            if self.refused:
                raise DatasetError(
                    f"'{row.source}' at {row.start:g} (subject '{row.subject}') holds the same '{name}' as '{source}' "
                    f"at {start:g} (subject '{subject}'), and a split by person would not be one; give both to one "
                    "subject or remove one"
                )
        elif split != row.split:
            self.nearly += 1

    def sentences(self) -> list[str]:
        """What was found, a line for each kind."""
        found = (
            (self.same, "the same values as one of another subject"),
            (self.nearly, "nearly the values of one in another split, so that scores may flatter"),
        )
        return [f"{count} window{'s have' if count > 1 else ' has'} {what}" for count, what in found if count]


def _sketch(values: FloatArray) -> bytes:
    """Signs of sums over random parts of (C, T) values, each channel centred and scaled; noise hardly moves them."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    filled = np.where(known, values, 0).astype(np.float64)
    centred = np.where(known, filled - filled.sum(1, keepdims=True) / count, 0)
    scale = np.sqrt((centred**2).sum(1, keepdims=True) / count)
    scaled = (centred / np.where(scale > 0, scale, 1)).ravel()
    rng = np.random.default_rng(scaled.size)
    parts, signs = rng.integers(0, _BITS, scaled.size), rng.choice([-1, 1], scaled.size)
    return scaled.size.to_bytes(8, "little") + np.packbits(np.bincount(parts, scaled * signs, _BITS) > 0).tobytes()
