"""What the cases of the fuzzer share: random choices, odd values, right files and command lines, damaged bytes.

A generator takes random numbers and an empty folder, writes what the command shall read and returns its arguments.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
Rng = np.random.Generator
Generator = Callable[[Rng, Path], list[str]]
GENERATORS: dict[str, Generator] = {}

TEXTS = (
    *(
        "",
        ".",
        "..",
        "/",
        "-",
        "--",
        "=",
        ",",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1",
        "0",
        "1e20",
        "100000000000000000000",
    ),
    *(
        "-9223372036854775809",
        "18446744073709551616",
        "0.5",
        "1e-300",
        "９",
        "x",
        "~nobody/x",
        "~",
        "a" * 300,
        "a/" * 3000,
    ),
    *("\udcff", "\x1b[31m", "a\nb", "\u202eabc", "name=", "=value", "motion=", '"', "'", "[", "{}", "None", "true"),
    *("/dev/null/x", "fifo", "folder", "loop", "hub/name", "library:name", "%s%n", "1:2:3", "walk.csv", "é" * 120),
)
NUMBERS = (
    *(0, -1, 1, 2**31, 2**63, 2**64, 10**20, -(10**20), 10**400, 0.5, 1e-300, 1e300, float("inf"), float("nan"), -0.0),
    *("1", "", None, True, [], [1], {}, {"a": 1}, "\ud800", "a" * 5000, [[[]]], "../../x", "/etc/passwd", "x\ny"),
)
SIZES = (10**9, 10**12, 10**15, 2**62, 2**63, 2**64, 10**30, -1)


@dataclass
class Fixtures:
    """What valid commands read: a table and an encoder for it, which the fuzzer makes before its first case."""

    table: Path
    encoder: Path


fixtures = Fixtures(Path(), Path())


def generator(make: Generator) -> Generator:
    """Register a generator under its name."""
    GENERATORS[make.__name__] = make
    return make


def draw(rng: Rng, values: Any) -> Any:
    """One of some values."""
    return values[int(rng.integers(len(values)))]


def walk(folder: Path, name: str = "walk.csv", rows: int = 150) -> Path:
    """A plain recording that every command takes."""
    values = np.random.default_rng(1).normal([0, 0, 9.8, 0, 0, 0], 1, (rows, 6))
    lines = [",".join(f"{x:.3f}" for x in (0.02 * row, *found)) for row, found in enumerate(values)]
    header = "time,user_acceleration_x,user_acceleration_y,user_acceleration_z,rotation_x,rotation_y,rotation_z"
    (folder / name).write_text("\n".join([header, *lines]) + "\n")
    return folder / name


def furnish(folder: Path) -> None:
    """Put beside the files of a case what may be named by mistake: a fifo, a folder, a link to itself."""
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    walk(folder)


def commands() -> dict[str, list[str]]:
    """Of each command a line that is right."""
    data, encoder = str(fixtures.table), str(fixtures.encoder)
    few = ["--epochs", "1", "--batch-size", "8"]
    return {
        "prepare": ["prepare", "synthetic", "out"],
        "pretrain-encoder": ["pretrain-encoder", "--data", data, "--out", "out", *few],
        "probe": ["probe", encoder, "--data", data],
        "fine-tune-encoder": ["fine-tune-encoder", "--data", data, "--encoder", encoder, "--out", "out", *few],
        "train-adapter": [
            "train-adapter",
            "--data",
            data,
            "--encoder",
            encoder,
            "--lm",
            "pocket",
            "--out",
            "out",
            *few,
        ],
        "evaluate": ["evaluate", "pocket-har", "--data", data, "--rows", "2"],
        "cross-validate": ["cross-validate", data, "--out", "out", "--lm", "pocket"],
        "ask": ["ask", "pocket-har", "--signal", "walk.csv"],
        "chat": ["chat", "pocket-har", "--signal", "walk.csv"],
        "explain": ["explain", "pocket-har", "--signal", "walk.csv", "--stretches", "2"],
        "annotate": ["annotate", "pocket-har", "--signal", "walk.csv", "--out", "out"],
        "card": ["card", "pocket-har"],
        "cache": ["cache", data],
        "export-prompt": ["export-prompt", "pocket-har", "--signal", "walk.csv", "--out", "out.safetensors"],
        "export-onnx": ["export-onnx", "pocket-har", "--out", "out.onnx"],
        "serve": ["serve", "pocket-har", "--port", "0"],
        "web": ["web", "pocket-har", "--port", "0"],
        "quantities": ["quantities", "walk.csv"],
        "questions": ["questions", data],
        "tokenizer-report": ["tokenizer-report", "walk.csv", "--rows", "50", "--serializer", "plain"],
        "formats": ["formats"],
        "demo": ["demo", "--out", "out"],
    }


def damage(rng: Rng, content: bytes) -> bytes:
    """Cut, flipped, doubled, emptied or overwritten bytes."""
    data = bytearray(content)
    way = draw(rng, ("cut", "flip", "flip", "insert", "number", "swap", "double", "head"))
    if not data:
        return bytes(data)
    at = int(rng.integers(len(data)))
    if way == "cut":
        return bytes(data[:at])
    if way == "flip":
        for place in rng.integers(0, draw(rng, (len(data), min(len(data), 256))), int(rng.integers(1, 20))):
            data[int(place)] ^= 1 << int(rng.integers(8))
    elif way == "insert":
        data[at:at] = draw(rng, (b"\0" * 50, b"\xff" * 9, b'"', b"\n", b"\r", b"9" * 400, b"-", b",", b"\xe2\x80\xae"))
    elif way == "number":
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57] or [at]
        place = int(draw(rng, digits[:2000]))
        data[place : place + 1] = str(draw(rng, SIZES)).encode()
    elif way == "swap":
        data[at : at + 64] = data[: len(data[at : at + 64])]
    elif way == "double":
        return bytes(data) * 2
    else:
        data[: int(rng.integers(1, 300))] = rng.bytes(int(rng.integers(0, 50)))
    return bytes(data)
