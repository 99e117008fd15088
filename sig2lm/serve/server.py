"""A socket with the API behind it, until a signal ends it."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI

from sig2lm.errors import Sig2LMError

_GRACE = 30  # seconds that connections have to end when the server stops


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_keys(environment: Mapping[str, str], host: str) -> list[str]:
    """Return the keys of ``SIG2LM_API_KEY``, several with commas between them.

    Raises
    ------
    Sig2LMError
        If there is none, and the server can be reached from elsewhere.

    Examples
    --------
    >>> read_keys({"SIG2LM_API_KEY": "one, two"}, "0.0.0.0")
    ['one', 'two']
    """
    keys = [key.strip() for key in environment.get("SIG2LM_API_KEY", "").split(",") if key.strip()]
    if not keys and not is_loopback(host):
        raise Sig2LMError(
            f"expected a key in SIG2LM_API_KEY, since '{host}' can be reached from elsewhere, found none; set it, or "
            "leave out --host"
        )
    return keys


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens, before anything heavy is loaded.

    Raises
    ------
    Sig2LMError
        If the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise Sig2LMError(
            f"expected to listen on {host} port {port}, but: {reason.lower()}; choose another with --port or --host"
        ) from error


def address(listening: socket.socket) -> str:
    """Return where clients find it: ``http://127.0.0.1:8000``."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; what is under way is finished.

    Parameters
    ----------
    app
        What is served.
    listening
        Where.
    ready
        Called when the first request would be answered.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE, server_header=False
    )
    previous = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _Server(config, ready).run(sockets=[listening])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _ignore(*_: Any) -> None:
    """What a signal does that uvicorn has acted on already and raises again when it is done: nothing."""
