"""Malformed inputs of every kind for every command: command lines, each with the files that it names.

A generator takes random numbers and an empty folder, writes what the command shall read and returns its arguments.
"""

import copy
import importlib
import json
import os
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
import yaml

from sig2lm.cli import app
from sig2lm.pocket import pocket_run
from sig2lm.signals import Signal, save_signal

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "signals" / "devices"))
DEVICE_FILES: dict[str, Any] = importlib.import_module("test_families").CASES  # what the tests write of each device

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
STAMPS = ("2024-13-45", "25:61:61", "0001-01-01", "9999-12-31")
UNITS = ("m" * 9000, "(" * 5000, "m^" * 3000, "m**9**9**9", "1e999", "m/0", "∞", "V..")
SIZES = (10**9, 10**12, 10**15, 2**62, 2**63, 2**64, 10**30, -1)
READING = ("quantities", "tokenizer-report", "ask", "annotate", "prepare")


@dataclass(frozen=True)
class Fixtures:
    """What valid commands read, made once: a table and an encoder for it."""

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


def read_with(rng: Rng, folder: Path, file: Path | str) -> list[str]:
    """A command that reads a recording."""
    command = draw(rng, READING)
    if command == "quantities":
        return ["quantities", str(file)]
    if command == "tokenizer-report":
        return ["tokenizer-report", str(file), "--serializer", "plain", "--rows", "50"]
    if command == "prepare":
        source = folder / "source"
        source.mkdir()
        if (folder / file).is_file():
            shutil.copy(folder / file, source)
        motion = {"sampling_rate": 50, "channels": ["x"], "units": ["m/s^2"]}
        (source / "dataset.yaml").write_text(yaml.safe_dump({"task": "har", "signals": {"motion": motion}}))
        name = Path(file).name
        (source / "manifest.csv").write_text(f"file,subject,label\n{name},s1,a\n{name},s2,b\n", errors="ignore")
        return ["prepare", "manifest", "source", "out"]
    further = ["--out", "out"] if command == "annotate" else []
    return [command, "pocket-har", "--signal", str(file), *further]


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
        "annotate": ["annotate", "pocket-har", "--signal", "walk.csv", "--out", "out"],
        "quantities": ["quantities", "walk.csv"],
        "questions": ["questions", data],
        "tokenizer-report": ["tokenizer-report", "walk.csv", "--rows", "50", "--serializer", "plain"],
        "demo": ["demo", "--out", "out"],
    }


