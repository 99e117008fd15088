"""What the page shows, as HTML in which every text of a user's, a file's or an LM's is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sig2lm.formatting import duration, percent, unit_symbol
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pages import plots
from sig2lm.pages.explanation import changed
from sig2lm.pages.windows import choices, key
from sig2lm.quantities.quantity import unit_words
from sig2lm.signals import Contract
from sig2lm.web.conversation import Exchange
from sig2lm.web.recordings import Recording, Slot
from sig2lm.web.spans import Span

_HERE = Path(__file__).parent
_PAGES = Path(plots.__file__).parent
_WIDTHS = (280.0, 2000.0)  # of a drawing, in CSS pixels
_HEIGHT = 110.0
_KEY = 12  # more channels than this are counted, not named


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader((_HERE, _PAGES)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "percent": percent, "words": unit_words, "changed": changed}
    return environment


def _render(name: str, **content: Any) -> str:
    return _environment().get_template(f"{name}.html.j2").render(**content)


def style() -> str:
    """The style of the page: the colours of all pages, and its own."""
    return (_PAGES / "palette.css").read_text(encoding="utf-8") + (_HERE / "web.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """What the browser does: in a ``plot`` pointer and keys become zooming, panning and a window."""
    return (_HERE / f"{name}.js").read_text(encoding="utf-8")


def conversation(exchanges: Sequence[Exchange]) -> str:
    """Show exchanges, the newest last."""
    shown = [(exchange, choices(dict(exchange.ranked), None)) for exchange in exchanges]
    return _render("conversation", exchanges=shown)


def line(text: str, kind: str = "error") -> str:
    """Show a message of one line, to be heard at once where it is an error; nothing for none."""
    return _render("line", text=text, kind=kind) if text else ""


def questions(texts: Iterable[str]) -> str:
    """Show questions to choose from."""
    return _render("questions", questions=list(texts))


def header(model: SignalLM, run: str) -> str:
    """Show what answers: run, LM, encoders and labels."""
    lm = model.lm
    where = f"{lm.precision} on {lm.device}"
    facts = [
        ("Run", [run]),
        ("Language model", [f"{lm.name}, {_count(lm.num_parameters)} parameters, frozen", where]),
    ]
    facts += [
        (f"Reads {name.replace('_', ' ')}", _contract(model.branch(name).encoder.contract)) for name in model.branches
    ]
    for task in model.tasks:
        answers = ", ".join(task.labels) or "in free text"
        facts.append(("Answers", [answers, f"template {task.template.task}, version {task.template.version}"]))
    return _render("header", facts=facts)


def _contract(contract: Contract) -> list[str]:
    window = "" if contract.window is None else f", windows of {contract.window:g} "
    if contract.sampling_rate is not None:
        clock = f"{contract.sampling_rate:g} Hz{window and window + 's'}"
    else:
        each = "events" if contract.period is None else f"a row every {duration(contract.period)}"
        clock = f"{each}{window and window + 'rows'}"
    units = dict.fromkeys(unit_symbol(unit) or "no unit" for unit in contract.units)
    return [f"{', '.join(contract.channels)} ({', '.join(units)})", clock]


def _count(number: int) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return str(number)


def plot(slot: Slot) -> str:
    """Draw what is in view of a slot, with its window; nothing of an empty one.

    It is as wide as the browser shows it, so that texts have their size on a phone too.
    """
    if not slot.recordings:
        return ""
    width = min(max(slot.width, _WIDTHS[0]), _WIDTHS[1])
    left, right = (100 * margin / width for margin in plots.MARGINS)
    figures = [_figure(name, one, slot, width) for name, one in slot.recordings.items()]
    return _render(
        "plot",
        figures=figures,
        left=left,
        right=right,
        view=slot.view,
        whole=slot.first.whole,
        window=slot.window,
        clock=slot.first.clock,
        key=key,
    )


def _figure(name: str, recording: Recording, slot: Slot, width: float) -> dict[str, Any]:
    """What is drawn of a recording: a panel for the channels of each unit; the view holds for those of one clock."""
    signal = recording.signal
    shared = recording.clock == slot.first.clock
    view = slot.view if shared else recording.whole
    first, last = recording.rows(view)
    units = list(dict.fromkeys(signal.units))
    panels = []
    for unit in units:
        places = [place for place, found in enumerate(signal.units) if found == unit]
        rows = np.asarray(signal.values[places, first:last], dtype=float)
        channels = [signal.channels[place] for place in places]
        description = f"{', '.join(channels)} in {unit or 'no unit'}, {view.start:g} to {view.end:g} {recording.clock}"
        shown = plots.Panel(
            rows, recording.step, recording.clock, view.end, plots.limits(rows), description, first * recording.step
        )
        panels.append(
            {
                "unit": unit_symbol(unit),
                "channels": list(enumerate(channels)) if len(channels) <= _KEY else [],
                "number": len(channels),
                "missing": float(np.mean(~np.isfinite(rows))),
                "drawing": plots.panel(shown, unit == units[-1], _shades(slot, name, view), width, _HEIGHT),
            }
        )
    return {
        "title": recording.title,
        "name": name,
        "facts": _facts(recording),
        "notes": signal.notes,
        "panels": panels,
        "shared": shared,
        "shaded": slot.shades.get(name) is not None,
        "window": slot.window.shares(slot.view) if shared else None,
    }


def _shades(slot: Slot, name: str, view: Span) -> plots.Shades | None:
    """What is shaded in view."""
    shades = slot.shades.get(name)
    if shades is None:
        return None
    edges = np.clip(shades.edges, view.start, view.end)
    return plots.Shades(edges, np.where(np.diff(edges) > 0, shades.strength, np.nan))


def _facts(recording: Recording) -> str:
    signal = recording.signal
    if signal.sampling_rate is not None:
        return f"{duration(signal.duration)} at {signal.sampling_rate:g} Hz"
    return f"{signal.num_samples} {recording.clock}"


def shown_span(span: Span) -> tuple[float, float]:
    """A span as it stands in fields of numbers."""
    return round(span.start, 3), round(span.end, 3)
