"""Lanes along one time axis, drawn to be stretched: lines and areas are SVG without text, words stand in HTML beside.

So a page is as readable on a phone as on a wide screen, and follows light and dark.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from sig2lm.pages.timeline.digest import Digest, Floats, Stretch, Trace
from sig2lm.signals.description import format_number

WIDTH, HEIGHT = 1000.0, 100.0
COLOURS = 12  # --l0 ... --l11 of timeline.css
_TICKS = 8
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)


@dataclass(frozen=True)
class Lane:
    """A drawing with what stands beside it.

    Attributes
    ----------
    title
        What is drawn: a unit, or a label.
    top, bottom
        What the upper and the lower edge mean.
    names
        Number of the colour and name of each line.
    """

    title: str
    top: str
    bottom: str
    drawing: Markup
    names: list[tuple[int, str]]


def colour(number: int) -> Markup:
    """Colour of a label or line, as a style."""
    return Markup("--c: var(--l{})").format(number % COLOURS)


def signal_lanes(found: Sequence[Trace], end: float) -> list[Lane]:
    """Draw traces, those of one unit in one lane."""
    return [_signal_lane(unit, found, end) for unit in dict.fromkeys(trace.unit for trace in found)]


def _signal_lane(unit: str, found: Sequence[Trace], end: float) -> Lane:
    chosen = [trace for trace in found if trace.unit == unit]
    extremes = np.concatenate([part for trace in chosen for part in (trace.low, trace.high)])
    present = extremes[np.isfinite(extremes)]
    low, high = (float(present.min()), float(present.max())) if present.size else (0.0, 1.0)
    size = (high - low) or 1.0
    paths = [
        Markup('<path class="line" style="{}" d="{}"/>').format(
            colour(number), _line(trace.times / end, (trace.low - low) / size, (trace.high - low) / size)
        )
        for number, trace in enumerate(chosen)
    ]
    told = f"{', '.join(trace.channel for trace in chosen)}, from {low:.4g} to {high:.4g} {unit}"
    names = [(number, trace.channel) for number, trace in enumerate(chosen)]
    shown = unit.replace("^2", "²").replace("^3", "³")
    return Lane(shown, format_number(high), format_number(low), _svg(paths, told), names)


def probability_lanes(digest: Digest) -> list[Lane]:
    """Draw the probability of each label of a closed question as an area."""
    lanes = []
    for number, label in enumerate(digest.counts() if digest.closed else ()):
        shares = digest.probability(label)
        path = Markup('<path class="area" style="{}" d="{}"/>').format(colour(number), _area(shares))
        mean = f"{np.nanmean(shares):.0%} on the mean" if np.isfinite(shares).any() else "never asked"
        lanes.append(Lane(label, "", "", _svg([path], f"probability of {label}, {mean}"), [(number, label)]))
    return lanes


def label_strip(digest: Digest) -> Markup:
    """Draw which label each part of the recording has; parts without an answer stay empty."""
    numbers = {label: number for number, label in enumerate(digest.counts())}
    bars = [_bar(stretch, numbers[stretch.label], digest.end) for stretch in digest.stretches()]
    return _svg(bars, "the label of each part of the recording")


def _bar(stretch: Stretch, number: int, end: float) -> Markup:
    return Markup(
        '<rect class="label" style="{}" x="{:.1f}" width="{:.1f}" height="{:.0f}"><title>{}</title></rect>'
    ).format(
        colour(number),
        WIDTH * stretch.start,
        WIDTH * (stretch.end - stretch.start),
        HEIGHT,
        f"{stretch.label}, {clock(stretch.start * end)} to {clock(stretch.end * end)}",
    )


def time_ticks(end: float) -> list[tuple[float, str]]:
    """Places along the time axis, as shares of its length, with their words."""
    step = next((size for size in _STEPS if end / size <= _TICKS), None)
    if step is None:
        step = 86_400 * math.ceil(end / 86_400 / _TICKS)
    return [(number * step / end, clock(number * step)) for number in range(math.floor(end / step) + 1)]


def clock(seconds: float) -> str:
    """Write a time of the recording: 12 s, 3:20, 1:05:00 (hours), 5 d.

    Examples
    --------
    >>> clock(12), clock(200), clock(3900), clock(432000)
    ('0:12', '3:20', '1:05:00', '5 d')
    """
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    if days and not rest:
        return f"{days} d"
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    text = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days} d {text}" if days else text


def _line(times: Floats, low: Floats, high: Floats) -> str:
    """Path through the least and the greatest of each stretch; it breaks where samples are missing."""
    words, pen = [], "M"
    for time, bottom, top in zip(times.tolist(), low.tolist(), high.tolist(), strict=True):
        if math.isnan(bottom):
            pen = "M"
            continue
        words.append(f"{pen}{_x(time)} {_y(bottom)}")
        words += [f"L{_x(time)} {_y(top)}"] if top > bottom else []
        pen = "L"
    return "".join(words)


def _area(shares: Floats) -> str:
    """Path around steps from the lower edge."""
    words = []
    for number, share in enumerate(np.nan_to_num(shares).tolist()):
        left, right = number / len(shares), (number + 1) / len(shares)
        words.append(f"L{_x(left)} {_y(share)}L{_x(right)} {_y(share)}")
    return f"M0 {_y(0.0)}{''.join(words)}L{_x(1.0)} {_y(0.0)}Z"


def _x(share: float) -> str:
    return f"{WIDTH * share:.1f}".removesuffix(".0")


def _y(share: float) -> str:
    return f"{HEIGHT * (1 - share):.1f}".removesuffix(".0")


def _svg(parts: Iterable[Markup], told: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, told, Markup("").join(parts))