@generator
def options(rng: Rng, folder: Path) -> list[str]:
    """One or two options of any command with a value that cannot be, or hardly."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    line = list(draw(rng, list(commands().values())))
    flags = [p.opts[0] for p in known[line[0]].params if p.opts[0].startswith("--") and p.opts[0] != "--resume"]
    for flag in rng.choice(flags, min(len(flags), int(rng.integers(1, 3))), replace=False):
        line += [str(flag), draw(rng, TEXTS)]
    return line


@generator
def arguments(rng: Rng, folder: Path) -> list[str]:
    """A word of a right line replaced, left out or said twice."""
    line = list(draw(rng, list(commands().values())))
    at = int(rng.integers(1, len(line))) if len(line) > 1 else 0
    if at and draw(rng, (True, True, False)):
        line[at] = draw(rng, TEXTS)
    elif at:
        line[at : at + 1] = draw(rng, ([], [line[at]] * 2))
    return line


def seeds(rng: Rng, folder: Path) -> Path:
    """A right recording of some format: of a device, or one of the general formats."""
    kind = draw(rng, ("device", "device", "csv", "npz", "npy", "parquet", "wfdb", "edf", "mat"))
    if kind == "device":
        name, _, write = draw(rng, list(DEVICE_FILES.values()))
        write(folder / name)
        path = folder / name
        return path if path.is_file() else draw(rng, sorted(file for file in path.rglob("*") if file.is_file()))
    values = rng.normal(size=(3, 300))
    signal = Signal(values, 50.0, ("x", "y", "z"), ("m/s^2",) * 3)
    if kind == "csv":
        return walk(folder, "seed.csv")
    if kind == "npz":
        save_signal(signal, folder / "seed.npz")
    elif kind == "npy":
        np.save(folder / "seed.npy", values)
    elif kind == "parquet":
        import pandas as pd

        pd.DataFrame(values.T, columns=["x", "y", "z"]).to_parquet(folder / "seed.parquet")
    elif kind == "wfdb":
        import wfdb

        given = {"fs": 50, "units": ["mV"] * 3, "sig_name": ["I", "II", "V1"], "fmt": ["16"] * 3}
        wfdb.wrsamp("seed", p_signal=values.T, write_dir=str(folder), **given)
        return folder / draw(rng, ("seed.hea", "seed.hea", "seed.dat"))
    elif kind == "edf":
        import edfio

        edfio.Edf([edfio.EdfSignal(row, 50, label=name) for row, name in zip(values, "xyz", strict=True)]).write(
            folder / "seed.edf"
        )
    else:
        from scipy.io import savemat

        savemat(folder / "seed.mat", {"val": values, "fs": 50.0})
    return folder / f"seed.{kind}"


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


@generator
def damaged(rng: Rng, folder: Path) -> list[str]:
    """A recording of any format with damaged bytes, at times under the suffix of another."""
    path = seeds(rng, folder)
    path.write_bytes(damage(rng, path.read_bytes()))
    if rng.random() < 0.15 and path.suffix != ".hea":
        path = path.rename(
            path.with_suffix(draw(rng, (".csv", ".npz", ".npy", ".edf", ".mat", ".hea", ".gz", ".json")))
        )
    return read_with(rng, folder, path.relative_to(folder))


@generator
def claims(rng: Rng, folder: Path) -> list[str]:
    """Headers that claim more samples than there are bytes, or than there is memory."""
    size, kind = (
        draw(rng, SIZES),
        draw(rng, ("npy", "npz", "hea", "edf", "mat", "zip", "gz", "pickle", "zipnpy", "fortran")),
    )
    path = folder / f"claim.{kind}"
    shape = draw(rng, (f"({size},)", f"(3, {size})", f"({size}, {size})", f"({size}, 0)", "()", "(0, 5)"))
    order = "True" if kind == "fortran" else "False"
    dtype = draw(rng, ("<f8", "<f4", "<i2", "|O", "<U9", "<c16", "|b1", ">f8", "<M8[s]"))
    text = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + b"\0" * 80
    if kind in ("npy", "fortran"):
        path = folder / "claim.npy"
        path.write_bytes(array)
    elif kind in ("npz", "zipnpy"):
        path = folder / ("claim.npz" if kind == "npz" else "claim.npy")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("values.npy", array)
            archive.writestr("sampling_rate.npy", array)
    elif kind == "hea":
        fields = draw(
            rng, (f"claim 1 50 {size}", f"claim {size} 50 100", f"claim 1 {size} 100", f"claim/{size} 1 50 100")
        )
        form = draw(rng, ("16", f"16x{size}", f"16+{size}", str(size), "212", f"8:{size}"))
        path.write_text(f"{fields}\nclaim.dat {form} {size}(0)/mV 16 0 0 0 0 I\n")
        (folder / "claim.dat").write_bytes(b"\0" * 200)
    elif kind == "edf":
        path.write_bytes(edf_header(rng, size))
    elif kind == "mat":
        path.write_bytes(
            b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, size % 2**32) + b"\0" * 99
        )
    elif kind in ("zip", "gz"):
        zeros(path, draw(rng, (10, 300)))
    else:
        path = folder / "claim.npy"
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return read_with(rng, folder, path.name)


def edf_header(rng: Rng, size: int) -> bytes:
    """An EDF header with one number out of place."""
    fields = ["0", "X", "X", "01.01.24", "00.00.00", "512", "", "5", "1", "1"]
    widths = [8, 80, 80, 8, 8, 8, 44, 8, 8, 4]
    signal = ["ECG", "", "mV", "-5", "5", "-2048", "2047", "", "50", ""]
    spans = [16, 80, 8, 8, 8, 8, 8, 80, 8, 32]
    odd = draw(rng, (str(size), "-1", "0", "nan", "inf", "", "1e9", "x", "\xff"))
    fields[draw(rng, (5, 7, 8, 9))], signal[draw(rng, (3, 4, 5, 6, 8))] = odd, draw(rng, (odd, "5"))
    cells = zip([*fields, *signal], [*widths, *spans], strict=True)
    return b"".join(cell.encode("latin-1")[:width].ljust(width) for cell, width in cells) + b"\0" * 500


def zeros(path: Path, megabytes: int) -> None:
    """An archive of very much of nothing."""
    import gzip

    block = b"0,0,0\n" * 170_000
    if path.suffix == ".gz":
        with gzip.open(path, "wb", 1) as file:
            for _ in range(megabytes):
                file.write(block)
    else:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("a.csv", "w") as file,
        ):
            for _ in range(megabytes):
                file.write(block)


@generator
def texts(rng: Rng, folder: Path) -> list[str]:
    """Tables that no program should write."""
    rows = ["1,2,3"] * 60
    wide = draw(rng, (3000, 100_000))
    content = draw(
        rng,
        (
            lambda: "\n".join([",".join(f"c{i}" for i in range(wide)), *[",".join(["1"] * wide)] * 3]),
            lambda: ",".join(str(i) for i in range(wide)),
            lambda: "x,y,z\n" + "\n".join(rows) + "\n" + "9" * int(draw(rng, (30, 400, 5000))) + ",1,2\n",
            lambda: "x,y,z\n" + "\n".join(rows).replace("2", draw(rng, ("1e400", "-inf", "nan", "0x10", "1_000", "٣"))),
            lambda: "time,x\n" + "\n".join(f"{draw(rng, SIZES)},{i}" for i in range(60)),
            lambda: "time,x\n" + "\n".join(f"{draw(rng, STAMPS)},1" for _ in range(60)),
            lambda: '"' * int(rng.integers(1, 2000)) + "\n" + "\n".join(rows),
            lambda: "a" * 10**6,
            lambda: "\n" * 10**5,
            lambda: "," * 10**5 + "\n1",
            lambda: "x [" + draw(rng, UNITS) + "]\n1\n2\n3\n",
            lambda: "[" * 10**5,
            lambda: json.dumps([{"dateTime": draw(rng, NUMBERS), "value": draw(rng, NUMBERS)}] * 9),
            lambda: "<HealthData>" + "<a>" * 20_000,
            lambda: "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
                f"<!ENTITY a{i} '{('&a' + str(i - 1) + ';' if i else '&a;') * 10}'>" for i in range(9)
            ) + "]><HealthData>&a8;</HealthData>",
            lambda: "x\ty;z,w|v\n" * 40,
            lambda: "x,x,x\n" + "\n".join(rows),
        ),
    )()  # fmt: skip
    path = folder / draw(rng, ("odd.csv", "odd.txt", "odd.json", "odd.xml", "odd", "odd\udcff.csv"))
    data = content.encode(draw(rng, ("utf-8", "utf-16", "latin-1")), "replace")
    path.write_bytes(draw(rng, (b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\0")) + data)
    return read_with(rng, folder, path.name)


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
    data = str(fixtures.table)
    return draw(rng, (["ask", "run", "--signal", "walk.csv"], ["evaluate", "run", "--data", data, "--rows", "2"]))


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
    shutil.copy(draw(rng, sorted((ROOT / "prompts").glob("*.yaml"))), folder / "mine.yaml")
    rewrite(rng, folder / "mine.yaml")
    return [*commands()["train-adapter"], "--template", draw(rng, ("mine.yaml", "./mine.yaml"))]


@generator
def outputs(rng: Rng, folder: Path) -> list[str]:
    """Outputs that cannot be, or that something is lost by."""
    line = list(draw(rng, [line for line in commands().values() if line[0] not in ("demo", "chat", "prepare")]))
    known = typer.main.get_command(app).commands[line[0]].params  # type: ignore[attr-defined]
    flags = [p.opts[0] for p in known if p.opts[0] in ("--out", "--html", "--json", "--markdown", "--predictions")]
    if flags:
        places = (*TEXTS, "walk.csv", "walk.csv", str(fixtures.table / "table.json"), str(fixtures.encoder))
        line += [draw(rng, flags), draw(rng, places)]
    return line
