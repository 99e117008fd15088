"""Count how many windows and recordings of prepared tables would be refused as impossible, though they are real.

Mean and deviation are those of the train split, as an encoder stores them; what is judged are other people.

    python scripts/check_plausibility.py data/motionsense data/afdb ...
"""

import sys
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from sig2lm.datasets import Table, load_table
from sig2lm.signals import Signal
from sig2lm.signals.plausibility import Seen, doubts

ROWS = 1500  # of a split, drawn at random


def drawn(table: Table, name: str, split: str) -> Iterator[tuple[tuple[str, str], Signal]]:
    rows = table.data[split].with_format("numpy")
    for row in sorted(np.random.default_rng(0).permutation(len(rows))[:ROWS].tolist()):
        found = rows[row]
        yield (str(found["subject"]), str(found["source"])), table.signals(found)[name]


def main() -> None:
    for folder in sys.argv[1:]:
        table = load_table(folder)
        judged = "test" if "test" in table.data else "train"
        for name, contract in table.info.signals.items():
            values = np.concatenate([signal.values for _, signal in drawn(table, name, "train")], axis=1, dtype=float)
            seen = Seen(tuple(np.nanmean(values, axis=1)), tuple(np.nanstd(values, axis=1)))
            windows, recordings = [], defaultdict(list)
            for key, signal in drawn(table, name, judged):
                windows.append(signal)
                recordings[key].append(signal)
            joined = [
                Signal(np.concatenate([part.values for part in parts], axis=1), *clock(parts[0]))
                for parts in recordings.values()
            ]
            for what, signals in (("windows", windows), ("recordings", joined)):
                found = [doubts(signal, contract, seen, "the encoder") for signal in signals]
                refused = sum(any(doubt.grave for doubt in several) for several in found)
                said = sum(bool(several) for several in found)
                print(f"{table.info.name} {name}: {len(signals)} {what}, {refused} refused, {said} with a remark")


def clock(signal: Signal) -> tuple[float | None, tuple[str, ...], tuple[str, ...], float | None]:
    return signal.sampling_rate, signal.channels, signal.units, signal.period


if __name__ == "__main__":
    main()
