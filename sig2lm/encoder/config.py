"""What every architecture of a signal encoder is configured by: its contract, its scaling, its limits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from torch import nn

from sig2lm.errors import CheckpointError, SignalError
from sig2lm.schema import Count, Finite, Share, read_as
from sig2lm.signals import Contract
from sig2lm.signals.units import convert_values

Normalisation = Literal["dataset", "centred", "instance", "recording", "none"]


@dataclass(frozen=True)
class EncoderConfig(ABC):
    """The base of each architecture's config: two parts, an embedding and blocks, and what both need.

    The embedding turns samples into tokens, one for each patch and channel group; the blocks let tokens see one
    another. ``sig2lm.encoder.architectures`` names the architectures.

    Attributes
    ----------
    contract
        The signals it was trained on: channels, units, rate, window.
    normalisation
        ``dataset`` subtracts ``mean`` and divides by ``std`` of the training set; ``centred`` subtracts each channel's
        own mean over the observed samples of the signal at hand, and divides by ``std``: the level is gone, the size
        of changes stays; ``instance`` divides by the signal's own deviation too; ``recording`` does as well, and gives
        the level and the size that it took away back to each token, as two numbers a channel; ``none`` leaves values
        alone.
    mean, std
        Per channel, in the contract's units; ``std`` of all but ``dataset`` is around the windows' own means.
    max_positions
        Longest signal, in patches along time.
    dropout
        Applied in training only.
    statistics
        Whether what textbooks list of a window (:mod:`sig2lm.encoder.statistics`) goes to each token.
    """

    contract: Contract
    _: KW_ONLY
    normalisation: Normalisation = "dataset"
    mean: tuple[Finite, ...] = ()
    std: tuple[Finite, ...] = ()
    max_positions: Count = 8192
    dropout: Share = 0.0
    statistics: bool = False

    architecture: ClassVar[str]
    hides_level: ClassVar[bool] = False  # whether its own layers take a signal's level away

    @property
    def hands_level_on(self) -> bool:
        """Whether level and size of each channel go to the tokens beside the samples, from which they are gone.

        Statistics hold both already.
        """
        if self.statistics:
            return False
        return self.normalisation == "recording" or (self.hides_level and self.normalisation in ("dataset", "centred"))

    @property
    def channel_groups(self) -> tuple[tuple[int, ...], ...]:
        """Channel numbers of each group: those that share a unit."""
        return channel_groups(self.contract)

    if TYPE_CHECKING:  # fields of some architectures, computed by others; at runtime they would hide the fields

        @property
        def patch_size(self) -> int:
            """Samples that a patch stands for."""

        @property
        def patch_stride(self) -> int:
            """Samples between the starts of patches."""

        @property
        def width(self) -> int:
            """E."""

    @abstractmethod
    def build_embedding(self) -> nn.Module:
        """Return what maps normalised values and sample_mask (B, C, T) to tokens (B, times, groups, E)."""

    @abstractmethod
    def build_blocks(self) -> nn.Module:
        """Return what maps tokens (B, times, groups, E) and their mask (B, times, groups) to patches alike."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary that names the architecture."""
        return {"architecture": self.architecture, **asdict(self), "contract": self.contract.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote for this architecture.

        Raises
        ------
        CheckpointError
            If keys are missing or unknown.
        """
        content = {key: value for key, value in content.items() if key != "architecture"}
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(content) - known):
            raise CheckpointError(
                f"expected an encoder config with the keys {', '.join(sorted(known))}, found also {', '.join(unknown)}"
                "; it was written by another version of sig2lm or is not an encoder"
            )
        if not isinstance(content.get("contract"), Mapping):
            raise CheckpointError("expected an encoder config with a contract, found none; copy the encoder again")
        try:
            contract = Contract.from_dict(dict(content["contract"]))
        except (SignalError, TypeError, ValueError) as error:
            raise CheckpointError(f"expected an encoder config with a contract, but {error}; copy it again") from error
        config = read_as(cls, {**content, "contract": contract.to_dict()}, "an encoder config")
        channels = len(contract.channels)
        if any(len(scaling) not in (0, channels) for scaling in (config.mean, config.std)):
            raise CheckpointError(
                f"expected an encoder config with mean and std of {channels} channels, found {len(config.mean)} and "
                f"{len(config.std)}; copy it again"
            )
        return config


def channel_groups(contract: Contract) -> tuple[tuple[int, ...], ...]:
    """Channel numbers of each group of a contract: channels that share a unit.

    Examples
    --------
    >>> channel_groups(Contract(("ax", "ay", "temp"), ("m/s^2", "m/s^2", "degC"), 50.0))
    ((0, 1), (2,))
    """
    groups: dict[str, list[int]] = {}
    for number, unit in enumerate(contract.units):
        groups.setdefault(unit, []).append(number)
    return tuple(tuple(group) for group in groups.values())


def default_normalisation(contract: Contract) -> Normalisation:
    """``centred`` for event series such as RR intervals, ``recording`` for ECG and its like; else ``dataset``.

    The level of intervals says who it is: with it, an adapter learns the heart rates of the people it has seen (see
    scripts/bench_normalisation.py). The size of an ECG is the electrodes': one recording's is five times another's.
    """
    if contract.sampling_rate is None:
        return "centred" if contract.period is None else "dataset"
    return "recording" if all(map(_is_voltage, contract.units)) else "dataset"


def _is_voltage(unit: str) -> bool:
    try:
        convert_values(np.zeros(1, dtype=np.float32), unit, "mV")
    except SignalError:
        return False
    return True
