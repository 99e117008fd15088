"""Closed questions in words that training never used, answered as if it had.

New words make an LM find one label likelier and another less likely, much alike for every recording: recordings keep
their order, but the point of decision moves. So a run keeps a few of its training recordings, encoded and without
labels, and knows how it scored the labels of these in the wordings of training. What a new wording adds to these
scores is taken off again. Batch calibration (Zhou et al. 2023, arXiv:2309.17249) also subtracts a mean score over
unlabelled inputs; it makes all labels equally likely, while here they become as likely as training left them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sig2lm.data import Prompter, Recording, TableExamples, encode_values, stack_recordings
from sig2lm.prompts import SignalPlace
from sig2lm.reading import SignalReader

_BATCH = 32
_REMEMBERED = 256  # wordings


@dataclass(frozen=True)
class Reference:
    """Training recordings of a task, and how likely its labels were on them.

    Attributes
    ----------
    recordings
        Encoded recordings, by signal; without labels, subjects or facts.
    level
        For each label of the task its mean score (log-likelihood) over these recordings and the wordings of training.
    """

    recordings: tuple[Mapping[str, Recording], ...]
    level: tuple[float, ...]
    _known: dict[str, tuple[float, ...]] = field(default_factory=dict, repr=False, compare=False)

    def offsets(self, reader: SignalReader, prompter: Prompter, wording: str) -> dict[str, float]:
        """Return what to add to each label's score when the question is put in these words; remembered."""
        if wording not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[wording] = mean_scores(reader, prompter, self.recordings, wording)
        pairs = zip(self.level, self._known[wording], strict=True)
        return dict(zip(prompter.task.labels, (level - found for level, found in pairs), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return everything as tensors, to be stored; for each signal ``patches``, ``patch_mask`` and ``counts``."""
        found = {"level": torch.tensor(self.level, dtype=torch.float64)}
        for name in self.recordings[0]:
            of_signal = [recordings[name] for recordings in self.recordings]
            counts = torch.tensor([recording.num_patches for recording in of_signal])
            stacked = {**stack_recordings(of_signal), "counts": counts}
            found |= {f"{name}.{key}": tensor for key, tensor in stacked.items()}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Reference":
        """Restore what :meth:`tensors` returned."""
        columns = {}
        for key in tensors:
            if key.endswith(".counts"):
                name = key.removesuffix(".counts")
                patches, mask = tensors[f"{name}.patches"].numpy(), tensors[f"{name}.patch_mask"].numpy()
                columns[name] = [
                    Recording(name, count, None, patches[row, :count], mask[row, :count])
                    for row, count in enumerate(tensors[key].tolist())
                ]
        rows = zip(*columns.values(), strict=True)
        return cls(tuple(dict(zip(columns, row, strict=True)) for row in rows), tuple(tensors["level"].tolist()))


def take_reference(reader: SignalReader, examples: TableExamples, count: int) -> Reference | None:
    """Take ``count`` recordings of a training split, as many of each label as can be, and score their labels.

    None where nothing can be compared: no closed labels, or a template that tells something of each recording in words.
    """
    template, rows = examples.task.template, _spread(examples.row_labels, count)
    told = set(template.variables) - {"question", "facts", "signals", *template.shown(list(examples.encoders))}
    if not rows or told:
        return None
    recordings = tuple(_encoded(examples, row) for row in rows)
    scores = [mean_scores(reader, examples.prompter, recordings, wording) for wording in template.question]
    level = torch.tensor(scores, dtype=torch.float64).mean(0)
    return Reference(recordings, tuple(level.tolist()))


@torch.no_grad()
def mean_scores(
    reader: SignalReader, prompter: Prompter, recordings: Sequence[Mapping[str, Recording]], wording: str
) -> tuple[float, ...]:
    """Return each label's mean log-likelihood over recordings, when the question is put in these words."""
    reader.eval()
    task = prompter.task
    examples = [
        prompter.example({SignalPlace(name): recording for name, recording in one.items()}, wording)
        for one in recordings
    ]
    sentences = [task.sentence(label) for label in task.labels]
    found = [
        reader.score(reader.read(examples[start : start + _BATCH]), sentences)
        for start in range(0, len(examples), _BATCH)
    ]
    return tuple(torch.cat(found).mean(0).tolist())


def _spread(labels: Sequence[str | None], count: int) -> list[int]:
    """Choose rows evenly over the labels in turn, and over the rows of each label."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            rows.setdefault(label, []).append(row)
    each = -(-count // max(1, len(rows)))
    chosen = [of_label[:: -(-len(of_label) // each)][:each] if each else [] for of_label in rows.values()]
    return [row for of_label in chosen for row in of_label]


def _encoded(examples: TableExamples, row: int) -> dict[str, Recording]:
    """The recordings of a row as patches, also where training read raw values."""
    found = {}
    for place, recording in examples.recordings(row).items():
        if recording.values is not None:
            encoder = examples.encoders[place.name]
            recording = encode_values(encoder, place.name, [recording.values])[0]
        found[place.name] = recording
    return found
