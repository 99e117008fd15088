"""Whether encoders fit a table: one for each signal, and each reads what the table holds."""

from collections.abc import Iterable, Sequence

from sig2lm.datasets import Table
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import DatasetError
from sig2lm.signals import Contract
from sig2lm.signals.plausibility import Seen


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


def seen_by(encoder: PatchEncoder) -> Seen | None:
    """What an encoder has seen of its channels, if it stores their mean and deviation."""
    config = getattr(encoder, "config", None)
    std = tuple(getattr(config, "std", ()))
    normalisation = getattr(config, "normalisation", None)
    if not std or normalisation not in ("dataset", "centred"):
        return None
    return Seen(tuple(config.mean) if normalisation == "dataset" else None, std)  # type: ignore[union-attr]
