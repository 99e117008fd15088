"""How fast a long recording is annotated, against asking about its windows one by one.

    python scripts/bench_annotate.py RUN SIGNAL [--stride S] [--rounds 5]

SIGNAL is a recording that the run reads; a MotionSense file (``A_DeviceMotion_data/wlk_7/sub_1.csv``), which is read as
the data set is; or ``ecg``, an hour of 300 Hz ECG simulated around the intervals of ``sig2lm.signals.simulation``.

The ways take turns. ``annotate`` begins with the recording: its time includes resampling and the search for heart
beats. One by one, ``model.ask`` gets each window ready-made, with all of torch's threads and with one, which is faster
on a machine that has other things to do; the ratio takes the faster of the two in each round. ``ask_many`` is there
to compare with: batches, ready-made, one after the other.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from timing import alternate, machine, ratio

from sig2lm.datasets.public.motionsense import _TRIAL, _read_motion
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal, read_signal_for
from sig2lm.signals.simulation import simulate

RATE = 300.0  # Hz, of the simulated ECG
# Time from the R peak (s), height (mV), width (s) of the waves of a beat; shapes after McSharry et al. 2003, doi
# 10.1109/TBME.2003.808805, table I.
WAVES = ((-0.2, 0.12, 0.025), (-0.03, -0.1, 0.01), (0.0, 1.0, 0.011), (0.03, -0.2, 0.01), (0.28, 0.25, 0.04))


def simulated_ecg(seconds: float = 3600.0) -> Signal:
    """An ECG in which rhythms change about every minute."""
    rng, intervals = np.random.default_rng(0), []
    while sum(map(np.sum, intervals)) < 1000 * seconds:
        label = ("atrial fibrillation", "normal sinus rhythm")[int(rng.integers(2))]
        intervals.append(simulate("af_rr", label, rng, 0)["rr"].values[0])
    beats = np.cumsum(np.concatenate(intervals)) / 1000
    clock = np.arange(round(seconds * RATE)) / RATE
    values = 0.2 * np.sin(2 * np.pi * 0.2 * clock) + rng.normal(0, 0.03, clock.size)
    for offset, height, width in WAVES:
        for beat in beats[beats < seconds - 1] + offset:
            near = slice(int((beat - 5 * width) * RATE), int((beat + 5 * width) * RATE) + 1)
            values[near] += height * np.exp(-0.5 * ((clock[near] - beat) / width) ** 2)
    return Signal(values[None].astype(np.float32), RATE, ("ecg",), ("mV",))


def load(model: SignalLM, source: str) -> Signal:
    if source == "ecg":
        return simulated_ecg()
    path = Path(source)
    if _TRIAL.fullmatch(path.parent.name):
        return _read_motion(path)
    return read_signal_for(path, model.branch(next(iter(model.branches))).encoder.contract)


def finished_windows(model: SignalLM, signal: Signal, stride: float | None) -> list[Signal]:
    track = next(iter(model.annotate(signal, stride=stride).tracks.values()))
    clock = track.contract.sampling_rate, track.contract.channels, track.contract.units, track.contract.period
    return [Signal(values, *clock) for values in track]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("signal")
    parser.add_argument("--stride", type=float)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model = SignalLM.from_pretrained(options.run)
    signal = load(model, options.signal)
    windows = finished_windows(model, signal, options.stride)
    settings = {"stride": options.stride, "batch_size": options.batch_size}
    ways = {
        "its beginning": lambda: model.annotate(signal, **settings),  # part of the next: resampling, heart beats
        "annotate": lambda: list(model.annotate(signal, **settings)),
        "one by one": lambda: [model.ask(window) for window in windows],
        "on one thread": lambda: on_one_thread(lambda: [model.ask(window) for window in windows]),
        "in batches": lambda: model.ask_many(windows, batch_size=options.batch_size),
    }
    labels = [row.label for row in ways["annotate"]()]
    assert labels == [model.ask(window).label for window in windows]
    seconds = alternate(ways, options.rounds)
    processor = {name: processor_time(way) for name, way in ways.items()}
    print(f"{machine()}; LM {Path(model.lm.name).name}")
    print(f"{signal.duration:,.0f} s, {len(windows)} windows, {len(set(labels))} different answers, all as one by one")
    for name, found in seconds.items():
        rate = len(windows) / statistics.median(found)
        print(f"{name:<14}{rate:9.0f} windows/s{1000 / rate:9.2f} ms, {processor[name]:.2f} s of processor time")
    singly = list(map(min, seconds["one by one"], seconds["on one thread"]))
    print(f"annotate against one by one: {ratio(singly, seconds['annotate'])} times as fast")


def on_one_thread(way: Callable[[], object]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        way()
    finally:
        torch.set_num_threads(threads)


def processor_time(way: Callable[[], object]) -> float:
    started = time.process_time()
    way()
    return time.process_time() - started


if __name__ == "__main__":
    main()
