"""From rows of a table, or recordings at hand, to the batches that the bridge reads.

``Prompter`` writes one example: the prompt's tokens with room for each soft prompt, the recordings that fill them, the
answer. ``collate`` pads examples on the left and cuts off the beginning that all of them share. ``TableExamples`` is a
torch data set over a split of a table. No model runs here, but for ``encode_split``, which runs a frozen encoder once.
"""

import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, Protocol

import datasets as hf
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sig2lm.datasets import Table
from sig2lm.encoder import PatchEncoder, encoder_fingerprint, stack_values
from sig2lm.encoder.tables import as_encoders_read
from sig2lm.errors import DatasetError
from sig2lm.lm import DialogueTokenizer, EncodedPrompt
from sig2lm.signals import Contract, Signal
from sig2lm.templates.task import Task
from sig2lm.templates.turns import SignalPlace, Turn

_PROMPTS_KEPT = 4096
IGNORED = -100  # label of positions without loss, as torch's cross entropy has it

SignalSource = Literal["own", "shuffled", "zeroed", "none"]
"""Which signal an example shows: its own, another example's, all zeros, or no virtual token at all."""


@dataclass(frozen=True)
class SignalInput:
    """One signal of an example: raw values, or patches that a frozen encoder made of them.

    Attributes
    ----------
    name
        Which named signal.
    num_patches
        P.
    values
        (C, T) float32, NaN for missing; None when ``patches`` are given.
    patches, patch_mask
        (P, E) float32 and (P,) bool.
    """

    name: str
    num_patches: int
    values: NDArray[np.float32] | None = None
    patches: NDArray[np.float32] | None = None
    patch_mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Example:
    """A prompt, what fills its signal places, and the tokens of its answer (none when it is to be found)."""

    prompt: EncodedPrompt
    recordings: Mapping[SignalPlace, SignalInput]
    answer_ids: tuple[int, ...] = ()


class Examples(Protocol):
    """Examples by number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Example: ...


@dataclass(frozen=True)
class Prompter:
    """Writes examples.

    Attributes
    ----------
    task
        TextPromptSpec and labels.
    dialogue
        The LM's tokenizer.
    size
        K for a named signal of so many patches.
    """

    task: Task
    dialogue: DialogueTokenizer
    size: Callable[[str, int], int]
    _prompts: dict[Any, EncodedPrompt] = field(init=False, repr=False, compare=False, default_factory=dict)

    def example(
        self,
        recordings: Mapping[SignalPlace, SignalInput],
        question: str,
        answer: str | None = None,
        fields: Mapping[str, str] | None = None,
        earlier: Sequence[tuple[str, str]] = (),
    ) -> Example:
        """Render the template with a question and return the example; ``earlier`` questions and answers precede it.

        Raises
        ------
        PromptError
            When the template has a variable without a value.
        """
        prompt = self._prompt((*map(tuple, earlier), (question, "")), self.sizes(recordings), fields or {})
        return Example(prompt, recordings, self.dialogue.encode_answer(answer) if answer is not None else ())

    def _prompt(
        self, asked: tuple[tuple[str, ...], ...], sizes: Mapping[SignalPlace, int], fields: Mapping[str, str]
    ) -> EncodedPrompt:
        """Encode questions, all but the last with their answers.

        A prompt that was written before is taken from memory, as rows differ in little but signals.
        """
        key = (asked, tuple(sizes.items()), tuple(fields.items()))
        if key not in self._prompts:
            if len(self._prompts) >= _PROMPTS_KEPT:
                self._prompts.clear()
            turns = list(self.task.template.render(asked[0][0], list(sizes), fields))
            for (_, said), (following, _) in pairwise(asked):
                turns += [Turn("assistant", (said,)), Turn("user", (following,))]
            self._prompts[key] = self.dialogue.encode(turns, sizes)
        return self._prompts[key]

    def sizes(self, recordings: Mapping[SignalPlace, SignalInput]) -> dict[SignalPlace, int]:
        """How many virtual tokens each recording takes."""
        return {place: self.size(recording.name, recording.num_patches) for place, recording in recordings.items()}


def describe(recording: SignalInput, contract: Contract) -> str:
    """Describe a recording's values in words and numbers: what an encoder normalises away, put back as text."""
    assert recording.values is not None
    clock = contract.sampling_rate, contract.channels, contract.units, contract.period
    return Signal(recording.values, *clock).describe()


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


