"""Macro-F1 over the share of the people's labels, from what ``sig2lm probe --json`` wrote, as one SVG.

    python scripts/plot_labels.py REPORT.json ... --out docs/labels.svg

Three curves for each report: the frozen encoder under a linear probe, the same encoder fine-tuned, and one that begins
again with the labels alone. Bars reach from the lowest to the highest seed.
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from sig2lm.files import read_json

CURVES = {
    "linear": ("pretrained, frozen (linear probe)", "o-"),
    "fine_tuned": ("pretrained, fine-tuned", "s-"),
    "scratch": ("supervised only", "^--"),
}


def draw(axes: Any, report: dict[str, Any]) -> None:
    shares = [100 * part["fraction"] for part in report["fractions"]]
    for method, (title, style) in CURVES.items():
        found = [np.array(part["methods"][method]["macro_f1"]["values"]) for part in report["fractions"]]
        middle = np.array([values.mean() for values in found])
        reach = [
            [mean - values.min() for mean, values in zip(middle, found, strict=True)],
            [values.max() - mean for mean, values in zip(middle, found, strict=True)],
        ]
        axes.errorbar(shares, middle, yerr=reach, fmt=style, label=title, capsize=3)
    size = report["sizes"][report["split"]]
    axes.set(xscale="log", xlabel="% of the training people's labels", ylabel="macro-F1")
    axes.set_title(
        f"{report['test_data']}: {size['people']} people never seen, {size['windows']:,} windows", fontsize=9
    )
    axes.set_xticks(shares, [f"{share:g}" for share in shares])
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    matplotlib.rcParams["svg.hashsalt"] = "sig2lm"  # the same figures give the same file
    figure = Figure(figsize=(4.6 * len(arguments.reports), 3.4), layout="constrained")
    for axes, path in zip(figure.subplots(1, len(arguments.reports), squeeze=False)[0], arguments.reports, strict=True):
        draw(axes, read_json(path, "a report of sig2lm probe"))
        axes.legend(fontsize=8)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
