"""The API as an ASGI app: routes behind a gate, and what goes wrong as one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from sig2lm._version import __version__
from sig2lm.errors import Sig2LMError
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.serve.failures import failure, refused
from sig2lm.serve.gate import BodyLimit, Gate
from sig2lm.serve.metrics import CountRequests
from sig2lm.serve.routes import guarded, public
from sig2lm.serve.service import Service
from sig2lm.serve.settings import ServeSettings


def create_app(model: QuestionAnswerer, settings: ServeSettings) -> FastAPI:
    """Return the API over a model.

    Parameters
    ----------
    model
        Who is asked; nobody else may run it meanwhile.
    settings
        Limits, and whose requests are answered.
    """
    service = Service(model, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="sig2lm",
        version=__version__,
        summary="Questions about recordings, answered by a frozen language model.",
        lifespan=lifespan,
        docs_url=None,  # the pages that FastAPI brings fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(public)
    app.include_router(guarded)
    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes)
    app.add_middleware(Gate, keys=settings.keys)
    app.add_middleware(CountRequests, metrics=service.metrics)
    handlers: dict[type[Exception], Any] = {
        Sig2LMError: _refused,
        RequestValidationError: _invalid,
        ValidationError: _invalid,
        HTTPException: _http,
        Exception: _bug,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    return app


async def _refused(_: Request, error: Sig2LMError) -> JSONResponse:
    return refused(error)


async def _invalid(_: Request, error: RequestValidationError | ValidationError) -> JSONResponse:
    """Name a field that is wrong, and why."""
    deepest = max(error.errors(), key=lambda one: len(one["loc"]))  # of a union, the kind that was meant
    parts = [str(part) for part in deepest["loc"] if part != "body"]
    place = ".".join(part for part in parts if part.replace("_", "").isalnum()) or None  # without names of types
    return failure(422, f"{place or 'the request'}: {deepest['msg']}", place)


async def _http(_: Request, error: HTTPException) -> JSONResponse:
    return failure(error.status_code, str(error.detail), headers=error.headers)


async def _bug(_: Request, error: Exception) -> JSONResponse:
    return failure(500, "the server failed; its log says why")
