"""The report as Markdown, and the table that compares tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sig2lm.tokenization.report import TokenizerReport

HEADERS = (
    "tokenizer",
    "tokens per value",
    "neighbours cut alike (comma / space)",
    "cut / ids depend on place",
    "round trip",
    "recommended serializer",
)


def to_markdown(report: TokenizerReport) -> str:
    """Write the comparison, then findings and serializers of each tokenizer."""
    parts = ["# What tokenizers do to these numbers", ""]
    for name, series in report.series.items():
        parts += [f"## {escaped(name)}", "", _about(series), "", comparison(report, name), ""]
    for key, tokenizer in report.tokenizers.items():
        parts += [f"## {escaped(key)}: findings", ""]
        for finding in tokenizer["findings"]:
            evidence = f" *{escaped(' · '.join(finding['evidence']))}*" if finding["evidence"] else ""
            parts.append(f"- **{finding['harm']}: {escaped(finding['title'])}.** {escaped(finding['text'])}{evidence}")
        for name, ranking in tokenizer["serializers"].items():
            parts += ["", f"### {escaped(key)}, {escaped(name)}: how to write it", "", escaped(ranking["reason"]), ""]
            parts.append(_serializers(ranking))
        parts.append("")
    return "\n".join(parts)


def comparison(report: TokenizerReport, name: str) -> str:
    """Write the table that sets the tokenizers side by side for one series."""
    rows = []
    for key, tokenizer in report.tokenizers.items():
        measures, ranking = tokenizer["measures"], tokenizer["serializers"][name]
        series, neighbours = measures["series"][name], measures["neighbour_consistency"]
        context = measures["context_dependence"]
        rows.append(
            [
                escaped(key),
                f"{series['cost']['tokens_per_value']:.2f}",
                f"{neighbours['after a comma']['share']:.0%} / {neighbours['after a space']['share']:.0%}",
                f"{context['share_cut']:.0%} / {context['share_ids']:.0%}",
                "exact" if series["round_trip"]["exact"] else "**changed**",
                _recommendation(ranking),
            ]
        )
    return table(HEADERS, rows)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table: the first column to the left, the others to the right."""
    rule = [":--"] + ["--:"] * (len(headers) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(headers), rule, *rows])


def escaped(text: str) -> str:
    """Keep Markdown from reading a text as anything but text."""
    for sign in "\\`*_<>|[]#":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ⏎ ")


def _about(series: dict[str, Any]) -> str:
    text = f"{len(series['channels'])} channels ({escaped(', '.join(series['channels']))}), {series['rows']:,} rows."
    for column in series["skipped"]:
        text += f" Column {escaped(column['name'])} skipped: {escaped(column['reason'])}."
    return text


def _recommendation(ranking: dict[str, Any]) -> str:
    best = next((score for score in ranking["scores"] if score["name"] == ranking["recommended"]), None)
    return "none" if best is None else f"{best['name']} ({best['tokens_per_value']:.2f})"


def _serializers(ranking: dict[str, Any]) -> str:
    headers = ("serializer", "tokens per value", "error", "error / deviation", "cut alike", "read back", "Pareto")
    rows = [
        [
            score["name"],
            f"{score['tokens_per_value']:.2f}",
            score["error"],
            f"{score['relative_error']:.2%}",
            "–" if score["consistency"] is None else f"{score['consistency']:.0%}",
            "yes" if score["read_back"] else "**no**",
            "yes" if score["pareto"] else "",
        ]
        for score in ranking["scores"]
    ]
    soft = ranking["soft_prompt"]
    note = f"{soft['virtual_tokens']} virtual tokens for {soft['window_rows']} rows"
    rows.append(["soft prompt", f"{soft['tokens_per_value']:.3f}", note, "–", "–", "–", ""])
    return table(headers, rows)
