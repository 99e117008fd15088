"""From the messages of a conversation to what the LM is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sig2lm.errors import PromptError, SignalError
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.beginnings import Beginning
from sig2lm.model.examples import SignalInput, about, following
from sig2lm.serve.recordings import RecordingReader
from sig2lm.serve.schemas import ChatRequest, Message, SignalPart, TextPart
from sig2lm.serve.store import KeptSignal, SignalStore
from sig2lm.templates.task import Task
from sig2lm.templates.turns import SignalPlace, Turn


@dataclass(frozen=True)
class Ask:
    """A question at the end of a conversation about recordings.

    Attributes
    ----------
    task
        Whose template puts it.
    recordings
        All of the conversation, by place.
    turns
        The conversation; the last turn asks.
    question
        Its words.
    choices
        Closed answers that were stated; None leaves it to the task.
    options
        Of free text.
    seed
        Of what is drawn at random.
    beginning
        What the LM keeps of the first recording, if it does.
    notes
        What was guessed or is odd about recordings.
    opening, facts
        The words of the first question, and what else is known.
    reliance
        Whether it is asked of every answer, and not of labels alone, if it relies on the signal.
    coverage
        How often a set of labels has to hold the right one, where that was asked for.
    """

    task: Task
    recordings: Mapping[SignalPlace, SignalInput]
    turns: tuple[Turn, ...]
    question: str
    choices: tuple[str, ...] | None = None
    options: Mapping[str, Any] | None = None
    seed: int | None = None
    beginning: Beginning | None = None
    notes: tuple[str, ...] = ()
    opening: str = ""
    facts: Mapping[str, str] | None = None
    reliance: bool = False
    coverage: float | None = None

    def turns_about(self, model: QuestionAnswerer, recordings: Mapping[SignalPlace, SignalInput]) -> tuple[Turn, ...]:
        """Return the conversation as it would be about other recordings: the first question states what is theirs."""
        first = next(turn for turn in self.turns if turn.role == "user")
        places = [part for part in first.parts if isinstance(part, SignalPlace)]
        theirs = {place: recordings[place] for place in places}
        fields = {**(self.facts or {}), **model.summaries(self.task, theirs, self.opening)}
        opening = self.task.template.render(self.opening, places, fields)
        return tuple(about(self.task.template, opening, self.turns, recordings))

    @property
    def is_first(self) -> bool:
        """Whether nothing was asked before."""
        return all(turn.role != "assistant" for turn in self.turns)

    @property
    def is_closed(self) -> bool:
        """Whether it is answered by the likelihood of choices."""
        return self.task.choices(self.question, self.choices) is not None


@dataclass(frozen=True)
class _Asked:
    """A user's message: words, and recordings that come with it."""

    text: str
    signals: tuple[KeptSignal, ...]


