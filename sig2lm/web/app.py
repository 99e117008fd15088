"""The page of a run: what stands where. What is shown of it is in :mod:`sig2lm.web.markup`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from sig2lm.arguments import split_list
from sig2lm.lm.generation import NEW_TOKENS
from sig2lm.model.signal_lm import SignalLM
from sig2lm.tokenization.tokenizer import TextTokenizer
from sig2lm.web import markup
from sig2lm.web.events import Updates, guarded
from sig2lm.web.numbers_as_text import framed_report
from sig2lm.web.sessions import Session, Sessions
from sig2lm.web.slot_panel import SlotPanel
from sig2lm.web.stated import FIELDS, writing
from sig2lm.web.suggestions import example_of_a_free_question, suggestions

_LONGEST_QUESTION = 4000  # characters
_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build_page(model: SignalLM, run: str, sessions: Sessions, tokenizers: dict[str, TextTokenizer]) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    model
        Who answers.
    run
        What the run is called.
    sessions
        What each open page holds.
    tokenizers
        Those of the tab with numbers as text, by name.
    """

    def leave(request: gr.Request) -> None:
        sessions.end(str(request.session_hash))

    with gr.Blocks(title=f"sig2lm: {run}", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(markup.header(model, run), js_on_load=None)
        with gr.Tab("Ask"), gr.Row(elem_classes="desk"):
            with gr.Column(scale=6, min_width=320):
                first = _recordings(model, sessions)
            with gr.Column(scale=5, min_width=320):
                ConversationPanel(model, sessions).wire(first)
        with gr.Tab("Numbers as text"):
            _numbers_as_text(sessions, tokenizers)
        page.unload(leave)
    return page


def _recordings(model: SignalLM, sessions: Sessions) -> SlotPanel:
    first = SlotPanel(model, sessions, 0, "Drop a recording")
    with gr.Accordion("A second recording beside the first", open=False):
        second = SlotPanel(model, sessions, 1, "Drop another recording")
    with gr.Accordion("What a file does not state", open=False):
        with gr.Row():
            stated: list[Any] = [
                gr.Textbox(label=label, placeholder=hint, max_lines=1, min_width=200) for _, label, hint in FIELDS
            ]
        stated.append(gr.Checkbox(label="Take values that cannot be what they are said to be (--believe)"))
        again = gr.Button("Read the file again", size="sm")
    for slot in (first, second):
        slot.wire(stated, again)
    return first


def _numbers_as_text(sessions: Sessions, tokenizers: dict[str, TextTokenizer]) -> None:
    with gr.Row(elem_classes="window-row"):
        names = list(tokenizers)
        which = gr.Dropdown(names, value=names[0], label="Tokenizer", min_width=200, filterable=False)
        show = gr.Button("What it makes of the window", variant="primary", min_width=200)
    message, report = gr.HTML(js_on_load=None), gr.HTML(js_on_load=None)

    def written(request: gr.Request, name: str) -> Updates:
        slot = sessions.get(str(request.session_hash)).slots[0]
        return {report: framed_report(slot, tokenizers.get(name, tokenizers[names[0]]))}

    handler = guarded(written, message)
    show.click(handler, [which], [report, message], show_progress="full", api_visibility="private")


class ConversationPanel:
    """The components of a conversation, and what follows their events.

    Parameters
    ----------
    model
        Who answers.
    sessions
        What each open page holds.
    """

    def __init__(self, model: SignalLM, sessions: Sessions) -> None:
        self.sessions, self.task = sessions, model.tasks[0]
        self.log = gr.HTML(markup.conversation([]), js_on_load=None)
        self.message = gr.HTML(js_on_load=None)
        self.offered = gr.HTML(self._suggested(begun=False), js_on_load=markup.script("questions"))
        example = example_of_a_free_question(self.task)
        self.question = gr.Textbox(label="Your question", placeholder=example, lines=1, max_lines=4)
        with gr.Row():
            self.ask_button = gr.Button("Ask", variant="primary", min_width=90)
            self.stop_button = gr.Button("Stop", min_width=90)
        with gr.Row():
            self.why_button = gr.Button("What does it rest on?", min_width=150)
            self.new_button = gr.Button("New conversation", min_width=150)
        with gr.Accordion("Closed answers, and how free ones are written", open=False):
            self.choices = gr.Textbox(label="Choose among (--choices)", placeholder="walking, running", max_lines=1)
            with gr.Row():
                self.longest = gr.Number(
                    NEW_TOKENS, label="Tokens at most", precision=0, minimum=1, maximum=1024, min_width=120
                )
                self.temperature = gr.Slider(
                    0.0, 2.0, 0.0, step=0.1, label="Temperature, 0 for the likeliest words", min_width=160
                )

    def wire(self, first: SlotPanel) -> None:
        """Say what follows which event; what an answer rests on is shown in the first recording."""
        outputs = [self.log, self.offered, self.question, self.message]
        asking: dict[str, Any] = {
            "fn": guarded(self.ask, self.message),
            "inputs": [self.question, self.choices, self.longest, self.temperature],
            "outputs": outputs,
            "concurrency_limit": 1,  # one LM, one answer at a time: the others wait in a queue
            "concurrency_id": "lm",
        }
        gr.on([self.ask_button.click, self.question.submit], **asking, **_HIDDEN)
        self.offered.select(guarded(self.put, self.message), None, outputs, **_HIDDEN).then(**asking, **_HIDDEN)
        explaining: dict[str, Any] = {
            "outputs": [self.log, self.message, first.plot],
            "concurrency_limit": 1,
            "concurrency_id": "lm",
        }

        def explain(request: gr.Request) -> Updates:
            session = self._session(request)
            session.conversation.explain(session.slots)
            shown = {self.log: markup.conversation(session.conversation.exchanges)}
            return {**shown, first.plot: markup.plot(session.slots[0])}

        self.why_button.click(guarded(explain, self.message), None, **explaining, **_HIDDEN)
        self.stop_button.click(guarded(self.stop, self.message), None, outputs, **_HIDDEN)
        self.new_button.click(guarded(self.restart, self.message), None, outputs, **_HIDDEN)

    def _session(self, request: gr.Request) -> Session:
        return self.sessions.get(str(request.session_hash))

    def _suggested(self, begun: bool) -> str:
        return markup.questions(suggestions(self.task, begun))

    def ask(
        self, request: gr.Request, question: str, choices: str, longest: float | None, temperature: float | None
    ) -> Iterator[Updates]:
        """Put the question, and show the answer as it is written."""
        session = self._session(request)
        wanted = [choice for choice in split_list([choices or ""]) if choice] or None
        options = {} if wanted else writing(longest, temperature)
        conversation = session.conversation
        asked = conversation.ask(session.slots, question[:_LONGEST_QUESTION], wanted, **options)
        heard = {self.question: "", self.offered: self._suggested(begun=True)}
        try:
            for _ in asked:
                yield {self.log: markup.conversation(conversation.exchanges), **heard}
                heard = {}
        finally:
            asked.close()

    def put(self, event: gr.EventData) -> Updates:
        """Take a suggested question."""
        said = event._data if isinstance(event._data, dict) else {}
        return {self.question: str(said.get("question", ""))[:_LONGEST_QUESTION]}

    def stop(self, request: gr.Request) -> Updates:
        """End the answer that is being written."""
        self._session(request).conversation.stop()
        return {}

    def restart(self, request: gr.Request) -> Updates:
        """Forget what was said."""
        conversation = self._session(request).conversation
        conversation.reset()
        return {self.log: markup.conversation([]), self.offered: self._suggested(begun=False)}
