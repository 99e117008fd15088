"""Make the tables of docs/benchmarks from the JSON in docs/benchmarks/results.

    python scripts/build_tables.py [--check]

``--check`` writes nothing and fails where a table differs from its figures.
"""

import argparse
import json
import sys
from typing import Any

from results import RESULTS

TABLES = RESULTS.with_name("tables")
FINE_TUNED, PROBE = "the fine-tuned encoder, no LM", "linear probe of the encoder, no LM"


def table(result: dict[str, Any]) -> str:
    """Markdown of one result: the table, then how it was measured."""
    columns = list(dict.fromkeys(column for row in result["rows"] for column in row))
    lines = [f"**{result['title']}**", "", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cell(row.get(column)) for column in columns) + " |" for row in result["rows"]]
    lines += ["", f"`{result['command']}`", ""]
    lines += [f"Commit `{result['commit']}`, {result['date']}, {result['machine']}.", ""]
    lines += [f"- {note}" for note in result["notes"]]
    return "\n".join(lines).rstrip() + "\n"


def overview(results: dict[str, dict[str, Any]]) -> str:
    """Markdown of what a real LM reads, a row for each data set, from the results of scripts/bench_real_lm.py."""
    columns = ["data", "macro-F1", "95 %", "AUROC", "ECE", "macro-F1, signals shuffled", "encoder alone", "commit"]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for result in results.values():
        ways = {row.get(""): row for row in result["rows"]}
        if "the LM" not in ways:
            continue
        own, alone = ways["the LM"], ways.get(FINE_TUNED, ways[PROBE])
        data = result["title"].partition(":")[0]
        interval = f"{cell(own['macro_f1 from'])} to {cell(own['to (95 %)'])}"
        shuffled = ways["signals shuffled"]["macro_f1"]
        scores = [*map(cell, (own["macro_f1"], interval, own["auroc"], own["ece"], shuffled, alone["macro_f1"]))]
        lines.append(f"| {data} | " + " | ".join(scores) + f" | `{result['commit']}` |")
    return "\n".join(lines) + "\n"


def cell(value: Any) -> str:
    """A number with three significant decimals, text as it is, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value).replace("|", "\\|")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    texts = {name: table(result) for name, result in results.items()}
    texts["overview"] = overview({name: one for name, one in results.items() if name.startswith("real-lm-")})
    stale = []
    for name, text in texts.items():
        place = TABLES / f"{name}.md"
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            stale.append(place.name)
            if not check:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"expected the tables that the results make, found others: {', '.join(stale)}; run build_tables.py")


if __name__ == "__main__":
    main()
