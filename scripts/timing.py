"""Timing two or more ways of doing a thing, on a machine that has other things to do.

The ways take turns, round after round, so that what disturbs the machine disturbs all of them; a ratio is taken within
each round, and its median and spread over the rounds are what is reported.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

import torch


def alternate(ways: Mapping[str, Callable[[], object]], rounds: int = 5, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of each way in each round, after some rounds that are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(warm + rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if number >= warm:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratios(slow: list[float], fast: list[float]) -> dict[str, float]:
    """Median of the rounds' ratios, and their lowest and highest."""
    found = sorted(a / b for a, b in zip(slow, fast, strict=True))
    return {"median": statistics.median(found), "lowest": found[0], "highest": found[-1]}


def ratio(slow: list[float], fast: list[float]) -> str:
    """:func:`ratios` as text."""
    return "{median:.2f} ({lowest:.2f}-{highest:.2f})".format(**ratios(slow, fast))


def milliseconds(seconds: list[float]) -> str:
    """Median in ms."""
    return f"{1000 * statistics.median(seconds):.1f} ms"


def machine() -> str:
    """What the figures were measured on."""
    software = f"torch {torch.__version__} with {torch.get_num_threads()} threads"
    return f"{os.cpu_count()} cores, {platform.machine()}, {software}, load {os.getloadavg()[0]:.1f}"
