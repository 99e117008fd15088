"""Questions and recordings that are odd: each gets an answer or one clear line, and none an invented number."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import motion

from sig2lm.cli.checks import say_checks, without_signal
from sig2lm.datasets import Table
from sig2lm.errors import PromptError
from sig2lm.model.signal_lm import SignalLM
from sig2lm.quantities import check_numbers, measure, stated_numbers
from sig2lm.templates import Task, load_template
from sig2lm.templates.questions import QuestionPlan
from sig2lm.training.curriculum import Curriculum


@pytest.mark.parametrize("question", ["Was macht die Person gerade?", "这个人在做什么？", "ما الذي يفعله الشخص؟", "🤷"])
def test_a_question_in_another_language_is_answered_freely(signal_lm: SignalLM, question: str) -> None:
    answer = signal_lm.ask(motion(), question, max_new_tokens=3)
    assert answer.probabilities is None
    assert answer.checks == ()
    assert signal_lm.ask(motion(), question, ["auf", "ab"]).label in ("auf", "ab")


@pytest.mark.parametrize("question", ["", "  ", "\n"])
def test_an_empty_question_is_refused_wherever_it_is_asked(signal_lm: SignalLM, question: str) -> None:
    for ask in (signal_lm.ask, signal_lm.explain, signal_lm.annotate):
        with pytest.raises(PromptError, match="expected a question, found an empty one"):
            ask(motion(), question)
    chat = signal_lm.chat(motion())
    with pytest.raises(PromptError, match="found an empty one"):
        chat.ask(question)
    assert chat.ask().text  # it goes on


def test_a_question_longer_than_the_context_is_refused_in_one_line(signal_lm: SignalLM) -> None:
    for ask in (signal_lm.ask, signal_lm.explain):
        with pytest.raises(PromptError, match=r"takes \d+ tokens, but the LM .* at most 512; .* shorter text") as told:
            ask(motion(), "And then? " * 300, max_new_tokens=2)
        assert "\n" not in str(told.value)


def test_a_kind_that_no_row_carries_is_refused_by_name(days: Table) -> None:
    template = load_template("stress")
    without = template.model_copy(update={"questions": QuestionPlan(subject="the person", quantities=())})
    few = replace(days, data=type(days.data)({name: rows.select(range(8)) for name, rows in days.data.items()}))
    curriculum = Curriculum.from_table(few, Task.from_template(without, days.info.labels), {"measure": 1.0})
    with pytest.raises(PromptError, match="about which measure can be asked, found none"):
        curriculum.training_table()


def test_a_quantity_without_its_channel_is_said_to_be_absent(capsys: pytest.CaptureFixture[str]) -> None:
    (check,) = check_numbers("The heart rate is 70 beats per minute.", measure(motion(256)))
    assert check.measured is None
    assert not check.within
    say_checks((check,))
    assert capsys.readouterr().out == "  ✗ 70 beats per minute: the signal does not show the heart rate\n"


def test_of_a_recording_without_any_sample_the_answer_says_that_it_rests_on_nothing(signal_lm: SignalLM) -> None:
    nothing = motion()
    nothing.values[:] = np.nan
    assert dict(measure(nothing)) == {}
    chat = signal_lm.chat(nothing)
    answers = [signal_lm.ask(nothing), signal_lm.explain(nothing), chat.ask(), chat.ask("Why?", max_new_tokens=2)]
    for answer in answers:
        assert answer.relies_on_signal is False
        assert answer.reliance is not None
        assert without_signal(answer.reliance) == "does not rely on the signal: every sample is missing"
    assert signal_lm.ask(motion()).relies_on_signal is None  # nothing is known of other recordings
    (check,) = check_numbers("The step rate is 2 steps per second.", measure(nothing))
    assert check.measured is None


def test_a_threshold_without_a_unit_is_no_stated_number(signal_lm: SignalLM) -> None:
    assert stated_numbers("Is the step rate above 2?") == []
    assert stated_numbers("Yes, it is above 2.") == []
    answer = signal_lm.ask(motion(), "Is the step rate above 2?", ["yes", "no"])
    assert answer.label in ("yes", "no")
