"""Drawings: matplotlib lays them out, and only their paths and texts go into the page, in the page's own colours.

So they follow light and dark, carry no ids or fonts, and stay small. No text of a user's is drawn; names of channels
and labels stand in HTML beside the drawing, where they wrap and are escaped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

SERIES_COLOURS = (
    6  # --s0 ... --s5 of palette.css: Okabe and Ito's palette, made darker (lighter) to stand out from a card
)
_SERIES = tuple(f"#00000{number}" for number in range(SERIES_COLOURS))  # stand-ins, replaced after drawing
_LINE, _SOFT, _HARM, _INK = "#00000a", "#00000b", "#00000c", "#00000d"
_COLOURS = {stand_in: f"var(--s{number})" for number, stand_in in enumerate(_SERIES)}
_COLOURS |= {_LINE: "var(--line)", _SOFT: "var(--soft)", _HARM: "var(--distortion)", _INK: "var(--accent)"}

_POINTS = 72.0  # per inch: sizes below are in the drawing's units, of which 400 are a panel's width
_COLUMNS = 400  # more samples than two a unit are drawn as the least and the greatest of each unit
_FEW = 40  # up to so many samples in a line are dots too
_DIAGRAM = (210.0, 248.0)  # width and height
_BINS = 15  # of confidence, as sig2lm.metrics counts them
_NOTHING = 1e-6  # a span that is smaller than this share of the values is their rounding (float32)
_FAINT, _DEEPEST = 0.04, 0.5  # of a shade: weaker than the first share is left out, opacity of the strongest
MARGINS = (46.0, 6.0)  # left and right, for the numbers of the axes
_ABOVE = 6.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Lines over a common time.

    Attributes
    ----------
    values
        (C, T), NaN where a sample is missing.
    step
        Time from one sample to the next.
    clock
        What time is counted in: s, beats, days.
    end
        Where the time axis ends.
    limits
        Where the value axis begins and ends.
    description
        What a reader hears who does not see it.
    start
        Time of the first sample, where the time axis begins.
    """

    values: Floats
    step: float
    clock: str
    end: float
    limits: tuple[float, float]
    description: str
    start: float = 0.0


@dataclass(frozen=True)
class Shades:
    """What stretches of time are worth.

    Attributes
    ----------
    edges
        (S + 1,) where they begin and the last one ends.
    strength
        (S,) from -1 to 1, against to for; NaN is not shaded.
    """

    edges: Floats
    strength: Floats


