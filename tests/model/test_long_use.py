"""A model that is asked for long, or by many at once, answers as it does at first and grows no larger."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from tiny import MOTION, build_signal_lm, motion

from sig2lm.model.answer import Answer
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal

MEGABYTE = 1 << 20
LIBC = None if sys.platform == "win32" else ctypes.CDLL(None)


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switched")
def test_threads_get_the_answers_that_one_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """New questions of different beginnings, so that what is kept of prompts is filled and thrown away all the time."""
    monkeypatch.setattr("sig2lm.model.fusion._PREFIXES_KEPT", 1)
    monkeypatch.setattr("sig2lm.model.examples._PROMPTS_KEPT", 2)
    asked = [(motion(48 + number % 3 * 8, number), f"{number} <|end|> is it?") for number in range(24)]

    def ask(model: SignalLM, signal: Signal, question: str) -> Answer:
        return model.ask(signal, question, ["up", "down", f"{question[0]} times"])

    alone = [ask(build_signal_lm(), signal, question) for signal, question in asked[:4]]
    model = build_signal_lm()
    one = [ask(model, *pair) for pair in asked]
    assert [answer.probabilities for answer in one[:4]] == [answer.probabilities for answer in alone]
    shared = build_signal_lm()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: ask(shared, *pair), asked))
    for ours, theirs in zip(found, one, strict=True):
        assert ours.text == theirs.text
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-6)


def resident() -> float:
    return psutil.Process().memory_info().rss / MEGABYTE


def settled() -> float:
    """MB in use once what was freed has gone back to the system, so that nothing new hides in it."""
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    return resident()


@pytest.mark.slow
def test_a_thousand_questions_take_no_more_memory_than_a_hundred() -> None:
    model = build_signal_lm()
    signal = motion(64)
    sizes = []
    for number in range(1000):
        model.ask(signal, f"Is it {number}?", ["up", "down"])
        if number % 450 == 99:
            sizes.append(resident())
    assert sizes[-1] - sizes[0] < 25


@pytest.mark.slow
def test_ten_hours_are_annotated_in_the_memory_of_one() -> None:
    """50 Hz, three channels; beside the recording stand no more than three copies of it in the encoder's terms."""
    model = build_signal_lm()
    rng = np.random.default_rng(0)

    def annotate(hours: float) -> float:
        values = rng.normal(size=(3, int(hours * 3600 * 50))).astype(np.float32)
        signal = Signal(values, MOTION.sampling_rate, MOTION.channels, MOTION.units)
        before, most, rows = settled(), 0.0, 0
        for rows, _ in enumerate(model.annotate(signal, window=60.0), 1):  # noqa: B007
            most = max(most, resident() - before)
        assert rows == int(hours * 60)
        return most

    annotate(0.5)
    nine_hours = 9 * 3600 * 50 * 3 * 4 / MEGABYTE
    assert annotate(10.0) - annotate(1.0) < 3.5 * nine_hours