@torch.no_grad()
def encode_values(encoder: PatchEncoder, name: str, values: Sequence[NDArray[np.float32]]) -> list[SignalInput]:
    """Run an encoder over signals (C, T_i) and return their patches, padding cut off."""
    stacked, mask = stack_values(values)
    device = next(encoder.parameters(), stacked).device
    patches, patch_mask = (x.cpu() for x in encoder(stacked.to(device), mask.to(device)))
    counts = [encoder.num_patches(one.shape[1]) for one in values]
    return [
        SignalInput(name, count, None, patches[row, :count].numpy(), patch_mask[row, :count].numpy())
        for row, count in enumerate(counts)
    ]


def encode_split(table: Table, split: str, name: str, encoder: PatchEncoder) -> hf.Dataset:
    """Return the patches of a split, encoded once and cached as Arrow beside the table.

    The cache is keyed by the data and by the encoder's weights. Columns ``patches`` (P * E float32, flattened) and
    ``patch_mask`` (P bool).
    """
    rows = table.data[split].select_columns([name])
    channels = len(table.info.signals[name].channels)
    encoder = encoder.eval()

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        values = [np.asarray(flat, dtype=np.float32).reshape(channels, -1) for flat in batch[name]]
        found = encode_values(encoder, name, values)
        return {
            "patches": [recording.patches.ravel() for recording in found if recording.patches is not None],
            "patch_mask": [recording.patch_mask for recording in found],
        }

    features = hf.Features({"patches": hf.List(hf.Value("float32")), "patch_mask": hf.List(hf.Value("bool"))})
    encoded: hf.Dataset = rows.with_format("numpy").map(
        encode,
        batched=True,
        batch_size=128,
        remove_columns=[name],
        features=features,
        new_fingerprint=f"{rows._fingerprint}-{encoder_fingerprint(encoder)}",
        keep_in_memory=not os.access(table.path, os.W_OK),  # a table that may only be read has no room for a cache
    )
    return encoded.with_format("numpy")


