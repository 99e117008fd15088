"""One recording on the page: where it is dropped, its plot, its window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from sig2lm.model.signal_lm import SignalLM
from sig2lm.web import markup
from sig2lm.web.events import Handler, Updates, guarded
from sig2lm.web.recordings import Slot, examples, read_upload, simulated
from sig2lm.web.sessions import Session, Sessions
from sig2lm.web.spans import checked_span
from sig2lm.web.stated import read_options
from sig2lm.web.viewing import follow

_AT_ONCE = 4  # requests of all pages together that read or draw
_PEOPLE = 1_000_000  # who may be simulated


class SlotPanel:
    """The components of one recording, and what follows their events.

    Parameters
    ----------
    model
        Who reads it.
    sessions
        What each open page holds.
    place
        Which of a page's recordings it is.
    label
        What is asked for.
    """

    def __init__(self, model: SignalLM, sessions: Sessions, place: int, label: str) -> None:
        self.model, self.sessions, self.place = model, sessions, place
        self.contracts = {name: model.branch(name).encoder.contract for name in model.branches}
        self.examples = examples(self.contracts)
        names = list(self.contracts)
        with gr.Row(elem_classes="sources"):
            self.files = gr.File(label=label, file_count="multiple", height=140, scale=3, min_width=200)
            with gr.Column(scale=2, min_width=180):
                self.signal = gr.Radio(names, value=names[0], label="It is", visible=len(names) > 1)
                self.example = gr.Dropdown(
                    list(self.examples),
                    value=None,
                    label="Or take a simulated one",
                    visible=bool(self.examples),
                    filterable=False,
                )
        self.message = gr.HTML(js_on_load=None)
        self.plot = gr.HTML(js_on_load=markup.script("plot"), elem_classes="plot-frame")
        with gr.Row(elem_classes="window-row"):
            self.start = gr.Number(label="Window start", min_width=110)
            self.end = gr.Number(label="Window end", min_width=110)
            self.whole = gr.Button("Whole recording", size="sm", min_width=120)

    def wire(self, stated: Sequence[Any], again: gr.Button) -> None:
        """Say what follows which event.

        Parameters
        ----------
        stated
            The components that say what a file leaves open, and whether to believe it.
        again
            The button that reads the files again.
        """
        inputs = [self.signal, *stated]
        everything = [self.files, self.example, self.plot, self.start, self.end]
        drawn = [self.plot, self.start, self.end]
        self._on(self.files.upload, self.upload, [self.files, *inputs], everything, [self.files], show_progress="full")
        self._on(again.click, self.reread, inputs, everything)
        self._on(self.example.change, self.take_example, [self.example], drawn)
        self._on(self.plot.select, self.follow, [], drawn, trigger_mode="multiple")
        self._on(self.whole.click, self.take_whole, [], drawn)
        for field in (self.start, self.end):
            self._on(field.submit, self.choose, [self.start, self.end], drawn)
            self._on(field.blur, self.choose, [self.start, self.end], drawn)

    def _on(
        self,
        event: Any,
        handler: Handler,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        emptied: Sequence[Any] = (),
        **how: Any,
    ) -> None:
        event(
            guarded(self._in_turn(handler), self.message, emptied),
            list(inputs),
            [*outputs, self.message],
            **{"show_progress": "hidden"} | how,
            api_visibility="private",
            concurrency_limit=_AT_ONCE,
            concurrency_id="recordings",
        )

    def _in_turn(self, handler: Handler) -> Handler:
        """Let the requests of one page follow each other."""

        @wraps(handler)
        def run(request: gr.Request, *values: Any) -> Updates:
            with self._session(request).lock:
                found: Updates = handler(request, *values)
                return found

        return run

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.get(str(request.session_hash))

    def _slot(self, request: gr.Request) -> Slot:
        return self._session(request).slots[self.place]

    def _drawn(self, slot: Slot) -> Updates:
        start, end = markup.shown_span(slot.window) if slot.recordings else (None, None)
        return {self.plot: markup.plot(slot), self.start: start, self.end: end}

    def upload(self, request: gr.Request, files: Sequence[str] | None, *stated: Any) -> Updates:
        """Read what was dropped."""
        taken = self.sessions.take(str(request.session_hash), self.place, files or [])
        return self._read(self._session(request), taken, stated)

    def reread(self, request: gr.Request, *stated: Any) -> Updates:
        """Read it again, since more is stated of it now."""
        session = self._session(request)
        files = session.uploads.get(self.place)
        return self._read(session, files, stated) if files else {}

    def _read(self, session: Session, files: Sequence[Path], stated: Sequence[Any]) -> Updates:
        name, *texts, believe = stated
        encoder = self.model.branch(name if name in self.contracts else next(iter(self.contracts))).encoder
        recording = read_upload(files, name, encoder, read_options(texts), bool(believe))
        slot = session.slots[self.place]
        slot.place({name: recording}, self.contracts)
        return {**self._drawn(slot), self.example: None}

    def take_example(self, request: gr.Request, label: str | None) -> Updates:
        """Simulate a recording, of another person each time."""
        if label is None or label not in self.examples:
            return {}
        session = self._session(request)
        session.simulated += 1
        found = simulated(*self.examples[label], seed=(session.number + session.simulated) % _PEOPLE)
        slot = session.slots[self.place]
        slot.place(found, self.contracts)
        return self._drawn(slot)

    def follow(self, request: gr.Request, event: gr.EventData) -> Updates:
        """Zoom, move, or choose a window by pointer or keys."""
        slot = self._slot(request)
        said: Mapping[str, Any] = event._data if isinstance(event._data, dict) else {}
        follow(slot, said)
        return self._drawn(slot)

    def choose(self, request: gr.Request, start: float | None, end: float | None) -> Updates:
        """Choose a window by its numbers."""
        slot = self._slot(request)
        if not slot.recordings or (start, end) == markup.shown_span(slot.window):
            return {}
        slot.choose(checked_span(start, end, slot.first.whole))
        return self._drawn(slot)

    def take_whole(self, request: gr.Request) -> Updates:
        """Choose all of the recording."""
        slot = self._slot(request)
        slot.view = slot.first.whole
        slot.choose(slot.first.whole)
        return self._drawn(slot)
