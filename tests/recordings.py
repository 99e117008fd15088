"""Contracts of each kind of signal, and random recordings that meet them."""

import math

import torch

from sig2lm.signals import Contract

MOTION = Contract(
    ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"), ("m/s^2",) * 3 + ("rad/s",) * 3, 50.0, window=1.28
)
ECG = Contract(("lead_i", "lead_ii"), ("mV", "mV"), 300.0, window=0.5)
RR = Contract(("rr",), ("ms",), None, window=40.0)
DAILY = Contract(
    ("steps", "resting_heart_rate", "sleep_minutes", "exercise_minutes"),
    ("count", "beats/min", "minute", "minute"),
    None,
    86400.0,
    7.0,
)
WRIST = Contract(("bvp", "eda", "temp"), ("", "uS", "degC"), 64.0, window=0.8)
CONTRACTS = {"motion": MOTION, "ecg": ECG, "rr": RR, "daily": DAILY, "wrist": WRIST}
LENGTHS = {"motion": 64, "ecg": 150, "rr": 40, "daily": 7, "wrist": 51}


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(kind: str, seed: int, rows: int = 4, missing: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Positive values of mean 5, NaN where missing."""
    shape = (rows, len(CONTRACTS[kind].channels), LENGTHS[kind])
    generator = draw(seed)
    values = 5.0 + torch.rand(shape, generator=generator)
    mask = torch.rand(shape, generator=generator) >= missing
    return values.masked_fill(~mask, math.nan), mask


def full(values: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(values, dtype=torch.bool)