@dataclass
class TableExamples(torch.utils.data.Dataset[Example]):
    """The examples of a table's split.

    Attributes
    ----------
    table, split
        Which rows; the table is brought to what the encoders read, or refused (:func:`as_encoders_read`).
    prompter
        How they are written; a row's label must be among the labels of its task.
    encoders
        The encoder of each signal; its patches are computed once (:func:`encode_split`).
    raw
        Signals that are given as values, since their encoder is being trained.
    source
        Which signal each row shows; anything but ``own`` is a control.
    seed
        Draws paraphrases and the shuffle. Each row keeps its paraphrase, so that a resumed run sees what it would have
        seen.
    paraphrase
        Asked of every row without a question of its own; None draws among those of training.
    """

    table: Table
    split: str
    prompter: Prompter
    encoders: Mapping[str, PatchEncoder]
    raw: frozenset[str] = frozenset()
    source: SignalSource = "own"
    seed: int = 0
    paraphrase: str | None = None
    patches: dict[str, hf.Dataset] = field(init=False)
    zeros: dict[tuple[str, int], SignalInput] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.split not in self.table.data:
            raise DatasetError(
                f"expected the split '{self.split}' in '{self.table.path}', found {', '.join(self.table.data)}; "
                "choose one of these"
            )
        contracts = {name: encoder.contract for name, encoder in self.encoders.items()}
        self.table = as_encoders_read(self.table, contracts)
        self.rows = self.table.data[self.split].with_format("numpy")
        names = list(self.table.info.signals)
        self.plain = self.rows.select_columns([c for c in self.rows.column_names if c not in names]).with_format(None)
        self.patches = {
            name: encode_split(self.table, self.split, name, self.encoders[name])
            for name in names
            if name not in self.raw and self.source != "zeroed"
        }
        count = len(self.rows)
        self.order = shuffled_rows(count, self.seed) if self.source == "shuffled" else np.arange(count)
        if self.source == "none":
            self.prompter = replace(self.prompter, size=lambda name, patches: 0)
        check_known_labels(self.table, self.split, self.task)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def task(self) -> Task:
        """What is asked."""
        return self.prompter.task

    def __getitem__(self, index: int) -> Example:
        recordings = self.recordings(int(self.order[index]))
        question, answer, earlier = self.question(index), self.answer(index), self.earlier(index)
        return self.prompter.example(recordings, question, answer, self._fields(index), earlier)

    def question(self, index: int) -> str:
        """The question of a row: its own, the given paraphrase, or one drawn."""
        rng = random.Random(f"{self.seed}-{index}")
        own: str | None = self.plain[int(index)]["question"]
        return own or self.paraphrase or self.task.template.draw_question(rng)

    def answer(self, index: int) -> str:
        """The answer of a row: its own, or the sentence with its label."""
        row = self.plain[int(index)]
        return str(row["answer"] or self.task.template.write_answer(row["label"]))

    def earlier(self, index: int) -> list[tuple[str, str]]:
        """Questions and answers that precede a row's question in its conversation."""
        told = self.plain[int(index)].get("earlier")
        return [(question, answer) for question, answer in json.loads(told)] if told else []

    @property
    def row_labels(self) -> list[str]:
        """The label of each row."""
        return list(self.plain["label"])

    @property
    def row_answers(self) -> list[str | None]:
        """The answer that each row brings; None where its label is the answer."""
        return list(self.plain["answer"])

    @property
    def subjects(self) -> list[str]:
        """The subject of each row."""
        return list(self.plain["subject"])

    def recordings(self, index: int) -> dict[SignalPlace, SignalInput]:
        """The signals of a row, encoded where the encoder is frozen."""
        return {SignalPlace(name): self._recording(name, index) for name in self.table.info.signals}

    def _recording(self, name: str, index: int) -> SignalInput:
        if self.source == "zeroed":
            return self._zeroed(name, self._values(name, index).shape)
        if name in self.raw:
            values = self._values(name, index)
            return SignalInput(name, self.encoders[name].num_patches(values.shape[1]), values)
        row = self.patches[name][index]
        mask = np.asarray(row["patch_mask"], dtype=bool)
        return SignalInput(name, len(mask), None, np.asarray(row["patches"], np.float32).reshape(len(mask), -1), mask)

    def _zeroed(self, name: str, shape: tuple[int, ...]) -> SignalInput:
        key = (name, shape[1])
        if key not in self.zeros:
            encoder, values = self.encoders[name], np.zeros(shape, dtype=np.float32)
            raw = SignalInput(name, encoder.num_patches(shape[1]), values)
            self.zeros[key] = raw if name in self.raw else encode_values(encoder, name, [values])[0]
        return self.zeros[key]

    def _values(self, name: str, index: int) -> NDArray[np.float32]:
        channels = len(self.table.info.signals[name].channels)
        return np.asarray(self.rows[index][name], dtype=np.float32).reshape(channels, -1)

    def _fields(self, index: int) -> dict[str, str]:
        """Facts of the row, and descriptions in numbers (``$motion_summary``) where the template asks for them.

        Descriptions go with the signals, also where these are shuffled.
        """
        facts = self.table.facts(self.plain[int(index)])
        wanted = set(self.task.template.variables)
        names = [name for name in self.table.info.signals if f"{name}_summary" in wanted]
        signals = self.table.signals(self.rows[int(self.order[index])]) if names else {}
        return {**facts, **{f"{name}_summary": signals[name].describe() for name in names}}


def shuffled_rows(count: int, seed: int = 0) -> NDArray[np.int64]:
    """Return for each of ``count`` rows the row whose signals it shows where signals are shuffled."""
    return np.random.default_rng(seed).permutation(count)


def check_known_labels(table: Table, split: str, task: Task) -> None:
    """Refuse a split with a label that is none of the task's.

    Raises
    ------
    DatasetError
        Naming the row.
    """
    rows, known = table.data[split], set(task.labels)
    for number, (label, answer) in enumerate(zip(rows["label"], rows["answer"], strict=True)):
        if answer is None and label not in known:
            raise DatasetError(
                f"row {number} of the {split} split of '{table.path}' ('{rows[number]['source']}') has the label "
                f"'{label}', but the run knows {', '.join(task.labels) or 'none'}; use a template with these labels, "
                "such as 'generic'"
            )
