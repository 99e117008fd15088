"""Malformed runs, encoders, tables, manifests and templates: what programs wrote, or people declare, altered."""

import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from fuzz_common import NUMBERS, ROOT, TEXTS, Rng, commands, damage, draw, fixtures, generator, walk

from sig2lm.pocket import pocket_run


def altered(rng: Rng, content: Any) -> Any:
    """A copy of JSON-like content in which something somewhere has another type, is gone, or is new."""
    content = copy.deepcopy(content)
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return content
        key = draw(rng, keys)
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
            place = place[key]
            continue
        way = draw(rng, ("value", "value", "value", "gone", "new"))
        if way == "gone":
            del place[key]
        elif way == "new" and isinstance(place, dict):
            place[draw(rng, ("unknown", "", "a/../b", "\ud800", "format"))] = draw(rng, NUMBERS)
        else:
            place[key] = draw(rng, NUMBERS)
        return content


def nested(rng: Rng) -> str:
    """Texts on which parsers recurse, or grow."""
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    deep = int(draw(rng, (900, 5000, 100_000)))
    return str(
        draw(rng, ("[" * deep, '{"a":' * deep, "a: &a [*a]\n", "&a {a: *a}", laughs, "- " * deep, "!!python/none x",
                   "? " * 2000, "a: " + "9" * 5000, "{a: .inf, b: 2024-99-99}", "\0", "\ufeff", "--- a\n--- b\n"))
    )  # fmt: skip


def rewrite(rng: Rng, path: Path) -> None:
    """Replace a config by something else."""
    way = draw(rng, ("altered",) * 5 + ("nested", "damaged", "fifo", "folder", "gone", "loop"))
    content = path.read_text()
    path.unlink()
    if way == "altered":
        if path.suffix == ".yaml":
            path.write_text(yaml.safe_dump(altered(rng, yaml.safe_load(content))))
        else:
            path.write_text(json.dumps(altered(rng, json.loads(content))))
    elif way == "nested":
        path.write_text(nested(rng))
    elif way == "damaged":
        path.write_bytes(damage(rng, content.encode()))
    elif way == "fifo":
        os.mkfifo(path)
    elif way == "folder":
        path.mkdir()
    elif way == "loop":
        path.symlink_to(path.name)


@generator
def runs(rng: Rng, folder: Path) -> list[str]:
    """A run with an altered config, or damaged tensors."""
    shutil.copytree(pocket_run("pocket-har"), folder / "run")
    files = sorted(path for path in (folder / "run").rglob("*") if path.suffix in (".json", ".safetensors"))
    path = draw(rng, [path for path in files if path.name == "config.json"] * 3 + files)
    if path.suffix == ".json":
        rewrite(rng, path)
    else:
        path.write_bytes(damage(rng, path.read_bytes()))
    line = draw(rng, [line for line in commands().values() if "pocket-har" in line])
    return [word.replace("pocket-har", "run") for word in line]


@generator
def encoders(rng: Rng, folder: Path) -> list[str]:
    """An encoder with an altered config, or damaged tensors."""
    shutil.copytree(fixtures.encoder, folder / "encoder")
    name = draw(rng, ("config.json", "config.json", "config.json", "train.json", "encoder.safetensors"))
    if name.endswith(".json"):
        rewrite(rng, folder / "encoder" / name)
    else:
        (folder / "encoder" / name).write_bytes(damage(rng, (folder / "encoder" / name).read_bytes()))
    right = commands()
    line = list(draw(rng, (right["probe"], right["fine-tune-encoder"], right["train-adapter"])))
    return [word.replace(str(fixtures.encoder), "encoder") for word in line]


@generator
def tables(rng: Rng, folder: Path) -> list[str]:
    """A table with an altered table.json, or damaged rows."""
    shutil.copytree(fixtures.table, folder / "table")
    files = sorted(path for path in (folder / "table").rglob("*") if path.is_file())
    path = draw(rng, [folder / "table" / "table.json"] * 6 + files)
    if path.suffix == ".json":
        rewrite(rng, path)
    else:
        path.write_bytes(damage(rng, path.read_bytes()))
    line = draw(rng, [line for line in commands().values() if str(fixtures.table) in line])
    return [word.replace(str(fixtures.table), "table") for word in line]


@generator
def manifests(rng: Rng, folder: Path) -> list[str]:
    """A folder of own recordings with an altered declaration or list of files."""
    source = folder / "source"
    source.mkdir()
    walk(source, "a.csv")
    (source / "b.csv").write_text((source / "a.csv").read_text().replace("0.", "0.1"))
    motion = {
        "sampling_rate": 50,
        "channels": ["x"],
        "units": ["m/s^2"],
        "read": {"channels": ["x=rotation_x"], "time_column": "time"},
    }
    declared = {"task": "har", "signals": {"motion": motion}, "window": {"seconds": 1.0}, "labels": ["a", "b"]}
    (source / "dataset.yaml").write_text(yaml.safe_dump(declared))
    rows = [
        ["file", "subject", "label", "start", "end", "fact_age"],
        ["a.csv", "s1", "a", "0", "2", "9"],
        ["b.csv", "s2", "b", "", "", ""],
    ]
    if rng.random() < 0.5:
        rewrite(rng, source / "dataset.yaml")
    else:
        at = rows[int(rng.integers(3))]
        at[int(rng.integers(6))] = draw(rng, [text for text in TEXTS if "\udcff" not in text])
    (source / "manifest.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    return ["prepare", "manifest", "source", "out", *draw(rng, ([], ["--skip-bad"], ["--believe"]))]


@generator
def templates(rng: Rng, folder: Path) -> list[str]:
    """A template with something of another type, or that recurses."""
    right = [ROOT / "prompts" / "har.yaml"]  # others are for other tables
    shutil.copy(draw(rng, [*sorted((ROOT / "prompts").glob("*.yaml")), *right * 20]), folder / "mine.yaml")
    rewrite(rng, folder / "mine.yaml")
    return [*commands()["train-adapter"], "--template", draw(rng, ("mine.yaml", "./mine.yaml"))]
