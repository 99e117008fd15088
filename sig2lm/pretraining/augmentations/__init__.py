"""Augmentations with physical meaning: random changes that a recording could have had and that keep what it says.

``augmentation(values (B, C, T), sample_mask (B, C, T), generator) -> values, sample_mask``, vectorised over the batch,
on any device, the same for the same generator. :class:`Augmentation` says what all of them promise;
``build_augmentation(name, contract)`` reads units, sampling rate and vectors off the contract.
"""

from sig2lm.pretraining.augmentations.amplitude import Cutout, Jitter, MagnitudeWarp, Scaling
from sig2lm.pretraining.augmentations.augmentation import Augmentation
from sig2lm.pretraining.augmentations.cardiac import BeatJitter, DroppedBeats
from sig2lm.pretraining.augmentations.combining import Compose, RandomChoice, Sometimes, augment_rows
from sig2lm.pretraining.augmentations.frequency import BandPerturbation, PhasePreservingSurrogate, PhaseRandomisation
from sig2lm.pretraining.augmentations.geometry import ChannelShuffle, Negation, Rotation
from sig2lm.pretraining.augmentations.interference import BaselineWander, PowerlineNoise
from sig2lm.pretraining.augmentations.registry import (
    AUGMENTATIONS,
    build_augmentation,
    default_augmentations,
    default_pipeline,
)
from sig2lm.pretraining.augmentations.rng import RowNoise
from sig2lm.pretraining.augmentations.time import CropResize, Permutation, TimeReversal, TimeWarp

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "BandPerturbation",
    "BaselineWander",
    "BeatJitter",
    "ChannelShuffle",
    "Compose",
    "CropResize",
    "Cutout",
    "DroppedBeats",
    "Jitter",
    "MagnitudeWarp",
    "Negation",
    "Permutation",
    "PhasePreservingSurrogate",
    "PhaseRandomisation",
    "PowerlineNoise",
    "RandomChoice",
    "Rotation",
    "RowNoise",
    "Scaling",
    "Sometimes",
    "TimeReversal",
    "TimeWarp",
    "augment_rows",
    "build_augmentation",
    "default_augmentations",
    "default_pipeline",
]
