"""Write docs/language-models.md: every causal family of transformers, and how sig2lm reads it.

Each family is built tiny with random weights (scripts/tiny_lms.py) and measured as any LM is when it is loaded
(sig2lm.lm.capabilities). That what is measured holds, also past windows and chunks, is what
tests/lm/test_causal_lms.py tests for every family: `pytest -m slow tests/lm/test_causal_lms.py`.

    python scripts/list_causal_lms.py
"""

import argparse
import warnings
from pathlib import Path

import torch
import transformers
from tiny_lms import FAMILIES, build_tiny

from sig2lm.lm.capabilities import Capabilities, Reach, measure, reach
from sig2lm.lm.runner import Runner

PAGE = Path(__file__).resolve().parents[1] / "docs" / "language-models.md"
HEAD = """# Language models

Written by `scripts/list_causal_lms.py` with transformers {version}; do not edit.

Any causal LM of transformers can be tried.
What an LM computes the same with a short cut as without is measured on the LM itself when it is first loaded, with its
own weights, type and device, and remembered in the cache. Below is what this finds for a tiny random LM of each family.

- **batches**: rows are padded, what all prompts begin with is read once, and choices are scored as one tree: quickest.
- **batches, chains**: the same, but choices are scored one after the other (ALiBi, or no attention mask for trees).
- **batches, whole prompts**: rows are padded, but each is read from its beginning.
- **row by row**: rows of one length are read together without padding, and answers start from copies of what was kept:
  recurrent and hybrid LMs, and decoders that count positions themselves. Each question reads the whole prompt again.
- **row by row, again**: an answer reads the prompt again for each of its tokens, and for each choice: right, but slow.

In texts longer than a sliding window nothing is shared; LMs with chunked attention are read row by row near a chunk's
end, and so are LMs with kinds of layers that are not known here.
"""


def way(found: Capabilities, seen: Reach) -> str:
    """How the bridge reads an LM."""
    if found.padding and found.continuation and seen.known:
        if not found.prefix:
            return "batches, whole prompts"
        return "batches" if found.branching else "batches, chains"
    return "row by row" if found.continuation and found.steps and seen.known else "row by row, again"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, default=PAGE)
    out = arguments.parse_args().out
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    ways: dict[str, list[str]] = {}
    refused: list[tuple[str, str]] = []
    unknown: list[tuple[str, str]] = []
    for family in FAMILIES:
        try:
            model = build_tiny(family)
            model(input_ids=torch.ones(1, 4, dtype=torch.long), use_cache=False)
        except Exception as error:  # whatever a family says of a tiny config, or of a package that it needs
            unknown.append((family, str(error).strip().splitlines()[0][:90]))
            continue
        found = measure(Runner(model))
        if found.refusal:
            refused.append((family, found.refusal.split(" (")[0]))
        else:
            ways.setdefault(way(found, reach(model.config)), []).append(family)
    total = sum(map(len, ways.values()))
    lines = [HEAD.format(version=transformers.__version__), f"## Read ({total} of {len(FAMILIES)} families)\n"]
    order = ("batches", "batches, chains", "batches, whole prompts", "row by row", "row by row, again")
    lines += ["| how | families |", "|---|---|"]
    lines += [f"| {name} ({len(ways[name])}) | {', '.join(sorted(ways[name]))} |" for name in order if name in ways]
    lines += [f"\n## Refused by name before training ({len(refused)})\n", "| family | why |", "|---|---|"]
    lines += [f"| {family} | {reason} |" for family, reason in sorted(refused)]
    lines += [f"\n## Not tried here: no tiny config ({len(unknown)})\n"]
    lines += [
        "These are measured like any other when one is loaded.\n",
        "| family | what stood in the way |",
        "|---|---|",
    ]
    lines += [f"| {family} | {reason.replace('|', '/')} |" for family, reason in sorted(unknown)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
