"""Serving the page: one port, headers that keep a browser from asking anybody else, and nothing left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from sig2lm.model.signal_lm import SignalLM
from sig2lm.ports import is_loopback
from sig2lm.tokenization.tokenizer import TextTokenizer
from sig2lm.web import markup
from sig2lm.web.app import build_page
from sig2lm.web.sessions import Sessions
from sig2lm.web.theme import theme

_GRACE = 3  # seconds that open connections have when the server ends
_AROUND = 64_000  # bytes of a request beside its file
_QUEUE = 64  # questions that may wait
# The page asks this server only, whatever Gradio's components or a text might refer to.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_FILES = ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/stream/", "/gradio_api/proxy=", "/file=", "/proxy=")
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """What a page may ask of the server.

    Attributes
    ----------
    megabytes
        Of an uploaded file.
    seconds
        That an answer may take to be written.
    idle_minutes
        After which a page that nobody uses is forgotten.
    sessions
        Pages that may be open.
    """

    megabytes: float = 64.0
    seconds: float = 120.0
    idle_minutes: float = 60.0
    sessions: int = 200


class Guard:
    """Adds the headers, hands out no uploaded file (nothing on the page needs one), takes none that is too large."""

    def __init__(self, app: Any, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in _HEADERS}
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
                message["headers"] = [*kept, *_HEADERS]
            await send(message)

        if scope["path"].startswith(_FILES):
            await with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"no such file"})
            return
        if _announced(scope) > self.most:  # before a byte of it is read
            await with_headers({"type": "http.response.start", "status": 413, "headers": []})
            await send({"type": "http.response.body", "body": b"too large"})
            return
        await self.app(scope, receive, with_headers)


def _announced(scope: Scope) -> int:
    """How long a request says that it is; 0 where it does not."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def build_app(
    model: SignalLM, run: str, sessions: Sessions, tokenizers: dict[str, TextTokenizer], limits: Limits, host: str
) -> FastAPI:
    """Make the application that serves a run's page.

    Parameters
    ----------
    model, run, sessions, tokenizers
        As :func:`sig2lm.web.app.build_page` takes them.
    limits
        What a page may ask for.
    host
        Where it listens; on a loopback address, requests that call it otherwise are refused.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(sessions.folder / "uploads")
    page = build_page(model, run, sessions, tokenizers)
    page.queue(max_size=_QUEUE, api_open=False)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=int(limits.megabytes * 1_000_000),
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        head=f"<style>{markup.style()}</style>",  # Gradio would rewrite the rules of its own option for styles
    )
    if is_loopback(host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK)
    app.add_middleware(Guard, most=int(limits.megabytes * 1_000_000) + _AROUND)
    return app


def serve(app: FastAPI, found: socket.socket) -> None:
    """Answer requests until an interruption."""
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=_GRACE)
    uvicorn.Server(config).run(sockets=[found])
