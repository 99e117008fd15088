"""A conversation as it stands on the page: what was asked, what is being answered, and what was measured."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sig2lm.errors import PromptError
from sig2lm.model.chat import Chat
from sig2lm.model.evidence import SignalEvidence
from sig2lm.model.signal_lm import SignalLM
from sig2lm.quantities import Check
from sig2lm.web.recordings import Slot


@dataclass(frozen=True)
class Explained:
    """What an answer to the question rests on, when it is asked alone.

    Attributes
    ----------
    text
        The answer.
    change
        By how much the signals raise its log-odds, nats.
    peaks
        For each signal its name, and from where to where hiding it changes the most; in words.
    shaded
        Whether the plot shows it: not where beats were found in an ECG, whose numbers are no times.
    """

    text: str
    change: float
    peaks: tuple[str, ...]
    shaded: bool


@dataclass
class Exchange:
    """A question and its answer, which grows while it is written.

    Attributes
    ----------
    question, text
        What was asked, and the answer so far.
    about
        The recordings, where a conversation about them begins or they are joined by another; otherwise empty.
    ranked
        The choices with their probabilities, the likeliest first; empty for an open question.
    checks
        The numbers that the answer states, beside what was measured.
    relies_on_signal
        Whether the answer is likelier than for other recordings; None where that is not known.
    seconds
        How long it took; None while it is being written.
    choices
        What was to be chosen among, where the question named it.
    evidence
        What the question's answer rests on, where it was looked for.
    stopped
        Why the answer ends early; empty where it does not.
    """

    question: str
    about: str = ""
    text: str = ""
    ranked: list[tuple[str, float]] = field(default_factory=list)
    checks: tuple[Check, ...] = ()
    relies_on_signal: bool | None = None
    seconds: float | None = None
    choices: tuple[str, ...] | None = None
    evidence: Explained | None = None
    stopped: str = ""


class Conversation:
    """Exchanges about the recordings of one page.

    Parameters
    ----------
    model
        Who answers.
    time_limit
        Seconds that an answer may take to be written.
    """

    def __init__(self, model: SignalLM, time_limit: float) -> None:
        self.model, self.time_limit = model, time_limit
        self.exchanges: list[Exchange] = []
        self._chat: Chat | None = None
        self._about: tuple[Any, ...] = ()
        self._heading = ""  # what is still to be said above the next exchange
        self._stopping = False

    def ask(
        self, slots: Sequence[Slot], question: str, choices: Sequence[str] | None = None, **options: Any
    ) -> Generator[Exchange, None, None]:
        """Ask about the recordings as they are now, and yield the exchange whenever more of the answer is there.

        It goes on from what was said, also when a second recording has come since; about another window, or another
        recording, a new conversation begins. An answer that is given up, by the page or for want of time, is not
        remembered by the LM.

        Raises
        ------
        Sig2LMError
            If there is no recording, or the run cannot answer; nothing is left of the exchange.
        """
        self._stopping = False
        chat = self._chat_about(slots)
        exchange = Exchange(question.strip(), self._heading, choices=tuple(choices) if choices else None)
        self.exchanges.append(exchange)
        started = time.monotonic()
        try:
            yield exchange
            if choices or chat.task.choices(exchange.question, None):
                answer = chat.ask(exchange.question, choices)
                exchange.text, exchange.ranked = answer.text, answer.ranked
                exchange.relies_on_signal = answer.relies_on_signal
            else:
                yield from self._write(chat, exchange, started, options)
                exchange.checks = chat.check(exchange.text)
                reliance = chat.reliance() if not exchange.stopped else None
                exchange.relies_on_signal = None if reliance is None else reliance.holds
            exchange.seconds = time.monotonic() - started
            self._heading = ""
        finally:
            if exchange.seconds is None:
                self._give_up(exchange)
        yield exchange

    def stop(self) -> None:
        """End the answer that is being written, at its next word."""
        self._stopping = True

    def explain(self, slots: Sequence[Slot]) -> Exchange:
        """Find what the last answer rests on, and shade it: its question is asked again, alone, of the first recording.

        Raises
        ------
        Sig2LMError
            If nothing was asked, or there is no recording.
        """
        answered = [exchange for exchange in self.exchanges if exchange.seconds is not None]
        slot = slots[0]
        if not answered:
            raise PromptError("expected an answer to explain, found none; ask something first")
        exchange = answered[-1]
        answer = self.model.explain(slot.signals(), exchange.question, exchange.choices, believe=True)
        assert answer.evidence is not None
        slot.shades = {}
        signals = answer.evidence.signals
        shaded = [slot.shade(found) for found in signals]
        exchange.evidence = Explained(answer.text, answer.evidence.change, tuple(map(_peak, signals)), all(shaded))
        return exchange

    def reset(self) -> None:
        """Forget what was said."""
        self.stop()
        self.exchanges, self._chat, self._about, self._heading = [], None, (), ""

    def _write(self, chat: Chat, exchange: Exchange, started: float, options: dict[str, Any]) -> Iterator[Exchange]:
        for piece in chat.stream(exchange.question, **options):
            exchange.text += piece
            yield exchange
            if self._stopping or time.monotonic() - started > self.time_limit:
                exchange.stopped = "stopped" if self._stopping else f"stopped after {self.time_limit:g} s"
                return

    def _give_up(self, exchange: Exchange) -> None:
        """Keep what was said so far, if anything was."""
        if exchange.text:
            exchange.stopped, self._heading = "stopped", ""
        elif exchange in self.exchanges:  # it is not, where the page was reset in the meantime
            self.exchanges.remove(exchange)

    def _chat_about(self, slots: Sequence[Slot]) -> Chat:
        """The conversation about these recordings: the one that there is, with what has joined it, or a new one.

        Their values were judged when they came, as a whole; a part of them may be flat.
        """
        filled = [slot for slot in slots if slot.recordings] or [slots[0]]
        about = tuple((tuple(slot.recordings.items()), slot.window) for slot in filled)
        words = [slot.words() for slot in filled]
        if self._chat is None or about[: len(self._about)] != self._about:
            chat, heading = self.model.chat(filled[0].signals(), believe=True), "; beside it, ".join(words)
            new = filled[1:]
        else:
            chat, new = self._chat, filled[len(self._about) :]
            heading = f"with {'; '.join(words[len(self._about) :])}" if new else self._heading
        for slot in new:
            chat.add(slot.signals(), believe=True)
        self._chat, self._about, self._heading = chat, about, heading
        return chat


def _peak(found: SignalEvidence) -> str:
    start, end = found.peak
    return f"{found.name}, {start:.3g} to {end:.3g} {found.clock} of the window, which speaks {found.peak_speaks} it"
