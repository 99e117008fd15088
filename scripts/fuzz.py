"""Feed malformed inputs to every command, and count what ends otherwise than it should.

    python scripts/fuzz.py OUT [--cases 1000] [--seed 0] [--only KIND] [--record]

A case may be accepted (exit 0) or refused: exit 2 and one line behind what was guessed, within 10 seconds of the
processor and 1 GiB beyond what the libraries take, with nothing written and no input changed. Each case is a forked
process in a folder of its own, so that libraries load once; trainings end where their first step would be, servers
where they would take their first request, cohorts where workers would start, exports where a graph would be drawn. What
fails stays in OUT.
"""

import argparse
import hashlib
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork

import fuzz_commands  # noqa: F401 - these three register their generators
import fuzz_configs  # noqa: F401
import fuzz_recordings  # noqa: F401
import numpy as np
from fuzz_common import GENERATORS, fixtures, furnish
from results import record

from sig2lm.cli import main

CPU_SECONDS, MEMORY, FILE, SMALL = 10, 1 << 30, 1 << 28, 1 << 12
BLOCKED = 20  # seconds without using the processor
LONGEST = 300  # seconds, on a machine that is busy elsewhere
RIGHT = {"accepted", "refused", "started"}
REACHED = 77  # exit status of what got as far as training or serving


@dataclass(frozen=True)
class Ending:
    """How a case ended."""

    kind: str
    verdict: str


def make_fixtures(home: Path) -> tuple[Path, Path]:
    """A small simulated table, and an untrained encoder for it."""
    from sig2lm.datasets import load_table, prepare
    from sig2lm.datasets.public import synthetic
    from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, save_encoder

    synthetic.RECORDINGS.update({"har": 1, "af_rr": 1, "stress": 12})
    if not (home / "encoder").exists():
        shutil.rmtree(home, ignore_errors=True)
        prepare("synthetic", None, home / "data")
        contract = load_table(home / "data" / "har").info.signals["motion"]
        numbers = (0.0,) * len(contract.channels), (10.0,) * len(contract.channels)  # as what it reads
        config = PatchTransformerConfig(contract, 16, 16, 16, 1, 2, mean=numbers[0], std=numbers[1])
        save_encoder(SignalEncoder(config), home / "encoder")
    return home / "data" / "har", home / "encoder"


def warm_up() -> Any:
    """Import what commands import, and return the run that ships."""
    import sig2lm.cohort
    import sig2lm.evaluation.cross_validation
    import sig2lm.evaluation.evaluate
    import sig2lm.evaluation.probing
    import sig2lm.model.onnx_export
    import sig2lm.pages.comparison
    import sig2lm.pages.explanation
    import sig2lm.pages.tokenizer_report
    import sig2lm.pretraining.self_training
    import sig2lm.serve.app
    import sig2lm.training.train_adapter
    import sig2lm.web.server  # noqa: F401
    from sig2lm.model.signal_lm import SignalLM

    shipped = SignalLM.from_pretrained("pocket-har")
    shipped.lm.capabilities  # noqa: B018
    return shipped


def shorten(shipped: Any) -> None:
    """In the process of a case alone: let trainings end before they begin, and load nothing that is there already."""
    import torch
    import transformers

    import sig2lm.cohort.annotating
    import sig2lm.evaluation.cross_validation
    import sig2lm.serve.server
    import sig2lm.training.train_adapter as training
    import sig2lm.web.server
    from sig2lm.lm import FrozenLM
    from sig2lm.model.signal_lm import SignalLM

    def reached(*_: Any, **__: Any) -> None:
        os._exit(REACHED)

    transformers.Trainer.train = torch.onnx.export = reached
    training.align_adapters = reached
    sig2lm.evaluation.cross_validation.cross_validate = reached
    sig2lm.cohort.annotating.ENGINES = dict.fromkeys(("local", "ray"), reached)
    sig2lm.serve.server.run = sig2lm.web.server.serve = reached
    load, load_lm = SignalLM.from_pretrained, FrozenLM.from_pretrained

    def plain(options: dict[str, Any]) -> bool:
        return all(value in ("auto", "none", "cpu", None) or value == {} for value in options.values())

    def from_pretrained(run: Any, *others: Any, **options: Any) -> Any:
        if run == "pocket-har" and not others and plain(options):
            return shipped
        return load(run, *others, **options)

    def lm_from_pretrained(name: Any, *others: Any, **options: Any) -> Any:
        if name == "pocket" and not others and plain(options):
            return shipped.lm
        return load_lm(name, *others, **options)

    SignalLM.from_pretrained, FrozenLM.from_pretrained = staticmethod(from_pretrained), staticmethod(lm_from_pretrained)


