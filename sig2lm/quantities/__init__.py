"""Measured facts of a signal: value, unit, tolerance, how it was computed and from what. No torch, no model."""

from sig2lm.quantities import acceleration, daily, ecg, intervals, pulse, rotation, skin
from sig2lm.quantities.comparing import comparisons
from sig2lm.quantities.grounding import Check, check_numbers
from sig2lm.quantities.measuring import lacking_packages, measure, measure_many, together
from sig2lm.quantities.quantity import Measurement, Need, Quantity
from sig2lm.quantities.registry import QUANTITIES
from sig2lm.quantities.stated import Stated, stated_numbers

_ROOMS = (acceleration, rotation, intervals, ecg, pulse, skin, daily)

__all__ = [
    "QUANTITIES",
    "Check",
    "Measurement",
    "Need",
    "Quantity",
    "Stated",
    "check_numbers",
    "comparisons",
    "lacking_packages",
    "measure",
    "measure_many",
    "stated_numbers",
    "together",
]
