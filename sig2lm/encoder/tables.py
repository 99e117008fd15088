"""A table as one encoder reads it: one signal, in its channels, units and rate; with fewer labels or sensors."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import datasets as hf
import numpy as np
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.datasets.cached import cached_map
from sig2lm.encoder.config import channel_groups
from sig2lm.errors import DatasetError, SignalError
from sig2lm.signals import Contract, Signal
from sig2lm.tensors import fingerprint


def chosen_signal(table: Table, contract: Contract, signal: str | None) -> str:
    """Name of the signal that an encoder with this contract reads.

    Raises
    ------
    DatasetError
        When the table has no such signal, none or several that fit, or one that does not.
    """
    names = list(table.info.signals)
    if signal is not None and signal not in names:
        raise DatasetError(f"expected one of the signals {', '.join(names)} of '{table.path}', found '{signal}'")
    refused = {name: _misfit(table, name, contract) for name in ([signal] if signal else names)}
    fitting = [name for name, misfit in refused.items() if not misfit]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DatasetError(f"the encoder reads {' and '.join(fitting)} of '{table.path}'; pass --signal NAME")
    raise DatasetError("; ".join(f"'{name}' of '{table.path}': {misfit}" for name, misfit in refused.items()))


def _misfit(table: Table, name: str, contract: Contract) -> str:
    """Why the first window of a signal does not meet the contract; empty when it does."""
    try:
        contract.conform(table.signals(next(iter(table.data.values()))[0])[name], "the encoder")
    except SignalError as error:
        return str(error)
    return ""


def as_read(table: Table, name: str, contract: Contract) -> Table:
    """A table with one signal only, as the contract wants it: converted where that is lossless in meaning.

    Converted windows are cached as Arrow beside the table.

    Raises
    ------
    SignalError
        When a window does not meet the contract.
    """
    found = table.info.signals[name]
    if replace(found, window=None) == replace(contract, window=None):
        return replace(table, info=replace(table.info, signals={name: found}))
    owner = f"the encoder (probed on '{table.path}')"
    window = found.window if contract.window is None else contract.window
    return _rewritten(
        table,
        name,
        replace(contract, window=window),
        lambda signal: contract.conform(signal, owner).values,
        fingerprint(contract.to_dict(), {}),
    )


def as_encoders_read(table: Table, contracts: Mapping[str, Contract]) -> Table:
    """A table as a model's encoders read it: the one gate from tables into encoders.

    A signal in other units, at another rate, or with its channels in another order is converted.

    Parameters
    ----------
    table
        All its signals have an encoder.
    contracts
        Of the encoders, by signal.

    Raises
    ------
    DatasetError
        When a signal has no encoder, or cannot become what its encoder reads; both sides are named.
    """
    for name in table.info.signals:
        check_readable(table, name, contracts)
        read = as_read(table, name, contracts[name])
        table = replace(read, info=replace(table.info, signals={**table.info.signals, **read.info.signals}))
    return table


def check_readable(table: Table, name: str, contracts: Mapping[str, Contract]) -> None:
    """Refuse a table whose signal cannot become what its encoder reads.

    Raises
    ------
    DatasetError
        Naming both sides.
    """
    if name not in contracts:
        raise DatasetError(f"'{name}' of '{table.path}' has no encoder; there are {', '.join(contracts) or 'none'}")
    if misfit := _misfit(table, name, contracts[name]):
        raise DatasetError(
            f"'{name}' of '{table.path}': {misfit}; prepare the data set that way, or pretrain an encoder on it"
        )


@dataclass(frozen=True)
class LeftOut:
    """A table with one sensor missing throughout: a channel group, the channels of a signal that share a unit.

    Attributes
    ----------
    table
        The same windows, with the sensor masked.
    signal, channels, unit
        Names of what is missing, and the unit of its channels.
    """

    table: Table
    signal: str
    channels: list[str]
    unit: str


def sensors_left_out(table: Table) -> Iterator[LeftOut]:
    """Leave each sensor of a table out in turn.

    Raises
    ------
    DatasetError
        If there is one only.
    """
    sensors = [(name, group) for name, contract in table.info.signals.items() for group in channel_groups(contract)]
    if len(sensors) < 2:
        raise DatasetError(
            f"expected two channel groups or more in '{table.path}' (signals, or channels of different units) to leave "
            "one out, found one; leave out --missing"
        )
    return (_without(table, name, group) for name, group in sensors)


def _without(table: Table, name: str, group: tuple[int, ...]) -> LeftOut:
    contract = table.info.signals[name]
    channels = [contract.channels[channel] for channel in group]
    return LeftOut(without_channels(table, name, group), name, channels, contract.units[group[0]])


def without_channels(table: Table, name: str, channels: Sequence[int]) -> Table:
    """The same windows with channels missing throughout."""

    def silence(signal: Signal) -> NDArray[np.float32]:
        values = signal.values.copy()
        values[list(channels)] = np.nan
        return values

    return changed(table, name, silence, {"without": [name, *map(int, channels)]})


def changed(
    table: Table, name: str, change: Callable[[Signal], NDArray[np.float32]], key: Mapping[str, object]
) -> Table:
    """The same windows with other values of one signal; ``key`` says which change it is, for the cache."""
    contract = table.info.signals[name]
    return replace(_rewritten(table, name, contract, change, fingerprint(dict(key), {})), info=table.info)


def renamed(table: Table, name: str, other: str) -> Table:
    """A table with one signal only, under another name."""
    contract = table.info.signals[name]
    unused = [signal for signal in table.info.signals if signal != name]
    data = {split: rows.remove_columns(unused) for split, rows in table.data.items()}
    if name != other:
        data = {split: rows.rename_column(name, other) for split, rows in data.items()}
    return replace(table, data=hf.DatasetDict(data), info=replace(table.info, signals={other: contract}))


def labelled(table: Table, labels: Sequence[str]) -> Table:
    """The rows whose label is among these; no row is copied."""
    known = set(labels)
    data = {
        split: rows.select([row for row, label in enumerate(rows["label"]) if label in known])
        for split, rows in table.data.items()
    }
    return replace(table, data=hf.DatasetDict(data))


def closed_rows(table: Table, say: Callable[[str], None] = lambda line: None) -> Table:
    """The rows without those that bring an open question and no label, which say how many they are; none is copied.

    Raises
    ------
    DatasetError
        When a split holds nothing else.
    """
    data = {}
    for split, rows in table.data.items():
        pairs = zip(rows["label"], rows["answer"], strict=True)
        kept = [row for row, (label, answer) in enumerate(pairs) if label is not None or answer is None]
        if not kept:
            raise DatasetError(
                f"expected labels in the {split} split of '{table.path}', found open questions only, which have no "
                "classes to learn or to score; ask them (sig2lm ask, sig2lm evaluate --questions)"
            )
        if len(kept) < len(rows):
            say(f"{len(rows) - len(kept)} rows of the {split} split ask an open question, without a label: left out")
        data[split] = rows if len(kept) == len(rows) else rows.select(kept)
    return replace(table, data=hf.DatasetDict(data))


def _has_room(rows: hf.Dataset) -> bool:
    """Whether a cache can be written beside the files of rows, which may come from another table than their split."""
    return all(os.access(Path(file["filename"]).parent, os.W_OK) for file in rows.cache_files)


def _rewritten(
    table: Table, name: str, contract: Contract, change: Callable[[Signal], NDArray[np.float32]], key: str
) -> Table:
    """Map the windows of one signal; what comes out meets ``contract`` and is cached under ``key``."""
    source = table.info.signals[name]
    shape = (len(source.channels), -1)

    def rewrite(windows: Sequence[NDArray[np.float32]]) -> dict[str, list[NDArray[np.float32]]]:
        signals = (
            Signal(
                np.asarray(flat, dtype=np.float32).reshape(shape),
                source.sampling_rate,
                source.channels,
                source.units,
                source.period,
            )
            for flat in windows
        )
        return {name: [change(signal).ravel() for signal in signals]}

    data = {
        split: cached_map(
            rows.with_format("numpy"),
            rewrite,
            input_columns=[name],
            batched=True,
            batch_size=256,
            features=rows.features,
            new_fingerprint=f"{rows._fingerprint}-{key}",
            keep_in_memory=not _has_room(rows),
        ).with_format(None)
        for split, rows in table.data.items()
    }
    return replace(table, data=hf.DatasetDict(data), info=replace(table.info, signals={name: contract}))
