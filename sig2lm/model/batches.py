"""From examples to the batches that the bridge reads: padded on the left, without the beginning that all share."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sig2lm.encoder import stack_values
from sig2lm.lm import EncodedPrompt
from sig2lm.model.examples import Example, SignalInput

IGNORED = -100  # label of positions without loss, as torch's cross entropy has it


def collate(examples: Sequence[Example], placeholder: int, window: int | None = None) -> dict[str, Any]:
    """Make a batch.

    Parameters
    ----------
    examples
        B examples.
    placeholder
        Token id for padding and signal places; both are masked or overwritten.
    window
        Sliding window of the LM, if it has one: beyond it padding behind a shared prefix would push the prefix out of
        sight, so that there the prefix stays in every row. 0 shares nothing.

    Returns
    -------
    dict
        ``input_ids``, ``attention_mask``, ``labels`` (B, L) int64, padded on the left; ``prefix_ids`` (N,), the tokens
        before the first signal that all prompts share, absent from ``input_ids``; ``signals``: for each name
        ``places`` (B, L) bool, and for all n recordings of that name in the order of their places ``counts`` (n,) of
        virtual tokens and either ``values`` and ``sample_mask`` (n, C, T) or ``patches`` (n, P, E) and ``patch_mask``
        (n, P).
    """
    shared = common_prefix([example.prompt for example in examples])
    longest = max(len(example.prompt.input_ids) + len(example.answer_ids) for example in examples)
    if window is not None and longest > window:
        shared = 0
    length, rows = longest - shared, len(examples)
    input_ids = torch.full((rows, length), placeholder)
    attention_mask = torch.zeros(rows, length, dtype=torch.long)
    labels = torch.full((rows, length), IGNORED)
    places: dict[str, Tensor] = {}
    recordings: dict[str, list[SignalInput]] = {}
    counts: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        ids = (*example.prompt.input_ids[shared:], *example.answer_ids)
        start = length - len(ids)
        input_ids[row, start:] = torch.tensor(ids)
        attention_mask[row, start:] = 1
        if example.answer_ids:
            labels[row, -len(example.answer_ids) :] = torch.tensor(example.answer_ids)
        for place, at, count in example.prompt.places:
            mask = places.setdefault(place.name, torch.zeros(rows, length, dtype=torch.bool))
            mask[row, start + at - shared : start + at - shared + count] = True
            if count:
                recordings.setdefault(place.name, []).append(example.recordings[place])
                counts.setdefault(place.name, []).append(count)
    return {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "labels": labels,
        "prefix_ids": torch.tensor(examples[0].prompt.input_ids[:shared], dtype=torch.long),
        "signals": {
            name: {"places": places[name], "counts": torch.tensor(counts[name]), **stack_recordings(found)}
            for name, found in recordings.items()
        },
    }


def common_prefix(prompts: Sequence[EncodedPrompt]) -> int:
    """Length of the longest beginning that all prompts share, before any signal and before the last token."""
    first = prompts[0].input_ids
    limit = min(min(prompt.num_static, len(prompt.input_ids) - 1) for prompt in prompts)
    for prompt in prompts[1:]:
        if prompt.input_ids[:limit] != first[:limit]:
            limit = next(i for i in range(limit) if prompt.input_ids[i] != first[i])
    return limit


def stack_recordings(recordings: Sequence[SignalInput]) -> dict[str, Tensor]:
    """Stack recordings of one signal, padded at the end: ``values`` and ``sample_mask``, or patches and their mask."""
    if recordings[0].patches is None:
        values, mask = stack_values([recording.values for recording in recordings if recording.values is not None])
        return {"values": values, "sample_mask": mask}
    longest = max(recording.num_patches for recording in recordings)
    patches = np.zeros((len(recordings), longest, recordings[0].patches.shape[1]), dtype=np.float32)
    patch_mask = np.zeros((len(recordings), longest), dtype=bool)
    for row, recording in enumerate(recordings):
        patches[row, : recording.num_patches] = recording.patches
        patch_mask[row, : recording.num_patches] = recording.patch_mask
    return {"patches": torch.from_numpy(patches), "patch_mask": torch.from_numpy(patch_mask)}


def batched(examples: Iterator[Example], size: int) -> Iterator[list[Example]]:
    """Cut an iterator into lists of at most ``size``."""
    batch: list[Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