@dataclass(frozen=True)
class Asker:
    """Makes questions of requests.

    Attributes
    ----------
    model
        Who is asked.
    reader
        Reads recordings that come in a message.
    store
        Has those that were uploaded.
    max_new_tokens
        Of one answer.
    """

    model: QuestionAnswerer
    reader: RecordingReader
    store: SignalStore
    max_new_tokens: int

    def ask(self, request: ChatRequest) -> Ask:
        """Return the question of a request.

        Raises
        ------
        Sig2LMError
            If the conversation is none, has no recording, or asks for what the model has not.
        """
        asked, answers = self._dialogue(request.messages)
        task = self.model.task({signal.name for one in asked for signal in one.signals})
        places = _places(asked)
        recordings = {place: signal.recording for one in places for place, signal in one.items()}
        first = {place: signal.recording for place, signal in places[0].items()}
        facts = self.model.checked_facts(task, request.facts or {})
        question = opening = asked[0].text or task.template.question[0]
        turns = list(task.template.render(question, list(first), facts | self.model.summaries(task, first, question)))
        so_far = dict(first)
        for answer, one, here in zip(answers, asked[1:], places[1:], strict=True):
            question = one.text
            turns.append(Turn("assistant", (answer,)))
            so_far |= {place: signal.recording for place, signal in here.items()}
            turns.append(following(task.template, question, list(here), so_far, turns))
        kept = [signal for one in asked for signal in one.signals]
        return Ask(
            task,
            recordings,
            tuple(turns),
            question,
            task.choices(question, request.choices) if request.choices is not None else None,
            {"max_new_tokens": self.max_new_tokens} | self._writing(request),
            request.seed,
            kept[0].beginning,
            tuple(note for signal in kept for note in signal.notes),
            opening,
            facts,
            request.reliance,
            request.coverage,
        )

    def first_question(self, signal: KeptSignal) -> Ask:
        """Return what an uploaded recording is asked first: its beginning is what all questions share."""
        task = self.model.task([signal.name])
        recordings = {SignalPlace(signal.name): signal.recording}
        question = task.template.question[0]
        turns = task.template.render(question, list(recordings), self.model.summaries(task, recordings))
        return Ask(task, recordings, turns, question, opening=question)

    def _writing(self, request: ChatRequest) -> dict[str, Any]:
        options = request.writing
        if (wanted := options.get("max_new_tokens", 0)) > self.max_new_tokens:
            raise PromptError(f"expected max_tokens of at most {self.max_new_tokens}, found {wanted}; ask for fewer")
        return options

    def _dialogue(self, messages: Sequence[Message]) -> tuple[list[_Asked], list[str]]:
        """Questions, and the answers between them."""
        roles = [message.role for message in messages]
        if "system" in roles or "developer" in roles:
            raise PromptError("expected messages of user and assistant, found one of another; the template writes it")
        if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise PromptError(
                f"expected messages of user and assistant in turn, the last one of the user, found {', '.join(roles)}"
            )
        asked = [self._question(message) for message in messages[::2]]
        answers = [self._answer(message) for message in messages[1::2]]
        if not asked[0].signals:
            raise SignalError(
                "expected a recording in the first message, found none; add a content part "
                "{'type': 'signal', 'signal': {...}} or {'type': 'signal', 'signal_id': ...}"
            )
        if not all(one.text for one in asked[1:]):
            raise PromptError("expected a question in each message of the user, found an empty one; ask something")
        return asked, answers

    def _question(self, message: Message) -> _Asked:
        parts = [message.content] if isinstance(message.content, str) else message.content
        texts = [
            part.text if isinstance(part, TextPart) else part for part in parts if not isinstance(part, SignalPart)
        ]
        signals = tuple(self._signal(part) for part in parts if isinstance(part, SignalPart))
        return _Asked("\n".join(text.strip() for text in texts if text.strip()), signals)

    def _answer(self, message: Message) -> str:
        parts = [message.content] if isinstance(message.content, str) else message.content
        if any(isinstance(part, SignalPart) for part in parts):
            raise SignalError("expected recordings in messages of the user, found one in the assistant's; move it")
        said = "\n".join(part.text if isinstance(part, TextPart) else str(part) for part in parts).strip()
        if not said:
            raise PromptError("expected what the assistant said, found an empty message; leave out the turn")
        return said

    def _signal(self, part: SignalPart) -> KeptSignal:
        if (part.signal is None) == (part.signal_id is None):
            raise SignalError("expected either 'signal' or 'signal_id' in a signal part; give one of them")
        if part.signal_id is not None:
            return self.store.get(part.signal_id, self.reader.owner)
        assert part.signal is not None
        return self.reader.from_numbers(part.signal)


def _places(asked: Sequence[_Asked]) -> list[dict[SignalPlace, KeptSignal]]:
    """Number the recordings of each name through the conversation; in a message those of one name stand together."""
    counts: dict[str, int] = {}
    found = []
    for one in asked:
        here: dict[SignalPlace, KeptSignal] = {}
        for signal in one.signals:
            number = counts[signal.name] = counts.get(signal.name, -1) + 1
            here[SignalPlace(signal.name, number)] = signal
        found.append(here)
    return found
