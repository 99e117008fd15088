"""What a caller may pass: arrays of any kind become signals, and nothing unknown is silently taken."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import MOTION, build_signal_lm, motion

from sig2lm.errors import ArgumentError, PromptError, Sig2LMError, SignalError
from sig2lm.model.answer import Answer
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract, Signal
from sig2lm.signals.arrays import ArrayClock, as_signal
from sig2lm.templates.task import Task
from sig2lm.templates.template import load_template

RATE = MOTION.sampling_rate


@pytest.fixture(scope="module")
def model() -> SignalLM:
    return build_signal_lm()


@pytest.mark.parametrize("kind", ["numpy", "torch", "frame by name", "frame by number"])
def test_arrays_are_asked_about_like_signals(model: SignalLM, kind: str) -> None:
    signal = motion(64)
    names = list(MOTION.channels)
    data = {
        "numpy": signal.values.astype(np.float64),
        "torch": torch.from_numpy(signal.values).requires_grad_(),
        "frame by name": pd.DataFrame(signal.values.T, columns=names)[names[::-1]].assign(note="x"),
        "frame by number": pd.DataFrame(signal.values.T),
    }[kind]
    wanted = model.ask(signal)
    assert model.ask(data, sampling_rate=RATE).probabilities == pytest.approx(wanted.probabilities, abs=1e-6)
    assert model.ask({"motion": [data]}, sampling_rate=RATE).probabilities == pytest.approx(
        wanted.probabilities, abs=1e-6
    )
    assert model.ask_many([data, data], sampling_rate=RATE)[1].probabilities == pytest.approx(
        wanted.probabilities, abs=1e-6
    )
    assert model.chat(data, sampling_rate=RATE).ask().probabilities == pytest.approx(wanted.probabilities, abs=1e-6)
    assert next(iter(model.annotate(data, window=0.64, sampling_rate=RATE))).label in model.tasks[0].labels


def test_what_is_stated_of_an_array_is_converted(model: SignalLM) -> None:
    """Channels in another order, in another unit: the same answer."""
    signal = motion(64)
    order = [2, 0, 1]
    other = signal.values[order] / 9.80665
    stated = {"channels": [MOTION.channels[i] for i in order], "units": ["g"] * 3, "sampling_rate": RATE}
    assert model.ask(other, **stated).probabilities == pytest.approx(model.ask(signal).probabilities, abs=1e-4)


@pytest.mark.parametrize(
    ("data", "stated", "expected"),
    [
        (np.zeros((3, 64)), {}, "pass sampling_rate="),
        (np.zeros((64, 3)), {"sampling_rate": RATE}, r"array\.T"),
        (np.zeros((2, 64)), {"sampling_rate": RATE}, r"found shape \(2, 64\)"),
        (np.zeros(64), {"sampling_rate": RATE}, r"found shape \(64,\)"),
        (motion(64), {"sampling_rate": RATE}, "states its sampling_rate itself"),
        ("run.npz", {"sampling_rate": RATE}, "read_signal"),
        ([0.1, 0.2], {"sampling_rate": RATE}, "found float"),
        ([], {}, "empty list"),
        (pd.DataFrame({"a": [1.0], "b": [1.0], "c": [1.0]}), {"sampling_rate": RATE}, "the unit of a, b, c"),
        ({"motino": motion(64)}, {}, "did you mean 'motion'"),
        (np.zeros((3, 64)), {"sampling_rate": -1}, "positive"),
    ],
)
def test_what_is_no_recording_is_refused(
    model: SignalLM, data: object, stated: dict[str, object], expected: str
) -> None:
    with pytest.raises(SignalError, match=expected):
        model.ask(data, **stated)


def test_one_channel_may_be_flat_and_a_period_comes_from_the_contract() -> None:
    days = Contract(("steps",), ("count",), None, 86400.0)
    assert as_signal(np.arange(7.0), days, "the encoder").period == 86400.0
    ecg = as_signal(np.zeros(500), Contract(("rr",), ("ms",), None), "x", ArrayClock(500, ["ecg"], ["mV"]))
    assert (ecg.channels, ecg.sampling_rate) == (("ecg",), 500.0)
    assert isinstance(ecg, Signal)


def test_a_text_is_no_list_of_choices(model: SignalLM) -> None:
    asking = [
        lambda: model.ask(motion(64), "Which?", "up,down"),
        lambda: model.ask_many([motion(64)], "Which?", "up,down"),
        lambda: model.chat(motion(64)).ask("Which?", "up,down"),
        lambda: model.annotate(motion(64), "Which?", "up,down", window=0.64),
    ]
    for ask in asking:
        with pytest.raises(ArgumentError, match=r"write it as \['up', 'down'\]"):
            ask()
    with pytest.raises(ArgumentError, match="labels as a list"):
        Task.from_template(load_template("generic"), "up,down")
    with pytest.raises(ArgumentError, match="found one"):
        model.ask_many(motion(64))


def test_unknown_arguments_are_refused_with_the_nearest(model: SignalLM) -> None:
    signal = motion(64)
    cases = {
        "did you mean 'max_new_tokens'": lambda: model.ask(signal, "Why?", max_new_token=3),
        "did you mean 'sampling_rate'": lambda: model.ask(signal, sampling_rates=3),
        "did you mean 'do_sample'": lambda: model.chat(signal).ask("Why?", do_samples=True),
        "did you mean 'temperature'": lambda: next(model.chat(signal).stream("Why?", temprature=1.0)),
        "did you mean 'channels'": lambda: model.chat(signal, channel=["x"]),
        "unknown option 'strides'": lambda: model.annotate(signal, strides=3),
        "unknown fact 'age'": lambda: model.ask(signal, facts={"age": "67"}),
        "unknown fact 'sex'": lambda: model.chat(signal, {"sex": "f"}),
        "facts as a dictionary": lambda: model.ask(signal, facts="age=67"),
        "facts for each of 1": lambda: model.ask_many([signal], facts=[{}, {}]),
        "did you mean 'revision'": lambda: SignalLM.from_pretrained("runs/x", revison="main"),
        "did you mean 'device'": lambda: SignalLM.from_pretrained("runs/x", devise="cpu"),
        "did you mean 'encoders'": lambda: SignalLM.from_pretrained("runs/x", encoder={}),
        "did you mean 'push_to_hub'": lambda: model.save_pretrained("runs/x", push_to_hubs=True),
    }
    for expected, call in cases.items():
        with pytest.raises(ArgumentError, match=expected) as caught:
            call()
        assert isinstance(caught.value, TypeError)
        assert "\n" not in str(caught.value)


def test_a_closed_question_takes_no_option_of_free_text(model: SignalLM) -> None:
    for ask in (model.ask, lambda *a, **b: model.chat(a[0]).ask(*a[1:], **b)):
        with pytest.raises(ArgumentError, match="max_new_tokens: only free text"):
            ask(motion(64), "Which?", ["up", "down"], max_new_tokens=3)


def test_answers_rank_their_choices() -> None:
    answer = Answer("b", "b", {"a": 0.2, "b": 0.7, "c": 0.1})
    assert answer.confidence == 0.7
    assert answer.ranked == [("b", 0.7), ("a", 0.2), ("c", 0.1)]
    free = Answer("It is b.", "b", None)
    assert (free.confidence, free.ranked) == (None, [])


def test_trainable_parameters_are_those_of_the_adapter(model: SignalLM, capsys: pytest.CaptureFixture[str]) -> None:
    model.print_trainable_parameters()
    adapter = sum(p.numel() for p in model.branch("motion").adapter.parameters())
    said = capsys.readouterr().out
    assert f"trainable: {adapter:,} of " in said
    assert "LM 0, motion" in said


def test_a_conversation_survives_what_it_refuses(model: SignalLM) -> None:
    """A question that is too long, options that are none: the next answers are those of a fresh conversation."""
    chat, fresh = model.chat(motion(64)), model.chat(motion(64))
    chat.ask("Which?", ["up", "down"])
    for _ in range(2):
        with pytest.raises(PromptError, match="reads at most 512"):
            chat.ask("word " * 600, ["up", "down"])
        with pytest.raises(Sig2LMError):
            chat.ask("Which?", ["one"])
        with pytest.raises(PromptError):
            list(chat.stream(" "))
        chat.reset()
        fresh.reset()
        for question in ("Which?", "And now?"):
            one, two = (c.ask(question, ["up", "down"]).probabilities for c in (chat, fresh))
            assert one == pytest.approx(two, abs=1e-6)
