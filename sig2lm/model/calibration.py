"""From how likely the LM finds the labels to probabilities: bias and temperature, whatever the words of the question.

Two things move an LM's answers beside the signal. Some labels are hard to say: a small LM that never read "kicking"
finds it unlikely however clear the signal is. And words that training never used make one label likelier and another
less likely, much alike for every recording. In both the order of recordings by a label's score stays good, and the
point of decision is wrong. So a bias for each label is fitted once, on training recordings, and then one temperature,
on people that training did not see (Guo et al. 2017, arXiv:1706.04599, section 4.2); the bias is not fitted on these,
since they may be few and have one label more often than others. For the same reason the temperature stays near 1 where
they are few: windows of a person are alike, so that a person counts for some windows, however many there are. And a few
training recordings stay with the run, encoded and without labels: for a new paraphrase, bias and temperature are fitted
to answer about these as the paraphrases of training do. (Batch calibration, Zhou et al. 2023, arXiv:2309.17249, needs
no labels either, but makes all labels equally likely: :mod:`sig2lm.model.habits`, for choices that are no labels.)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from string import Template
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax
from torch import Tensor

from sig2lm.model.batches import stack_recordings
from sig2lm.model.conformal import Conformity
from sig2lm.model.examples import Example, Prompter, SignalInput, compared
from sig2lm.model.fusion import SignalFusion
from sig2lm.model.habits import habit, spread
from sig2lm.model.measured import Facts
from sig2lm.model.reliance import RelianceRule, right_changes, unanswerable_changes
from sig2lm.model.table_examples import TableExamples, encode_values
from sig2lm.quantities import Measurement
from sig2lm.templates.questions import phrase_book
from sig2lm.templates.turns import SignalPlace

_BATCH = 32
_REMEMBERED = 256  # paraphrases
_FITTED_ON, _FITTED_ON_IF_LARGE = 512, 128  # rows, by the LM's size
_UNANSWERABLE = 16  # recordings that questions which none can answer are asked about
_RECORDINGS = 32  # by which the paraphrases of training are compared, where none are to be kept
# Ridge towards where a fit begins, beside a loss summed over rows: finite where a label has no row, and small where the
# answers are right already, as there the few rows at the edge would decide alone.
_SHIFT_RIDGE, _SCALE_RIDGE = 0.1, 10.0
_SCALES = (0.05, 20.0)
_ALIKE = 0.1  # correlation of the losses within a person

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Adjustment:
    """What makes probabilities of scores (log-likelihoods): softmax of ``scale * (scores + bias)``.

    Attributes
    ----------
    bias
        Of each label, nats.
    scale
        The inverse of a temperature.
    """

    bias: tuple[float, ...]
    scale: float = 1.0

    def probabilities(self, scores: Array) -> Array:
        """Return probabilities (N, M) for scores (N, M)."""
        found: Array = softmax(self.scale * (scores + np.array(self.bias)), axis=1)
        return found


@dataclass(frozen=True)
class Calibration:
    """How the scores of a task's labels become probabilities.

    Attributes
    ----------
    average
        For paraphrases of which nothing is known.
    known
        For paraphrases of the question; those of training are known from the start.
    recordings
        Encoded training recordings, by signal, with what a prompt states as measured of them; without labels, subjects
        or facts. None where none were kept: then all
        paraphrases that are not known are taken for average ones.
    answers
        (R, M), the probabilities of the labels for these recordings in the paraphrases of training.
    conformity
        What label sets of a stated coverage rest on (:mod:`sig2lm.model.conformal`); None without validation people.
    reliance
        When an answer rests on its signal (:mod:`sig2lm.model.reliance`); None without validation people or recordings.
    others
        For other closed questions, by words and choices; remembered, and never stored.
    """

    average: Adjustment
    known: dict[str, Adjustment]
    recordings: tuple[Mapping[str, SignalInput], ...] = ()
    answers: Array = field(default_factory=lambda: np.zeros((0, 0)))
    conformity: Conformity | None = None
    reliance: RelianceRule | None = None
    others: dict[tuple[str, tuple[str, ...]], Adjustment] = field(default_factory=dict)

    def adjustment(self, fusion: SignalFusion, prompter: Prompter, paraphrase: str) -> Adjustment:
        """Return what to do with the scores when the question is put in these words; remembered."""
        if paraphrase not in self.known:
            if not self.recordings:
                return self.average
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            scores = label_scores(fusion, prompter, self.recordings, paraphrase)
            self.known[paraphrase] = fit(scores, self.answers, self.average)
        return self.known[paraphrase]

    def unusual(
        self, fusion: SignalFusion, prompter: Prompter, question: str, sentences: Sequence[str]
    ) -> Adjustment | None:
        """Return what to do with the scores of choices that are no labels (:mod:`sig2lm.model.habits`); remembered.

        None where no recordings are kept, and where the prompt states what the question compares: then the answer
        stands there, and one that nearly all recordings have in common is no habit.
        """
        shown = [_placed(self.recordings[row]) for row in spread(self.recordings)]
        if not shown or compared(prompter.task.template, shown[0], question):
            return None
        key = question, tuple(sentences)
        if key not in self.others:
            if len(self.others) >= _REMEMBERED:
                self.others.clear()
            taken = habit(_read(fusion, prompter, [prompter.example(one, question) for one in shown], sentences))
            self.others[key] = Adjustment(tuple((taken.mean() - taken).tolist()))
        return self.others[key]

    def tensors(self, paraphrases: Sequence[str]) -> dict[str, Tensor]:
        """Return everything as tensors, to be stored, with what is known of some paraphrases.

        ``bias`` (1 + W, M) and ``scale`` (1 + W,), first the average; ``answers``; and for each signal ``patches``,
        ``patch_mask`` and ``counts`` of the recordings, with what is ``measured`` of them as bytes of JSON.
        """
        kept = [self.average, *(self.known.get(paraphrase, self.average) for paraphrase in paraphrases)]
        found = {
            "bias": torch.tensor([one.bias for one in kept], dtype=torch.float64),
            "scale": torch.tensor([one.scale for one in kept], dtype=torch.float64),
            "answers": torch.from_numpy(self.answers),
        }
        if self.conformity is not None:
            found |= {"misses": torch.from_numpy(self.conformity.misses)}
            found |= {"subjects": torch.from_numpy(self.conformity.subjects)}
        if (rule := self.reliance) is not None:
            found |= {"reliance": torch.tensor([rule.threshold, rule.right, rule.unanswerable], dtype=torch.float64)}
        for name in self.recordings[0] if self.recordings else ():
            of_signal = [recordings[name] for recordings in self.recordings]
            counts = torch.tensor([recording.num_patches for recording in of_signal])
            stacked = {**stack_recordings(of_signal), "counts": counts}
            found |= {f"{name}.{key}": tensor for key, tensor in stacked.items()}
            if any(recording.measured for recording in of_signal):
                found |= {f"{name}.facts": _as_bytes([recording.measured for recording in of_signal])}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], paraphrases: Sequence[str]) -> "Calibration":
        """Restore what :meth:`tensors` returned.

        Raises
        ------
        KeyError, ValueError
            When something is missing or does not fit the paraphrases.
        """
        columns = {}
        if any(key.endswith(".measured") for key in tensors):  # kept in words, which cannot be compared: kept no more
            tensors = {key: tensor for key, tensor in tensors.items() if "." not in key and key != "reliance"}
        for name in [key.removesuffix(".counts") for key in tensors if key.endswith(".counts")]:
            patches, mask = tensors[f"{name}.patches"].numpy(), tensors[f"{name}.patch_mask"].numpy()
            counts = tensors[f"{name}.counts"].tolist()
            facts = _as_facts(tensors[f"{name}.facts"]) if f"{name}.facts" in tensors else [()] * len(counts)
            columns[name] = [
                SignalInput(name, count, None, patches[row, :count], mask[row, :count], told)
                for row, (count, told) in enumerate(zip(counts, facts, strict=True))
            ]
        rows = tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        pairs = zip(tensors["bias"].tolist(), tensors["scale"].tolist(), strict=True)
        average, *known = (Adjustment(tuple(bias), scale) for bias, scale in pairs)
        misses, subjects = tensors.get("misses"), tensors.get("subjects")
        conformity = None if misses is None or subjects is None else Conformity(misses.numpy(), subjects.numpy())
        rule = RelianceRule(*tensors["reliance"].tolist()) if "reliance" in tensors else None
        remembered = dict(zip(paraphrases, known, strict=True))
        return cls(average, remembered, rows, tensors["answers"].numpy(), conformity, rule)


def calibrate(
    fusion: SignalFusion, train_set: TableExamples, eval_set: TableExamples | None, calibration_examples: int
) -> Calibration | None:
    """Calibrate a trained model for one task; None where its table has no labels.

    Parameters
    ----------
    train_set, eval_set
        Examples of the train split, and of the validation split where there is one. The bias is fitted on up to 512
        labelled rows of the former, the temperature on as many of the latter; it is 1 without any.
    calibration_examples
        About how many training recordings to calibration_examples, as many of each label as can be; 0 for none.
    """
    prompter, paraphrases = train_set.prompter, train_set.task.template.question
    rows = _evenly(train_set.row_labels, calibration_examples or _RECORDINGS)
    if not rows:
        return None
    average = replace(fit(*_scored(fusion, train_set)[:2]), scale=1.0)
    conformity, right = None, np.zeros((0, 2, len(average.bias)))
    if eval_set is not None:
        scores_of_rows, truth, subjects = _scored(fusion, eval_set)
        average = fit_temperature(average, scores_of_rows, truth, subjects)
        if subjects:
            right = np.stack([average.probabilities(scores_of_rows), truth], axis=1)
            conformity = Conformity.from_labels(right[:, 0], truth, subjects)
    if _described(train_set):
        return Calibration(average, dict.fromkeys(paraphrases, average), conformity=conformity)
    recordings = tuple(_encoded(train_set, row) for row in rows)
    scores = {paraphrase: label_scores(fusion, prompter, recordings, paraphrase) for paraphrase in paraphrases}
    answers = average.probabilities(np.mean(list(scores.values()), axis=0))
    known = {paraphrase: fit(found, answers, average) for paraphrase, found in scores.items()}
    if not calibration_examples:
        return Calibration(average, known, conformity=conformity)
    rule = None
    if eval_set is not None and len(right):
        answered = right_changes(right[:, 0], right[:, 1], answers.mean(axis=0))
        rule = RelianceRule.from_changes(answered, _unanswerable(fusion, eval_set, recordings))
    return Calibration(average, known, recordings, answers, conformity, rule)


def _unanswerable(
    fusion: SignalFusion, eval_set: TableExamples, recordings: Sequence[Mapping[str, SignalInput]]
) -> Array:
    """How the answers to questions that no recording can answer change with validation recordings."""
    book, prompter = phrase_book(), eval_set.prompter
    own = [_encoded(eval_set, row) for row in _evenly(eval_set.row_labels, _UNANSWERABLE)]
    others = recordings[:: -(-len(recordings) // _UNANSWERABLE)]
    found = []
    for topic in book.held_out_topics:
        question = Template(book.unanswerable.held_out).substitute(topic=topic)
        scores = label_scores(fusion, prompter, [*own, *others], question, ("yes", "no"))
        found.append(unanswerable_changes(scores[: len(own)], scores[len(own) :]))
    return np.concatenate(found)


def fit(scores: Array, wanted: Array, start: Adjustment | None = None) -> Adjustment:
    """Return the adjustment under which scores (N, M) come nearest to wanted probabilities (N, M), in cross entropy.

    In the scale and in what is added after scaling the problem is convex; it is solved for scores about their means,
    since the optimiser stops early when they lie far from zero. Without rows the start is returned.
    """
    start = start or Adjustment((0.0,) * scores.shape[1])
    if not len(scores):
        return start
    centre = scores.mean(0)
    centred = scores - centre
    first = np.append(start.scale * (centre + np.array(start.bias)), start.scale)
    ridge = np.append(np.full(len(centre), _SHIFT_RIDGE), _SCALE_RIDGE)

    def loss(parameters: Array) -> tuple[float, Array]:
        logs = log_softmax(parameters[-1] * centred + parameters[:-1], axis=1)
        slope, off = np.exp(logs) - wanted, parameters - first
        gradient = np.append(slope.sum(0), (slope * centred).sum()) + ridge * off
        return float(ridge @ off**2 / 2 - (wanted * logs).sum()), gradient

    bounds = [(None, None)] * len(centre) + [_SCALES]
    *shift, scale = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    bias = np.array(shift) / scale - centre
    return Adjustment(tuple((bias - bias.mean()).tolist()), float(scale))


def fit_temperature(
    adjustment: Adjustment, scores: Array, wanted: Array, subjects: Sequence[str] | None = None
) -> Adjustment:
    """Return the adjustment with the scale under which wanted probabilities (N, M) are likeliest.

    Parameters
    ----------
    subjects
        Whose rows they are; by default each row is somebody else's. n rows of a person count for n / (1 + (n - 1) r)
        with r = 0.1 (the design effect: Kish 1965, Survey Sampling, section 5.4), ten at most, beside a ridge that
        counts for as much.
    """
    weights = np.ones(len(scores)) if subjects is None else _independent(subjects)

    def loss(scale: float) -> float:
        logs = log_softmax(scale * (scores + np.array(adjustment.bias)), axis=1)
        return float(_SCALE_RIDGE * (scale - adjustment.scale) ** 2 / 2 - weights @ (wanted * logs).sum(axis=1))

    if not len(scores):
        return adjustment
    return replace(adjustment, scale=float(minimize_scalar(loss, bounds=_SCALES, method="bounded").x))


def _independent(subjects: Sequence[str]) -> Array:
    """What each row counts for beside the other rows of its subject."""
    _, owner, rows = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (1.0 + _ALIKE * (rows[owner] - 1)))


def label_scores(
    fusion: SignalFusion,
    prompter: Prompter,
    recordings: Sequence[Mapping[str, SignalInput]],
    paraphrase: str,
    sentences: Sequence[str] | None = None,
) -> Array:
    """Return the log-likelihood (N, M) of each label, or other sentence, when the question is put in these words."""
    examples = [prompter.example(_placed(one), paraphrase) for one in recordings]
    return _read(fusion, prompter, examples, sentences)


def _placed(recordings: Mapping[str, SignalInput]) -> dict[SignalPlace, SignalInput]:
    return {SignalPlace(name): recording for name, recording in recordings.items()}


def _scored(fusion: SignalFusion, examples: TableExamples) -> tuple[Array, Array, list[str]]:
    """Scores (N, M) of drawn rows, each in the paraphrase that it drew, their labels one-hot (N, M), and subjects."""
    count = _FITTED_ON_IF_LARGE if fusion.lm.is_large else _FITTED_ON
    labels, row_labels, paraphrases = examples.task.labels, examples.row_labels, set(examples.task.template.question)
    order = (
        np.random.default_rng(0)
        .permutation([row for row, label in enumerate(row_labels) if label is not None])
        .tolist()
    )
    rows = list(islice((row for row in order if examples.question(row) in paraphrases), count))
    scores = _read(fusion, examples.prompter, [replace(examples[row], answer_ids=()) for row in rows])
    truth, subjects = [labels.index(row_labels[row]) for row in rows], examples.subjects
    return scores, np.eye(len(labels))[np.array(truth, dtype=np.int64)], [subjects[row] for row in rows]


@torch.no_grad()
def _read(
    fusion: SignalFusion, prompter: Prompter, examples: Sequence[Example], sentences: Sequence[str] | None = None
) -> Array:
    sentences = sentences or [prompter.task.sentence(label) for label in prompter.task.labels]
    found = [np.zeros((0, len(sentences)))]
    fusion.eval()
    for start in range(0, len(examples), _BATCH):
        context = fusion.read(examples[start : start + _BATCH])
        found.append(fusion.score(context, sentences).double().cpu().numpy())
    return np.concatenate(found)


def _described(examples: TableExamples) -> bool:
    """Whether the template tells something of each recording in words, so that recordings alone make no prompt."""
    template = examples.task.template
    alike = {"question", "facts", "signals", "measured"}  # what is measured goes with a recording
    return bool(set(template.variables) - {*alike, *template.shown(list(examples.encoders))})


def _as_bytes(measured: Sequence[Facts]) -> Tensor:
    """What was measured as a tensor of bytes, since a file of tensors holds nothing else."""
    content = [[asdict(fact) for fact in facts] for facts in measured]
    return torch.tensor(list(json.dumps(content).encode()), dtype=torch.uint8)


def _as_facts(tensor: Tensor) -> list[Facts]:
    return [tuple(map(_as_fact, facts)) for facts in json.loads(bytes(tensor.tolist()))]


def _as_fact(content: dict[str, Any]) -> Measurement:
    return Measurement(**{**content, "source": tuple(content["source"]), "words": tuple(content["words"])})


def _evenly(labels: Sequence[str | None], count: int) -> list[int]:
    """Choose rows: as many of each label as can be, spread over the rows of that label."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            rows.setdefault(label, []).append(row)
    each = -(-count // max(1, len(rows)))
    return [row for of_label in rows.values() for row in of_label[:: -(-len(of_label) // each)][:each]]


def _encoded(examples: TableExamples, row: int) -> dict[str, SignalInput]:
    """The recordings of a row as patches, also where training read raw values."""
    found = {}
    for place, recording in examples.recordings(row).items():
        if recording.values is not None:
            encoder, facts = examples.encoders[place.name], recording.measured
            recording = replace(encode_values(encoder, place.name, [recording.values])[0], measured=facts)
        found[place.name] = recording
    return found
