"""What goes wrong, as a status and one line in the shape that OpenAI's clients read."""

import re
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from sig2lm.errors import Sig2LMError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
# What the command line calls otherwise than a field of a request is called.
_FLAGS = re.compile(r"--(sampling-rate|period|channels|units|time-column|missing|start|end|time-axis|believe)\b")
_MOST = 1000  # characters of a message


class RequestError(Sig2LMError):
    """A request that is answered with a status and a line.

    Parameters
    ----------
    status
        Of HTTP.
    message
        What was expected, what was found, what to do.
    param, code
        The field that it is about, and a word for programs.
    headers
        Of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.headers = status, param, code, dict(headers or {})


def refused(error: Sig2LMError) -> JSONResponse:
    """Return an error of the user as an answer: 422, unless it says otherwise."""
    if isinstance(error, RequestError):
        return failure(error.status, str(error), error.param, error.code, error.headers)
    return failure(422, str(error))


def failure(
    status: int,
    message: str,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error object with a status."""
    return JSONResponse(error_object(status, message, param, code), status, headers=dict(headers or {}))


def error_object(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return what stands in the body: one line, without control characters and without places of this machine.

    >>> error_object(422, "two\\nlines; pass --time-column none")["error"]["message"]
    'two lines; pass time_column none'
    """
    message = _FLAGS.sub(lambda flag: flag[1].replace("-", "_"), _without_places(message))
    line = " ".join(message.split())
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = code or HTTPStatus(status).name.lower()
    shown = line if len(line) <= _MOST else line[: _MOST - 1] + "…"
    return {"error": {"message": shown, "type": kind, "param": param, "code": code}}


def _without_places(message: str) -> str:
    """Where uploads lie while they are read is nobody's business."""
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^/'\"\s]+/?", "", message)
