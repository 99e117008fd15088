"""What a signal holds, in words a language model can read and in numbers a program can."""

import math
from typing import Any, Protocol

import numpy as np

from sig2lm.formatting import duration
from sig2lm.signals.units import FloatArray


class Described(Protocol):
    """What of a :class:`sig2lm.signals.Signal` is read here."""

    @property
    def values(self) -> FloatArray:
        """(C, T) float32, NaN where a sample is missing."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def units(self) -> tuple[str, ...]:
        """Of each channel."""

    @property
    def sampling_rate(self) -> float | None:
        """Hz."""

    @property
    def period(self) -> float | None:
        """s between rows."""

    @property
    def duration(self) -> float | None:
        """s."""

    @property
    def num_samples(self) -> int:
        """T."""

    @property
    def num_channels(self) -> int:
        """C."""


def summarise_signal(signal: Described) -> dict[str, Any]:
    """Return clock, length and per channel mean, std, min, max (over present samples) and the share of missing ones."""
    return {
        "duration": signal.duration,
        "sampling_rate": signal.sampling_rate,
        "period": signal.period,
        "num_samples": signal.num_samples,
        "channels": [
            {"name": name, "unit": unit, **_statistics(row)}
            for name, unit, row in zip(signal.channels, signal.units, signal.values, strict=True)
        ],
    }


def describe_signal(signal: Described) -> str:
    """Return one short paragraph: the clock, then one sentence per channel.

    Numbers carry three significant digits and no exponent, because digits are what a language model reads best.
    """
    summary = summarise_signal(signal)
    return " ".join([_describe_clock(signal), *map(_describe_channel, summary["channels"])])


def _statistics(row: FloatArray) -> dict[str, float | None]:
    present = row[~np.isnan(row)].astype(np.float64)
    missing = 1 - present.size / row.size
    if present.size == 0:
        return {"mean": None, "std": None, "min": None, "max": None, "missing": missing}
    return {
        "mean": float(present.mean()),
        "std": float(present.std()),
        "min": float(present.min()),
        "max": float(present.max()),
        "missing": missing,
    }


def _describe_clock(signal: Described) -> str:
    count = f"{signal.num_channels} channel{'s' * (signal.num_channels > 1)}"
    if signal.sampling_rate is not None:
        return f"{count}, {duration(signal.duration)} at {format_number(signal.sampling_rate)} Hz."
    if signal.period is not None:
        return f"{count}, {signal.num_samples} rows, one every {duration(signal.period)}."
    length = "" if signal.duration is None else f" over {duration(signal.duration)}"
    return f"{count}, {signal.num_samples} events{length}."


def _describe_channel(channel: dict[str, Any]) -> str:
    unit = f" {channel['unit']}" if channel["unit"] else ""
    if channel["mean"] is None:
        return f"{channel['name']}: no values."
    numbers = ", ".join(f"{key} {format_number(channel[key])}" for key in ("mean", "std", "min", "max"))
    missing = f", {format_number(100 * channel['missing'])} % missing" if channel["missing"] else ""
    return f"{channel['name']}: {numbers}{unit}{missing}."


def format_number(number: float) -> str:
    """Format with three significant digits and no exponent.

    Examples
    --------
    >>> format_number(9.80665), format_number(12345.6), format_number(-0.01234), format_number(2.0)
    ('9.81', '12346', '-0.0123', '2')
    """
    if number == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(number)))
    text = f"{number:.{max(decimals, 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
