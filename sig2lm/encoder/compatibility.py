"""Whether encoders fit a table: one for each signal, which reads what it holds, saw such values and gives numbers."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import CheckpointError, DatasetError, SignalError
from sig2lm.signals import Contract, Signal
from sig2lm.signals.plausibility import Seen, check_plausible

_ROWS = 256  # of a split, drawn at random, by which its values are judged
_logger = logging.getLogger(__name__)


def check_every_signal(names: Sequence[str], encoders: Iterable[str], place: str) -> None:
    """Refuse encoders that are not one for each of the named signals.

    Raises
    ------
    DatasetError
        Naming both, and the place of the signals.
    """
    if set(encoders) != set(names):
        raise DatasetError(
            f"expected an encoder for each of the signals {', '.join(names)} of {place}, found "
            f"{', '.join(encoders) or 'none'}; pass --encoder NAME=FOLDER for each"
        )


def check_contract(table: Table, name: str, expected: Contract, owner: str) -> None:
    """Refuse a table whose signal is not sampled as its encoder expects.

    Raises
    ------
    DatasetError
        Naming both sides.
    """
    found = table.info.signals[name]
    for what in ("sampling_rate", "period", "channels", "units"):
        if getattr(found, what) != getattr(expected, what):
            raise DatasetError(
                f"{what} of '{name}' in '{table.path}' is {getattr(found, what)}, but the encoder '{owner}' expects "
                f"{getattr(expected, what)}; prepare the data set that way, or pretrain an encoder on it"
            )


def check_values(table: Table, split: str, encoders: Mapping[str, PatchEncoder]) -> None:
    """Hold the values of a split against what bodies do and encoders have seen; what is odd is logged, in a line.

    Parameters
    ----------
    table, split
        Whose rows, of which some hundred are looked at. A table that is believed (``load_table(..., believe=True)``)
        is not judged.
    encoders
        By signal; signals of the table without one are passed over.

    Raises
    ------
    DatasetError
        If values are out of all bounds.
    """
    judged = [name for name in table.info.signals if name in encoders]
    if table.believed or split not in table.data or not judged:
        return
    rows = table.data[split]
    drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:_ROWS])
    found = rows.select(drawn).with_format("numpy", columns=judged)[:]
    for name in judged:
        contract = table.info.signals[name]
        windows = [np.asarray(one, np.float32).reshape(len(contract.channels), -1) for one in found[name]]
        values = np.concatenate(windows, axis=1)
        signal = Signal(values, contract.sampling_rate, contract.channels, contract.units, contract.period)
        encoder, what = encoders[name], f"'{name}' of '{table.path}'"
        try:
            odd = check_plausible(signal, encoder.contract, seen_by(encoder), owner=f"the encoder of '{name}'")
        except SignalError as error:
            raise DatasetError(f"{what}: {error}") from error
        if odd:
            _logger.warning("%s: %s", what, "; ".join(odd))


def check_patches(patches: NDArray[np.floating[Any]], name: str, where: str = "") -> None:
    """Refuse what an encoder gives where some of it is no finite number.

    Parameters
    ----------
    patches
        Of any shape, or what was made of them.
    name
        Of the signal.
    where
        Which windows, such as ``of the test split``.

    Raises
    ------
    CheckpointError
        If some are NaN or infinite.
    """
    if not np.isfinite(patches).all():
        raise CheckpointError(
            f"expected an encoder of '{name}' whose patches are numbers, found some {f'{where} ' if where else ''}"
            "that are not; its weights or its scaling are damaged: copy it again, or pretrain it anew"
        )


def seen_by(encoder: PatchEncoder) -> Seen | None:
    """What an encoder has seen of its channels, if it stores their mean and deviation."""
    config = getattr(encoder, "config", None)
    std = tuple(getattr(config, "std", ()))
    normalisation = getattr(config, "normalisation", None)
    if not std or normalisation not in ("dataset", "centred"):
        return None
    return Seen(tuple(config.mean) if normalisation == "dataset" else None, std)  # type: ignore[union-attr]
