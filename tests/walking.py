"""Walking as two sensors see it: windows, tables in memory, and every variant of an objective to learn from them."""

from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np

from sig2lm.datasets import Table, TableInfo
from sig2lm.datasets.table import COLUMNS
from sig2lm.pretraining import PretrainSettings
from sig2lm.pretraining.objectives import OBJECTIVES
from sig2lm.signals import Contract

SENSORS = Contract(("ax", "ay", "gx"), ("m/s^2", "m/s^2", "rad/s"), 50.0, None, 1.28)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in OBJECTIVES),
    ("contrastive", {"positives": "subject"}),
    ("contrastive", {"positives": "time", "momentum_encoder": True}),
    ("byol", {"positives": "subject"}),
    ("crossl", {"latent_mask": "random"}),
    ("cross_modal", {"target": "gx", "source_ratio": 0.3}),
]
IDS = [" ".join([name, *map(str, options.values())]) for name, options in VARIANTS]
SMALL = PretrainSettings("masked", epochs=2, batch_size=16, width=16, depth=1, heads=2, patch_size=8)


def recordings(count: int = 12, samples: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Walking as two sensors see it: one rhythm, of a pace and strength of its own in each window."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 50.0
    found = []
    for _ in range(count):
        phase = 2 * np.pi * rng.uniform(1.0, 4.0) * time + rng.uniform(0, 6.28)
        strength = rng.uniform(0.5, 2.0)
        rows = [strength * np.cos(phase), strength * np.sin(phase) ** 3, 0.5 * strength * np.sin(phase)]
        found.append((np.stack(rows) + rng.normal(0, 0.05, (3, samples))).astype(np.float32))
    return found


def as_table(
    windows: list[np.ndarray], subject: list[str], source: list[str], start: list[float], contract: Contract = SENSORS
) -> Table:
    known = {"subject": subject, "source": source, "start": start}
    rows = {name: known.get(name, [None] * len(windows)) for name in COLUMNS}
    rows["motion"] = [values[: len(contract.channels)].ravel() for values in windows]
    schema = {name: hf.Value("float64" if name == "start" else "string") for name in COLUMNS}
    train = hf.Dataset.from_dict(rows, features=hf.Features({**schema, "motion": hf.List(hf.Value("float32"))}))
    info = TableInfo("toy", "har", (), {"motion": contract}, "", len(train), {}, "", "", "")
    return Table(hf.DatasetDict({"train": train}), info, Path("toy"))


def build_table(subjects: int = 4, windows: int = 8, contract: Contract = SENSORS) -> Table:
    """A table in memory: each subject has a recording of consecutive windows."""
    count = subjects * windows
    who = [f"s{number // windows}" for number in range(count)]
    starts = [1.28 * (number % windows) for number in range(count)]
    return as_table(recordings(count), who, [f"{name}.csv" for name in who], starts, contract)
