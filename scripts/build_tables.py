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
# data, result, its row of an encoder, score, and what was aimed at
TARGETS = (
    ("MotionSense, five folds", "encoders_motionsense", {"folds": 5, "encoder": "resnet1d"}, "macro_f1", 0.955),
    ("WISDM watch, five folds", "encoders_wisdm_watch", {"folds": 5, "encoder": "resnet1d"}, "macro_f1", 0.87),
    ("AFDB, RR intervals, five folds", "encoders_afdb", {"folds": 5, "statistics": "no"}, "auroc", 0.996),
    ("CinC 2017", "encoders_cinc2017", {"encoder": "resnet1d", "statistics": "yes"}, "challenge", 0.78),
    ("CinC 2017", "encoders_cinc2017", {"encoder": "resnet1d", "statistics": "yes"}, "af_normal_auroc", 0.99),
    ("WESAD, two labels, five folds", "encoders_wesad", {"folds": 5, "size": "tiny"}, "macro_f1", 0.85),
    ("Stress-Predict, five folds", "encoders_stress_predict", {"folds": 5, "size": "tiny"}, "auroc", 0.75),
)
TREES = "extra trees on hand features"
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


def targets(results: dict[str, dict[str, Any]]) -> str:
    """Markdown of what encoders without an LM were to reach, what they reach, and what extra trees reach.

    Of folds both the mean, which `sig2lm cross-validate` reports and targets are about, and all answers together.
    """
    columns = ["data", "score", "target", "encoder", "reached or missed by", "all folds together", "extra trees"]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for data, name, chosen, score, aim in TARGETS:
        rows = results.get(name, {"rows": []})["rows"]
        own = [row for row in rows if chosen.items() <= row.items()]
        trees = [row for row in rows if row["encoder"] == TREES and row.get("folds") == chosen.get("folds")]
        together = f"test {score}"
        scores = f"{together}, mean of folds" if "folds" in chosen else together
        found, rival = (values[-1].get(scores) if values else None for values in (own, trees))
        pooled = own[-1][together] if own and "folds" in chosen else None
        verdict = "not measured" if found is None else "reached" if found >= aim else f"missed by {aim - found:.3f}"
        lines.append(
            "| " + " | ".join([data, score, *map(cell, (aim, found)), verdict, cell(pooled), cell(rival)]) + " |"
        )
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
    texts["encoder_targets"] = targets(results)
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
