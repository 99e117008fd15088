"""A model with what a server keeps and counts beside it."""

import asyncio
import time
from dataclasses import replace

from sig2lm.errors import Sig2LMError
from sig2lm.model.answering import QuestionAnswerer
from sig2lm.model.beginnings import Beginning, read_beginning
from sig2lm.model.examples import Example
from sig2lm.serve.asking import Ask, Asker
from sig2lm.serve.engine import Engine
from sig2lm.serve.metrics import Metrics
from sig2lm.serve.recordings import RecordingReader
from sig2lm.serve.schemas import ModelCard
from sig2lm.serve.settings import ServeSettings
from sig2lm.serve.store import KeptSignal, SignalStore


class Service:
    """What the routes share.

    Parameters
    ----------
    model
        Who is asked.
    settings
        Limits.
    """

    def __init__(self, model: QuestionAnswerer, settings: ServeSettings) -> None:
        self.model, self.settings = model, settings
        self.metrics, self.store = Metrics(), SignalStore(settings.kept_megabytes)
        self.engine = Engine(model, settings, self.metrics)
        self.created = int(time.time())

    def reader(self, owner: int) -> RecordingReader:
        """Return what reads an owner's recordings."""
        return RecordingReader(self.model, self.settings.max_patches, owner)

    def asker(self, owner: int) -> Asker:
        """Return what makes questions of an owner's requests."""
        return Asker(self.model, self.reader(owner), self.store, self.settings.max_new_tokens)

    async def keep(self, signal: KeptSignal) -> KeptSignal:
        """Read a recording up to where its questions begin, and keep it."""
        try:
            first = self.asker(signal.owner).first_question(signal)
        except Sig2LMError:  # it is asked about only beside others, or with facts: then it is read with the question
            first = None
        if first is not None:
            beginning = await asyncio.wrap_future(self.engine.call(lambda: self._beginning(first)))
            signal = replace(signal, beginning=beginning)
        self.store.add(signal)
        return signal

    def _beginning(self, ask: Ask) -> Beginning | None:
        sizes = self.model.prompter(ask.task).sizes(ask.recordings)
        return read_beginning(self.model, Example(self.model.lm.dialogue.encode(ask.turns, sizes), ask.recordings))

    def card(self) -> ModelCard:
        """Say what is asked here."""
        tasks = self.model.tasks
        return ModelCard(
            id=self.settings.name,
            created=self.created,
            signals={name: self.model.branch(name).encoder.contract.to_dict() for name in self.model.branches},
            questions=[question for task in tasks for question in task.template.question],
            labels=[label for task in tasks for label in task.labels],
        )

    def close(self) -> None:
        """Finish what is under way; nothing else is taken."""
        self.engine.close()
