"""Augmentations by name, built for a contract, and those that suit each kind of signal."""

from dataclasses import fields
from typing import Any

from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.augmentations.amplitude import Cutout, Jitter, MagnitudeWarp, Scaling
from sig2lm.pretraining.augmentations.augmentation import Augmentation
from sig2lm.pretraining.augmentations.cardiac import BeatJitter, DroppedBeats
from sig2lm.pretraining.augmentations.channels import is_interval_series, noise_levels, sizes_in, vector_devices
from sig2lm.pretraining.augmentations.combining import Compose, Sometimes
from sig2lm.pretraining.augmentations.frequency import BandPerturbation, PhasePreservingSurrogate, PhaseRandomisation
from sig2lm.pretraining.augmentations.geometry import ChannelShuffle, Negation, Rotation
from sig2lm.pretraining.augmentations.interference import BaselineWander, PowerlineNoise
from sig2lm.pretraining.augmentations.time import CropResize, Permutation, TimeReversal, TimeWarp
from sig2lm.signals import Contract

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "rotation": Rotation,
    "channel_shuffle": ChannelShuffle,
    "negation": Negation,
    "jitter": Jitter,
    "scaling": Scaling,
    "magnitude_warp": MagnitudeWarp,
    "cutout": Cutout,
    "time_warp": TimeWarp,
    "crop_resize": CropResize,
    "permutation": Permutation,
    "time_reversal": TimeReversal,
    "band_perturbation": BandPerturbation,
    "phase_preserving_surrogate": PhasePreservingSurrogate,
    "phase_randomisation": PhaseRandomisation,
    "baseline_wander": BaselineWander,
    "powerline_noise": PowerlineNoise,
    "dropped_beats": DroppedBeats,
    "beat_jitter": BeatJitter,
}


def build_augmentation(name: str, contract: Contract, **parameters: Any) -> Augmentation:
    """Build an augmentation for signals of a contract.

    Parameters
    ----------
    name
        A key of `AUGMENTATIONS`.
    contract
        Says the units, the sampling rate and which channels form a vector.
    **parameters
        Fields of the augmentation that overrule its defaults, in physical units.

    Raises
    ------
    SignalError
        When the augmentation makes no sense for such signals.
    Sig2LMError
        When the name or a parameter is unknown, or a parameter is out of range.
    """
    if name not in AUGMENTATIONS:
        raise Sig2LMError(f"augmentation is '{name}', but there are {', '.join(AUGMENTATIONS)}; choose one")
    kind = AUGMENTATIONS[name]
    known = [field.name for field in fields(kind)]
    if unknown := sorted(set(parameters) - set(known)):
        raise Sig2LMError(
            f"the augmentation {name} has the parameters {', '.join(known) or 'none'}, found {', '.join(unknown)}"
        )
    return kind.for_contract(contract, **parameters)


def default_augmentations(contract: Contract) -> list[Augmentation]:
    """Augmentations that keep the meaning of a signal, by what its channels measure.

    Parameters
    ----------
    contract
        RR intervals, slow rows such as days, or a sampled signal: movement, ECG, pulse, skin conductance, temperature.
    """
    if is_interval_series(contract):
        chosen: list[tuple[str, dict[str, Any]]] = [
            ("dropped_beats", {}),
            ("beat_jitter", {}),
            ("scaling", {"std": 0.1}),
            ("magnitude_warp", {"std": 0.05}),
            ("cutout", {}),
        ]
    elif contract.sampling_rate is None:
        chosen = [("scaling", {"std": 0.1}), ("cutout", {})]
    else:
        chosen = _for_sampled(contract)
    if not is_interval_series(contract) and any(noise_levels(contract)):
        chosen.append(("jitter", {}))
    return [build_augmentation(name, contract, **parameters) for name, parameters in chosen]


def default_pipeline(contract: Contract, probability: float = 0.5) -> Compose:
    """The default augmentations one after the other, each on a row with a probability."""
    return Compose(tuple(Sometimes(augmentation, probability) for augmentation in default_augmentations(contract)))


def _for_sampled(contract: Contract) -> list[tuple[str, dict[str, Any]]]:
    """Of a sampled signal: gain, time and gaps, and what its sensors suffer from."""
    voltage = any(sizes_in(contract, 1.0, "mV"))
    chosen: list[tuple[str, dict[str, Any]]] = [("scaling", {"std": 0.2}), ("cutout", {})]
    if vector_devices(contract):
        # Far from any direction: standing and sitting differ in nothing but the direction of gravity.
        chosen.insert(0, ("rotation", {"max_angle": 0.5}))
    # The durations of an ECG's waves are what it says; movement and slow signals may run faster or slower.
    chosen.append(("time_warp", {"std": 0.05 if voltage else 0.2}))
    if voltage or any(sizes_in(contract, 1.0, "uS")):
        chosen.append(("baseline_wander", {}))
    if voltage and all(sizes_in(contract, 1.0, "mV")):
        # Hand-held electrodes are often swapped: more than a quarter of CinC 2017's training records look upside down.
        chosen.append(("negation", {}))
    if voltage and (contract.sampling_rate or 0.0) > 100.0:
        chosen.append(("powerline_noise", {}))
    return chosen
