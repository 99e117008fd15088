"""Quantities of an angular velocity about three axes."""

import numpy as np

from sig2lm.quantities.channels import triads
from sig2lm.quantities.quantity import Need, Values
from sig2lm.quantities.registry import quantity
from sig2lm.quantities.statistics import magnitude, mean

ROTATION = Need("an angular velocity about three axes", triads("rad/s"), "rad/s")


@quantity("rotation energy", "rad^2/s^2", ROTATION, tolerance=0.2, relative=0.2)
def rotation_energy(values: Values, rate: float) -> Values:
    """Mean square of the angular velocity, summed over the axes."""
    return mean(magnitude(values) ** 2)


@quantity("turning rate", "deg/s", ROTATION, tolerance=5.0, relative=0.15, words=("turns", "rotates", "rotation"))
def turning_rate(values: Values, rate: float) -> Values:
    """Mean length of the angular velocity."""
    return np.asarray(np.degrees(mean(magnitude(values))))
