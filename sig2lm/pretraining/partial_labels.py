"""WindowDataset of which some have a label: of one table, or of a further one besides that has none or hides them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import datasets as hf
import numpy as np
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.encoder.compatibility import check_contract, check_every_signal
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import DatasetError
from sig2lm.pretraining.fine_tuning import NumberedWindows

UNLABELLED = -100  # the number of a window that teaches no label


@dataclass(frozen=True)
class PartlyLabelled:
    """All training windows as one split that holds no labels, and what is known of them.

    Attributes
    ----------
    table
        Signals only; the rows of the further table come last.
    known, numbers
        Rows with a label, and its number for each.
    others
        All other rows.
    """

    table: Table
    known: list[int]
    numbers: list[int]
    others: list[int]

    @classmethod
    def of(
        cls,
        table: Table,
        encoders: Mapping[str, PatchEncoder],
        labels: Sequence[str],
        rows: Sequence[int] | None = None,
        unlabelled: Table | None = None,
    ) -> Self:
        """Gather windows that suit encoders; no row is copied.

        Parameters
        ----------
        rows
            Of the train split whose labels are known; by default all that have one. Other labels are not looked at.
        unlabelled
            A further table; only the signals of its train split are read.

        Raises
        ------
        DatasetError
            When no window is unlabelled, a label has no labelled window, or a table does not suit the encoders.
        """
        names = list(table.info.signals)
        check_every_signal(names, encoders, f"'{table.path}'")
        tables = [table] if unlabelled is None else [table, unlabelled]
        for one in tables:
            _check_signals(one, encoders)
        given = list(table.data["train"]["label"])
        known = list(rows) if rows is not None else [row for row, label in enumerate(given) if label is not None]
        _check_labels([given[row] for row in known], labels, table)
        parts = [one.data["train"].with_format(None).select_columns(names) for one in tables]
        whole = replace(table, data=hf.DatasetDict({"train": hf.concatenate_datasets(parts)}))
        others = sorted(set(range(sum(map(len, parts)))) - set(known))
        if not others:
            raise DatasetError(
                f"expected windows without a label in the train split of '{table.path}', found none; pass a further "
                "data set as --unlabelled, or train without --self-training"
            )
        return cls(whole, known, [labels.index(str(given[row])) for row in known], others)

    def numbered(self, rows: Sequence[int], numbers: Sequence[int]) -> NumberedWindows:
        """Return some windows, each with a number."""
        return NumberedWindows(self.table, "train", rows, numbers)

    def with_answers(self, found: NDArray[np.int64]) -> NumberedWindows:
        """Return the known windows with their own numbers, and of the others those that have an answer, with it.

        Where none has one, all others come along, as ``UNLABELLED``.

        Parameters
        ----------
        found
            (N,) for the N others: the number of a label, or ``UNLABELLED``.
        """
        kept = np.flatnonzero(found != UNLABELLED)
        kept = kept if len(kept) else np.arange(len(found))
        rows = [self.others[place] for place in kept]
        return self.numbered([*self.known, *rows], [*self.numbers, *found[kept].tolist()])


def _check_signals(table: Table, encoders: Mapping[str, PatchEncoder]) -> None:
    if "train" not in table.data or not set(encoders) <= set(table.info.signals):
        raise DatasetError(
            f"expected a train split with {', '.join(encoders)} in '{table.path}', found {', '.join(table.data)} with "
            f"{', '.join(table.info.signals)}; choose a data set of the same signals"
        )
    for name, encoder in encoders.items():
        check_contract(table, name, encoder.contract, name)


def _check_labels(given: Sequence[str | None], labels: Sequence[str], table: Table) -> None:
    lacking, strange = [label for label in labels if label not in given], set(given) - set(labels)
    if lacking or strange:
        found = f"none of {', '.join(lacking)}" if lacking else f"{', '.join(sorted(map(str, strange)))}, too"
        raise DatasetError(
            f"expected labelled windows of {', '.join(labels)}, and of these only, in the train split of "
            f"'{table.path}', found {found}; label some, or leave the label out"
        )
