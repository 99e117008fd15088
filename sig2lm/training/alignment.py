"""Alignment: a soft prompt learns to stand where the LM's own words stand, before the LM is asked anything.

A new adapter writes vectors that the LM has never met, and the LM's loss, through all its layers, is a slow and costly
guide from there. So each virtual token first learns by regression the input embedding of a word of a short text about
the recording: its label, and what its answer says beside that. (Text prototypes for time series: Sun et al. 2023,
arXiv:2308.08241; alignment before instruction: Liu et al. 2023, arXiv:2304.08485.) It takes the LM's embedding table
and no pass over the LM, so all windows can be seen several times in a minute; afterwards the LM reads a recording as if
these words stood in its place.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sig2lm.model.batches import stack_recordings
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import TableExamples
from sig2lm.pretraining.augmentations import Compose
from sig2lm.progress import Progress
from sig2lm.templates.turns import SignalPlace

_COMMON = 0.9  # share of the answers from which on a token says nothing about a recording
_JUDGED_ON = 256  # rows
_CLIP = 1.0


@dataclass(frozen=True)
class AlignmentSettings:
    """How adapters are aligned.

    Attributes
    ----------
    steps
        Steps of AdamW with one cosine; 0 for no alignment.
    max_epochs
        Passes over the data at most, so that a small table takes fewer steps.
    batch_size
        Recordings a step.
    learning_rate
        Its highest.
    """

    steps: int = 150
    max_epochs: float = 20.0
    batch_size: int = 128
    learning_rate: float = 1e-3


class Words:
    """The text that each row's soft prompt is aligned with, as token ids.

    Where rows bring no answers of their own this is the label, repeated to fill the virtual tokens. Where they do, the
    label has the first half and the answer the second, without the tokens that nearly all answers hold; so the same
    word always stands in the same place. Beside a label only an answer that names it counts: "yes" describes nothing.

    Parameters
    ----------
    examples
        Rows with labels, answers, or both.
    """

    def __init__(self, examples: TableExamples) -> None:
        self.tokenizer = examples.prompter.dialogue
        self.labels = examples.row_labels
        answers = examples.row_answers
        self.has_answers = any(answer is not None for answer in answers)
        self.answers = [
            self._ids(answer if label is None or label in (answer or "") else None)
            for label, answer in zip(self.labels, answers, strict=True)
        ]
        told = [set(ids) for ids in self.answers if ids]
        counts = Counter(token for tokens in told for token in tokens)
        self._common = {token for token, count in counts.items() if count > _COMMON * len(told)}

    def ids(self, row: int, count: int) -> list[int]:
        """Return ``count`` token ids for a row, -1 where it has nothing to say."""
        label = self._ids(self.labels[row])
        answer = [token for token in self.answers[row] if token not in self._common] or self.answers[row]
        of_label = 0 if not label else (count + 1) // 2 if self.has_answers else count
        return [*islice(cycle(label), of_label), *islice(cycle(answer or (-1,)), count - of_label)]

    def _ids(self, text: str | None) -> tuple[int, ...]:
        return self.tokenizer.encode_words(text) if text else ()


def align(
    model: SignalLM,
    train_sets: Sequence[TableExamples],
    eval_sets: Sequence[TableExamples],
    settings: AlignmentSettings,
    pipelines: Mapping[str, Compose] | None = None,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Align the adapters of a model with the words of some tables.

    Parameters
    ----------
    model
        Its adapters are changed, nothing else is.
    train_sets, eval_sets
        What is learned from, and on what is judged how much of the words can be read off the signals.
    settings
        See :class:`AlignmentSettings`.
    pipelines
        Augmentations of signals that are given as values.
    seed
        Of rows, dropout and augmentations.

    Returns
    -------
    dict or None
        ``steps``, ``seconds``, ``loss`` (first and last tenth, as a share of the embeddings' squared norm) and
        ``explained``: for each signal the share of the words' variance that is explained on ``eval_sets``, None
        without any. None where nothing was done.
    """
    sizes = np.array([len(examples) for examples in train_sets], dtype=np.float64)
    steps = min(settings.steps, int(settings.max_epochs * sizes.sum() / settings.batch_size))
    if steps < 1:
        return None
    started, rng = time.perf_counter(), np.random.default_rng(seed)
    words = [Words(examples) for examples in train_sets]
    parameters = [p for name in model.branches for p in model.branch(name).adapter.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps, pct_start=0.05)
    losses: list[float] = []
    with torch.random.fork_rng(), Progress("aligning", steps) as progress:
        torch.manual_seed(seed)
        model.train()
        for _ in range(steps):
            number = rng.choice(len(train_sets), p=sizes / sizes.sum())
            rows = rng.choice(len(train_sets[number]), min(settings.batch_size, len(train_sets[number])), replace=False)
            found = _distances(model, train_sets[number], words[number], rows, pipelines or {})
            loss = torch.stack([off.mean() for off, _ in found.values()]).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            progress.advance(loss=losses[-1])
        model.eval()
    optimizer.zero_grad()
    tenth = max(1, steps // 10)
    return {
        "steps": steps,
        "seconds": round(time.perf_counter() - started, 1),
        "loss": [float(np.mean(losses[:tenth])), float(np.mean(losses[-tenth:]))],
        "explained": _explained(model, eval_sets, rng),
    }


@torch.no_grad()
def _explained(model: SignalLM, examples: Sequence[TableExamples], rng: np.random.Generator) -> dict[str, float] | None:
    """Share of the variance of the words' embeddings that soft prompts explain, on drawn rows; negative where worse."""
    left: dict[str, list[Tensor]] = {}
    whole: dict[str, list[Tensor]] = {}
    for one in examples:
        rows = rng.permutation(len(one))[:_JUDGED_ON]
        for name, (off, spread) in _distances(model, one, Words(one), rows, {}).items():
            left.setdefault(name, []).append(off.sum())
            whole.setdefault(name, []).append(spread.sum())
    if not left:
        return None
    return {name: float(1 - torch.stack(left[name]).sum() / torch.stack(whole[name]).sum()) for name in left}


def _distances(
    model: SignalLM, examples: TableExamples, words: Words, rows: NDArray[np.int64], pipelines: Mapping[str, Compose]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Squared distances (n,) of virtual tokens from their words, and of words from the batch's mean, for each signal.

    Both as shares of the squared norm of embeddings; only virtual tokens that are observed and have a word count.
    """
    recordings = [examples.recordings(int(row)) for row in rows]
    found = {}
    for name in examples.table.info.signals:
        inputs = model.to_device(stack_recordings([one[SignalPlace(name)] for one in recordings]))
        if name in pipelines and "values" in inputs:
            inputs["values"], inputs["sample_mask"] = pipelines[name](inputs["values"], inputs["sample_mask"])
        soft_prompt, mask = model.branch(name)(**inputs)
        ids = torch.tensor([words.ids(int(row), soft_prompt.shape[1]) for row in rows], device=soft_prompt.device)
        counted, size = mask & (ids >= 0), model.lm.embedding_norm**2
        target = model.lm.embed(ids.clamp(min=0)).float()
        weight = counted[..., None].float()
        mean = (weight * target).sum(0) / weight.sum(0).clamp(min=1)
        distances = (soft_prompt - target, target - mean)
        off, spread = (((distance**2).sum(-1) / size)[counted] for distance in distances)
        found[name] = off, spread
    return found
