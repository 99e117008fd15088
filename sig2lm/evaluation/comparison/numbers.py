"""Recordings as text: the numbers of each signal, written as the tokenizer report recommends and cut to fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sig2lm.datasets import Table
from sig2lm.signals import Signal
from sig2lm.tokenization import as_tokenizer, build_serializer, rank, series_from_values, write_all
from sig2lm.tokenization.serializer import Serializer

_FITTED_ROWS = 8  # training windows that the serializer is chosen on


@dataclass(frozen=True)
class NumberWriter:
    """Writes the signals of an example as the fields ``<signal>_numbers``.

    Attributes
    ----------
    serializers
        One for each named signal.
    """

    serializers: Mapping[str, Serializer]

    @classmethod
    def fit(cls, table: Table, tokenizer: Any, seed: int = 0) -> "NumberWriter":
        """Choose for each signal the serializer that is recommended for some windows of the train split.

        Parameters
        ----------
        tokenizer
            The LM's own, in any form that :func:`sig2lm.tokenization.as_tokenizer` takes.
        """
        rows = table.data["train"].with_format("numpy")
        drawn = np.random.default_rng(seed).choice(len(rows), size=min(_FITTED_ROWS, len(rows)), replace=False)
        windows = [table.signals(rows[int(row)]) for row in sorted(drawn)]
        text = as_tokenizer(tokenizer)
        return cls({name: _choose(text, [window[name] for window in windows]) for name in table.info.signals})

    @property
    def names(self) -> str:
        """The serializers in words."""
        kinds = {name: serializer.name for name, serializer in self.serializers.items()}
        if len(set(kinds.values())) == 1:
            return next(iter(kinds.values()))
        return ", ".join(f"{name}: {kind}" for name, kind in kinds.items())

    def write(self, signals: Mapping[str, Signal], share: float = 1.0) -> dict[str, str]:
        """Write the first ``share`` of the samples of each signal, whole samples and at least one."""
        return {f"{name}_numbers": self._write(name, signal.values, share) for name, signal in signals.items()}

    def _write(self, name: str, values: Any, share: float) -> str:
        kept = values[:, : max(1, int(share * values.shape[1]))]
        # float32 through its shortest text, so that 0.1 does not become 0.10000000149011612
        return self.serializers[name].encode(kept.astype(np.str_).astype(np.float64))


def _choose(tokenizer: Any, windows: Sequence[Signal]) -> Serializer:
    values = np.concatenate([window.values for window in windows], axis=1)
    if np.isnan(values).all():
        return build_serializer("plain", np.zeros((len(values), 1)))
    series = series_from_values(values)
    ranking = rank(tokenizer, series, write_all(series))
    name = ranking.recommended
    if name is None or ":" not in name:  # nothing better than the numbers as they come
        return build_serializer("plain", series.values).with_row(ranking.row_separator)
    return build_serializer(name, series.values).with_row(ranking.row_separator)
