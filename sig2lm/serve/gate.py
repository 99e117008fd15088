"""Who may ask, and how large a request may be: decided on its head, before anything of it is read."""

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sig2lm.serve.failures import RequestError, refused
from sig2lm.serve.settings import MEGABYTE

_OPEN = ("/health",)
_LOCAL = {"localhost", "127.0.0.1", "::1", "testserver"}


class Gate:
    """Lets requests through that name a key, or come to this machine's own address where none is needed.

    The key's number stands in ``scope["owner"]`` behind the gate. Without keys, a page from elsewhere could reach this
    machine by a name of its own that leads here; so the name must be one of this machine's.

    Parameters
    ----------
    app
        What is behind the gate.
    keys
        Any of these opens it; without one, only requests to this machine's own names pass.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self.app, self.keys = app, [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            scope["owner"] = self._owner(scope)
        except RequestError as error:
            await refused(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _owner(self, scope: Scope) -> int:
        headers = Headers(scope=scope)
        if not self.keys:
            host = headers.get("host", "")
            if _host_name(host) not in _LOCAL:
                raise RequestError(
                    403, "expected a request to 127.0.0.1 or localhost; set SIG2LM_API_KEY to serve others"
                )
            return 0
        if scope["path"] in _OPEN:
            return 0
        kind, _, sent = headers.get("authorization", "").partition(" ")
        matching = [secrets.compare_digest(sent.strip().encode("latin-1", "replace"), key) for key in self.keys]
        if kind.lower() != "bearer" or not any(matching):
            raise RequestError(
                401,
                "expected the header 'Authorization: Bearer KEY' with a key of this server, found none or another",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return matching.index(True)


class BodyLimit:
    """Answers 413 to a body that is too large: by what its head says, or when it grows past the limit.

    Parameters
    ----------
    app
        What reads the body.
    max_bytes
        How much of it.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and (len(said) > 18 or int(said) > self.max_bytes):
            await refused(self._too_large())(scope, receive, send)
            return
        passed, over = 0, False

        async def counted() -> Message:
            nonlocal passed, over
            message = await receive()
            passed += len(message.get("body", b""))
            if passed > self.max_bytes:
                over = True
                raise self._too_large()
            return message

        async def answered(message: Message) -> None:
            if not over:
                await send(message)

        try:
            await self.app(scope, counted, answered)
        except RequestError:
            if not over:
                raise
        if over:
            await refused(self._too_large())(scope, receive, send)

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"expected a request of at most {self.max_bytes / MEGABYTE:g} MB, found a larger one; send a shorter "
            "recording, or start the server with --max-megabytes",
        )


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
