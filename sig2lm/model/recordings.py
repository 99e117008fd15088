"""Signals as users pass them become the recordings of an example, for a model that has tasks and encoders."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sig2lm.arguments import check_known, unknown
from sig2lm.encoder.compatibility import seen_by
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.errors import ArgumentError, SignalError
from sig2lm.lm import FrozenLM
from sig2lm.model.examples import Prompter, SignalInput, describe, stated
from sig2lm.model.fusion import SignalFusion
from sig2lm.model.measured import Facts, measured_facts, wanted_quantities
from sig2lm.model.signal_branch import Branch
from sig2lm.quantities import Check, check_numbers, measure, stated_numbers
from sig2lm.signals import Signal
from sig2lm.signals.arrays import ArrayClock, as_signal
from sig2lm.signals.plausibility import check_plausible
from sig2lm.templates.task import Task, check_tasks, choose_task
from sig2lm.templates.turns import SignalPlace

Signals = Any
"""One signal, named ones in a dictionary, or several recordings, each of these, in a list.

Each is a :class:`Signal`, or an array, a torch tensor or a data frame (:func:`sig2lm.signals.arrays.as_signal`), whose
``sampling_rate`` (and, where they are not those of the encoder's contract, ``channels``, ``units`` or ``period``) is
passed beside it.
"""
_logger = logging.getLogger(__name__)


class SignalIntake(SignalFusion):
    """A frozen LM that reads signals, the tasks that say which belong together, and how signals are passed to it.

    Parameters
    ----------
    lm
        The LM.
    branches
        For each named signal its encoder and adapter.
    tasks
        What it is asked, one task or several; which of them is meant follows from the signals at hand.

    Raises
    ------
    PromptError
        When a task shows none of the signals, or a signal is shown by no task.
    """

    def __init__(self, lm: FrozenLM, branches: Mapping[str, Branch], tasks: Task | Sequence[Task]) -> None:
        super().__init__(lm, branches)
        self.tasks = (tasks,) if isinstance(tasks, Task) else tuple(tasks)
        check_tasks(self.tasks, list(branches))

    @property
    def encoders(self) -> dict[str, PatchEncoder]:
        """The encoder of each signal."""
        return {name: self.branch(name).encoder for name in self.branches}

    def task(self, signals: Iterable[str]) -> Task:
        """Return the task that shows signals of these names, see :func:`sig2lm.templates.task.choose_task`."""
        return choose_task(self.tasks, list(self.branches), signals)

    def prompter(self, task: Task) -> Prompter:
        """Writes examples of a task in this model's tokens."""
        return Prompter(task, self.lm.dialogue, self.num_virtual_tokens)

    def recordings(self, signals: Signals, first: Mapping[str, int] | None = None) -> dict[SignalPlace, SignalInput]:
        """Conform signals to their contracts and return them as the recordings of an example.

        Parameters
        ----------
        signals
            As :meth:`ask` takes them.
        first
            Number of the first recording of each name, where a conversation has some already.

        Raises
        ------
        SignalError
            When a signal has a name that the model does not know, or breaks its contract.
        """
        found: dict[SignalPlace, SignalInput] = {}
        for name, several in self.named(signals).items():
            encoder = self.branch(name).encoder
            for index, signal in enumerate(several, (first or {}).get(name, 0)):
                conformed = encoder.contract.conform(signal, f"the encoder of '{name}'")
                count = encoder.num_patches(conformed.num_samples)
                facts = self.measured_facts(name, conformed)
                found[SignalPlace(name, index)] = SignalInput(name, count, conformed.values, measured=facts)
        return found

    def measured_facts(self, name: str, signal: Signal) -> Facts:
        """Measure a recording, where a template states it (``$measured``); else nothing."""
        return measured_facts([signal], name, wanted_quantities(self.tasks, name))[0]

    def summaries(
        self, task: Task, recordings: Mapping[SignalPlace, SignalInput], question: str = ""
    ) -> dict[str, str]:
        """Describe recordings in words and numbers, where the template has it (``$motion_summary``, ``$measured``).

        With what a first ``question`` compares of what was measured.
        """
        found: dict[str, list[str]] = {}
        for place, recording in recordings.items():
            if f"{place.name}_summary" in task.template.variables:
                contract = self.branch(place.name).encoder.contract
                found.setdefault(f"{place.name}_summary", []).append(describe(recording, contract))
        return {name: " ".join(texts) for name, texts in found.items()} | stated(task.template, recordings, question)

    def named(self, signals: Signals, clock: ArrayClock | None = None) -> dict[str, list[Signal]]:
        """Return signals by name, whichever way they were passed.

        Parameters
        ----------
        signals
            As :meth:`ask` takes them.
        clock
            What is stated of arrays. With it values are held against what bodies do and the encoder has seen
            (:func:`sig2lm.signals.plausibility.check_plausible`), unless they are to be believed; what is odd is
            logged.

        Raises
        ------
        SignalError
            When a name is unknown or lacks, what is passed is no signal and does not become one, or values cannot be.
        """
        if isinstance(signals, list | tuple) and signals and all(isinstance(one, Mapping) for one in signals):
            signals = _side_by_side(signals)
        if not isinstance(signals, Mapping):
            if len(self.branches) > 1:
                raise SignalError(
                    f"this model reads the signals {', '.join(self.branches)}, found one without a name; "
                    "pass a dictionary {name: signal}"
                )
            signals = {next(iter(self.branches)): signals}
        found = {}
        for name, one in signals.items():
            if name not in self.branches:
                raise SignalError(unknown("signal", str(name), list(self.branches)))
            contract = self.branch(name).encoder.contract
            several = list(one) if isinstance(one, list | tuple) else [one]
            if not several:
                raise SignalError(f"expected a recording of '{name}', found an empty list; pass one")
            found[name] = [as_signal(part, contract, f"the encoder of '{name}'", clock) for part in several]
            if clock is not None and not clock.believe:
                self._check_values(name, found[name])
        return found

    def _check_values(self, name: str, signals: Sequence[Signal]) -> None:
        """Refuse recordings whose values cannot be; log what is odd about others."""
        encoder, owner = self.branch(name).encoder, f"the encoder of '{name}'"
        for signal in signals:
            if odd := check_plausible(signal, encoder.contract, seen_by(encoder), owner=owner):
                _logger.warning("%s: %s", name, "; ".join(odd))

    def known_facts(self, task: Task) -> list[str]:
        """Return the names of the facts that a task's template tells."""
        here = {
            "question",
            "facts",
            "measured",
            "signals",
            *self.branches,
            *(f"{name}_summary" for name in self.branches),
        }
        return [name for name in task.template.fields if name not in here]

    def checked_facts(self, task: Task, facts: Mapping[str, Any]) -> dict[str, str]:
        """Return facts as texts, without those of which nothing is known (None).

        Raises
        ------
        ArgumentError
            When the template of the task does not tell one of them.
        """
        if not isinstance(facts, Mapping):
            raise ArgumentError(f"expected facts as a dictionary such as {{'age': '67'}}, found {facts!r}")
        check_known("fact", facts, self.known_facts(task))
        return {name: str(value) for name, value in facts.items() if value is not None}

    def check(self, text: str, recordings: Mapping[SignalPlace, SignalInput]) -> tuple[Check, ...]:
        """Compare the numbers that a text states with what is measured of recordings.

        Empty where it states none, where a recording is known by its patches only, and where there are several of one
        name, since the text does not say which of them it means.
        """
        names = [place.name for place in recordings]
        values = {place.name: recording.values for place, recording in recordings.items()}
        if not stated_numbers(text) or len(set(names)) < len(names) or any(one is None for one in values.values()):
            return ()
        signals = {}
        for name, one in values.items():
            contract = self.branch(name).encoder.contract
            assert one is not None
            signals[name] = Signal(one, contract.sampling_rate, contract.channels, contract.units, contract.period)
        return check_numbers(text, measure(signals))


def _side_by_side(recordings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Named signals of several recordings as a list for each name."""
    names = {name: None for one in recordings for name in one}
    if any(set(one) != set(names) for one in recordings):
        told = " and ".join(", ".join(map(str, one)) for one in recordings)
        raise SignalError(f"expected the same signals of each recording, found {told}; leave out those that one lacks")
    return {name: [one[name] for one in recordings] for name in names}
