"""From how likely the LM finds the labels to probabilities: bias and temperature, whatever the words of the question.

Two things move an LM's answers beside the signal. Some labels are hard to say: a small LM that never read "kicking"
finds it unlikely however clear the signal is. And words that training never used make one label likelier and another
less likely, much alike for every recording. In both the order of recordings by a label's score stays good, and the
point of decision is wrong. So a bias for each label and one temperature are fitted once, on people that training did
not see where there are some (Guo et al. 2017, arXiv:1706.04599, section 4.2). And a few training recordings stay with
the run, encoded and without labels: what new words change in their mean scores is taken off (as batch calibration does,
Zhou et al. 2023, arXiv:2309.17249, which makes all labels equally likely, while here they become as likely as in words
of training).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor

from sig2lm.data import Prompter, Recording, TableExamples, encode_values, stack_recordings
from sig2lm.prompts import SignalPlace
from sig2lm.reading import SignalReader

_BATCH = 32
_REMEMBERED = 256  # wordings
_FITTED_ON = 512  # rows
_RECORDINGS = 32  # by which wordings are compared, where none are kept
# Ridge on shifts (nats) and on the scale, beside a loss summed over rows: finite where a label has no row.
_BIAS_RIDGE, _SCALE_RIDGE = 0.01, 1.0
_SCALES = (0.05, 20.0)

Scores = tuple[float, ...]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What turns the scores (log-likelihoods) of a task's labels into probabilities.

    Attributes
    ----------
    bias
        Added to each label's score.
    scale
        By which scores are multiplied after that: the inverse of a temperature.
    known
        For wordings of the question, each label's mean score over the recordings; those of training are known from the
        start.
    level
        The mean of these over the wordings of training.
    recordings
        Encoded training recordings, by signal; without labels, subjects or facts. None where none were kept: then
        wordings that are not known are taken for average ones.
    """

    bias: Scores
    scale: float
    known: dict[str, Scores]
    level: Scores
    recordings: tuple[Mapping[str, Recording], ...] = ()

    def offsets(self, reader: SignalReader, prompter: Prompter, wording: str) -> dict[str, float]:
        """Return what to add to each label's score when the question is put in these words; remembered."""
        if wording not in self.known and self.recordings:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[wording] = mean_scores(reader, prompter, self.recordings, wording)
        shift = np.subtract(self.level, self.known.get(wording, self.level))
        return dict(zip(prompter.task.labels, (shift + self.bias).tolist(), strict=True))

    def tensors(self, wordings: Sequence[str]) -> dict[str, Tensor]:
        """Return everything as tensors, to be stored, with the known scores of some wordings.

        ``bias`` and ``level`` (M,), ``scale`` (1,), ``known`` (W, M), and for each signal ``patches``, ``patch_mask``
        and ``counts`` of the recordings.
        """
        known = torch.tensor([self.known.get(wording, self.level) for wording in wordings], dtype=torch.float64)
        numbers = {"bias": self.bias, "level": self.level, "scale": [self.scale]}
        found = {key: torch.tensor(values, dtype=torch.float64) for key, values in numbers.items()} | {"known": known}
        for name in self.recordings[0] if self.recordings else ():
            of_signal = [recordings[name] for recordings in self.recordings]
            counts = torch.tensor([recording.num_patches for recording in of_signal])
            stacked = {**stack_recordings(of_signal), "counts": counts}
            found |= {f"{name}.{key}": tensor for key, tensor in stacked.items()}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], wordings: Sequence[str]) -> "Calibration":
        """Restore what :meth:`tensors` returned.

        Raises
        ------
        KeyError, ValueError
            When something is missing or does not fit the wordings.
        """
        columns = {}
        for name in [key.removesuffix(".counts") for key in tensors if key.endswith(".counts")]:
            patches, mask = tensors[f"{name}.patches"].numpy(), tensors[f"{name}.patch_mask"].numpy()
            columns[name] = [
                Recording(name, count, None, patches[row, :count], mask[row, :count])
                for row, count in enumerate(tensors[f"{name}.counts"].tolist())
            ]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        bias, level, known = (tensors[key].tolist() for key in ("bias", "level", "known"))
        pairs = zip(wordings, map(tuple, known), strict=True)
        return cls(tuple(bias), float(tensors["scale"].item()), dict(pairs), tuple(level), tuple(rows))


