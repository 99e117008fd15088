"""The page of an explained answer: the signals, shaded where they matter, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from sig2lm.formatting import unit_symbol
from sig2lm.pages import plots
from sig2lm.pages.base import render
from sig2lm.signals import Signal

_MANY = 1000  # times, beyond which a number says no more
_EVENTS = frozenset({"ms", "s", "beats/min"})  # units of series in which each row is a heart beat


@dataclass(frozen=True)
class Explained:
    """What is shown.

    Attributes
    ----------
    content
        The answer: ``question``, ``text``, ``label``, ``probabilities``, ``evidence`` as ``sig2lm explain --json``
        writes them.
    signals
        The recordings, in the order of the evidence.
    recording, run, lm
        Names of the files, and who answered.
    notes
        Sentences to stand below the answer.
    """

    content: Mapping[str, Any]
    signals: Sequence[Signal]
    recording: str
    run: str
    lm: str
    notes: tuple[str, ...] = ()


def to_html(shown: Explained) -> str:
    """Render the page; text from files and answers is escaped."""
    evidence = shown.content["evidence"]
    return render(
        "explanation",
        shown=shown,
        content=shown.content,
        evidence=evidence,
        ranked=sorted((shown.content.get("probabilities") or {}).items(), key=lambda item: -item[1]),
        recordings=[_recording(*pair) for pair in zip(evidence["signals"], shown.signals, strict=True)],
        changed=changed(evidence["change"]),
    )


def changed(change: float) -> str:
    """Say how odds compare with others, from the change of their logarithm.

    Examples
    --------
    >>> changed(2.3), changed(-0.7), changed(0.001)
    ('10 times as likely as', '2 times less likely than', 'as likely as')
    """
    times = float(np.exp(min(abs(change), 50.0)))
    if times < 1.05:
        return "as likely as"
    number = f"more than {_MANY:,}" if times > _MANY else f"{times:,.0f}" if times >= 9.5 else f"{times:.2g}"
    return f"{number} times as likely as" if change > 0 else f"{number} times less likely than"


def panels(found: Mapping[str, Any], signal: Signal) -> Iterator[tuple[str, str, Markup]]:
    """Draw each channel of a recording, shaded where it matters: name, unit and drawing.

    Parameters
    ----------
    found
        One of the ``signals`` of an evidence.
    signal
        The recording.
    """
    step, clock = _clock(found, signal)
    cells = np.array(found["by_cell"], dtype=float)
    strongest = float(np.nanmax(np.abs(cells), initial=0.0)) or 1.0
    edges = np.array(found["edges"], dtype=float)
    values = signal.values.astype(np.float64)
    for number, (name, unit) in enumerate(zip(signal.channels, signal.units, strict=True)):
        alike = values[[place for place, other in enumerate(signal.units) if other == unit]]
        peak = int(np.nan_to_num(np.abs(cells[number])).argmax())
        told = f"{name}, what matters most lies from {edges[peak]:.3g} to {edges[peak + 1]:.3g} {clock}"
        panel = plots.Panel(
            values[number : number + 1],
            step,
            clock,
            float(edges[-1]),
            plots.limits(values[number], _least(alike)),
            told,
        )
        shades = plots.Shades(edges, cells[number] / strongest)
        yield name, unit_symbol(unit), plots.panel(panel, time_axis=number + 1 == len(values), shades=shades)


def _least(alike: plots.Floats) -> float:
    """An axis spans at least a fifth of the widest of its unit, so that rest does not look like motion."""
    return max(plots.span(row) for row in alike) / 5.0


def _clock(found: Mapping[str, Any], signal: Signal) -> tuple[float, str]:
    """Time from one sample to the next, and what it is counted in."""
    if found["clock"] == "s":
        return (1 / signal.sampling_rate if signal.sampling_rate else signal.period or 1.0), "s"
    return 1.0, "beats" if set(signal.units) <= _EVENTS else "rows"


def _recording(found: Mapping[str, Any], signal: Signal) -> dict[str, Any]:
    _, clock = _clock(found, signal)
    edges, changes = found["edges"], [0.0 if one is None else one for one in found["by_time"]]
    start, end = found["peak"]
    channels = found["by_channel"]
    largest = max((abs(one) for one in channels if one is not None), default=0.0) or 1.0
    told = (
        f"change of the log-odds without each of {len(changes)} stretches, the greatest from {start:.3g} to {end:.3g}"
    )
    return {
        "name": found["name"] if not found["index"] else f"{found['name']} {found['index'] + 1}",
        "peak": f"{start:.3g} to {end:.3g} {clock}",
        "time": plots.steps(np.array(edges, dtype=float), np.array(changes), clock, f"{told} {clock}"),
        "panels": list(panels(found, signal)),
        "channels": [
            (name, change, abs(change or 0.0) / largest)
            for name, change in zip(found["channels"], channels, strict=True)
        ],
        "nearest": list(enumerate(found["nearest"], 1)),
    }
