"""What was measured of recordings, in the words in which a prompt states it.

An LM of some hundred million parameters does not learn to read numbers off a few vectors, nor to compare two of them.
Where a template shows ``$measured`` the same facts that answers are checked against (:mod:`sig2lm.quantities`) stand in
the prompt, and what the question compares is worked out and stated beside them: the LM has to say what it reads, not to
guess. What a signal does not carry is not mentioned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sig2lm.quantities import Measurement, measure_many
from sig2lm.signals import Signal
from sig2lm.templates.task import Task

Facts = tuple[Measurement, ...]


def wanted_quantities(tasks: Iterable[Task], name: str) -> tuple[str, ...]:
    """Return the quantities that prompts state of a signal, in the order of the first template that does."""
    shown = (task.template for task in tasks if task.template.shows_measured and task.template.shown([name]))
    return tuple(dict.fromkeys(quantity for template in shown for quantity in template.measured))


def measured_facts(signals: Sequence[Signal], name: str, wanted: Sequence[str]) -> list[Facts]:
    """Measure what prompts state of several recordings of one signal.

    Parameters
    ----------
    signals, name
        The recordings, and how their signal is called.
    wanted
        Quantities; ``step rate of the phone`` is the step rate of a signal called ``phone``.

    Returns
    -------
    list of tuple
        Called as they are wanted and in that order; empty for a recording that carries none of them.

    Examples
    --------
    >>> rr = Signal([[800.0, 820.0, 790.0, 810.0, 800.0]], None, ("rr",), ("ms",))
    >>> [in_words(facts) for facts in measured_facts([rr], "rr", ("heart rate", "step rate"))]
    ['heart rate 75 beats per minute']
    """
    if not wanted:
        return [()] * len(signals)
    return [_called(facts, name, wanted) for facts in measure_many(signals)]


def in_words(facts: Facts) -> str:
    """Say what was measured, rounded to its tolerance."""
    return ", ".join(map(str, facts))


def _called(facts: Mapping[str, Measurement], name: str, wanted: Sequence[str]) -> Facts:
    owner = f" of the {name.replace('_', ' ')}"
    carried = {quantity: facts.get(quantity) or facts.get(quantity.removesuffix(owner)) for quantity in wanted}
    return tuple(replace(fact, name=quantity) for quantity, fact in carried.items() if fact is not None)
