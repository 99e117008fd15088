"""Kill a training at many moments, resume it, and compare its weights with those of one that nobody killed.

    python scripts/kill_and_resume.py OUT [--points 40] [--moments 20] [--lora-rank 2] [--train-encoder] [--seed 0]

``--points`` are evenly spread over everything that the training writes, renames or removes in its folder, and the
process is killed (SIGKILL) right before; ``--moments`` are drawn at random over its time. A training that ended before
it was killed counts as well. Every attempt is a forked process, so that libraries load once.
"""

import argparse
import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork

import numpy as np
import torch
from results import record
from transformers import AutoModelForCausalLM, LlamaConfig

from sig2lm.datasets import load_table, prepare
from sig2lm.datasets.public import synthetic
from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, save_encoder
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig
from sig2lm.templates import load_template
from sig2lm.training.train_adapter import train_adapter
from sig2lm.training.trainer import TrainSettings

LM: FrozenLM  # loaded once, before the forks
WRITES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


class Killer:
    """Counts what a process does to files below a folder, and kills it before event number ``at``."""

    def __init__(self, folder: Path, at: int | None) -> None:
        self.folder, self.at, self.seen = str(folder), at, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE)
        if writes and str(arguments[0]).startswith(self.folder):
            self.seen += 1
            if self.seen == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], None], after: float | None = None) -> int:
    """Run work in a process of its own, killed after some seconds; return how it ended, -9 for killed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            work()
            status = 0
        finally:
            os._exit(status)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def make_data(out: Path) -> None:
    """A small simulated table, an untrained encoder for it, and what is measured of the LM."""
    synthetic.RECORDINGS.update({"har": 1, "af_rr": 1, "stress": 8})
    prepare("synthetic", None, out / "data", seed=0)
    contract = load_table(out / "data" / "stress").info.signals["daily"]
    config = PatchTransformerConfig(contract, 1, 1, 16, 1, 2, normalisation="instance")
    save_encoder(SignalEncoder(config), out / "encoder")
    _ = tiny_lm().capabilities


def tiny_lm() -> FrozenLM:
    """The pocket LM's words in a Llama of random weights: what is killed is the training, whatever it trains for."""
    tokenizer = FrozenLM.from_pretrained("pocket").dialogue.tokenizer
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=1024, **sizes)
    return FrozenLM(AutoModelForCausalLM.from_config(config), tokenizer, "tiny")


def training(out: Path, arguments: argparse.Namespace, resume: bool) -> None:
    settings = TrainSettings(
        AdapterConfig(num_virtual_tokens=2, hidden=16, depth=1, heads=2),
        epochs=2,
        batch_size=8,
        rows=32,
        save_steps=2,
        align_steps=2,
        lora_rank=arguments.lora_rank,
        train_encoder=arguments.train_encoder,
        calibration_examples=4,
    )
    train_adapter(
        load_table(arguments.out / "data" / "stress"),
        {"daily": arguments.out / "encoder"},
        out,
        lm=LM,
        template=load_template("stress"),
        settings=settings,
        resume=resume,
    )


def weights(run: Path) -> str:
    """Hash of every tensor file of a finished run, whatever is left of checkpoints; nothing where it is not finished."""
    if not (run / "config.json").is_file():
        return ""
    digest = hashlib.sha256()
    for path in sorted(path for path in run.rglob("*.safetensors") if "checkpoints" not in path.parts):
        digest.update(path.relative_to(run).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def survives(run: Path, arguments: argparse.Namespace, at: int | None, after: float | None) -> tuple[bool, str]:
    """Kill a training, resume it where it left anything, and return whether it was killed, and its weights."""

    def first() -> None:
        sys.addaudithook(Killer(run, at))
        training(run, arguments, resume=False)

    killed = forked(first, after) == -signal.SIGKILL
    if not weights(run):
        forked(lambda: training(run, arguments, resume=run.exists()))
    return killed, weights(run)


def main() -> None:
    global LM
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--train-encoder", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out = arguments.out.absolute()
    if not (arguments.out / "encoder").exists():
        forked(lambda: make_data(arguments.out))
    LM = tiny_lm()
    way = f"lora{arguments.lora_rank}_encoder{int(arguments.train_encoder)}"
    home = arguments.out / way

    def counted() -> None:
        killer = Killer(home / "whole", None)
        sys.addaudithook(killer)
        training(home / "whole", arguments, resume=False)
        (home / "events").write_text(str(killer.seen))

    started = time.perf_counter()
    forked(counted)
    seconds = time.perf_counter() - started
    wanted = weights(home / "whole")
    assert wanted, "the training that nobody killed did not end"
    events = int((home / "events").read_text())
    points: list[tuple[int | None, float | None]] = [
        (int(at), None) for at in np.unique(np.linspace(1, events, arguments.points).astype(int))
    ]
    drawn = np.random.default_rng(arguments.seed).uniform(0, seconds, arguments.moments)
    rows = []
    for name, moments in (("before a write", points), ("at random", [(None, float(after)) for after in drawn])):
        found = [survives(home / f"{name[:2]}{n}", arguments, *moment) for n, moment in enumerate(moments)]
        same = sum(ended == wanted for _, ended in found)
        rows.append({"killed": name, "moments": len(found), "hit": sum(hit for hit, _ in found), "same weights": same})
        print(rows[-1], flush=True)
    notes = [f"LoRA rank {arguments.lora_rank}, encoder {'trained' if arguments.train_encoder else 'frozen'}"]
    record(f"kill_and_resume_{way}", rows, "A training killed at many moments, then resumed", notes)


if __name__ == "__main__":
    main()
