"""The report as one HTML page; the layout is in ``tokenizer_report.html.j2``, the looks in ``tokenizer_report.css``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sig2lm.formatting import number, percent
from sig2lm.pages import tokenizer_charts as charts
from sig2lm.pages.base import render
from sig2lm.tokenization.roundtrip import visible

if TYPE_CHECKING:
    from sig2lm.tokenization.report import TokenizerReport

HARM_WORDS = {"loss": "Lost", "distortion": "Distorted", "cost": "Costly", "good": "Good"}


def to_html(report: TokenizerReport) -> str:
    """Render a report; all text from files is escaped."""
    return render(
        "tokenizer_report",
        series=report.series,
        tokenizers=report.tokenizers,
        measures_of=lambda name: [found["measures"]["series"][name] for found in report.tokenizers.values()],
        visible=visible,
        chips=charts.token_chips,
        ids=charts.token_ids,
        integer_map=charts.integer_map,
        trade_off=lambda ranking: charts.trade_off(points(ranking)),
        harm_words=HARM_WORDS,
        multiples=multiples(report),
        headline=headline(report),
    )


# For each measure of numbers in general: title, meaning, where it is in the measures, and whether much of it is good.
SMALL_MULTIPLES: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("Neighbours after a comma", "n and n + 1 cut alike", ("neighbour_consistency", "after a comma", "share"), True),
    ("Neighbours after a space", "n and n + 1 cut alike", ("neighbour_consistency", "after a space", "share"), True),
    ("Context moves the cut", "numbers cut by what is before them", ("context_dependence", "share_cut"), False),
    ("Context changes the ids", "numbers with several identities", ("context_dependence", "share_ids"), False),
    ("One-token integers", "of 0 to 9,999, after a comma", ("one_token_integers", "after a comma", "share"), True),
    ("Place values agree", "consecutive decimals cut alike", ("alignment", "place_value"), True),
    ("The point stands alone", "decimals", ("alignment", "point_alone"), True),
    ("The sign hides in the separator", "negative decimals", ("alignment", "sign_with_separator"), False),
    ("Equal values, equal ids", "of a periodic signal", ("pattern_consistency", "share"), True),
    ("Distance kept", "rank correlation", ("distance_distortion", "correlation"), True),
)
Multiple = tuple[str, str, list[tuple[str, float, str]], bool]


def multiples(report: TokenizerReport) -> list[Multiple]:
    """Give for each measure of numbers in general its value for every tokenizer, as bars."""
    found: list[Multiple] = []
    for title, meaning, path, good in SMALL_MULTIPLES:
        bars = []
        for key, tokenizer in report.tokenizers.items():
            value: Any = tokenizer["measures"]
            for step in path:
                value = value[step]
            text = number(value) if path[-1] == "correlation" else percent(value)
            bars.append((key, max(value or 0.0, 0.0), text))
        found.append((title, meaning, bars, good))
    return found


def points(ranking: dict[str, Any]) -> list[charts.Point]:
    """Turn a ranking into points of the trade-off chart."""
    return [
        charts.Point(
            score["name"],
            score["tokens_per_value"],
            score["relative_error"],
            score["pareto"],
            score["name"] == ranking["recommended"],
            score["read_back"],
        )
        for score in ranking["scores"]
    ]


def headline(report: TokenizerReport) -> str:
    """Say in one sentence what the first series costs, at best and at worst."""
    name = next(iter(report.series))
    costs = {
        key: item["measures"]["series"][name]["cost"]["tokens_per_value"] for key, item in report.tokenizers.items()
    }
    low, high = min(costs, key=lambda key: costs[key]), max(costs, key=lambda key: costs[key])
    lossy = sum(not item["measures"]["series"][name]["round_trip"]["exact"] for item in report.tokenizers.values())
    text = f"A value of {name} costs {costs[low]:.1f} tokens with {low}"
    if costs[high] - costs[low] >= 0.05:
        text += f" and {costs[high]:.1f} with {high}"
    if lossy:
        every = len(report.tokenizers)
        text += f"; {lossy} of {every} tokenizers {'does' if lossy == 1 else 'do'} not give its text back unchanged"
    return text + "."
