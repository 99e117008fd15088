"""Recordings as cards: their signals in panels, what was answered, and how sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from sig2lm.formatting import duration, unit_symbol
from sig2lm.pages import plots

_CLOCKS = ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"))
_WHOLE_LIST = 8  # more choices than this are cut to the likeliest
_SHOWN = 6
_KEY = 8  # more channels than this in a panel are counted, not named
_LEAST_SHARE = 5.0  # an axis spans at least the widest of its kind over this, so that rest does not look like motion


@dataclass(frozen=True)
class _Panel:
    """Channels of one signal that share a unit."""

    signal: str
    unit: str
    channels: tuple[str, ...]
    values: plots.Floats  # (C, T), NaN = missing
    step: float
    clock: str

    @property
    def kind(self) -> tuple[str, str]:
        return self.signal, self.unit

    @property
    def end(self) -> float:
        """Where the last sample ends; of countable rows, where the last one stands."""
        samples = int(self.values.shape[1])
        return self.step * (samples if self.clock == "s" else max(samples - 1, 1))

    @property
    def missing(self) -> float:
        return float(np.mean(~np.isfinite(self.values))) if self.values.size else 1.0


def cards(windows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Turn windows of the report into what the template shows.

    Parameters
    ----------
    windows
        As in the report: subject, source, start, truth, answer, probabilities, signals.
    others
        More windows of the page, whose value axes should be comparable.
    """
    widest: dict[tuple[str, str], float] = {}
    for window in (*windows, *others):
        for part in _panels(window):
            widest[part.kind] = max(widest.get(part.kind, 0.0), plots.span(part.values))
    return [_card(window, widest) for window in windows]


def _card(window: dict[str, Any], widest: dict[tuple[str, str], float]) -> dict[str, Any]:
    parts = list(_panels(window))
    probabilities: dict[str, float | None] = window.get("probabilities") or {}
    answer, truth = window.get("answer"), window.get("truth")
    clocks = {part.clock for part in parts}
    return {
        "truth": truth,
        "answer": answer,
        "right": answer == truth,
        "confidence": probabilities.get(answer) if answer is not None else None,
        "where": _where(window, in_seconds=bool(clocks & {"s"})),
        "choices": choices(probabilities, truth),
        "panels": [_shown(parts, place, widest) for place in range(len(parts))],
    }


def _panels(window: dict[str, Any]) -> Iterator[_Panel]:
    for name, signal in (window.get("signals") or {}).items():
        rows = np.array(signal["values"], dtype=float)
        rows = np.where(np.isfinite(rows), rows, np.nan).reshape(len(signal["channels"]), -1)
        step, clock = time_axis(signal.get("sampling_rate"), signal.get("period"), signal["units"])
        for unit in dict.fromkeys(signal["units"]):
            chosen = [place for place, found in enumerate(signal["units"]) if found == unit]
            channels = tuple(signal["channels"][place] for place in chosen)
            yield _Panel(name, unit, channels, rows[chosen], step, clock)


def time_axis(sampling_rate: float | None, period: float | None, units: Sequence[str]) -> tuple[float, str]:
    """Step from one sample to the next, and what it is counted in.

    >>> time_axis(50.0, None, ["g"]), time_axis(None, 86400.0, ["count"]), time_axis(None, None, ["ms"])
    ((0.02, 's'), (1.0, 'days'), (1.0, 'beats'))
    """
    if sampling_rate:
        return 1.0 / sampling_rate, "s"
    if period:
        return next(((period / size, name) for size, name in _CLOCKS if period >= size), (period, "s"))
    return 1.0, "beats" if set(units) <= {"ms", "s", "beats/min"} else "rows"


def _shown(parts: Sequence[_Panel], place: int, widest: dict[tuple[str, str], float]) -> dict[str, Any]:
    """What the template shows of a panel; only the last of those with one time axis has its numbers."""
    part = parts[place]
    first = not any(other.signal == part.signal for other in parts[:place])
    with_axis = not any((other.clock, other.end) == (part.clock, part.end) for other in parts[place + 1 :])
    unit = unit_symbol(part.unit)
    return {
        "signal": part.signal if first and part.channels != (part.signal,) else "",
        "unit": unit,
        "channels": list(enumerate(part.channels)) if len(part.channels) <= _KEY else [],
        "number": len(part.channels),
        "missing": part.missing,
        "drawing": plots.panel(
            plots.Panel(
                part.values,
                part.step,
                part.clock,
                part.end,
                plots.limits(part.values, widest[part.kind] / _LEAST_SHARE),
                _description(part, unit),
            ),
            time_axis=with_axis,
        ),
    }


def _description(part: _Panel, unit: str) -> str:
    present = part.values[np.isfinite(part.values)]
    reach = f"from {present.min():.4g} to {present.max():.4g} {unit}" if present.size else "no values"
    length = duration(part.end) if part.clock == "s" else f"{part.values.shape[1]} {part.clock}"
    return f"{', '.join(part.channels)} of {part.signal}, {length}, {reach}"


def _where(window: dict[str, Any], in_seconds: bool) -> list[str]:
    """Words that find the window again: subject, source, start."""
    words = [f"subject {window['subject']}"] if window.get("subject") not in (None, "") else []
    words += [window["source"]] if window.get("source") else []
    if window.get("start") is not None:
        words.append(f"from {window['start']:g} s" if in_seconds else f"from row {window['start']:g}")
    return words


def choices(probabilities: dict[str, float | None], truth: str | None) -> list[tuple[str, float, bool]]:
    """Label, probability and whether it is the true one: in the order of the task, or of many the likeliest.

    What is cut off is summed up in a last line.
    """
    every = [(label, share or 0.0, label == truth) for label, share in probabilities.items()]
    if len(every) <= _WHOLE_LIST:
        return every
    order = sorted(every, key=lambda choice: -choice[1])
    kept = order[:_SHOWN] + [choice for choice in order[_SHOWN:] if choice[2]]
    rest = [choice for choice in every if choice not in kept]
    return [*kept, (f"{len(rest)} others", sum(share for _, share, _ in rest), False)]


def key(number: int) -> Markup:
    """Colour of a channel's line."""
    return Markup("--series: var(--s{})").format(number % plots.SERIES_COLOURS)
