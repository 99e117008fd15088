"""Tell which distortions were applied: what an encoder must know of a signal to notice that it was tampered with.

Multi-task self-supervision (Saeed et al. 2019, doi 10.1145/3328932), of which arrow of time, permutation and time warp
are the three tasks of harnet (Yuan et al. 2024, doi 10.1038/s41746-024-01062-3). As in the latter distortions come
together, each with its own probability; there is one head with a logit for each, where both have heads of their own.
"""

from typing import Any

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sig2lm.encoder.pooling import mean_patch
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.errors import Sig2LMError, SignalError
from sig2lm.pretraining.augmentations import Augmentation, augment_rows, build_augmentation
from sig2lm.pretraining.augmentations.channels import noise_levels
from sig2lm.pretraining.objectives.distributed import BatchNoise, process_mean, uniform
from sig2lm.pretraining.objectives.heads import projector
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.signals import Contract

# In the order in which they are applied; strong enough to be noticed, where defaults are mild enough to be overlooked.
_STRENGTHS: dict[str, dict[str, Any]] = {
    "rotation": {},
    "channel_shuffle": {},
    "negation": {},
    "scaling": {"std": 0.5},
    "time_reversal": {},
    "permutation": {"segments": 5},
    "time_warp": {"std": 0.5},
    "dropped_beats": {"probability": 0.1},
    "jitter": {},
}
_JITTER = 2.0  # times the sensor noise of the default augmentation


class ToldDistortions(Objective):
    """Binary cross-entropy of telling, for each distortion, whether a window went through it.

    WindowDataset without an observed sample do not count.

    Parameters
    ----------
    encoder
        The encoder to train.
    distortions
        By name, in the order of application.
    probability
        That a window goes through a distortion.
    """

    def __init__(self, encoder: SignalEncoder, distortions: dict[str, Augmentation], probability: float) -> None:
        super().__init__(encoder)
        if not 0.0 < probability < 1.0:
            raise Sig2LMError(f"probability of a distortion must lie between 0 and 1, found {probability}; change it")
        self.distortions, self.probability = distortions, probability
        self.head = projector(encoder.width, len(distortions))
        self._noise = BatchNoise()

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        applied = uniform(len(values), len(self.distortions), device=values.device) < self.probability
        seen = sample_mask.flatten(1).any(1)
        logits = self.tell(*self.distort(values, sample_mask, applied))
        loss = binary_cross_entropy_with_logits(logits, applied.to(logits.dtype), reduction="none").mean(1)
        return (loss * seen).sum() / process_mean(seen.sum()).clamp(min=1)

    def distort(self, values: Tensor, sample_mask: Tensor, applied: Tensor) -> tuple[Tensor, Tensor]:
        """Apply to each window the distortions that ``applied`` (B, N) says."""
        noise = self._noise.rows(len(values), values.device)
        for number, distortion in enumerate(self.distortions.values()):
            values, sample_mask = augment_rows(distortion, applied[:, number], values, sample_mask, noise)
        return values, sample_mask

    def tell(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return logits (B, N) of each distortion having been applied."""
        logits: Tensor = self.head(mean_patch(*self.encoder(values, sample_mask)))
        return logits


class Transformations(ToldDistortions):
    """Tell which of several distortions were applied.

    Parameters
    ----------
    encoder
        The encoder to train.
    distortions
        Names among rotation, channel_shuffle, negation, scaling, time_reversal, permutation, time_warp, dropped_beats
        and jitter; by default all that make sense for the encoder's signals. Those of harnet are time_reversal,
        permutation and time_warp.
    probability
        That a window goes through a distortion.

    Raises
    ------
    Sig2LMError
        When a name is unknown, none is given, or one makes no sense for the signals.
    """

    def __init__(
        self, encoder: SignalEncoder, distortions: tuple[str, ...] | None = None, probability: float = 0.5
    ) -> None:
        noticed = encoder.config.normalisation != "instance"
        super().__init__(encoder, build_distortions(encoder.contract, distortions, scale=noticed), probability)


def build_distortions(
    contract: Contract, names: tuple[str, ...] | None = None, scale: bool = True
) -> dict[str, Augmentation]:
    """Build the named distortions, or all that make sense for a signal and can be noticed.

    Parameters
    ----------
    scale
        Whether an encoder sees the scale of a window; one that divides by each window's own deviation does not.

    Raises
    ------
    Sig2LMError
        When a name is unknown, none is given, or one makes no sense for the signal.
    """
    if names is not None:
        unknown = [name for name in names if name not in _STRENGTHS]
        if unknown or not names:
            raise Sig2LMError(
                f"expected distortions among {', '.join(_STRENGTHS)}, found {', '.join(unknown) or 'none'}; change them"
            )
        return {name: _build(contract, name) for name in _STRENGTHS if name in names}
    chosen = {}
    for name in _STRENGTHS:
        if name == "scaling" and not scale:
            continue
        if name == "time_warp" and contract.sampling_rate is None:
            continue  # between two events, or two days, there is nothing to read
        try:
            chosen[name] = _build(contract, name)
        except SignalError:
            continue
    return chosen


def _build(contract: Contract, name: str) -> Augmentation:
    parameters = _STRENGTHS[name]
    levels = noise_levels(contract)
    if name == "jitter" and any(levels):
        parameters = {"std": tuple(_JITTER * level for level in levels)}
    return build_augmentation(name, contract, **parameters)
