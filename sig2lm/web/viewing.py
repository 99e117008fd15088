"""What a browser's messages about a plot do to what is in view, and to the window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sig2lm.arguments import as_float
from sig2lm.web.recordings import Slot

_ZOOM = 2.0
_STEP = 0.5  # of what is in view, in one move
_LEAST = 4  # samples in view


def follow(slot: Slot, message: Mapping[str, Any]) -> None:
    """Do what a message asks for; one that makes no sense changes nothing.

    Parameters
    ----------
    slot
        Whose view, width or window changes.
    message
        ``action`` (in, out, left, right, all, window, pan, choose, width) and, in shares of what is in view, ``at``,
        ``by``, ``from``, ``to``; ``width`` in pixels.
    """
    action = message.get("action")
    if action == "width":
        slot.width = _number(message, "width", slot.width)
    if not slot.recordings:
        return
    whole, view = slot.first.whole, slot.view
    if action == "in" and view.length / _ZOOM >= _LEAST * slot.first.step:
        slot.view = view.zoomed(1 / _ZOOM, _number(message, "at", 0.5), whole)
    elif action == "out":
        slot.view = view.zoomed(_ZOOM, _number(message, "at", 0.5), whole)
    elif action in ("left", "right"):
        slot.view = view.moved(_STEP if action == "right" else -_STEP, whole)
    elif action == "pan":
        slot.view = view.moved(_number(message, "by", 0.0), whole)
    elif action == "all":
        slot.view = whole
    elif action == "window":
        slot.view = slot.window
    elif action == "choose":
        chosen = view.part(_number(message, "from", 0.0), _number(message, "to", 0.0))
        if chosen.length >= slot.first.step:
            slot.choose(chosen)


def _number(message: Mapping[str, Any], name: str, default: float) -> float:
    value = message.get(name, default)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(as_float(value))
    return float(value) if fits else default
