"""Beginnings of prompts that are kept, so that many questions about a recording read it once.

A :class:`~sig2lm.model.chat.Chat` keeps what one conversation has read; here the keys and values of several recordings
are kept apart, and rows that go on from different ones are read in one batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import DynamicCache

from sig2lm.lm import Context, join_caches
from sig2lm.model.examples import Example, SignalInput, collate
from sig2lm.model.fusion import SignalFusion
from sig2lm.templates.turns import SignalPlace


@dataclass(frozen=True)
class Beginning:
    """What the LM keeps of a prompt up to the end of its last recording.

    Attributes
    ----------
    input_ids
        N token ids, placeholders where soft prompts stand.
    recordings
        What stands at its places.
    mask
        (1, N) int64, 0 at virtual tokens of unobserved patches.
    cache
        Keys and values of one row.
    """

    input_ids: tuple[int, ...]
    recordings: Mapping[SignalPlace, SignalInput]
    mask: Tensor
    cache: DynamicCache

    def begins(self, example: Example) -> bool:
        """Whether an example's prompt begins so, with the very same recordings at the same places."""
        length = len(self.input_ids)
        here = [place for place, start, _ in example.prompt.places if start < length]
        return (
            length < len(example.prompt.input_ids)
            and example.prompt.input_ids[:length] == self.input_ids
            and here == list(self.recordings)
            and all(example.recordings[place] is recording for place, recording in self.recordings.items())
        )

    @property
    def num_bytes(self) -> int:
        """What its keys and values take."""
        tensors = [tensor for layer in self.cache.layers for tensor in (layer.keys, layer.values)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@torch.no_grad()
def read_beginning(fusion: SignalFusion, example: Example) -> Beginning | None:
    """Read an example's prompt up to the end of its last recording; None where an LM cannot go on from there."""
    _, start, count = example.prompt.places[-1]
    if fusion.lm.sharing_limit is not None and start + count > fusion.lm.sharing_limit:
        return None
    prompt = replace(example.prompt, input_ids=example.prompt.input_ids[: start + count])
    batch = fusion.to_device(collate([replace(example, prompt=prompt)], fusion.lm.dialogue.placeholder, 0))
    inputs_embeds, mask = fusion.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
    cache = fusion.lm.prefill(inputs_embeds, mask, batch["input_ids"])
    kept = {place: example.recordings[place] for place, _, _ in prompt.places}
    return Beginning(prompt.input_ids, kept, mask, cache)


@torch.no_grad()
def read_from(fusion: SignalFusion, examples: Sequence[Example], beginnings: Sequence[Beginning | None]) -> Context:
    """Read prompts as :meth:`SignalFusion.read` does, each from its beginning where it has one."""
    kept = [one if one is not None and one.begins(example) else None for example, one in _pairs(examples, beginnings)]
    longest = max((len(one.input_ids) for one in kept if one is not None), default=0)
    rest = [_behind(example, 0 if one is None else len(one.input_ids)) for example, one in _pairs(examples, kept)]
    limit = fusion.lm.sharing_limit
    if not longest or (limit is not None and longest + max(len(one.prompt.input_ids) for one in rest) > limit):
        return fusion.read(examples)
    batch = fusion.to_device(collate(rest, fusion.lm.dialogue.placeholder, 0))
    inputs_embeds, mask = fusion.embed(batch["input_ids"], batch["attention_mask"], batch["signals"])
    ids = torch.full((len(examples), longest), fusion.lm.dialogue.placeholder, device=mask.device)
    seen = mask.new_zeros(len(examples), longest)
    for row, one in enumerate(kept):
        if one is not None:
            ids[row, longest - len(one.input_ids) :] = torch.tensor(one.input_ids)
            seen[row, longest - len(one.input_ids) :] = one.mask[0]
    cache = join_caches([None if one is None else one.cache for one in kept])
    ids, mask = torch.cat([ids, batch["input_ids"]], dim=1), torch.cat([seen, mask], dim=1)
    return fusion.lm.read(inputs_embeds, mask, ids, cache)


def _pairs(
    examples: Sequence[Example], beginnings: Sequence[Beginning | None]
) -> list[tuple[Example, Beginning | None]]:
    return list(zip(examples, beginnings, strict=True))


def _behind(example: Example, length: int) -> Example:
    """What of an example's prompt stands behind its first ``length`` positions."""
    places = tuple((place, start - length, count) for place, start, count in example.prompt.places if start >= length)
    return replace(example, prompt=replace(example.prompt, input_ids=example.prompt.input_ids[length:], places=places))
