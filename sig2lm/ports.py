"""The port that a server listens on, taken before anything slow happens."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sig2lm.errors import Sig2LMError


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port before anything slow happens; 0 takes any that is free.

    Raises
    ------
    Sig2LMError
        If the port is taken, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(128)
        except (OSError, OverflowError, UnicodeError, TypeError) as error:  # no port, or no name of a host
            reason = getattr(error, "strerror", None) or str(error)
            raise Sig2LMError(
                f"expected a free port, found that {host}:{port} cannot be used ({reason.lower()}); "
                "choose another with --port, or --port 0 for any that is free"
            ) from error
        yield found


def address(found: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = found.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
