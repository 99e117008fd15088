"""Finds what an answer rests on: parts of the signals are hidden in turn, and the answer is scored again.

A part is hidden as samples that are missing, so that encoder and adapter do with it what they do with a sensor that
failed. All of it is one batch, also the prompt without any virtual token. What a template says of a recording in words
(``$motion_summary``) stays: it is the virtual tokens that are asked about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sig2lm.encoder import SignalEncoder
from sig2lm.errors import ArgumentError
from sig2lm.lm import nearest_tokens
from sig2lm.model.answer import Answer
from sig2lm.model.answering import QuestionAnswerer, check_options
from sig2lm.model.evidence import Evidence, Floats, SignalEvidence
from sig2lm.model.examples import Example, SignalInput
from sig2lm.model.recordings import Signals
from sig2lm.signals.arrays import ArrayClock
from sig2lm.templates.task import Question
from sig2lm.templates.turns import SignalPlace

STRETCHES = 16
_BATCH = 256  # rows: those of a twelve-lead recording fit
_NEAREST = 3


@dataclass(frozen=True)
class _Grid:
    """How a recording is cut: (S + 1,) edges in samples; the parts to hide are slices of channels and of stretches."""

    values: NDArray[np.float32]
    edges: NDArray[np.int64]

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """Yield what is hidden in turn: stretches of all channels, whole channels, stretches of each channel."""
        channels, stretches = len(self.values), len(self.edges) - 1
        everywhere = slice(None)
        yield from ((everywhere, slice(one, one + 1)) for one in range(stretches))
        yield from ((slice(one, one + 1), everywhere) for one in range(channels))
        for channel in range(channels):
            yield from ((slice(channel, channel + 1), slice(one, one + 1)) for one in range(stretches))

    def without(self, channels: slice, stretches: slice) -> NDArray[np.float32] | None:
        """Return the values with a part missing; None where nothing is left, or nothing was there."""
        start, stop, _ = stretches.indices(len(self.edges) - 1)
        hidden = self.values.copy()
        hidden[channels, self.edges[start] : self.edges[stop]] = np.nan
        left, before = np.isfinite(hidden).sum(), np.isfinite(self.values).sum()
        return hidden if 0 < left < before else None

    def arranged(self, changes: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return changes, in the order of :meth:`parts`, by stretch, by channel, and by both."""
        channels, stretches = len(self.values), len(self.edges) - 1
        found = np.array(changes, dtype=np.float64)
        by_time, by_channel, by_cell = np.split(found, [stretches, stretches + channels])
        return by_time, by_channel, by_cell.reshape(channels, stretches)


@torch.no_grad()
def explain(
    model: QuestionAnswerer,
    signals: Signals,
    question: str | None = None,
    choices: Sequence[str] | None = None,
    *,
    facts: Mapping[str, str] | None = None,
    stretches: int = STRETCHES,
    **options: Any,
) -> Answer:
    """Answer a question, with evidence; see :meth:`SignalLM.explain`."""
    if stretches < 1:
        raise ArgumentError(f"expected at least one stretch of time, found stretches={stretches}; write 16")
    clock = ArrayClock.taken_from(options)
    named = model.named(signals, clock)
    task = model.task(named)
    recordings, known = model.recordings(named), model.checked_facts(task, facts or {})
    asked = model.question(task, question, choices, alone=not any(place.index for place in recordings))
    check_options(asked, options)
    example = model.example(task, recordings, asked.text, known)
    answer = model.answer([example], asked, **options)[0]

    bare = replace(model.prompter(task), size=lambda name, patches: 0)
    fields = known | model.summaries(task, recordings)
    examples = [example, bare.example(recordings, asked.text, fields=fields)]
    grids = {place: _grid(model, recording, stretches) for place, recording in recordings.items()}
    hidden = [
        (place, values) for place, grid in grids.items() for values in (grid.without(*part) for part in grid.parts())
    ]
    examples += [_with(example, place, values) for place, values in hidden if values is not None]
    full, without, *others = _log_odds(model, examples, asked, answer)
    rest = iter(others)
    changes: dict[SignalPlace, list[float]] = {place: [] for place in grids}
    for place, values in hidden:
        changes[place].append(float("nan") if values is None else full - next(rest))
    found = tuple(_evidence(model, recordings[place], place, grid, changes[place]) for place, grid in grids.items())
    prompter = model.prompter(task)
    reliance = model.reliance(
        asked, answer, recordings, lambda others: prompter.example(others, asked.text, fields=known)
    )
    return replace(answer, evidence=Evidence(full, without, found), reliance=reliance)


def _log_odds(model: QuestionAnswerer, examples: Sequence[Example], question: Question, answer: Answer) -> list[float]:
    batches = (examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH))
    return [value for batch in batches for value in model.log_odds(model.read(batch), question, answer).tolist()]


def _grid(model: QuestionAnswerer, recording: SignalInput, stretches: int) -> _Grid:
    """Cut a recording into stretches; not finer than the encoder looks at it."""
    assert recording.values is not None
    samples, encoder = recording.values.shape[1], model.branch(recording.name).encoder
    finest = encoder.num_times(samples) if isinstance(encoder, SignalEncoder) else samples
    count = min(stretches, samples, finest)
    return _Grid(recording.values, np.linspace(0, samples, count + 1).round().astype(np.int64))


def _with(example: Example, place: SignalPlace, values: NDArray[np.float32]) -> Example:
    """Return an example in which one recording has other values."""
    changed = replace(example.recordings[place], values=values)
    return replace(example, recordings={**example.recordings, place: changed})


def _evidence(
    model: QuestionAnswerer, recording: SignalInput, place: SignalPlace, grid: _Grid, changes: Sequence[float]
) -> SignalEvidence:
    contract = model.branch(place.name).encoder.contract
    step = 1 / contract.sampling_rate if contract.sampling_rate else contract.period
    vectors, mask = model.soft_prompt(recording)
    words = nearest_tokens(model.lm, vectors, _NEAREST)
    return SignalEvidence(
        place.name,
        place.index,
        contract.channels,
        np.asarray(grid.edges * (step or 1.0), dtype=np.float64),
        "s" if step else "rows",
        *grid.arranged(changes),
        tuple(found if seen else () for found, seen in zip(words, mask.tolist(), strict=True)),
    )
