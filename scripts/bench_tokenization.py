"""Measure the tokenizer report: streaming throughput against the bare library, memory, and the time of a full report.

    python scripts/bench_tokenization.py TOKENIZER_FOLDER...

Streaming: a CSV of 1,000,000 rows x 3 channels is counted by `count_file`, round trip checks included, and in the same
run the same text goes through `tokenizers.Tokenizer.encode_batch` in two ways: line by line, as the first thing a user
would write, and in blocks of whole lines, the fastest way found. Memory is the peak (MB) of a fresh process that counts
the file, at a quarter of the rows and at all of them. Report: every measure and serializer, 10,000 rows, all given.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sig2lm.pages.tokenizer_report import to_html

os.environ["TOKENIZERS_PARALLELISM"] = "true"

import numpy as np
from tokenizers import Tokenizer

from sig2lm.tokenization import count_file, load_tokenizer, read_series, tokenizer_report
from sig2lm.tokenization.streaming import cut

LINES, BLOCKS = 10_000, 64  # texts handed to the library at once
REPEATS = 3


def write_table(path: Path, rows: int) -> None:
    """Three channels at 50 Hz: a step rhythm of 2 Hz with noise, six decimals, as an accelerometer's CSV looks."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("x,y,z\n")
        for start in range(0, rows, 10_000):
            time = np.arange(start, min(start + 10_000, rows))[:, None] / 50
            table = 9.81 * np.sin(2 * np.pi * 2 * time + np.arange(3)) + rng.normal(0, 0.8, (len(time), 3))
            file.writelines(f"{x:.6f},{y:.6f},{z:.6f}\n" for x, y, z in table.tolist())


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall and of processor time; on a busy machine only the second can be compared."""
    processor = time.process_time()
    wall = seconds(work)
    return wall, time.process_time() - processor


def bare(tokenizer: Tokenizer, texts: Iterable[str], batch: int) -> int:
    """Count with nothing but the library, a batch at a time so that memory is not what is measured."""
    waiting, total = [], 0
    for text in texts:
        waiting.append(text)
        if len(waiting) == batch:
            total += sum(map(len, tokenizer.encode_batch(waiting, add_special_tokens=False)))
            waiting = []
    return total + sum(map(len, tokenizer.encode_batch(waiting, add_special_tokens=False)))


def peak_of_counting(path: str, folder: str) -> float:
    """MB that a process needs to count the file; run in a fresh one."""
    count_file(Path(path), [load_tokenizer(folder)])
    # Not ru_maxrss: a new process inherits that of the one it was started from.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return int(status["VmHWM"].split()[0]) / 1e3


def in_fresh_process(path: Path, folder: Path) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_of_counting, (str(path), str(folder)))


def bench_streaming(folders: list[Path], rows: int, place: Path) -> None:
    whole, quarter = place / "rows.csv", place / "quarter.csv"
    write_table(whole, rows)
    write_table(quarter, rows // 4)
    text = whole.read_text(encoding="utf-8")
    megabytes = len(text) / 1e6
    print(
        f"\nStreaming counts, {rows:,} rows x 3 channels, {megabytes:.1f} MB (MB/s; best of {REPEATS}, taken in turn)\n"
    )
    headers = (
        "count_file",
        "encode_batch, lines",
        "encode_batch, blocks",
        "of the faster",
        "by processor",
        "1/4: MB",
        "MB",
    )
    print(f"| tokenizer | {' | '.join(headers)} |\n| :-- |{' --: |' * len(headers)}", flush=True)
    for folder in folders:
        ours = load_tokenizer(folder)
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
        work = (
            lambda ours=ours: count_file(whole, [ours]),
            lambda theirs=theirs: bare(theirs, text.splitlines(), LINES),
            lambda theirs=theirs: bare(theirs, cut(text), BLOCKS),
        )
        taken = np.array([[both_clocks(job) for job in work] for _ in range(REPEATS)]).min(axis=0)
        counted, lines, blocks = megabytes / taken[:, 0]
        share, processor = taken[1:].min(axis=0) / taken[0]
        small, large = in_fresh_process(quarter, folder), in_fresh_process(whole, folder)
        row = [f"{counted:.2f}", f"{lines:.2f}", f"{blocks:.2f}", f"{share:.0%}", f"{processor:.0%}"]
        print(f"| {ours.name} | {' | '.join(row)} | {small:.0f} | {large:.0f} |", flush=True)


def bench_report(folders: list[Path], place: Path) -> None:
    path = place / "ten.csv"
    write_table(path, 10_000)
    loading = seconds(lambda: [load_tokenizer(folder) for folder in folders])
    processor = time.process_time()
    taken = seconds(lambda: to_html(tokenizer_report(folders, read_series(path))))
    processor = time.process_time() - processor
    print(f"\nFull report, 10,000 rows x 3 channels, {len(folders)} tokenizers: {taken:.1f} s", end="")
    print(f" ({processor:.1f} s of processor time, {loading:.1f} s loading)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tokenizers", nargs="+", type=Path, metavar="TOKENIZER_FOLDER")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        bench_report(arguments.tokenizers, Path(place))
        bench_streaming(arguments.tokenizers, arguments.rows, Path(place))


if __name__ == "__main__":
    main()
