"""What a config on disk may hold: dataclasses, checked by pydantic, every deviation one line."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from sig2lm.errors import CheckpointError

T = TypeVar("T")
Count = Annotated[int, Field(ge=1, le=1 << 16)]
"""How many or how wide; more is no network of this kind."""
Depth = Annotated[int, Field(ge=1, le=1 << 10)]
"""A number of layers."""
Share = Annotated[float, Field(ge=0, lt=1)]
"""A probability, such as that of dropout."""
LARGEST = 1e18
"""No value of a signal is larger, as sums of squares have to stay within float32."""
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
"""What is measured of values."""
SignalName = Annotated[str, Field(pattern=r"^[^\W\d]\w*$", max_length=64)]
"""A word: it becomes a key of tensors, a variable of templates and a folder."""
_SHOWN = 60


def read_as(kind: type[T], content: Any, what: str) -> T:
    """Return JSON-like content as the dataclass that it should be: exact types, lists for tuples.

    Parameters
    ----------
    kind
        A dataclass; constraints stand in its annotations.
    content
        What was read of a file.
    what
        The file in words, for the error.

    Raises
    ------
    CheckpointError
        Naming the first key that is missing, unknown or of another kind.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Size:
    ...     width: Count
    >>> read_as(Size, {"width": 8}, "a size")
    Size(width=8)
    >>> read_as(Size, {"width": "8"}, "a size")
    Traceback (most recent call last):
    ...
    sig2lm.errors.CheckpointError: expected a size, but width: Input should be a valid integer, found '8'; copy it again
    """
    try:
        return TypeAdapter(kind).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "all of it"
        found = " ".join(repr(first["input"]).split())
        told = f"{key}: {first['msg']}, found {found[:_SHOWN]}{'...' if len(found) > _SHOWN else ''}"
    except (RecursionError, ValueError, TypeError) as error:
        told = f"it cannot be read ({type(error).__name__})"
    raise CheckpointError(f"expected {what}, but {told}; copy it again")
