"""Numbers of free answers are checked against the signals that were asked about, wherever an answer is given."""

import numpy as np
import pytest
from tiny import build_signal_lm

from sig2lm.model.chat import Chat
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal

SAID = "The step rate is 2 steps per second, the tilt 10 degrees; the heart rate is 70 bpm."


def walk() -> Signal:
    """Two steps a second, seen by a sensor that stands upright."""
    time = np.arange(200) / 50.0
    upward = 9.81 + 3 * np.cos(4 * np.pi * time) + np.cos(8 * np.pi * time)
    values = np.stack([np.zeros(200), upward, np.zeros(200)]).astype(np.float32)
    return Signal(values, 50.0, ("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3)


@pytest.fixture
def telling() -> SignalLM:
    """A model whose free answers are all the same."""
    model = build_signal_lm()
    model.lm.dialogue.decode = lambda ids: SAID  # type: ignore[method-assign]
    return model


def test_each_number_of_a_free_answer_stands_beside_what_was_measured(telling: SignalLM) -> None:
    asked = telling.ask(walk(), "Tell me about it.", max_new_tokens=2)
    assert [(check.quantity, check.within) for check in asked.checks] == [
        ("step rate", True),
        ("tilt", False),
        ("heart rate", False),
    ]
    assert asked.checks[1].measured == pytest.approx(90, abs=1)
    assert asked.checks[2].measured is None
    assert Chat(telling, walk()).ask("Tell me about it.", max_new_tokens=2).checks == asked.checks
    other = telling.ask_many(
        [walk(), Signal(2 * walk().values, 50.0, walk().channels, walk().units)],
        "And?",
        max_new_tokens=2,
        believe=True,
    )
    assert [len(answer.checks) for answer in other] == [3, 3]
    assert other[0].checks == asked.checks


def test_closed_answers_and_several_recordings_have_no_checks(telling: SignalLM) -> None:
    assert telling.ask(walk()).checks == ()
    assert telling.ask([walk(), walk()], "Which is faster?", max_new_tokens=2).checks == ()
    telling.lm.dialogue.decode = lambda ids: "Somebody walks."  # type: ignore[method-assign]
    assert telling.ask(walk(), "Tell me.", max_new_tokens=2).checks == ()
