"""The rows of a table as examples: a torch data set over a split, whose frozen encoders run once."""

import hashlib
import inspect
import json
import os
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import datasets as hf
import numpy as np
import torch
from numpy.typing import NDArray

from sig2lm.datasets import Table
from sig2lm.datasets.cached import cached_map
from sig2lm.encoder import PatchEncoder, encoder_fingerprint, stack_values
from sig2lm.encoder.compatibility import check_patches
from sig2lm.encoder.tables import as_encoders_read
from sig2lm.errors import DatasetError
from sig2lm.model.examples import Example, Prompter, SignalInput
from sig2lm.model.measured import Facts, measured_facts, wanted_quantities
from sig2lm.templates.task import Task
from sig2lm.templates.turns import SignalPlace

_PROBED = 2  # rows by which an encoder is recognised
_MEASURED_AT_ONCE = 1024  # rows
SignalSource = Literal["own", "shuffled", "zeroed", "measured", "none"]
"""Which signal an example shows: its own, another example's, all zeros, or no virtual token at all; with ``measured``
none either, but what a template states as measured of its own."""


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


def behaviour(encoder: PatchEncoder, probe: Mapping[str, Sequence[NDArray[Any]]]) -> str:
    """Hash of what an encoder is and does: config, weights, the source of its class, and patches of a few rows.

    An encoder of one's own may have attributes that are no weights, and its code changes while it is worked on: patches
    from before would be taken without a word. One that is random is never found again.
    """
    digest = hashlib.sha256(encoder_fingerprint(encoder).encode())
    with suppress(OSError, TypeError):  # made in an interactive session: what it does is asked below
        digest.update(inspect.getsource(type(encoder)).encode())
    for name in sorted(probe):
        for array in probe[name]:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def encode_split(table: Table, split: str, name: str, encoder: PatchEncoder) -> hf.Dataset:
    """Return the patches of a split, encoded once and cached as Arrow beside the table.

    The cache is keyed by the data and by what the encoder makes of it (:func:`behaviour`). Columns ``patches``
    (P * E float32, flattened) and ``patch_mask`` (P bool).

    Raises
    ------
    CheckpointError
        If patches of a row are no numbers, as of an encoder whose weights are damaged.
    """
    rows = table.data[split].select_columns([name])
    channels = len(table.info.signals[name].channels)
    encoder = encoder.eval()

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        values = [np.asarray(flat, dtype=np.float32).reshape(channels, -1) for flat in batch[name]]
        found = encode_values(encoder, name, values)
        patches = [recording.patches.ravel() for recording in found if recording.patches is not None]
        for one in patches:
            check_patches(one, name, f"of the {split} split of '{table.path}'")
        return {
            "patches": patches,
            "patch_mask": [recording.patch_mask for recording in found],
        }

    probe = encode(rows.with_format("numpy")[:_PROBED])
    features = hf.Features({"patches": hf.List(hf.Value("float32")), "patch_mask": hf.List(hf.Value("bool"))})

    return cached_map(
        rows.with_format("numpy"),
        encode,
        batched=True,
        batch_size=128,
        remove_columns=[name],
        features=features,
        new_fingerprint=f"{rows._fingerprint}-{behaviour(encoder, probe)}",
        keep_in_memory=not os.access(table.path, os.W_OK),  # a table that may only be read has no room for a cache
    ).with_format("numpy")


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
    measured: dict[str, list[Facts]] = field(init=False)
    place_of: dict[int, int] = field(init=False)
    zeros: dict[tuple[str, int], SignalInput] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.split not in self.table.data:
            raise DatasetError(
                f"expected the split '{self.split}' in '{self.table.path}', found {', '.join(self.table.data)}; "
                "choose one of these"
            )
        contracts = {name: encoder.contract for name, encoder in self.encoders.items()}
        self.table = as_encoders_read(self.table, contracts)
        self.table, self.place_of = _with_their_others(self.table, self.split)
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
        if self.source in ("none", "measured"):
            self.prompter = replace(self.prompter, size=lambda name, patches: 0)
        self.measured = {} if self.source in ("none", "zeroed") else self._measured()
        check_known_labels(self.table, self.split, self.task)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def task(self) -> Task:
        """What is asked."""
        return self.prompter.task

    def __getitem__(self, index: int) -> Example:
        recordings = self.recordings(int(self.order[index]))
        if (beside := self.plain[int(index)].get("beside")) is not None:
            other = self.recordings(int(self.order[self.place_of[beside]]))
            recordings |= {replace(place, index=1): one for place, one in other.items()}
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
        found = {name: self._recording(name, index) for name in self.table.info.signals}
        return {
            SignalPlace(name): replace(one, measured=self.measured[name][index]) if name in self.measured else one
            for name, one in found.items()
        }

    def _measured(self) -> dict[str, list[Facts]]:
        """What was measured of each row, by signal, where the template states it."""
        wanted = {name: wanted_quantities([self.task], name) for name in self.table.info.signals}
        found: dict[str, list[Facts]] = {name: [] for name, quantities in wanted.items() if quantities}
        for start in range(0, len(self.rows) if found else 0, _MEASURED_AT_ONCE):
            rows = self.rows.select(range(start, min(start + _MEASURED_AT_ONCE, len(self.rows))))
            signals = [self.table.signals(row) for row in rows]
            for name, facts in found.items():
                facts += measured_facts([one[name] for one in signals], name, wanted[name])
        return found

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


def _with_their_others(table: Table, split: str) -> tuple[Table, dict[int, int]]:
    """Leave out rows that ask about a second recording whose row is not here; say where each row is found.

    A row is called by its number in the table that the questions were written for, as only some rows may be left.
    """
    rows = table.data[split]
    if "beside" not in rows.column_names:
        return table, {}
    numbers, beside = rows["row"][:], rows["beside"][:]
    here = set(numbers)
    kept = [place for place, other in enumerate(beside) if other is None or other in here]
    if len(kept) < len(rows):
        return _with_their_others(replace(table, data=hf.DatasetDict({**table.data, split: rows.select(kept)})), split)
    return table, {number: place for place, number in enumerate(numbers)}


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
