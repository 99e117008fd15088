"""The report in a terminal: the comparison and the worst findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sig2lm.tokenization.report import TokenizerReport

LEGEND = (
    "per value: tokens; in 8k: rows that a context of 8,192 tokens holds; "
    "neighbours: how often n and n + 1 are cut alike; context: how many numbers are cut by what stands before them"
)
STYLES = {"loss": "bold red", "distortion": "yellow", "cost": "blue", "good": "green"}


def summary(report: TokenizerReport, findings: int = 4) -> Group:
    """Build what `rich` prints: a table of the tokenizers for each series, then the worst findings of each."""
    parts: list[RenderableType] = []
    for name, series in report.series.items():
        parts += [
            Text(f"{name}: column {column['name']!r} skipped: {column['reason']}", style="dim")
            for column in series["skipped"]
        ]
        parts += [_comparison(report, name), Text()]
    parts += [Text(LEGEND, style="dim"), Text()]
    for key, tokenizer in report.tokenizers.items():
        parts.append(Text(key, style="bold"))
        for finding in tokenizer["findings"][:findings]:
            line = Text(f"  {finding['harm']:<11}", style=STYLES[finding["harm"]])
            line.append(finding["title"], style="default")
            if finding["evidence"]:
                line.append(f"  {finding['evidence'][0]}", style="dim")
            parts.append(line)
        more = len(tokenizer["findings"]) - findings
        if more > 0:
            parts.append(Text(f"  and {more} more: write them with --html, --markdown or --json", style="dim"))
    return Group(*parts)


def _comparison(report: TokenizerReport, name: str) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("tokenizer", overflow="fold")
    for title in ("per value", "in 8k", "neighbours", "context", "round trip"):
        table.add_column(title, justify="right")
    table.add_column("write it as", overflow="fold")
    for key, tokenizer in report.tokenizers.items():
        measures, ranking = tokenizer["measures"], tokenizer["serializers"][name]
        series = measures["series"][name]
        exact = series["round_trip"]["exact"]
        table.add_row(
            Text(key),
            f"{series['cost']['tokens_per_value']:.2f}",
            f"{series['cost']['contexts']['8k']['rows']:,} rows",
            f"{min(place['share'] for place in measures['neighbour_consistency'].values()):.0%}",
            f"{measures['context_dependence']['share_cut']:.0%}",
            Text("exact", style="green") if exact else Text("changed", style="bold red"),
            Text(ranking["recommended"] or "none"),
        )
    return table
