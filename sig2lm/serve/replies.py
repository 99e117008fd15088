"""What comes of a question, as OpenAI's API returns it: one answer, or a stream of pieces."""

import asyncio
import json
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from sig2lm.errors import Sig2LMError
from sig2lm.serve import schemas
from sig2lm.serve.asking import Ask
from sig2lm.serve.engine import Event, Failed, Finished, Job, Piece
from sig2lm.serve.failures import RequestError, error_object
from sig2lm.serve.service import Service


class Reply:
    """One question on its way, for the event loop that waits for it.

    Parameters
    ----------
    service
        Who answers.
    ask
        The question.
    request
        As it was sent.

    Raises
    ------
    RequestError
        If too many are under way.
    """

    def __init__(self, service: Service, ask: Ask, request: schemas.ChatRequest) -> None:
        self._service, self._ask, self._request = service, ask, request
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": request.model,
        }
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._job: Job = service.engine.submit(ask, self._deliver)

    def _deliver(self, event: Event) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def abandon(self) -> None:
        """Say that nobody waits any more: nothing more is written for it."""
        self._job.abandoned = True

    async def whole(self) -> schemas.ChatCompletion:
        """Return the whole answer.

        Raises
        ------
        Exception
            What the model raised.
        """
        while isinstance(event := await self._event(), Piece):
            pass
        choice = schemas.Choice(message=schemas.Said(content=event.answer.text), finish_reason=_reason(event))
        return schemas.ChatCompletion(
            **self._head, choices=[choice], usage=_usage(event), sig2lm=await self._details(event)
        )

    async def stream(self) -> AsyncIterator[str]:
        """Return the answer as server-sent events; what fails before its first piece is raised here.

        Raises
        ------
        Exception
            What the model raised.
        """
        return self._pieces(await self._event())

    async def _pieces(self, event: Piece | Finished) -> AsyncIterator[str]:
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            while isinstance(event, Piece):
                yield self._chunk({"content": event.text})
                event = await self._event()
            if event.answer.probabilities is not None:
                yield self._chunk({"content": event.answer.text})
            details = (await self._details(event)).model_dump()
            yield self._chunk({}, finish_reason=_reason(event), sig2lm=details)
            if self._request.stream_options is not None and self._request.stream_options.include_usage:
                yield self._data({"choices": [], "usage": _usage(event).model_dump()})
            yield "data: [DONE]\n\n"
        except Exception as error:  # the status is sent already, so the line is all that can be said
            known = isinstance(error, Sig2LMError)
            status = error.status if isinstance(error, RequestError) else 422 if known else 500
            message = str(error) if known else "the answer failed; ask again"
            yield f"data: {json.dumps(error_object(status, message))}\n\n"
        finally:
            self.abandon()

    async def _event(self) -> Piece | Finished:
        event = await self._events.get()
        if isinstance(event, Failed):
            raise event.error
        return event

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **further: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._data({"choices": [choice], **further})

    def _data(self, content: dict[str, Any]) -> str:
        chunk = {**self._head, "object": "chat.completion.chunk", **content}
        return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"

    async def _details(self, event: Finished) -> schemas.Details:
        """What is known of an answer beside its text."""
        answer, notes = event.answer, list(self._ask.notes)
        if answer.probabilities is None:
            found = list(await run_in_threadpool(self._service.model.check, answer.text, self._ask.recordings))
            return schemas.Details(
                label=answer.label,
                probabilities=None,
                logprobs=None,
                checks=found,
                relies_on_signal=answer.relies_on_signal,
                notes=notes,
            )
        if unused := [name for name in _OF_FREE_TEXT if getattr(self._request, name) is not None]:
            notes.append(f"answered by the likelihood of the choices, which has no use for {', '.join(unused)}")
        logs = {label: math.log(max(share, 1e-300)) for label, share in answer.probabilities.items()}
        return schemas.Details(
            label=answer.label,
            probabilities=answer.probabilities,
            logprobs=logs,
            label_set=None if answer.label_set is None else list(answer.label_set),
            relies_on_signal=answer.relies_on_signal,
            notes=notes,
        )


_OF_FREE_TEXT = ("max_tokens", "max_completion_tokens", "temperature", "top_p", "seed")


def _reason(event: Finished) -> Any:
    return "length" if event.cut else "stop"


def _usage(event: Finished) -> schemas.Usage:
    total = event.prompt_tokens + event.completion_tokens
    return schemas.Usage(
        prompt_tokens=event.prompt_tokens, completion_tokens=event.completion_tokens, total_tokens=total
    )
