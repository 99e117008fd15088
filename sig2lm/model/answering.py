"""Questions about signals are put to the LM, and what it makes of them is turned into answers.

How signals become recordings is in :mod:`sig2lm.model.recordings`, how a prompt with them is read in
:mod:`sig2lm.model.fusion`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig

from sig2lm.arguments import check_known
from sig2lm.errors import ArgumentError, PromptError
from sig2lm.lm import Context, FrozenLM
from sig2lm.lm.generation import OPTIONS
from sig2lm.model.answer import Answer, calibrated, closed_answer
from sig2lm.model.batches import batched
from sig2lm.model.calibration import Calibration
from sig2lm.model.conformal import Conformity
from sig2lm.model.examples import Example, SignalInput
from sig2lm.model.habits import spread
from sig2lm.model.recordings import SignalIntake, Signals
from sig2lm.model.reliance import NOTHING_OBSERVED, Reliance, changes
from sig2lm.model.signal_branch import Branch
from sig2lm.signals import Signal
from sig2lm.signals.arrays import ArrayClock
from sig2lm.templates.task import Question, Task
from sig2lm.templates.turns import SignalPlace

WriteExample = Callable[[Mapping[SignalPlace, SignalInput]], Example]
_OTHERS = 8  # recordings that an answer is put beside, where none of the labels is asked for
_CERTAIN = -1e-12  # a log-likelihood above this is rounding


class QuestionAnswerer(SignalIntake):
    """A frozen LM that reads signals.

    Parameters
    ----------
    lm, branches, tasks
        As of :class:`sig2lm.model.recordings.SignalIntake`, which this is, too.
    calibrations
        For tasks, by number, what makes probabilities of the labels' scores (:mod:`sig2lm.model.calibration`).

    Raises
    ------
    PromptError
        When a task shows none of the signals, or a signal is shown by no task.
    """

    def __init__(
        self,
        lm: FrozenLM,
        branches: Mapping[str, Branch],
        tasks: Task | Sequence[Task],
        calibrations: Mapping[int, Calibration] | None = None,
    ) -> None:
        super().__init__(lm, branches, tasks)
        self.calibrations = dict(calibrations or {})

    def question(
        self, task: Task, text: str | None = None, choices: Sequence[str] | None = None, alone: bool = True
    ) -> Question:
        """Make a question of a task; see :meth:`ask` for what stands where nothing is given.

        Where labels are asked for, their scores are calibrated (:mod:`sig2lm.model.calibration`); of other choices,
        what the LM would say of any recording is taken out (:mod:`sig2lm.model.habits`). In words that are new this
        takes as long as a dozen further questions, once.

        Parameters
        ----------
        alone
            Whether it is the first of a conversation and about one recording; else nothing is known of how choices
            that are no labels are usually answered.

        Raises
        ------
        PromptError
            When the question is empty.
        """
        if text is not None and not text.strip():
            raise PromptError("expected a question, found an empty one; ask something, or leave it out")
        text = text or task.template.question[0]
        closed = task.choices(text, choices)
        calibration = self.calibrations.get(self.tasks.index(task))
        if calibration is None or closed is None:
            return Question(task, text, closed)
        if not set(closed) <= set(task.labels):
            asked = Question(task, text, closed)
            unusual = calibration.unusual(self, self.prompter(task), text, asked.sentences) if alone else None
            return asked if unusual is None else replace(asked, offsets=unusual.bias)
        adjustment = calibration.adjustment(self, self.prompter(task), text)
        bias = dict(zip(task.labels, adjustment.bias, strict=True))
        return Question(task, text, closed, tuple(bias[choice] for choice in closed), adjustment.scale)

    def ask(
        self,
        signals: Signals,
        question: str | None = None,
        choices: Sequence[str] | None = None,
        *,
        facts: Mapping[str, str] | None = None,
        coverage: float | None = None,
        **options: Any,
    ) -> Answer:
        """Answer a question about one recording, or about several together.

        Parameters
        ----------
        signals
            A signal, several of one kind, or named ones (``{"motion": ..., "ecg": ...}``). A question about several
            calls them the first, the second, ...: ``ask([a, b], "Which moves more?", ["first", "second"])``.
        question
            Any text; the template's first question by default.
        choices
            The closed answers to choose among. Without them, a question that is the template's own is answered with the
            model's labels, and any other with free text. Where they are no labels, and the run keeps recordings, the
            answer is the choice that is likelier than it is for these, not the likeliest
            (:mod:`sig2lm.model.habits`).
        facts
            What else is known, for templates that tell it: ``{"age": "67"}``.
        coverage
            Between 0 and 1, for questions whose answers are the labels: the answer then has a ``label_set`` that holds
            the right label at least so often, over people like those of validation.
        options
            For arrays, what they do not state: ``sampling_rate`` in Hz, ``channels``, ``units``, ``period``.
            ``believe=True`` takes values that cannot be what they are said to be. For free text, options of
            ``transformers``' ``generate``: ``max_new_tokens``, ``do_sample``, ``temperature``, ...

        Raises
        ------
        ArgumentError
            When a fact or an option is unknown, the choices are no list, a closed question has options of free text, or
            nothing is known to promise a coverage from.
        SignalError
            When a signal breaks the encoder's contract or holds values that cannot be, or an array has another shape or
            no rate.
        """
        return self.ask_many([signals], question, choices, facts=[facts or {}], coverage=coverage, **options)[0]

    def ask_many(
        self,
        recordings: Sequence[Signals],
        question: str | None = None,
        choices: Sequence[str] | None = None,
        *,
        facts: Sequence[Mapping[str, str]] | None = None,
        coverage: float | None = None,
        batch_size: int = 32,
        **options: Any,
    ) -> list[Answer]:
        """Ask one question about each of many recordings, in batches; an answer does not depend on the others.

        ``facts`` are as many as recordings; the rest is as in :meth:`ask`. All recordings belong to one task. Of
        several recordings, only answers among the labels have a ``reliance``; others would take as long again.
        """
        if isinstance(recordings, Signal | Mapping | str):
            raise ArgumentError("expected a list of recordings, found one; write [recording], or use ask")
        if not len(recordings):
            return []
        clock = ArrayClock.taken_from(options)
        named = [self.named(signals, clock) for signals in recordings]
        task = self.task(named[0])
        alone = not any(len(signals) > 1 for one in named for signals in one.values())
        asked = self.question(task, question, choices, alone)
        check_options(asked, options)
        conformity = None if coverage is None else self.conformity(asked, coverage)
        told = [self.checked_facts(task, known) for known in (facts if facts is not None else [{}] * len(recordings))]
        if len(told) != len(recordings):
            raise ArgumentError(f"expected facts for each of {len(recordings)} recordings, found {len(told)}")
        examples = (
            self.example(task, self.recordings(signals), asked.text, known)
            for signals, known in zip(named, told, strict=True)
        )
        prompter = self.prompter(task)
        answers = []
        for batch in batched(examples, batch_size):
            for example, answer in zip(batch, self.answer(batch, asked, **options), strict=True):
                if asked.calibrated_labels or len(recordings) == 1:  # others would take as long again

                    def write(others: Mapping[SignalPlace, SignalInput]) -> Example:
                        return prompter.example(others, asked.text, fields=told[0])

                    answer = replace(answer, reliance=self.reliance(asked, answer, example.recordings, write))
                answers.append(answer)
        if conformity is None or coverage is None:
            return answers
        return [replace(one, label_set=conformity.label_set(one.probabilities or {}, coverage)) for one in answers]

    def conformity(self, question: Question, coverage: float) -> Conformity:
        """Return what a coverage is promised from (:attr:`Answer.label_set`).

        Raises
        ------
        ArgumentError
            When it is no coverage, the question is not one that all labels may answer, or nothing is known to promise
            it from.
        """
        if not 0 < coverage < 1:
            raise ArgumentError(f"expected a coverage between 0 and 1, found {coverage}; write 0.9")
        if question.choices is None or set(question.choices) != set(question.task.labels):
            raise ArgumentError(
                "expected a question that all labels may answer, to promise a coverage; "
                "ask one of the template's own, without choices"
            )
        calibration = self.calibrations.get(self.tasks.index(question.task))
        if calibration is None or calibration.conformity is None:
            raise ArgumentError(
                "this run has no validation people to promise a coverage from; train it on a table that has some"
            )
        return calibration.conformity

    def example(
        self, task: Task, recordings: Mapping[SignalPlace, SignalInput], question: str, facts: Mapping[str, str]
    ) -> Example:
        """Write one question of a task about recordings."""
        fields = {**facts, **self.summaries(task, recordings)}
        return self.prompter(task).example(recordings, question, fields=fields)

    @torch.no_grad()
    def answer(self, examples: Sequence[Example], question: Question, **options: Any) -> list[Answer]:
        """Answer a batch of examples: by the likelihood of the choices, or with generated text."""
        self.eval()
        answers = self.answer_context(self.read(examples), question, **options)
        if question.choices is not None:
            return answers
        return [
            replace(answer, checks=self.check(answer.text, example.recordings))
            for answer, example in zip(answers, examples, strict=True)
        ]

    @torch.no_grad()
    def answer_context(self, context: Context, question: Question, **options: Any) -> list[Answer]:
        """Answer from prompts that have been read."""
        if question.choices is None:
            texts = [self.lm.dialogue.decode(ids) for ids in self.lm.generate(context, **options)]
            return [Answer(text, question.task.parse(text), None) for text in texts]
        return [closed_answer(question, scores) for scores in self.score(context, question.sentences)]

    def choice_scores(self, context: Context, question: Question) -> Tensor:
        """Return the calibrated score (B, n) of each choice of a closed question; a softmax makes probabilities."""
        return calibrated(question, self.score(context, question.sentences))

    def log_odds(self, context: Context, question: Question, answer: Answer) -> Tensor:
        """Return the log-odds (B,) of an answer behind prompts that have been read, nats.

        Of a choice against the others; of free text, by its tokens and the one that ends it, against any other text.
        """
        if question.choices is None:
            logs = self.score(context, [answer.text])[:, 0].clamp(max=_CERTAIN)
            return logs - torch.log(-torch.expm1(logs))
        scores = self.choice_scores(context, question)
        chosen = question.choices.index(answer.label or "")
        others = [number for number in range(len(question.choices)) if number != chosen]
        return scores[:, chosen] - scores[:, others].logsumexp(-1)

    @torch.no_grad()
    def reliance(
        self,
        question: Question,
        answer: Answer,
        recordings: Mapping[SignalPlace, SignalInput],
        write: WriteExample,
        usual: float | None = None,
    ) -> Reliance | None:
        """How much likelier an answer is than for other recordings; None where this run keeps none.

        Parameters
        ----------
        question, answer
            What was asked and said.
        recordings
            What it was asked about.
        write
            Writes the same question about given recordings.
        usual
            What :meth:`usual` returned for this answer, where it is known.
        """
        if not any(one.values is None or np.isfinite(one.values).any() for one in recordings.values()):
            return NOTHING_OBSERVED
        calibration = self.calibrations.get(self.tasks.index(question.task))
        if calibration is None or calibration.reliance is None or not calibration.recordings or not answer.text:
            return None
        usual = self._usual(calibration, question, answer, list(recordings), write) if usual is None else usual
        own = answer.confidence
        if own is None:
            own = float(self.log_odds(self.read([write(recordings)]), question, answer).sigmoid())
        return Reliance(float(changes(np.array(own), np.array(usual))), calibration.reliance.threshold)

    def usual(
        self, question: Question, answer: Answer, places: Sequence[SignalPlace], write: WriteExample
    ) -> float | None:
        """How likely an answer is for the recordings that a run keeps; None where it keeps none."""
        calibration = self.calibrations.get(self.tasks.index(question.task))
        kept = calibration is not None and calibration.recordings
        return self._usual(calibration, question, answer, places, write) if calibration and kept else None

    @torch.no_grad()
    def _usual(
        self,
        calibration: Calibration,
        question: Question,
        answer: Answer,
        places: Sequence[SignalPlace],
        write: WriteExample,
    ) -> float:
        if question.calibrated_labels:  # it is known from the start
            labels = [question.task.labels.index(choice) for choice in question.choices or ()]
            mean = calibration.answers[:, labels].mean(axis=0)
            return float(mean[(question.choices or ()).index(answer.label or "")] / mean.sum())
        kept = calibration.recordings
        others = [
            {place: kept[(row + place.index) % len(kept)][place.name] for place in places}
            for row in spread(kept, _OTHERS)
        ]
        return float(self.log_odds(self.read([write(one) for one in others]), question, answer).sigmoid().mean())


def check_options(question: Question, options: Mapping[str, Any]) -> None:
    """Refuse options that are unknown, or that a closed question has no use for.

    Raises
    ------
    ArgumentError
        Naming the option.
    """
    further = [name for name in options if name not in OPTIONS]
    own = GenerationConfig().to_dict()
    check_known("option", [name for name in further if name not in own], [*ArrayClock.names(), *OPTIONS])
    if options and question.choices is not None:
        raise ArgumentError(
            f"{', '.join(options)}: only free text takes such options, but this question is closed, with the choices "
            f"{', '.join(question.choices)}; leave them out, or ask in other words"
        )
