"""Small pictures for the report page: SVG and CSS only, in the page's own colours, so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sig2lm.tokenization.roundtrip import visible

LEVELS = 5  # colours of the integer map: 1, 2, 3, 4 and 5 or more tokens


def token_chips(tokens: Sequence[Sequence[str | int | None]]) -> Markup:
    """Draw a text as coloured tokens; characters in no token are struck out, white space is made visible."""
    chips, index = [], 0
    for text, token in tokens:
        shown = escape(visible(str(text))).replace("⏎", Markup("⏎<br>"))
        if token is None:
            chips.append(Markup('<s class="gone" title="in no token">{}</s>').format(shown))
            continue
        chips.append(Markup('<b class="t{}" title="id {}">{}</b>').format(index % 5, token, shown or "∅"))
        index += 1
    return Markup("<wbr>").join(chips)


def token_ids(tokens: Sequence[Sequence[str | int | None]]) -> Markup:
    """Write the ids of a text in the colours of its tokens."""
    ids = [token for _, token in tokens if token is not None]
    return Markup(" ").join(Markup('<b class="t{}">{}</b>').format(i % 5, token) for i, token in enumerate(ids))


def integer_map(runs: Sequence[Sequence[int]], width: int = 100) -> Markup:
    """Draw 0 ... 9,999 as a square of 100 x 100, each integer in the colour of its number of tokens.

    Parameters
    ----------
    runs
        (tokens, how many integers in a row), from 0 on.
    width
        Integers per line.
    """
    paths: dict[int, list[str]] = {}
    start = 0
    for tokens, count in runs:
        level = min(tokens, LEVELS)
        end = start + count
        while start < end:
            row, column = divmod(start, width)
            length = min(width - column, end - start)
            paths.setdefault(level, []).append(f"M{column} {row}h{length}v1h-{length}z")
            start += length
    drawn = [Markup('<path class="n{}" d="{}"/>').format(level, "".join(parts)) for level, parts in paths.items()]
    height = math.ceil(start / width)
    return Markup('<svg class="map" viewBox="0 0 {} {}" role="img" shape-rendering="crispEdges">{}</svg>').format(
        width, height, Markup("").join(drawn)
    )


@dataclass(frozen=True)
class Point:
    """A point of the trade-off chart."""

    label: str
    tokens: float
    error: float
    pareto: bool
    recommended: bool
    usable: bool


WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 290, 60, 44, 14, 24
EXACT = 1e-5  # where the error axis ends: smaller errors, and none, are drawn there
RADIUS, LINE, CHARACTER = 6, 16, 9.4  # in units of the drawing; a character of a label is at most this wide

FLOOR = HEIGHT - BOTTOM + 8  # labels stay above the numbers of the axis

Box = tuple[float, float, float, float]  # left, top, right, bottom


def trade_off(points: Sequence[Point]) -> Markup:
    """Draw serializers: tokens per value to the right, error (logarithmic) upwards, the recommended one filled."""
    most = max(point.tokens for point in points) * 1.08
    low = math.log10(EXACT)
    high = max(-1.0, 0.3 + max(math.log10(max(point.error, EXACT)) for point in points))
    drawn = sorted(points, key=lambda point: (point.recommended, point.pareto))  # the best on top
    at = {
        point.label: (
            LEFT + (WIDTH - LEFT - RIGHT) * point.tokens / most,
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (math.log10(max(point.error, EXACT)) - low) / (high - low),
        )
        for point in drawn
    }
    kinds = {point.label: _kind(point) for point in drawn}
    circles = [
        Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(kinds[label], x, y, RADIUS)
        for label, (x, y) in at.items()
    ]
    taken = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in at.values()]
    labels = []
    for label, (x, y) in reversed(at.items()):
        box = _free_place(x, y, CHARACTER * len(label), taken)
        taken.append(box)
        anchor, edge = ("start", box[0]) if box[0] > x else ("end", box[2])
        text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        labels.append(text.format(kinds[label], edge, box[3] - 4, anchor, label))
    parts = [_axes(most, low, high), *circles, *labels]
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img">{}</svg>').format(
        WIDTH, HEIGHT, Markup("").join(parts)
    )


def _kind(point: Point) -> str:
    if point.recommended:
        return "chosen"
    return "pareto" if point.pareto else "other" if point.usable else "broken"


def _free_place(x: float, y: float, width: float, taken: Sequence[Box]) -> Box:
    """Find a place for a label near its point: right, left, then line by line below and above, that nothing covers."""
    gap = RADIUS + 5
    steps = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
    places = [
        (left, y + (step - 0.5) * LINE, left + width, y + (step + 0.5) * LINE)
        for step in steps
        for left in (x + gap, x - gap - width)
    ]
    inside = [box for box in places if box[0] >= LEFT and box[2] <= WIDTH and box[1] >= TOP and box[3] <= FLOOR]
    free = (box for box in inside if not any(_overlap(box, other) for other in taken))
    return next(free, places[0])


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _axes(most: float, low: float, high: float) -> Markup:
    parts = []
    step = next(size for size in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if most / size <= 8 or size == 1000)
    for i in range(int(most / step) + 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * i * step / most
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{i * step:g}</text>')
    for level in range(math.ceil(low), math.floor(high) + 1):
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (level - low) / (high - low)
        label = "exact" if level == round(low) else f"{100 * 10.0**level:g}%"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">tokens per value</text>'
    )
    return Markup('<g class="axes">{}</g>').format(Markup("".join(parts)))
