"""The windows of one signal of a table: read from Arrow, measured, and paired."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sig2lm.datasets import Table
from sig2lm.encoder.batching import stack_values
from sig2lm.errors import DatasetError
from sig2lm.pretraining.objectives.objective import Pairs


class WindowDataset(torch.utils.data.Dataset[NDArray[np.float32]]):
    """The windows of one signal in a split, read from the Arrow table: (C, T) float32 with NaN for missing."""

    def __init__(self, table: Table, name: str, split: str = "train") -> None:
        self.table, self.name, self.split = table, name, split
        self.contract = table.info.signals[name]
        self.channels = len(self.contract.channels)
        self.rows = table.data[split].select_columns([name]).with_format("arrow")
        if len(self.rows) == 0:
            raise DatasetError(f"expected windows of '{name}' in the {split} split of '{table.path}', found none")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return self.__getitems__([int(index)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[NDArray[np.float32]]:
        column = self.rows[list(indices)].column(self.name).combine_chunks()
        flat = column.flatten().to_numpy(zero_copy_only=False)
        ends = np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))[:-1]
        return [part.reshape(self.channels, -1) for part in np.split(flat, ends)]

    def column(self, name: str) -> list[str] | list[float]:
        """Another column of the same rows."""
        values: list[str] | list[float] = list(self.table.data[self.split].with_format(None)[name])
        return values


@dataclass(frozen=True)
class Statistics:
    """What is known of windows before training.

    Attributes
    ----------
    mean, std
        Of each channel, over all observed samples, float64; ``std`` is 1 where a channel was never observed.
    within
        Deviation around each window's own mean; 1 where a channel was never observed or never changes within one.
    constant, still_within
        Names of channels that never change, and of those that never do within a window.
    typical
        Samples of the median window.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    within: NDArray[np.float64]
    constant: tuple[str, ...]
    still_within: tuple[str, ...]
    typical: int


def channel_statistics(windows: WindowDataset) -> Statistics:
    """Measure windows in one pass."""
    count, total, squares, around, change = (np.zeros(windows.channels) for _ in range(5))
    lowest, highest = (np.full(windows.channels, np.nan) for _ in range(2))
    lengths = []
    for start in range(0, len(windows), 256):
        for window in windows.__getitems__(range(start, min(start + 256, len(windows)))):
            lengths.append(window.shape[1])
            values = window.astype(np.float64)
            observed = np.isfinite(values).sum(1)
            low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
            lowest, highest = np.fmin(lowest, low), np.fmax(highest, high)
            change = np.fmax(change, high - low)
            mean = np.nansum(values, axis=1) / np.maximum(observed, 1)
            count += observed
            total += np.nansum(values, axis=1)
            squares += np.nansum(values * values, axis=1)
            around += np.nansum((values - mean[:, None]) ** 2, axis=1)
    mean = total / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean * mean, 0.0))
    within = np.sqrt(around / np.maximum(count, 1))
    still, still_within = (count > 0) & (highest == lowest), (count > 0) & (change == 0.0)
    names = np.array(windows.contract.channels)
    return Statistics(
        mean,
        np.where((count > 0) & ~still, deviation, 1.0),
        np.where((count > 0) & ~still_within, within, 1.0),
        tuple(names[still].tolist()),
        tuple(names[still_within].tolist()),
        int(np.median(lengths)),
    )


def subject_codes(windows: WindowDataset) -> tuple[NDArray[np.int64], int]:
    """Number of the subject of each window, and how many subjects there are."""
    names, codes = np.unique(np.asarray(windows.column("subject"), dtype=str), return_inverse=True)
    return codes.astype(np.int64), len(names)


class PairedWindows(torch.utils.data.Dataset[tuple[int, NDArray[np.float32]]]):
    """Each window with its row, and with a partner where an objective asks for pairs.

    Parameters
    ----------
    windows
        Of one signal.
    pairs
        ``subject``: another window of the same person; ``time``: the window before or after in the same recording. A
        window that has none is its own partner.

    Raises
    ------
    DatasetError
        When there is one subject only, or no window has a partner.
    """

    def __init__(self, windows: WindowDataset, pairs: Pairs | None = None) -> None:
        self.windows, self.pairs = windows, pairs
        self.partners: list[NDArray[np.int64]] = []
        self.subject, self.subjects = subject_codes(windows)
        if pairs == "subject":
            check_subjects(windows, self.subjects, "positives by subject")
            self.partners = _same_subject(self.subject)
        elif pairs == "time":
            self.partners = _neighbours(windows)
        if pairs is not None and not any(len(partners) for partners in self.partners):
            of = "subject" if pairs == "subject" else "recording, at different starts,"
            raise DatasetError(
                f"expected several windows of a {of} in the {windows.split} split of '{windows.table.path}', "
                "found none; choose other positives"
            )
        self.draw()

    def __len__(self) -> int:
        return len(self.windows)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[int, NDArray[np.float32]]]:
        rows = [row for index in indices for row in ([index] if self.pairs is None else [index, self.partner(index)])]
        return list(zip(rows, self.windows.__getitems__(rows), strict=True))

    def draw(self) -> None:
        """Choose partners again, with torch's global random numbers; all rows at once, so that processes agree."""
        self._choice = torch.rand(len(self.partners), dtype=torch.float64).numpy()

    def partner(self, row: int) -> int:
        """The row of the partner that was drawn for a row."""
        others = self.partners[row]
        return int(others[int(self._choice[row] * len(others))]) if len(others) else row

    def collate(self, items: Sequence[tuple[int, NDArray[np.float32]]]) -> dict[str, Tensor]:
        """Stack what ``__getitems__`` returned: values, sample_mask, rows and subject."""
        rows = [row for row, _ in items]
        values, mask = stack_values([window for _, window in items])
        return {
            "values": values,
            "sample_mask": mask,
            "rows": torch.tensor(rows),
            "subject": torch.from_numpy(self.subject[rows]),
        }


def check_subjects(windows: WindowDataset, subjects: int, what: str) -> None:
    """Refuse windows of one subject.

    Raises
    ------
    DatasetError
        Saying what needs several.
    """
    if subjects < 2:
        raise DatasetError(
            f"expected several subjects for {what} in the {windows.split} split of '{windows.table.path}', found one; "
            "add subjects, or pretrain without it"
        )


def _same_subject(subject: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """For each row the other rows of its subject."""
    rows_of = [np.flatnonzero(subject == code) for code in range(int(subject.max()) + 1)]
    return [rows_of[code][rows_of[code] != row] for row, code in enumerate(subject)]


def has_neighbours(windows: WindowDataset) -> bool:
    """Whether any recording holds windows at different starts."""
    return any(len(beside) for beside in _neighbours(windows))


def _neighbours(windows: WindowDataset) -> list[NDArray[np.int64]]:
    """For each row the rows before and after it in its recording (of a subject, from a source) by their starts."""
    columns = [windows.column(name) for name in ("subject", "source")]
    start = np.asarray(windows.column("start"), dtype=np.float64)
    recordings: dict[tuple[str | float, ...], list[int]] = {}
    for row, key in enumerate(zip(*columns, strict=True)):
        recordings.setdefault(key, []).append(row)
    found: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)] * len(start)
    for rows in recordings.values():
        ordered = sorted(rows, key=lambda row: start[row])
        for place, row in enumerate(ordered):
            beside = [*ordered[max(0, place - 1) : place], *ordered[place + 1 : place + 2]]
            found[row] = np.asarray([other for other in beside if start[other] != start[row]], dtype=np.int64)
    return found
