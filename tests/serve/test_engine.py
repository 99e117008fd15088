"""Questions that arrive together are answered as if each had come alone."""

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from tiny import motion

from sig2lm.model.signal_lm import SignalLM
from sig2lm.serve.asking import Ask
from sig2lm.serve.engine import Engine, Event, Failed, Finished, Piece
from sig2lm.serve.failures import RequestError
from sig2lm.serve.metrics import Metrics
from sig2lm.serve.schemas import ChatRequest
from sig2lm.serve.service import Service
from sig2lm.serve.settings import ServeSettings


@contextmanager
def engine(model: SignalLM, **limits: Any) -> Iterator[tuple[Engine, Metrics]]:
    metrics = Metrics()
    one = Engine(model, ServeSettings("tiny", gather_seconds=0.05, **limits), metrics)
    try:
        yield one, metrics
    finally:
        one.close()


def asks(model: SignalLM) -> list[Ask]:
    """Closed and free questions, drawn ones, second turns, recordings that are kept and not."""
    service = Service(model, ServeSettings("tiny"))
    asker = service.asker(0)
    found = []
    for seed in range(3):
        signal = motion(40 + 24 * seed, seed, missing=0.1)
        payload = {"values": [[None if x != x else x for x in row] for row in signal.values.tolist()]}
        part: dict[str, Any] = {"type": "signal", "signal": payload | {"sampling_rate": 50.0}}
        if seed % 2:
            kept = service.reader(0).from_numbers(
                ChatRequest.model_validate(request([part], "?")).messages[0].content[0].signal
            )
            object.__setattr__(kept, "beginning", service._beginning(asker.first_question(kept)))
            service.store.add(kept)
            part = {"type": "signal", "signal_id": kept.id}
        for question, further in (
            ("What is it?", {}),
            ("Which one?", {}),
            ("Is the person walking?", {"choices": ["yes", "no", "perhaps"]}),
            ("Describe it.", {"max_tokens": 6 + 5 * seed}),
            ("Describe the movement in some more words.", {"max_tokens": 16}),
            ("Draw words.", {"temperature": 1.5, "seed": seed, "max_tokens": 12}),
        ):
            found.append(asker.ask(ChatRequest.model_validate(request([part], question, **further))))
        later = [{"role": "assistant", "content": "up"}, {"role": "user", "content": "Which one?"}]
        found.append(asker.ask(ChatRequest.model_validate(request([part], "What is it?", later))))
    service.close()
    assert any(ask.beginning is not None for ask in found)
    return found


def request(parts: list[Any], text: str, later: Sequence[Any] = (), **further: Any) -> dict[str, Any]:
    content = [*parts, {"type": "text", "text": text}]
    return {"model": "tiny", "messages": [{"role": "user", "content": content}, *later], **further}


def answered(engine: Engine, asks: Sequence[Ask]) -> list[Finished]:
    """Ask everything at once and wait for all of it."""
    events: list[queue.Queue[Event]] = [queue.Queue() for _ in asks]
    for ask, one in zip(asks, events, strict=True):
        engine.submit(ask, one.put)
    return [last(one) for one in events]


def last(events: "queue.Queue[Event]") -> Finished:
    said = ""
    while isinstance(event := events.get(timeout=60), Piece):
        said += event.text
    assert isinstance(event, Finished), event
    assert event.answer.probabilities is not None or event.answer.text == said
    return event


def test_answers_do_not_depend_on_the_batch(model: SignalLM) -> None:
    questions = asks(model)
    with engine(model, max_batch=1) as (one_by_one, _):
        alone = answered(one_by_one, questions)
    with engine(model, max_batch=64) as (together, metrics):
        batched = answered(together, questions)
    batches = next(line for line in metrics.text().decode().splitlines() if line.startswith("sig2lm_batch_size_count"))
    assert float(batches.split()[-1]) < len(questions) / 2
    assert any(one.answer.probabilities for one in alone)
    assert any(one.cut for one in alone)
    for first, second in zip(alone, batched, strict=True):
        assert (first.answer.text, first.completion_tokens, first.cut) == (
            second.answer.text,
            second.completion_tokens,
            second.cut,
        )
        assert first.answer.probabilities == (
            None if second.answer.probabilities is None else pytest.approx(second.answer.probabilities, abs=1e-5)
        )


def test_what_fails_fails_alone(model: SignalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [ask for ask in asks(model) if ask.is_closed][:3]
    score = type(model).score

    def fails_together(self: SignalLM, context: Any, sentences: Any) -> Any:
        if len(context.input_ids) > 1:
            raise RuntimeError("out of memory")
        return score(self, context, sentences)

    monkeypatch.setattr(type(model), "score", fails_together)
    too_long = Ask(questions[0].task, questions[0].recordings, questions[0].turns, "up" * 600, ("up", "down" * 600))
    with engine(model) as (one, _):
        events: queue.Queue[Event] = queue.Queue()
        one.submit(too_long, events.put)
        assert [found.answer.label for found in answered(one, questions)]
        event = events.get(timeout=60)
    assert isinstance(event, Failed)
    assert "reads at most" in str(event.error)


def test_too_many_are_refused_and_room_comes_back(model: SignalLM) -> None:
    question, held = asks(model)[0], threading.Event()
    with engine(model, max_waiting=2) as (one, _):
        waiting = one.call(held.wait)
        events: queue.Queue[Event] = queue.Queue()
        one.submit(question, events.put)
        with pytest.raises(RequestError, match="at most 2 questions") as refused:
            one.submit(question, events.put)
        assert refused.value.status == 429
        assert refused.value.headers["Retry-After"] == "1"
        held.set()
        waiting.result(60)
        last(events)
        assert answered(one, [question])


def test_nobody_writes_for_a_client_that_left(model: SignalLM) -> None:
    question = next(ask for ask in asks(model) if not ask.is_closed)
    long = Ask(question.task, question.recordings, question.turns, "Why?", None, {"max_new_tokens": 400})
    events: queue.Queue[Event] = queue.Queue()
    with engine(model) as (one, metrics):
        job = one.submit(long, events.put)
        events.get(timeout=60)
        job.abandoned = True
    assert b"sig2lm_questions_under_way 0.0" in metrics.text()
    written = next(
        line for line in metrics.text().decode().splitlines() if line.startswith("sig2lm_generated_tokens_t")
    )
    assert float(written.split()[-1]) < 300


def test_closing_finishes_what_is_under_way(model: SignalLM) -> None:
    questions = asks(model)
    events: list[queue.Queue[Event]] = [queue.Queue() for _ in questions]
    with engine(model, max_batch=4) as (one, _):
        for ask, to in zip(questions, events, strict=True):
            one.submit(ask, to.put)
    assert not one.is_running
    assert all(last(to).answer.text is not None for to in events)
    with pytest.raises(RequestError, match="about to stop"):
        one.submit(questions[0], events[0].put)
