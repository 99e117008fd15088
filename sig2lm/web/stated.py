"""What is written into the page's fields, read as options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sig2lm.arguments import split_list
from sig2lm.errors import Sig2LMError
from sig2lm.signals import ReadOptions

FIELDS = (
    ("sampling_rate", "Sampling rate in Hz (--sampling-rate)", "50"),
    ("channels", "Channels (--channels)", "acc_x=X, acc_y=Y"),
    ("units", "Units (--units)", "g, or one for each channel"),
    ("time_column", "Time column (--time-column)", "NAME:ms, or none"),
    ("missing", "Missing samples (--missing)", "-999"),
)
"""Of what a file may leave open: name, label with the option of the command line that messages name, example."""


def read_options(texts: Sequence[str | None]) -> ReadOptions:
    """Read the texts of ``FIELDS``; what is empty is left to the file.

    Raises
    ------
    Sig2LMError
        If a number is none, or the options contradict each other.

    Examples
    --------
    >>> read_options(["50", "x, y", "", None, ""]).channels
    ('x', 'y')
    """
    found: dict[str, Any] = {}
    for (name, label, _), text in zip(FIELDS, texts, strict=True):
        if not (text := (text or "").strip()):
            continue
        if name == "sampling_rate":
            try:
                found[name] = float(text)
            except ValueError as error:
                raise Sig2LMError(f"{label} is '{text}', expected a number") from error
        else:
            found[name] = text if name == "time_column" else split_list([text])
    return ReadOptions.from_stated(found)  # type: ignore[arg-type]


def writing(longest: float | None, temperature: float | None) -> dict[str, Any]:
    """Options of free text: words are drawn where a temperature is stated, the likeliest are taken otherwise."""
    options: dict[str, Any] = {"max_new_tokens": int(min(max(longest, 1), 1024))} if longest else {}
    return options | ({"do_sample": True, "temperature": float(temperature)} if temperature else {})
