"""Malformed recordings: damaged bytes of every format, headers that claim too much, tables that nobody should write."""

import gzip
import importlib
import json
import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fuzz_common import NUMBERS, ROOT, SIZES, Rng, damage, draw, generator, walk

from sig2lm.signals import Signal, save_signal

sys.path.append(str(ROOT / "tests" / "signals" / "devices"))
DEVICE_FILES: dict[str, Any] = importlib.import_module("test_families").CASES  # what the tests write of each device

STAMPS = ("2024-13-45", "25:61:61", "0001-01-01", "9999-12-31")
UNITS = ("m" * 9000, "(" * 5000, "m^" * 3000, "m**9**9**9", "1e999", "m/0", "∞", "V..")
READING = ("quantities", "tokenizer-report", "ask", "annotate", "prepare")


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
def long(rng: Rng, folder: Path) -> list[str]:
    """A recording of any format in which something is repeated until it fills what is read to recognise a file."""
    path = seeds(rng, folder)
    content = path.read_bytes()
    at = draw(
        rng, (0, 0, int(rng.integers(len(content) + 1)), *(place for place in (content.find(b"\n"),) if place > 0))
    )
    piece = draw(
        rng, (b"9", b" ", b",", b";", b"\n", b"a", b"A_", b"(", b"[", b'"', b"1,", b"0:", b"# ", b"x_", b"9.", b"-")
    )
    path.write_bytes(content[:at] + piece * (300_000 // len(piece)) + content[at:])
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
