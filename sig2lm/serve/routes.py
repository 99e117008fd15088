"""The routes of the API."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from sig2lm.serve import schemas
from sig2lm.serve.failures import RequestError
from sig2lm.serve.recordings import FIELDS
from sig2lm.serve.replies import Reply
from sig2lm.serve.service import Service
from sig2lm.serve.store import KeptSignal

_Result = TypeVar("_Result")
_MOST_FILES = 64
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.ErrorBody} for status in (400, 401, 403, 404, 413, 422, 429, 503)
}
_FILES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {"file": _FILES} | {name: {"type": "string"} for name in FIELDS}}
_UPLOAD = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/SignalPayload"}},
        "multipart/form-data": {"schema": {**_FORM, "required": ["file"], "additionalProperties": False}},
    },
}

public = APIRouter()
"""What is answered without a key."""

guarded = APIRouter(dependencies=[Security(HTTPBearer(auto_error=False))], responses=_ERRORS)
"""What needs one, where there are keys; the gate has seen to it."""


@public.get("/health", responses={503: {"model": schemas.Health}})
async def health(request: Request, response: Response) -> schemas.Health:
    """Say whether questions are answered."""
    service = _service(request)
    running = service.engine.is_running
    response.status_code = 200 if running else 503
    return schemas.Health(status="ok" if running else "stopping", model=service.settings.name)


@guarded.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return what was counted, for Prometheus."""
    service = _service(request)
    service.metrics.kept.set(len(service.store))
    service.metrics.kept_bytes.set(service.store.num_bytes)
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


@guarded.get("/v1/models")
async def list_models(request: Request) -> schemas.ModelList:
    """List the one model that is served."""
    return schemas.ModelList(data=[_service(request).card()])


@guarded.get("/v1/models/{model:path}")
async def get_model(model: str, request: Request) -> schemas.ModelCard:
    """Say what a model reads and answers."""
    _check_model(_service(request), model)
    return _service(request).card()


@guarded.post("/v1/signals", openapi_extra={"requestBody": _UPLOAD})
async def upload_signal(request: Request) -> schemas.SignalCard:
    """Keep a recording, sent as numbers (JSON) or as files (multipart), and read it once for many questions."""
    service = _service(request)
    reader = service.reader(request.scope["owner"])
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await request.body()
        signal = await run_in_threadpool(lambda: reader.from_numbers(schemas.SignalPayload.model_validate_json(body)))
    elif kind == "multipart/form-data":
        async with request.form(max_files=_MOST_FILES, max_fields=len(FIELDS)) as form:
            items = form.multi_items()
            files = [(part.filename or "", part.file) for _, part in items if isinstance(part, UploadFile)]
            fields = {name: part for name, part in items if isinstance(part, str)}
            if wrong := [name for name, part in items if isinstance(part, UploadFile) != (name == "file")]:
                raise RequestError(
                    422, f"expected files in 'file' and text elsewhere, found '{wrong[0][:80]}'", param="file"
                )
            signal = await run_in_threadpool(reader.from_files, files, fields)
    else:
        raise RequestError(422, f"expected application/json or multipart/form-data, found {kind[:80] or 'no type'}")
    return _signal_card(await service.keep(signal))


@guarded.get("/v1/signals/{id}")
async def get_signal(id: str, request: Request) -> schemas.SignalCard:
    """Say what is kept under an id."""
    return _signal_card(_service(request).store.get(id, request.scope["owner"]))


@guarded.delete("/v1/signals/{id}")
async def delete_signal(id: str, request: Request) -> schemas.Deleted:
    """Let a recording go."""
    _service(request).store.remove(id, request.scope["owner"])
    return schemas.Deleted(id=id)


@guarded.post(
    "/v1/chat/completions",
    response_model=schemas.ChatCompletion,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def complete(body: schemas.ChatRequest, request: Request) -> Any:
    """Answer the last question of a conversation about recordings, whole or as a stream."""
    service = _service(request)
    _check_model(service, body.model)
    ask = await run_in_threadpool(service.asker(request.scope["owner"]).ask, body)
    reply = Reply(service, ask, body)
    try:
        if not body.stream:
            return await _unless_gone(request, reply.whole())
        pieces = await _unless_gone(request, reply.stream())
    except BaseException:
        reply.abandon()
        raise
    return StreamingResponse(pieces, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Wait for work as long as the client does.

    Raises
    ------
    RequestError
        If it went away, which nobody hears.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestError(400, "the client went away")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _check_model(service: Service, name: str) -> None:
    if name != service.settings.name:
        message = f"expected the model '{service.settings.name}', found '{name[:80]}'; see /v1/models"
        raise RequestError(404, message, param="model", code="model_not_found")


def _signal_card(kept: KeptSignal) -> schemas.SignalCard:
    signal = kept.signal
    return schemas.SignalCard(
        id=kept.id,
        created=kept.created,
        name=kept.name,
        channels=list(signal.channels),
        units=list(signal.units),
        sampling_rate=signal.sampling_rate,
        period=signal.period,
        num_samples=signal.num_samples,
        prefilled=kept.beginning is not None,
        notes=list(kept.notes),
    )
