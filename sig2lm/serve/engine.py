"""One thread that runs the model: questions that arrive together are read in one batch.

Closed questions are answered at once; free texts are written a token at a time, all of them in turn, and between two
tokens new questions are taken in, so that no question waits for a long text to end. Every question is prepared apart,
and a batch that fails is read again row by row, so that none can spoil the others.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from sig2lm.errors import PromptError, Sig2LMError
from sig2lm.lm import TextStream
from sig2lm.lm.generation import NEW_TOKENS
from sig2lm.model.answer import Answer, closed_answer
from sig2lm.model.answering import QuestionAnswerer, check_options
from sig2lm.model.beginnings import read_from
from sig2lm.model.examples import Example, SignalInput
from sig2lm.serve.asking import Ask
from sig2lm.serve.failures import RequestError
from sig2lm.serve.metrics import Metrics
from sig2lm.serve.settings import ServeSettings
from sig2lm.templates.task import Question
from sig2lm.templates.turns import SignalPlace

_logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Piece:
    """Some text of an answer that is being written."""

    text: str


@dataclass(frozen=True)
class Finished:
    """A whole answer.

    Attributes
    ----------
    answer
        What the model said.
    prompt_tokens, completion_tokens
        What was read and written, virtual tokens included.
    cut
        Whether the text ended because it was as long as it may be.
    """

    answer: Answer
    prompt_tokens: int
    completion_tokens: int
    cut: bool = False


@dataclass(frozen=True)
class Failed:
    """What came instead of an answer."""

    error: Exception


Event = Piece | Finished | Failed


@dataclass(eq=False)
class Job:
    """A question on its way through the engine.

    Attributes
    ----------
    ask
        The question.
    deliver
        Gets what comes of it, in the engine's thread.
    abandoned
        Whether nobody waits for the answer any more.
    """

    ask: Ask
    deliver: Callable[[Event], None]
    abandoned: bool = False
    started: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True)
class _Ready:
    """A job whose prompt is written."""

    job: Job
    question: Question
    example: Example

    @property
    def length(self) -> int:
        """Tokens of the prompt, virtual ones included."""
        return len(self.example.prompt.input_ids)

    @property
    def max_new_tokens(self) -> int:
        """Of a free text."""
        return int((self.job.ask.options or {}).get("max_new_tokens", NEW_TOKENS))

    @property
    def group(self) -> tuple[Any, ...]:
        """What questions that are answered together have in common; a text that is drawn at random stands alone."""
        if self.question.choices is not None:
            return ("closed", *self.question.sentences)
        options = self.job.ask.options or {}
        if options.get("do_sample"):
            return ("drawn", id(self.job))
        return ("open", *sorted(options.items()))


class Engine:
    """Answers questions with a model, many at a time.

    Parameters
    ----------
    model
        Who is asked; nobody else may run it meanwhile.
    settings
        How many questions are under way at once, and how many are read together.
    metrics
        Where it counts.
    """

    def __init__(self, model: QuestionAnswerer, settings: ServeSettings, metrics: Metrics) -> None:
        self._model, self._settings, self._metrics = model, settings, metrics
        self._queue: queue.SimpleQueue[Job | _Call[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._under_way, self._closed = 0, False
        self._thread = threading.Thread(target=self._run, name="sig2lm-engine", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether questions are taken."""
        return not self._closed and self._thread.is_alive()

    def submit(self, ask: Ask, deliver: Callable[[Event], None]) -> Job:
        """Put a question in line; ``deliver`` gets pieces of text, then the whole answer or a failure.

        Raises
        ------
        RequestError
            If too many are under way (429), or the server is about to stop (503).
        """
        job = Job(ask, deliver)
        self._admit()
        self._queue.put(job)
        return job

    def call(self, function: Callable[[], _Result]) -> Future[_Result]:
        """Run a function of the model in the engine's thread, between questions.

        Raises
        ------
        RequestError
            As :meth:`submit`.
        """
        call = _Call(function)
        self._admit()
        self._queue.put(call)
        return call

    def close(self) -> None:
        """Take no more questions, finish those under way, and end the thread."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            self._queue.put(None)
        self._thread.join()

    def _admit(self) -> None:
        with self._lock:
            if self._closed or not self._thread.is_alive():
                raise RequestError(503, "the server is about to stop; ask again later", headers={"Retry-After": "5"})
            if self._under_way >= self._settings.max_waiting:
                raise RequestError(
                    429,
                    f"expected at most {self._settings.max_waiting} questions at once, which are under way; ask later",
                    code="too_many_questions",
                    headers={"Retry-After": "1"},
                )
            self._under_way += 1
            self._metrics.under_way.set(self._under_way)

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1
            self._metrics.under_way.set(self._under_way)

    def _run(self) -> None:
        self._model.eval()
        writing: list[_Writing] = []
        while True:
            arrived, last = self._arrived(wait=not writing)
            for call in arrived:
                if isinstance(call, _Call):
                    call.run()
                    self._leave()
            for group in self._groups(job for job in arrived if isinstance(job, Job)):
                writing += self._begin(group)
            writing = [one for one in writing if self._step(one)]
            if last:
                self._queue.put(None)  # until the texts that are being written are finished
                if not writing:
                    return

    def _arrived(self, wait: bool) -> "tuple[list[Job | _Call[Any]], bool]":
        """What came in, and whether it is the last: the first is waited for if nothing else is to be done."""
        found: list[Job | _Call[Any] | None] = []
        with suppress(queue.Empty):
            found.append(self._queue.get(block=wait))
            until = time.perf_counter() + self._settings.gather_seconds
            while found[-1] is not None and len(found) < self._settings.max_batch:
                left = max(until - time.perf_counter(), 0)
                found.append(self._queue.get(block=wait and left > 0, timeout=left))
        return [one for one in found if one is not None], None in found

    def _groups(self, jobs: Iterable[Job]) -> list[list[_Ready]]:
        """Prepare jobs and gather those that are answered alike."""
        groups: dict[tuple[Any, ...], list[_Ready]] = {}
        for job in jobs:
            if job.abandoned:
                self._leave()
                continue
            try:
                ready = self._prepare(job)
                groups.setdefault(ready.group, []).append(ready)
            except Exception as error:
                self._fail(job, error)
        return list(groups.values())

    @torch.no_grad()
    def _prepare(self, job: Job) -> _Ready:
        ask, lm = job.ask, self._model.lm
        alone = ask.is_first and not any(place.index for place in ask.recordings)
        question = self._model.question(ask.task, ask.question, ask.choices, alone)
        if question.choices is None:
            check_options(question, ask.options or {})
        if ask.coverage is not None:
            if not ask.is_first:
                raise PromptError("a coverage is promised for the first question of a conversation only; leave it out")
            self._model.conformity(question, ask.coverage)
        if not ask.is_first:  # what came before sways the answer too, and nothing is known of how
            question = replace(question, offsets=None)
        prompt = lm.dialogue.encode(ask.turns, self._model.prompter(ask.task).sizes(ask.recordings))
        lm.check_length(len(prompt.input_ids) + 1)
        return _Ready(job, question, Example(prompt, ask.recordings))

    def _begin(self, group: list[_Ready]) -> "list[_Writing]":
        """Answer closed questions, and begin to write free texts; what fails together is tried row by row."""
        self._metrics.batch.observe(len(group))
        try:
            with torch.no_grad():
                return self._read(group)
        except Exception as error:
            if len(group) > 1:
                return [writing for one in group for writing in self._begin([one])]
            self._fail(group[0].job, error)
            return []

    def _read(self, group: list[_Ready]) -> "list[_Writing]":
        lm, sentences = self._model.lm, group[0].question.sentences
        context = read_from(self._model, [one.example for one in group], [one.job.ask.beginning for one in group])
        if not sentences:
            if len(group) > 1 and not lm.has_room(context, group[0].max_new_tokens):
                return [writing for one in group for writing in self._read([one])]  # padding would shorten texts
            return [_Writing(self._model, group, context)]
        answers = [
            self._covered(one, closed_answer(one.question, scores))
            for one, scores in zip(group, self._model.score(context, sentences), strict=True)
        ]
        lengths = {text: len(lm.dialogue.encode_answer(text)) for text in sentences}
        for one, answer in zip(group, answers, strict=True):
            self._finish(one, Finished(answer, one.length, lengths[answer.text]), "closed")
        return []

    def _covered(self, one: _Ready, answer: Answer) -> Answer:
        """An answer with its set of labels, where a coverage was asked for."""
        coverage = one.job.ask.coverage
        if coverage is None:
            return answer
        conformity = self._model.conformity(one.question, coverage)
        return replace(answer, label_set=conformity.label_set(answer.probabilities or {}, coverage))

    def _relying(self, one: _Ready, answer: Answer) -> Answer:
        """An answer with whether it relies on its signal: of labels, and where it is asked for, as it takes longer."""
        ask, model = one.job.ask, self._model
        if not one.question.calibrated_labels and not ask.reliance:
            return answer

        def write(recordings: Mapping[SignalPlace, SignalInput]) -> Example:
            sizes = model.prompter(ask.task).sizes(recordings)
            return Example(model.lm.dialogue.encode(ask.turns_about(model, recordings), sizes), recordings)

        return replace(answer, reliance=model.reliance(one.question, answer, ask.recordings, write))

    def _step(self, writing: "_Writing") -> bool:
        """Write a token of each text; whether any is left."""
        try:
            for one, event in writing.step():
                if isinstance(event, Finished):
                    self._metrics.tokens.inc(event.completion_tokens)
                    self._finish(one, event, "open")
                else:
                    one.job.deliver(event)
        except Exception as error:
            for job in writing.unfinished:
                self._fail(job, error)
            return False
        return bool(writing.unfinished)

    def _finish(self, one: _Ready, event: Finished, kind: str) -> None:
        try:
            event = replace(event, answer=self._relying(one, event.answer))
        except Exception as error:
            self._fail(one.job, error)
            return
        self._leave()
        self._metrics.seconds.labels(kind).observe(time.perf_counter() - one.job.started)
        one.job.deliver(event)

    def _fail(self, job: Job, error: Exception) -> None:
        if not isinstance(error, Sig2LMError):
            _logger.error("a question failed", exc_info=error)
        self._leave()
        job.deliver(Failed(error))


class _Call(Future[_Result]):
    """A function to be run in the engine's thread."""

    def __init__(self, function: Callable[[], _Result]) -> None:
        super().__init__()
        self._function = function

    def run(self) -> None:
        """Run it, unless nobody waits for it any more."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(self._function())
        except Exception as error:
            self.set_exception(error)


class _Writing:
    """Free texts that are being written, row by row of one context."""

    def __init__(self, model: QuestionAnswerer, group: Sequence[_Ready], context: Any) -> None:
        ask, lm = group[0].job.ask, model.lm
        self._lm = lm
        options: Mapping[str, Any] = ask.options or {}
        generator = None
        if options.get("do_sample"):
            generator = torch.Generator(lm.device)
            generator.seed() if ask.seed is None else generator.manual_seed(ask.seed)
        self._rows = {number: (one, TextStream(lm.dialogue)) for number, one in enumerate(group)}
        self._tokens = lm.write(context, generator=generator, **options)

    @property
    def unfinished(self) -> list[Job]:
        """Jobs whose text is not whole; who left is not waited for."""
        return [one.job for one, _ in self._rows.values()]

    def step(self) -> Iterator[tuple[_Ready, Piece | Finished]]:
        """Write a token in each row and yield what it gives."""
        tokens = None if all(job.abandoned for job in self.unfinished) else next(self._tokens, None)
        if tokens is None:
            tokens = dict.fromkeys(self._rows)
        for number, token in tokens.items():
            if number not in self._rows:
                continue
            one, stream = self._rows[number]
            if token is None:
                del self._rows[number]
            piece = stream.finish() if token is None else stream.push(token)
            if piece:
                yield one, Piece(piece)
            if token is None:
                answer = Answer(stream.text, one.job.ask.task.parse(stream.text), None)
                yield one, Finished(answer, one.length, len(stream.ids), self._is_cut(one, stream))

    def _is_cut(self, one: _Ready, stream: TextStream) -> bool:
        """Whether a text is as long as it may be, or as the LM has positions for."""
        limit = self._lm.max_length
        return len(stream.ids) >= min(one.max_new_tokens, one.max_new_tokens if limit is None else limit - one.length)
