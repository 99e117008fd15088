"""A long recording, asked about window by window.

``Annotation`` is iterated: each round conforms a few windows, asks about them in one batch and gives one row each, so
what is held beside the recording does not grow with it. All windows share one prompt, which is written once. On a CPU
a batch of small matrices keeps no second core busy, so batches are asked about side by side, each on its core.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sig2lm.errors import SignalError
from sig2lm.model.answer import Answer
from sig2lm.model.answering import QuestionAnswerer, check_options
from sig2lm.model.examples import Example, SignalInput
from sig2lm.model.measured import Facts
from sig2lm.model.recordings import Signals
from sig2lm.signals import Signal
from sig2lm.signals.annotation_rows import WindowRow
from sig2lm.signals.arrays import ArrayClock
from sig2lm.signals.windowing import SignalWindows
from sig2lm.templates.task import Question
from sig2lm.templates.turns import SignalPlace

_MOST_WORKERS = 8  # each holds a batch
Batch = list[tuple[int, Example | None]]


@dataclass(frozen=True, eq=False)
class Annotation:
    """The windows of a recording with a question about each; iterate to have them answered.

    Attributes
    ----------
    model, question
        Who is asked what.
    tracks
        The windows of each signal that is cut; those of one number lie side by side in time.
    whole
        Signals of the other kind (rows beside seconds), which go with every window.
    facts, options
        As in :meth:`SignalLM.ask`.
    batch_size
        Windows read at once; it changes the time, not the answers.
    """

    model: QuestionAnswerer
    question: Question
    tracks: Mapping[str, SignalWindows]
    whole: Mapping[SignalPlace, SignalInput]
    facts: Mapping[str, str]
    batch_size: int
    options: Mapping[str, Any]
    _usual: dict[str, float | None] = field(init=False, repr=False, default_factory=dict)

    def __len__(self) -> int:
        return min(map(len, self.tracks.values()))

    def __iter__(self) -> Iterator[WindowRow]:
        """Yield a row for each window, in order; a window in which every sample is missing has no label."""
        for batch, answers in self._answered(self._batches()):
            told = iter(answers)
            for number, example in batch:
                span = self.span(number)
                if example is None:
                    yield WindowRow(*span, None, None)
                    continue
                answer = next(told)
                label = answer.text if self.question.choices is None else answer.label
                yield WindowRow(*span, label, answer.probabilities, self._relies(answer, example))

    def _relies(self, answer: Answer, example: Example) -> bool | None:
        """Whether an answer rests on its window (:mod:`sig2lm.model.reliance`); not asked of free text."""
        if self.question.choices is None:
            return None
        label, prompter = answer.label or "", self.model.prompter(self.question.task)

        def write(others: Mapping[SignalPlace, SignalInput]) -> Example:
            return prompter.example(others, self.question.text, fields=self.facts)

        if label not in self._usual:  # what is usual for a choice is so for every window
            self._usual[label] = self.model.usual(self.question, answer, list(example.recordings), write)
        found = self.model.reliance(self.question, answer, example.recordings, write, self._usual[label])
        return None if found is None else found.holds

    def span(self, number: int) -> tuple[float, float]:
        """Where a window begins and ends, s from the beginning of the recording."""
        spans = [track.span(number) for track in self.tracks.values()]
        return min(start for start, _ in spans), max(end for _, end in spans)

    @property
    def end(self) -> float:
        """Where the recording ends, s."""
        return max(track.end for track in self.tracks.values())

    @property
    def left_over(self) -> float:
        """Seconds behind the last window, which make no whole one."""
        return max(0.0, self.end - self.span(len(self) - 1)[1])

    @property
    def workers(self) -> int:
        """How many batches are asked about side by side; one batch has too little work for all cores of a CPU.

        More than one only where a batch needs no tokenizer, which serves one thread.
        """
        if self.question.choices is None or self._described or self.model.lm.device.type != "cpu":
            return 1
        return min(torch.get_num_threads(), _MOST_WORKERS)

    def _batches(self) -> Iterator[Batch]:
        """Cut the examples into batches of one size, as many for each worker, so that none waits for another."""
        examples = enumerate(self._examples())
        rounds = math.ceil(len(self) / (self.batch_size * self.workers))
        size = math.ceil(len(self) / (rounds * self.workers))
        while batch := list(islice(examples, size)):
            yield batch

    def _answered(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, list[Answer]]]:
        """Ask about batches and yield them in order, with their answers."""
        if self.workers == 1:
            for batch in batches:
                yield batch, self._ask(batch)
            return
        for sentence in self.question.sentences:
            self.model.lm.dialogue.encode_answer(sentence)  # remembered: no thread tokenizes
        waiting: deque[tuple[Batch, Future[list[Answer]]]] = deque()
        with _pool(self.workers) as pool:
            for batch in batches:
                waiting.append((batch, pool.submit(self._ask, batch)))
                if len(waiting) > self.workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
            for done, future in waiting:
                yield done, future.result()

    def _ask(self, batch: Batch) -> list[Answer]:
        asked = [example for _, example in batch if example is not None]
        return self.model.answer(asked, self.question, **self.options) if asked else []

    @property
    def _described(self) -> bool:
        """Whether the template describes each window in words, so that each has a prompt of its own."""
        template = self.question.task.template
        return template.shows_measured or any(f"{name}_summary" in template.variables for name in self.tracks)

    def _examples(self) -> Iterator[Example | None]:
        """Write one example a window; None where there is nothing to ask about."""
        encoders = {name: self.model.branch(name).encoder for name in self.tracks}
        sizes = {name: encoder.num_patches(self.tracks[name].count) for name, encoder in encoders.items()}
        prompt = None
        for values in zip(*self.tracks.values(), strict=False):  # the shortest of several ends the recording
            if all(np.isnan(part).all() for part in values):
                yield None
                continue
            recordings = dict(self.whole)
            for (name, size), part in zip(sizes.items(), values, strict=True):
                recordings[SignalPlace(name)] = SignalInput(name, size, part, measured=self._measured(name, part))
            if prompt is None or self._described:
                prompt = self.model.example(self.question.task, recordings, self.question.text, self.facts).prompt
            yield Example(prompt, recordings)

    def _measured(self, name: str, values: NDArray[np.float32]) -> Facts:
        """What was measured of a window, where the template states it."""
        contract = self.model.branch(name).encoder.contract
        clock = contract.sampling_rate, contract.channels, contract.units, contract.period
        return self.model.measured_facts(name, Signal(values, *clock)) if self._described else ()


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that share torch's threads among them, and give these back."""
    threads = torch.get_num_threads()
    each = max(1, threads // workers)
    pool = ThreadPoolExecutor(workers, "annotate", initializer=torch.set_num_threads, initargs=(each,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def annotate(
    model: QuestionAnswerer,
    signals: Signals,
    question: str | None = None,
    choices: Sequence[str] | None = None,
    *,
    window: float | None = None,
    stride: float | None = None,
    facts: Mapping[str, str] | None = None,
    batch_size: int = 64,
    **options: Any,
) -> Annotation:
    """Plan the windows of a recording; see :meth:`SignalLM.annotate`."""
    clock = ArrayClock.taken_from(options)
    named = {name: _only(name, several) for name, several in model.named(signals, clock).items()}
    task = model.task(named)
    asked = model.question(task, question, choices)
    check_options(asked, options)
    known = model.checked_facts(task, facts or {})
    contracts = {name: model.branch(name).encoder.contract for name in named}
    in_seconds = any(contract.sampling_rate is not None for contract in contracts.values())
    cut = [name for name, contract in contracts.items() if (contract.sampling_rate is not None) == in_seconds]
    stride = stride or window or max((contracts[name].window or 0.0 for name in cut), default=0.0) or None
    tracks = {
        name: SignalWindows.from_signal(named[name], contracts[name], f"the encoder of '{name}'", window, stride)
        for name in cut
    }
    for name, track in tracks.items():
        model.branch(name).encoder.num_patches(track.count)  # refuses windows that it cannot read
        if not len(track):
            unit = "s" if in_seconds else "rows"
            raise SignalError(
                f"the recording '{name}' lasts {track.end:g} s and holds no window of {track.length:g} {unit}; "
                "ask about it as a whole (ask), or state a shorter window"
            )
    whole = model.recordings({name: signal for name, signal in named.items() if name not in cut})
    return Annotation(model, asked, tracks, whole, known, batch_size, options)


def _only(name: str, several: Sequence[Signal]) -> Signal:
    if len(several) != 1:
        raise SignalError(f"expected one recording of '{name}' to annotate, found {len(several)}; do each by itself")
    return several[0]
