"""Recordings as text: numbers written as the tokenizer report recommends, and thinned or cut until they fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        """Write about a share of the samples of each signal, whole samples and at least one.

        Of a signal with a sampling rate every n-th sample is written, so that the whole window is seen; of events and
        slow rows, where each says something about the one before, the first ones.
        """
        return {f"{name}_numbers": self._write(name, _kept(signal, share)) for name, signal in signals.items()}

    def _write(self, name: str, values: NDArray[np.float32]) -> str:
        # float32 through its shortest text, so that 0.1 does not become 0.10000000149011612
        return self.serializers[name].encode(values.astype(np.str_).astype(np.float64))


def shown(signals: Mapping[str, Signal], share: float) -> float:
    """Return which share of the values of some signals :meth:`NumberWriter.write` writes."""
    written = sum(_kept(signal, share).size for signal in signals.values())
    return written / sum(signal.values.size for signal in signals.values())


def _kept(signal: Signal, share: float) -> NDArray[np.float32]:
    count = max(1, int(share * signal.num_samples))
    if signal.sampling_rate is None:
        return signal.values[:, :count]
    return signal.values[:, :: math.ceil(signal.num_samples / count)]


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
