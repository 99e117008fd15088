"""How the page hears of errors: one line in its place, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

from sig2lm.errors import Sig2LMError
from sig2lm.web import markup

Updates = dict[Any, Any]
"""New values by component."""

Handler = Callable[..., Any]
_LOGGER = logging.getLogger("sig2lm.web")
_FAILED = "something went wrong here, not with what you did; the server's terminal has the details"


def guarded(handler: Handler, message: Any, emptied: Sequence[Any] = ()) -> Handler:
    """Let an error of a handler be said in a component, which is empty otherwise.

    Parameters
    ----------
    handler
        A function, or a generator function, that gives updates; the rest of the page stays as it is.
    message
        The component.
    emptied
        Components that are empty afterwards, whatever happens.
    """
    always = {message: "", **dict.fromkeys(emptied)}

    @wraps(handler)
    def once(*values: Any) -> Updates:
        try:
            updates: Updates = handler(*values)
            return always | updates
        except Exception as error:
            return always | {message: markup.line(_words(error))}

    @wraps(handler)
    def several(*values: Any) -> Iterator[Updates]:
        try:
            for updates in handler(*values):
                yield always | updates
        except Exception as error:
            yield always | {message: markup.line(_words(error))}

    return several if isgeneratorfunction(handler) else once


def _words(error: Exception) -> str:
    if isinstance(error, Sig2LMError):
        return str(error)
    _LOGGER.error(_FAILED, exc_info=error)
    return _FAILED