def contents(folder: Path) -> dict[str, str]:
    """A fingerprint of everything in a folder that can be read, but for caches."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name.startswith("cache-"):  # of patches beside a table: made again where it is damaged
            continue
        kind = "link" if path.is_symlink() else "file" if path.is_file() else "folder" if path.is_dir() else "other"
        digest = hashlib.blake2b(path.read_bytes()).hexdigest() if kind == "file" else ""
        found[str(path.relative_to(folder))] = kind + digest
    return found


def child(arguments: list[str], folder: Path, logs: Path, shipped: Any, largest: int) -> None:
    """Run a command in this forked process, and end it."""
    status = 1
    try:
        os.chdir(folder)
        for number, name in ((0, None), (1, "stdout"), (2, "stderr")):
            flags = os.O_RDONLY if name is None else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(os.devnull if name is None else logs / name, flags, 0o644), number)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for limit, most in (("AS", used + MEMORY), ("CPU", CPU_SECONDS), ("FSIZE", largest), ("CORE", 0)):
            resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (most, most))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        shorten(shipped)
        sys.argv = ["sig2lm", *arguments]
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                status = 1
        os._exit(status)


def run(arguments: list[str], folder: Path, logs: Path, shipped: Any, largest: int = FILE) -> tuple[int | str, str]:
    """Run a command in a process of its own; return its exit status, or what stopped it, and its stderr."""
    pid = os.fork()
    if pid == 0:
        child(arguments, folder, logs, shipped, largest)
    handle, used, still, began = os.pidfd_open(pid), -1, 0.0, time.monotonic()
    try:
        while not select.select([handle], [], [], 2)[0]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            still = 0.0 if ticks != used or fields[0] == "R" else still + 2
            used = ticks
            if still >= BLOCKED or time.monotonic() - began > LONGEST:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return "waits for ever", ""
    finally:
        os.close(handle)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = (logs / "stderr").read_text(errors="replace") if (logs / "stderr").exists() else ""
    stopped = {-signal.SIGXCPU: "takes too long", -signal.SIGKILL: "takes too long"}
    return stopped.get(ended, f"ended by signal {-ended}") if ended < 0 else ended, said


def judge(ended: int | str, said: str, before: dict[str, str], after: dict[str, str]) -> str:
    """What is wrong with how a case ended; ``accepted``, ``refused`` or ``started`` where nothing is."""
    if isinstance(ended, str):
        return ended
    if "MemoryError" in said or "Cannot allocate memory" in said or "can't allocate memory" in said:
        return "memory error"
    if "Traceback (most recent call last)" in said:
        return "traceback"
    if any(after.get(name) != digest for name, digest in before.items()):
        return "input changed"
    if ended == REACHED:
        return "started"
    if any(".partial" in name for name in after):
        return "half-written"
    if ended == 0:
        return "accepted"
    lines = [line for line in said.splitlines() if line.strip()]
    if ended != 2 or [*map(_is_error, lines)] != [*[False] * (len(lines) - 1), True]:
        return f"exit {ended} without one last line"
    return "refused" if set(after) == set(before) else "half-written"


def _is_error(line: str) -> bool:
    return line.startswith("sig2lm: error: ")


def case(number: int, seed: int, kinds: list[str], home: Path, shipped: Any) -> Ending:
    """Make a case, run it and judge it; the folder of one that fails stays."""
    rng = np.random.default_rng([seed, number])
    kind = kinds[number % len(kinds)]
    folder, logs = home / f"{number}" / "here", home / f"{number}"
    folder.mkdir(parents=True)
    furnish(folder)
    arguments = [word.replace("\0", "") for word in GENERATORS[kind](rng, folder)]
    before = contents(folder)
    ended, said = run(arguments, folder, logs, shipped, SMALL if kind == "full" else FILE)
    verdict = judge(ended, said, before, contents(folder))
    if verdict in RIGHT:
        shutil.rmtree(logs)
    else:
        line = " ".join(map(repr, arguments))[:600]
        print(f"{number} {kind}: {verdict}: {line}\n    {said.strip()[-700:]}\n", flush=True)
    return Ending(kind, verdict)


def fuzz(out: Path, cases: int, seed: int, only: str | None = None) -> list[Ending]:
    """Run cases and return how each ended."""
    fixtures.table, fixtures.encoder = make_fixtures(out / "fixtures")
    shipped = warm_up()
    kinds = [only] if only else list(GENERATORS)
    home = out / f"cases{seed}"
    shutil.rmtree(home, ignore_errors=True)
    return [case(number, seed, kinds, home, shipped) for number in range(cases)]


def main_of_fuzz() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(GENERATORS))
    parser.add_argument("--record", action="store_true", help="write the counts into docs/benchmarks/results")
    arguments = parser.parse_args()
    arguments.out = arguments.out.absolute()
    os.environ.setdefault("SIG2LM_CACHE", str(arguments.out / "cache"))
    started = time.perf_counter()
    endings = fuzz(arguments.out, arguments.cases, arguments.seed, arguments.only)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for ending in endings:
        counts[ending.kind][ending.verdict] += 1
    wrong = sorted({verdict for found in counts.values() for verdict in found} - RIGHT)
    rows = [
        {
            "kind": kind,
            "what": (GENERATORS[kind].__doc__ or "").rstrip("."),
            "cases": sum(found.values()),
            "refused": found["refused"],
            "taken": found["accepted"] + found["started"],
            "wrong": sum(found[verdict] for verdict in wrong),
        }
        for kind, found in counts.items()
    ]
    for row in rows:
        print(row)
    print({verdict: sum(found[verdict] for found in counts.values()) for verdict in wrong} or "nothing is wrong")
    if arguments.record:
        minutes = (time.perf_counter() - started) / 60
        record("fuzz", rows, "Malformed inputs to every command", [f"seed {arguments.seed}, {minutes:.0f} minutes"])


if __name__ == "__main__":
    main_of_fuzz()
