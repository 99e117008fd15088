"""Time and memory of each architecture by the length of the signal: one ECG lead, encoded, and learned from.

    python scripts/bench_length.py [--size small] [--rounds 5] [--length 1000 ...]

One signal a batch, one thread. The ways take turns, round after round, and the median is reported. Memory is how far
the process grows beyond what it held before (Linux only); a learning step is a forward and a backward pass.
"""

import argparse
import ctypes
import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from results import record
from timing import alternate

from sig2lm.encoder import ARCHITECTURES, SIZES, SignalEncoder, default_patch_size
from sig2lm.encoder.architectures import design
from sig2lm.signals import Contract

LENGTHS = (1_000, 3_000, 10_000, 30_000, 100_000)
ECG = Contract(("ecg",), ("mV",), 300.0)


def ways(encoder: SignalEncoder, length: int) -> dict[str, Callable[[], object]]:
    """Encoding a signal of this length, and learning from it."""
    values, mask = torch.randn(1, 1, length), torch.ones(1, 1, length, dtype=torch.bool)

    @torch.no_grad()
    def encode() -> None:
        encoder.eval()(values, mask)

    def learn() -> None:
        encoder.train().zero_grad()
        encoder(values, mask)[0].square().mean().backward()

    return {"encode": encode, "learn": learn}


def growth(way: Callable[[], object]) -> float | None:
    """MiB by which the process grows at most while something is done; None where the system does not say."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = _kib(status, "VmRSS")
    reset.write_text("5")  # the high-water mark begins again
    way()
    return round((_kib(status, "VmHWM") - before) / 1024, 1)


def _kib(status: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{name}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--length", type=int, action="append")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    patch = default_patch_size(ECG, LENGTHS[0])
    built = {
        name: SignalEncoder(design(ECG, name, SIZES[arguments.size], patch, {"normalisation": "recording"}))
        for name in ARCHITECTURES
    }
    lengths = arguments.length or LENGTHS
    todo = {
        (name, length, what): way
        for length in lengths
        for name, encoder in built.items()
        for what, way in ways(encoder, length).items()
    }
    seconds = alternate({"/".join(map(str, key)): way for key, way in todo.items()}, arguments.rounds)
    rows: list[dict[str, Any]] = []
    for name, encoder in built.items():
        weights = sum(parameter.numel() for parameter in encoder.parameters())
        for length in lengths:
            row: dict[str, Any] = {"architecture": name, "weights": weights, "samples": length}
            row["patches"] = encoder.num_patches(length)
            for what in ("encode", "learn"):
                row[f"{what} (ms)"] = round(1000 * statistics.median(seconds[f"{name}/{length}/{what}"]), 1)
                row[f"{what} (MiB)"] = growth(todo[name, length, what])
            rows.append(row)
    notes = [
        f"one lead at 300 Hz, patches of {patch} samples, size {arguments.size}, one signal a batch, one thread",
        f"median of {arguments.rounds} rounds in turns",
    ]
    print(record("encoder_length", rows, "Time and memory of encoders by length", notes))


if __name__ == "__main__":
    main()
