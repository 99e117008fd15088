"""Recordings an hour with one and two workers, and how well the second one scales.

    python scripts/bench_cohort.py RUN [--engine local] [--recordings 12] [--windows 100] [--rounds 3]

Recordings are simulated and equally long; what is in them does not matter for the time. The sides take turns. The rate
is counted from when every worker has finished its first recording, so that loading the model, which a cohort pays once,
is not in it; each worker has one thread. Processor time is what a recording costs however busy the machine is; it holds
the loading too, and is known of processes of this machine only.
"""

import argparse
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from results import record
from timing import machine

from sig2lm.cohort import CohortJob, Source, annotating, find_sources
from sig2lm.model.checkpoint import run_signals
from sig2lm.signals import Signal, save_signal
from sig2lm.signals.simulation import simulate


@dataclass(frozen=True)
class Round:
    an_hour: float  # recordings, once all workers work
    seconds: float  # from nothing to the last row
    processor: float  # s of all workers


def recordings(folder: Path, count: int, windows: int) -> tuple[Source, ...]:
    for number in range(count):
        one = simulate("har", ("walking", "sitting")[number % 2], np.random.default_rng(number), number)["motion"]
        values = np.tile(one.values, (1, windows))
        save_signal(Signal(values, one.sampling_rate, one.channels, one.units), folder / f"{number:03}.npz")
    return find_sources(str(folder / "*")).sources


def measure(job: CohortJob, sources: tuple[Source, ...], engine: str, workers: int) -> Round:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        ends = []
        for outcome in annotating.ENGINES[engine](job, sources, Path(out), workers, lambda windows: None):
            assert outcome.reason is None, outcome
            ends.append(time.perf_counter())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = 3600 * (len(ends) - workers) / (ends[-1] - ends[workers - 1])
    return Round(rate, ends[-1] - started, processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--engine", choices=annotating.ENGINES, default="local")
    parser.add_argument("--recordings", type=int, default=12)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    job = CohortJob(options.run, run_signals(options.run)[0], placement={"device": "cpu"})
    sides: dict[int, list[Round]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        sources = recordings(Path(folder), options.recordings, options.windows)
        for _ in range(options.rounds):
            for workers, rounds in sides.items():
                rounds.append(measure(job, sources, options.engine, workers))
                print(workers, rounds[-1], flush=True)
    efficiency = [two.an_hour / one.an_hour / 2 for one, two in zip(sides[1], sides[2], strict=True)]
    rows = [
        {
            "engine": options.engine,
            "workers": workers,
            "recordings an hour": statistics.median(one.an_hour for one in rounds),
            "lowest": min(one.an_hour for one in rounds),
            "highest": max(one.an_hour for one in rounds),
            "s, loading included": statistics.median(one.seconds for one in rounds),
            "s of processor a recording": statistics.median(one.processor for one in rounds) / len(sources)
            if options.engine == "local"
            else None,
            "scaling efficiency": statistics.median(efficiency) if workers == 2 else None,
        }
        for workers, rounds in sides.items()
    ]
    notes = [
        f"{options.recordings} recordings of {options.windows} windows; run {options.run}; one thread a worker.",
        f"Efficiency in {options.rounds} rounds: {', '.join(f'{one:.2f}' for one in efficiency)}.",
        "The sides took turns; other programs of the machine count in its load.",
    ]
    record(f"cohort-{options.engine}", rows, f"A cohort on one machine, engine {options.engine}", notes)
    print(rows, machine())


if __name__ == "__main__":
    main()
