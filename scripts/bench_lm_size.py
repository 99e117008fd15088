"""Time and memory by the size of the LM: a training step of an adapter, the first answer, and the second.

    python scripts/bench_lm_size.py [NAME ...] [--rounds 5] [--rows 8]

Each LM runs in a process of its own, float32 on a CPU. ``pocket`` and ``smollm2`` are the real ones; the others have
random weights in the shapes of published LMs, which cost the same. For each: parameters, memory of the weights, the
process's peak, seconds of a step and of answers (median, and the range over the rounds), and the rate of the step's
arithmetic as a share of what a plain product of matrices reaches in the same process. A frozen LM costs four operations
for each parameter of its layers and each token: two forward and two backward, as no gradient of a weight is computed.

Beyond what fits here, rows are computed from the largest that was measured: said so in their column. LMs that are not
named stay as they were measured before.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from bench_bridge import CONTRACT, build_model, examples, recordings, step
from results import COMMIT, RESULTS, record
from timing import alternate
from transformers import AutoTokenizer, Gemma3TextConfig, LlamaConfig, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from sig2lm.files import read_json
from sig2lm.lm import FrozenLM
from sig2lm.model.batches import collate
from sig2lm.pocket import pocket_folder

# Shapes as published by their makers in config.json.
SHAPES: dict[str, Callable[[], Any]] = {
    "Gemma 3 270M, random": lambda: Gemma3TextConfig(
        vocab_size=262144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
    ),
    "Qwen3 0.6B, random": lambda: Qwen3Config(
        vocab_size=151936,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        tie_word_embeddings=True,
    ),
    "Llama 3.2 1B, random": lambda: LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        tie_word_embeddings=True,
    ),
}
# Name, parameters of the layers and of the embeddings: computed only.
BEYOND = {"an LM of 3 B": (2.8e9, 0.4e9), "an LM of 8 B": (7.0e9, 1.0e9), "an LM of 70 B": (68.5e9, 2.1e9)}
QUESTIONS = ("What is the person doing?", "Is the person still or moving?")
GIB = 2**30


def load(name: str) -> FrozenLM:
    if name not in SHAPES:
        return FrozenLM.from_pretrained(name, device="cpu", dtype="float32")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(SHAPES[name](), dtype=torch.float32)
    return FrozenLM(model, AutoTokenizer.from_pretrained(pocket_folder()), fingerprint=name)


def layers_and_embeddings(lm: FrozenLM) -> tuple[int, int]:
    embeddings = lm.model.get_input_embeddings().weight.numel()
    return lm.num_parameters - embeddings, embeddings


def matrix_rate(seconds: float = 1.0) -> float:
    """Operations a second of a plain product of matrices."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    a @ b
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        a @ b
        count += 1
    return 2 * 1024**3 * count / (time.perf_counter() - started)


def measure(name: str, rounds: int, rows: int) -> dict[str, Any]:
    """One row, in a process that does nothing else."""
    lm = load(name)
    layers, embeddings = layers_and_embeddings(lm)
    model = build_model(lm, "resampler", 32, sentences=1)
    signals = recordings(rows, 128)
    batch = collate(examples(model, signals, cached=True), lm.dialogue.placeholder)
    tokens = batch["input_ids"].numel()
    step(model, batch)
    steps, rates = [], []
    for _ in range(rounds):
        rates.append(matrix_rate())
        started = time.perf_counter()
        step(model, batch)
        steps.append(time.perf_counter() - started)
    model.eval()
    chat = model.chat(signals[0])
    chat.ask(QUESTIONS[0])

    def second() -> None:
        chat.reset()
        chat.ask(QUESTIONS[1])

    answers = alternate({"first": lambda: model.chat(signals[0]).ask(QUESTIONS[0]), "second": second}, rounds)
    rate = statistics.median(4 * layers * tokens / of_step for of_step in steps)
    return {
        "LM": name,
        "parameters, M": round((layers + embeddings) / 1e6, 1),
        "weights, GiB": round(4 * (layers + embeddings) / GIB, 2),
        "peak of the process, GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB, 2),
        "tokens a step": tokens,
        "step, s": spread(steps),
        "share of the matrix rate": round(rate / statistics.median(rates), 2),
        "first answer, s": spread(answers["first"]),
        "second answer, s": spread(answers["second"]),
        "": "measured",
        "operations a second": f"{rate:.3g}",
        "commit": COMMIT,
    }


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})"


def computed(name: str, layers: float, embeddings: float, like: dict[str, Any]) -> dict[str, Any]:
    """A row of an LM that does not fit here, at the rate of the largest that was measured."""
    return {
        "LM": name,
        "parameters, M": round((layers + embeddings) / 1e6),
        "weights, GiB": round(4 * (layers + embeddings) / GIB, 1),
        "tokens a step": like["tokens a step"],
        "step, s": f"{4 * layers * like['tokens a step'] / float(like['operations a second']):.0f}",
        "": "computed",
    }


def in_a_process(name: str, rounds: int, rows: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--only", name, "--rounds", str(rounds), "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=["pocket", "smollm2", *SHAPES])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=8, help="of a training step")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one = partial(measure, rounds=arguments.rounds, rows=arguments.rows)
    if arguments.only:
        print(json.dumps(one(arguments.only)))
        return
    rows = []
    for name in arguments.names:
        rows.append(in_a_process(name, arguments.rounds, arguments.rows))
        print(rows[-1], flush=True)
    place = RESULTS / "lm-size.json"
    earlier = read_json(place, "results")["rows"] if place.is_file() else []
    found = {row["LM"]: row for row in [*earlier, *rows] if row[""] == "measured"}
    largest = max(found.values(), key=lambda row: row["parameters, M"])
    shown = [*found.values(), *(computed(name, *sizes, largest) for name, sizes in BEYOND.items())]
    shown.sort(key=lambda row: row["parameters, M"])
    notes = [
        f"Windows of 128 samples of {len(CONTRACT.channels)} channels, 16 virtual tokens, {arguments.rows} rows; "
        "the encoder has run already. A first answer reads the recording, a second asks about it again.",
        "Half of the bytes in bfloat16 where the processor is quick at it, an eighth with weights of 4 bits.",
    ]
    print(record("lm-size", shown, "An adapter in front of LMs of several sizes, float32 on a CPU", notes))


if __name__ == "__main__":
    main()
