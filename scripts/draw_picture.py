"""Draw how a recording comes to stand between words.

python scripts/draw_picture.py [--out docs/picture.svg]
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from sig2lm.signals.simulation import simulate

ROOT = Path(__file__).parents[1]
WORDS, SIGNAL, LM = "#e8e8ee", "#f3b95f", "#cfe3f5"


def box(axes: Any, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    patch = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.02,rounding_size=0.12", fc=colour, ec="#555")
    axes.add_patch(patch)
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=10)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": "#555", "lw": 1.4})


def draw() -> Figure:
    figure = Figure(figsize=(10, 3.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 20), ylim=(0, 7.2))
    axes.axis("off")
    signal = simulate("har", "jogging", np.random.default_rng(1), subject_seed=7)["motion"]
    size = np.linalg.norm(signal.values[:3], axis=0)
    axes.plot(
        np.linspace(0.4, 4.0, len(size)), 5.6 + 0.9 * (size - size.mean()) / np.abs(size - size.mean()).max(), lw=1
    )
    axes.text(2.2, 4.2, "a recording, 2.6 s", ha="center", fontsize=9, color="#555")
    box(axes, 5.2, 4.9, 2.4, 1.3, "encoder\n(pretrained)", "white")
    box(axes, 9.0, 4.9, 2.4, 1.3, "adapter\n(trained)", "white")
    for x in np.linspace(12.9, 15.3, 5):
        box(axes, x, 5.2, 0.35, 0.7, "", SIGNAL)
    axes.text(14.3, 4.55, "soft prompt", ha="center", fontsize=9, color="#555")
    for start, end in ((4.2, 5.1), (7.7, 8.9), (11.5, 12.7)):
        arrow(axes, (start, 5.55), (end, 5.55))
    places = [("Movement:", 1.9, WORDS), ("", 0.35, SIGNAL), ("", 0.35, SIGNAL), ("", 0.35, SIGNAL), ("", 0.35, SIGNAL)]
    places += [("", 0.35, SIGNAL), ("What is the person doing?", 4.6, WORDS)]
    x = 0.4
    for text, width, colour in places:
        box(axes, x, 2.2, width, 0.8, text, colour)
        x += width + 0.2
    arrow(axes, (14.1, 4.35), (4.3, 3.15))
    box(axes, 11.9, 1.6, 3.6, 1.9, "frozen language model\n(any causal LM)", LM)
    arrow(axes, (x + 0.05, 2.6), (11.8, 2.6))
    arrow(axes, (15.6, 2.6), (16.6, 2.6))
    axes.text(16.8, 2.6, "“jogging”\nwith a probability", va="center", fontsize=10)
    axes.text(
        0.4,
        0.7,
        "Only the adapter is trained; the language model stays as it was, bit for bit.",
        fontsize=9,
        color="#555",
    )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "picture.svg")
    matplotlib.rcParams |= {"svg.fonttype": "path", "svg.hashsalt": "sig2lm"}
    out = parser.parse_args().out
    draw().savefig(out, metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