@contextmanager
def _settings() -> Iterator[None]:
    """Draw the same whatever a user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.fonttype"] = "none"
        mpl.rcParams["path.simplify"] = False
        yield


@_settings()
def panel(
    shown: Panel,
    time_axis: bool = True,
    shades: Shades | None = None,
    width: float = _COLUMNS,
    height: float = 74.0,
) -> Markup:
    """Draw a panel: a line for each channel, gaps where samples are missing, dots where they are few or alone.

    Parameters
    ----------
    time_axis
        Whether the time axis has numbers.
    shades
        What lies behind the lines.
    width
        Of the drawing with its numbers, in its units.
    height
        Of the space for the lines.
    """
    below = 32.0 if time_axis else 4.0
    figure, axes = _canvas(width, height + below + _ABOVE, below=below)
    axes.set_xlim(shown.start, shown.end if shown.end > shown.start else shown.start + 1.0)
    axes.set_ylim(*shown.limits)
    if shades is not None:
        _shade(axes, shades)
    for number, row in enumerate(shown.values):
        colour = _SERIES[number % SERIES_COLOURS]
        moments = shown.start + np.arange(len(row), dtype=float) * shown.step
        time, values = envelope(moments, row, round(width))
        axes.plot(time, values, color=colour, linewidth=1.2, clip_on=False)
        alone = np.isfinite(values) & ((len(values) <= _FEW) | _lonely(values))
        _dots(axes, time[alone], values[alone], colour)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=shown.clock != "s"))
    if time_axis:
        axes.set_xlabel(shown.clock, labelpad=2)
    else:
        axes.xaxis.set_ticklabels([])
    return _inline(figure, shown.description)


@_settings()
def steps(edges: Floats, heights: Floats, clock: str, description: str) -> Markup:
    """Draw a bar for each stretch of time, up or down from zero: (S + 1,) edges and (S,) heights."""
    figure, axes = _canvas(400.0, 112.0, below=32.0)
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    colours = [_INK if height >= 0 else _HARM for height in heights]
    axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=colours, alpha=0.6)
    axes.axhline(0.0, color=_SOFT, linewidth=0.8)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=clock != "s"))
    axes.set_xlabel(clock, labelpad=2)
    return _inline(figure, description)


@_settings()
def reliability(bins: Sequence[dict[str, Any]], description: str) -> Markup:
    """Draw accuracy over confidence with its distance from the diagonal; below, the share of each bin of confidence.

    Parameters
    ----------
    bins
        ``confidence`` and ``accuracy`` (means in the bin) and ``count``, of the bins that hold an answer.
    """
    confidence, accuracy, count = (
        np.array([entry[key] for entry in bins], dtype=float) for key in ("confidence", "accuracy", "count")
    )
    figure, axes = _canvas(*_DIAGRAM, below=84.0)
    axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=1, dashes=(3, 3))
    for x, y in zip(confidence, accuracy, strict=True):
        axes.plot([x, x], [x, y], color=_HARM, linewidth=5, alpha=0.55, solid_capstyle="butt")
    axes.plot(confidence, accuracy, color=_INK, linewidth=1.4, clip_on=False)
    _dots(axes, confidence, accuracy, _INK, size=6)
    axes.set_ylabel("accuracy", labelpad=4)
    axes.xaxis.set_ticklabels([])
    below = _axes(figure, *_DIAGRAM, bottom=34.0, top=_DIAGRAM[1] - 74.0)
    share = count / count.sum()
    below.bar((np.ceil(confidence * _BINS) - 0.5) / _BINS, share, width=0.9 / _BINS, color=_SOFT)
    most = np.ceil(10 * share.max()) / 10
    below.set_ylim(0, most)
    below.set_yticks([0, most], ["0", f"{100 * most:.0f}%"])
    below.set_xlabel("confidence", labelpad=3)
    for part in (axes, below):
        part.set_xlim(0, 1)
        part.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    return _inline(figure, description)


@dataclass(frozen=True)
class Curve:
    """A score at several amounts of something, with its reach: (N,) each."""

    score: Floats
    low: Floats
    high: Floats


@_settings()
def curves(amounts: Sequence[float], shown: Sequence[Curve], amount: str, score: str, description: str) -> Markup:
    """Draw scores over amounts on a logarithmic axis: a line for each curve, whiskers from its low to its high.

    Parameters
    ----------
    amounts
        (N,) above zero, ascending; what is written below is rounded to whole numbers.
    amount, score
        Names of the axes.
    """
    x = np.asarray(amounts, dtype=float)
    figure, axes = _canvas(400.0, 230.0, below=34.0)
    axes.set_xscale("log")
    for number, curve in enumerate(shown):
        colour = _SERIES[number % SERIES_COLOURS]
        for place, low, high in zip(x, curve.low, curve.high, strict=True):
            axes.plot([place, place], [low, high], color=colour, linewidth=3, alpha=0.35, solid_capstyle="butt")
        axes.plot(x, curve.score, color=colour, linewidth=1.6, clip_on=False)
        _dots(axes, x, curve.score, colour, size=6)
    axes.set_xlim(x[0] / 1.3, x[-1] * 1.3)
    apart = [place for number, place in enumerate(x) if number == 0 or place > 1.2 * x[number - 1]]
    axes.set_xticks(apart, [f"{place:,.0f}" for place in apart])
    axes.xaxis.set_minor_locator(NullLocator())
    lowest = min(float(np.nanmin(curve.low)) for curve in shown)
    axes.set_ylim(min(0.9, max(0.0, np.floor(10 * lowest) / 10)), 1.0)
    axes.set_xlabel(amount, labelpad=3)
    axes.set_ylabel(score, labelpad=4)
    return _inline(figure, description)


@_settings()
def falls(amounts: Floats, values: Floats, floor: float, amount: str, score: str, description: str) -> Markup:
    """Draw a score as something grows from nothing, (N,) each, and a dashed line that it must reach."""
    figure, axes = _canvas(400.0, 150.0, below=34.0)
    axes.axhline(floor, color=_HARM, linewidth=1, dashes=(3, 3))
    axes.plot(amounts, values, color=_INK, linewidth=1.6, clip_on=False)
    _dots(axes, amounts, values, _INK, size=6)
    axes.set_xlim(0.0, float(amounts[-1]))
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel(amount, labelpad=3)
    axes.set_ylabel(score, labelpad=4)
    return _inline(figure, description)


def envelope(
    time: NDArray[np.floating[Any]], values: ArrayLike, columns: int = _COLUMNS
) -> tuple[NDArray[np.floating[Any]], Floats]:
    """Keep of a long line what can be seen: the least and the greatest sample of each column, in their order.

    A line of at most two samples a column stays as it is. A column without a sample gives a missing one.
    """
    row = np.asarray(values, dtype=float)
    if len(row) <= 2 * columns:
        return time, row
    kept: list[int] = []
    for places in np.array_split(np.arange(len(row)), columns):
        present = places[np.isfinite(row[places])]
        if len(present) == 0:
            kept.append(int(places[0]))
            continue
        ends = {int(present[row[present].argmin()]), int(present[row[present].argmax()])}
        kept.extend(sorted(ends))
    return time[kept], row[kept]


def _shade(axes: Axes, shades: Shades) -> None:
    """Lay a colour behind each stretch, the stronger the more it is worth."""
    for start, end, strength in zip(shades.edges[:-1], shades.edges[1:], shades.strength, strict=True):
        if np.isfinite(strength) and abs(strength) >= _FAINT:
            colour = _INK if strength > 0 else _HARM
            axes.axvspan(start, end, color=colour, alpha=_DEEPEST * abs(float(strength)), linewidth=0)


def _lonely(values: Floats) -> NDArray[np.bool_]:
    """Samples whose neighbours are both missing: a line would not show them."""
    missing = np.pad(~np.isfinite(values), 1, constant_values=True)
    return np.asarray(missing[:-2] & missing[2:], dtype=np.bool_)


def _dots(axes: Axes, x: NDArray[np.floating[Any]], y: Floats, colour: str, size: float = 4.0) -> None:
    """Draw dots as lines of no length with round ends: unlike markers they need no definition with an id."""
    gaps = np.full(len(x), np.nan)
    ends = (np.column_stack([values, values, gaps]).ravel() for values in (x, y))
    axes.plot(*ends, color=colour, linewidth=size, solid_capstyle="round", clip_on=False)


def _canvas(width: float, height: float, below: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width / _POINTS, height / _POINTS))
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    return figure, _axes(figure, width, height, bottom=below, top=_ABOVE)


def _axes(figure: Figure, width: float, height: float, bottom: float, top: float) -> Axes:
    left, right = MARGINS
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=_LINE)
    axes.tick_params(length=0, pad=4)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    return axes


def _short(value: float) -> str:
    """Write a number of an axis in at most seven characters."""
    text = f"{value:.6g}"
    return (text if len(text) <= 7 else f"{value:.2g}").replace("-", "−")


def _inline(figure: Figure, description: str) -> Markup:
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    root = ElementTree.fromstring(raw.getvalue())
    parts = [drawn for element in root.iter() if (drawn := _part(element))]
    return Markup('<svg class="drawing" viewBox="{}" role="img" aria-label="{}">{}</svg>').format(
        root.attrib["viewBox"], description, Markup("").join(parts)
    )


def _part(element: ElementTree.Element) -> Markup | None:
    """Write a path or a text again, short and in the page's colours; groups and lines without a sample are nothing."""
    kind = element.tag.rpartition("}")[2]
    style = element.get("style", "")
    if kind == "path" and "d" in element.attrib:
        for ink, colour in _COLOURS.items():
            style = style.replace(ink, colour)
        return Markup('<path d="{}" style="{}"/>').format(_rounded(element.attrib["d"]), style.replace(": ", ":"))
    if kind == "text":
        anchor = re.search(r"text-anchor: (\w+)", style)
        turn = element.get("transform", "")
        return Markup('<text x="{}" y="{}" text-anchor="{}"{}>{}</text>').format(
            _rounded(element.attrib["x"]),
            _rounded(element.attrib["y"]),
            anchor[1] if anchor else "start",
            "" if turn.startswith("rotate(-0 ") else Markup(' transform="{}"').format(_rounded(turn)),
            element.text or "",
        )
    return None


def _rounded(text: str) -> str:
    """Write coordinates with one decimal."""
    short = re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text)
    return re.sub(r"\s+", " ", re.sub(r"\s*([MLz])\s*", r"\1", short)).strip()


def limits(values: Floats, least: float = 0.0) -> tuple[float, float]:
    """Where a value axis begins and ends so that all samples are inside and it spans at least ``least``."""
    present = values[np.isfinite(values)]
    middle = float(present.min() / 2 + present.max() / 2) if present.size else 0.0
    wanted = max(span(values), least)
    if wanted <= _NOTHING * abs(middle):
        wanted = max(0.2 * abs(middle), 1.0)
    return middle - 0.56 * wanted, middle + 0.56 * wanted


def span(values: Floats) -> float:
    """Greatest less least of the samples that are not missing; 0 without any."""
    present = values[np.isfinite(values)]
    return float(present.max() - present.min()) if present.size else 0.0
