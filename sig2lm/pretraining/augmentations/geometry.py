"""Where the axes of a sensor point: rotation, exchanged channels, reversed polarity."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from sig2lm.pretraining.augmentations.augmentation import Augmentation, Augmented, check_parameter
from sig2lm.pretraining.augmentations.channels import Devices, refuse, sensors, signed_channels, vector_devices
from sig2lm.pretraining.augmentations.rng import Noise, normal, uniform
from sig2lm.signals import Contract


@dataclass(frozen=True)
class Rotation(Augmentation):
    """Turn a device in 3-D: another pocket, another wrist, a strap that slipped.

    The axis is uniform on the sphere and the angle uniform up to ``max_angle`` (Um et al. 2017, doi
    10.1145/3136755.3136817). The vectors of one device, such as acceleration and angular velocity, turn together; the
    length of every vector stays. A vector of which one axis is missing cannot be turned: all of it becomes missing.

    Attributes
    ----------
    devices
        For each device the channel numbers of its vectors.
    max_angle
        rad; pi is any direction, 0 changes nothing.
    """

    devices: Devices
    max_angle: float = math.pi

    def __post_init__(self) -> None:
        check_parameter("max_angle (rad)", self.max_angle, 0.0, math.pi)

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Find the vectors by their names and units."""
        devices = vector_devices(contract)
        if not devices:
            raise refuse("rotation", contract, "three neighbouring channels x, y, z that share a unit")
        return cls(**{"devices": devices, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        if self.max_angle == 0.0:
            return values, sample_mask
        mask = sample_mask.clone()
        for vectors in self.devices:
            matrices = random_rotations(values, self.max_angle, generator)
            for vector in vectors:
                axes = slice(vector[0], vector[2] + 1)
                values[:, axes] = matrices @ values[:, axes]
                mask[:, axes] = sample_mask[:, axes].all(1, keepdim=True)
        return values, mask


def random_rotations(like: Tensor, max_angle: float, generator: Noise) -> Tensor:
    """Rotation matrices (B, 3, 3) by Rodrigues' formula, R = I + sin(a) K + (1 - cos(a)) K K."""
    batch = len(like)
    x, y, z = torch.nn.functional.normalize(normal(like, batch, 3, generator=generator), dim=-1).unbind(-1)
    angle = uniform(like, batch, 1, 1, high=max_angle, generator=generator)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(batch, 3, 3)
    return torch.eye(3, device=like.device, dtype=like.dtype) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross


@dataclass(frozen=True)
class ChannelShuffle(Augmentation):
    """Exchange channels in a cycle, so that none stays in its place (Saeed et al. 2019, doi 10.1145/3328932).

    For a 3-D vector this is a turn by 120 degrees about a diagonal: the handedness of the axes stays, and the vectors
    of one device are exchanged alike. Missing samples move with their channel.

    Attributes
    ----------
    groups
        Each holds lists of channel numbers of one length that are exchanged alike.
    """

    groups: tuple[tuple[tuple[int, ...], ...], ...]

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Exchange the axes of each device; of other sensors the channels that share a unit."""
        devices = vector_devices(contract)
        taken = {number for device in devices for vector in device for number in vector}
        others = tuple((group,) for group in sensors(contract) if len(group) > 1 and group[0] not in taken)
        if not devices and not others:
            raise refuse("channel_shuffle", contract, "neighbouring channels that share a unit")
        return cls(**{"groups": (*devices, *others), **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        batch, channels, samples = values.shape
        source = torch.arange(channels, device=values.device).repeat(batch, 1)
        for group in self.groups:
            size = len(group[0])
            order = uniform(values, batch, size, generator=generator).argsort(-1)
            successor = torch.empty_like(order).scatter_(-1, order, order.roll(-1, -1))
            for numbers in group:
                source[:, list(numbers)] = torch.tensor(numbers, device=values.device)[successor]
        index = source[:, :, None].expand(-1, -1, samples)
        return values.gather(1, index), sample_mask.gather(1, index)


@dataclass(frozen=True)
class Negation(Augmentation):
    """Reverse the sign: a sensor upside down, two electrodes exchanged (Saeed et al. 2019, doi 10.1145/3328932).

    Attributes
    ----------
    channels
        Numbers of the channels that change their sign, all together.
    """

    channels: tuple[int, ...]

    @classmethod
    def for_contract(cls, contract: Contract, **parameters: Any) -> Self:
        """Negate what has a polarity: accelerations, angular velocities, magnetic fields, voltages."""
        channels = signed_channels(contract)
        if not channels and "channels" not in parameters:
            raise refuse("negation", contract, "a channel with a polarity (acceleration, angular velocity, voltage)")
        return cls(**{"channels": channels, **parameters})

    def _apply(self, values: Tensor, sample_mask: Tensor, generator: Noise) -> Augmented:
        values[:, list(self.channels)] *= -1.0
        return values, sample_mask