def calibrate(
    reader: SignalReader, learned: TableExamples, measured: TableExamples | None, keep: int
) -> Calibration | None:
    """Calibrate a trained model for one task; None where its table has no labels.

    Parameters
    ----------
    learned, measured
        Examples of the train split, and of the validation split where there is one. Bias and temperature are fitted on
        up to 512 labelled rows of the latter, or else of the former.
    keep
        About how many training recordings to keep, as many of each label as can be; 0 for none.
    """
    prompter, task = learned.prompter, learned.task
    rows = _evenly(learned.row_labels, keep or _RECORDINGS)
    if not rows:
        return None
    recordings = () if _described(learned) else tuple(_encoded(learned, row) for row in rows)
    known = {
        wording: mean_scores(reader, prompter, recordings, wording) if recordings else (0.0,) * len(task.labels)
        for wording in task.template.question
    }
    level = np.mean(list(known.values()), axis=0)
    fitted = measured if measured is not None and any(measured.row_labels) else learned
    scores, truth = _scored(reader, fitted, {wording: level - found for wording, found in known.items()})
    bias, scale = fit(scores, truth)
    return Calibration(tuple(bias.tolist()), scale, known, tuple(level.tolist()), recordings if keep else ())


def fit(scores: Array, truth: NDArray[np.int64]) -> tuple[Array, float]:
    """Return biases (M,) and a scale under which ``scale * (scores + bias)`` makes labels ``truth`` (N,) likeliest.

    Scores are (N, M). In the scale and in what is added after scaling the problem is convex; it is solved for scores
    about their means, since the optimiser stops early when they lie far from zero.
    """
    if not len(truth):
        return np.zeros(scores.shape[1]), 1.0
    centre = scores.mean(0)
    centred, rows = scores - centre, np.arange(len(truth))
    start = np.append(np.zeros(len(centre)), 1.0)
    ridge = np.append(np.full(len(centre), _BIAS_RIDGE), _SCALE_RIDGE)

    def loss(parameters: Array) -> tuple[float, Array]:
        logs = log_softmax(parameters[-1] * centred + parameters[:-1], axis=1)
        slope = np.exp(logs)
        slope[rows, truth] -= 1.0
        off = parameters - start
        gradient = np.append(slope.sum(0), (slope * centred).sum()) + ridge * off
        return float(ridge @ off**2 / 2 - logs[rows, truth].sum()), gradient

    bounds = [(None, None)] * len(centre) + [_SCALES]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    bias = found[:-1] / found[-1] - centre
    return bias - bias.mean(), float(found[-1])


@torch.no_grad()
def mean_scores(
    reader: SignalReader, prompter: Prompter, recordings: Sequence[Mapping[str, Recording]], wording: str
) -> Scores:
    """Return each label's mean log-likelihood over recordings, when the question is put in these words."""
    examples = [
        prompter.example({SignalPlace(name): recording for name, recording in one.items()}, wording)
        for one in recordings
    ]
    sentences = [prompter.task.sentence(label) for label in prompter.task.labels]
    reader.eval()
    found = [
        reader.score(reader.read(examples[start : start + _BATCH]), sentences)
        for start in range(0, len(examples), _BATCH)
    ]
    return tuple(torch.cat(found).mean(0).tolist())


@torch.no_grad()
def _scored(
    reader: SignalReader, examples: TableExamples, shifts: Mapping[str, Array]
) -> tuple[Array, NDArray[np.int64]]:
    """Scores (N, M) of drawn rows, freed of what their wordings shift, and the numbers of their labels (N,)."""
    labels, row_labels = examples.task.labels, examples.row_labels
    sentences = [examples.task.sentence(label) for label in labels]
    asked = [row for row, label in enumerate(row_labels) if label is not None and examples.question(row) in shifts]
    rows = np.random.default_rng(0).permutation(asked)[:_FITTED_ON].tolist()
    reader.eval()
    found = [np.zeros((0, len(labels)))]
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        context = reader.read([replace(examples[row], answer_ids=()) for row in batch])
        scores = reader.score(context, sentences).double().cpu().numpy()
        found.append(scores + [shifts[examples.question(row)] for row in batch])
    truth = [labels.index(row_labels[row] or "") for row in rows]
    return np.concatenate(found), np.array(truth, dtype=np.int64)


def _described(examples: TableExamples) -> bool:
    """Whether the template tells something of each recording in words, so that recordings alone make no prompt."""
    template = examples.task.template
    return bool(set(template.variables) - {"question", "facts", "signals", *template.shown(list(examples.encoders))})


def _evenly(labels: Sequence[str | None], count: int) -> list[int]:
    """Choose rows: as many of each label as can be, spread over the rows of that label."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            rows.setdefault(label, []).append(row)
    each = -(-count // max(1, len(rows)))
    return [row for of_label in rows.values() for row in of_label[:: -(-len(of_label) // each)][:each]]


def _encoded(examples: TableExamples, row: int) -> dict[str, Recording]:
    """The recordings of a row as patches, also where training read raw values."""
    found = {}
    for place, recording in examples.recordings(row).items():
        if recording.values is not None:
            encoder = examples.encoders[place.name]
            recording = encode_values(encoder, place.name, [recording.values])[0]
        found[place.name] = recording
    return found
