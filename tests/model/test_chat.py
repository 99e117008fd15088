"""A conversation: the same answers as asking again, the signal read once, memory, streaming."""

import threading

import pytest
import torch
from tiny import TEMPLATE, build_signal_lm, motion

from sig2lm.errors import PromptError
from sig2lm.lm.generation import Reading
from sig2lm.model.signal_lm import SignalLM


class CountedReading:
    """Counts how many positions the LM is given to read, and how often the encoder runs."""

    def __init__(self, model: SignalLM, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens, self.encodings = 0, 0
        prefill, soft_prompt = model.lm.prefill, model.soft_prompt

        def count_prefill(inputs_embeds: torch.Tensor, *rest: object) -> object:
            self.tokens += inputs_embeds.shape[1]
            return prefill(inputs_embeds, *rest)

        def count_encoding(recording: object) -> object:
            self.encodings += 1
            return soft_prompt(recording)

        monkeypatch.setattr(model.lm, "prefill", count_prefill)
        monkeypatch.setattr(model, "soft_prompt", count_encoding)


@pytest.mark.parametrize("kind", ["resampler", "linear"])
@pytest.mark.parametrize("chat", [True, False], ids=["chat template", "plain"])
def test_first_answers_are_those_of_ask(kind: str, chat: bool) -> None:
    model = build_signal_lm(kind, chat, torch.float64)
    signal = motion(100, missing=0.2)
    conversation = model.chat(signal)
    assert conversation.ask().probabilities == pytest.approx(model.ask(signal).probabilities, abs=1e-9)
    conversation.reset()
    text = conversation.ask("Tell me more.", max_new_tokens=8).text
    assert text == model.ask(signal, "Tell me more.", max_new_tokens=8).text


def test_the_signal_is_encoded_once_and_read_once(signal_lm: SignalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedReading(signal_lm, monkeypatch)
    conversation = signal_lm.chat(motion(64))
    conversation.ask(TEMPLATE.question[0])
    first = counted.tokens
    conversation.reset()
    conversation.ask(TEMPLATE.question[1])
    assert counted.encodings == 1
    assert 0 < counted.tokens - first < first / 2


def test_a_conversation_answers_as_one_that_is_read_anew() -> None:
    """What is kept of earlier turns changes no later answer."""
    model = build_signal_lm(dtype=torch.float64)
    kept = model.chat(motion(64))
    kept.ask("First?", choices=["up", "down"])
    kept.ask("Second?", max_new_tokens=5)
    again = model.chat(motion(64))
    again.turns = list(kept.turns)
    one, two = (chat.ask("Third?", choices=["up", "down"]).probabilities for chat in (kept, again))
    assert one == pytest.approx(two, abs=1e-9)
    assert [turn.role for turn in kept.turns] == ["system", *["user", "assistant"] * 3]


def test_earlier_turns_matter(signal_lm: SignalLM) -> None:
    conversation = signal_lm.chat(motion(64))
    alone = conversation.ask("Is it so?", choices=["up", "down"])
    conversation.reset()
    conversation.ask("Is it up or down, and why?", choices=["walking", "person"])
    later = conversation.ask("Is it so?", choices=["up", "down"])
    assert later.probabilities != pytest.approx(alone.probabilities, abs=1e-6)


def test_streamed_pieces_are_the_answer_and_are_remembered(signal_lm: SignalLM) -> None:
    conversation = signal_lm.chat(motion(64))
    streamed = "".join(conversation.stream("Tell me more.", max_new_tokens=10)).strip()
    assert streamed == signal_lm.ask(motion(64), "Tell me more.", max_new_tokens=10).text
    assert conversation.turns[-1].parts == (streamed,)


def test_a_stream_that_is_left_or_fails_writes_no_further_and_is_not_remembered(
    signal_lm: SignalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = signal_lm.chat(motion(64))
    conversation.ask("Is it so?", choices=["up", "down"])
    before, threads = list(conversation.turns), threading.active_count()
    steps = []
    read = Reading.next_scores

    def counted(self: Reading) -> object:
        steps.append(1)
        return read(self)

    monkeypatch.setattr(Reading, "next_scores", counted)
    for _ in conversation.stream("Tell me more.", max_new_tokens=40, min_new_tokens=40):
        break
    assert len(steps) < 10
    assert (conversation.turns, threading.active_count()) == (before, threads)
    whole = "".join(conversation.stream("Tell me more.", max_new_tokens=10))
    conversation.reset()
    conversation.turns = before
    assert whole == conversation.ask("Tell me more.", max_new_tokens=10).text

    def fail(self: Reading) -> object:
        raise ValueError("no luck")

    remembered = list(conversation.turns)
    monkeypatch.setattr(Reading, "next_scores", fail)
    with pytest.raises(ValueError, match="no luck"):
        list(conversation.stream("Tell me more."))
    assert conversation.turns == remembered


def test_recordings_can_be_added(signal_lm: SignalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedReading(signal_lm, monkeypatch)
    conversation = signal_lm.chat(motion(64))
    conversation.ask(TEMPLATE.question[0])
    conversation.add(motion(40, 1))
    conversation.ask("And this one?", choices=["up", "down"])
    assert counted.encodings == 2
    conversation.ask("Are they alike?", choices=["up", "down"])
    assert counted.encodings == 2


def test_a_conversation_past_the_context_loses_its_oldest_questions_and_says_so(
    signal_lm: SignalLM, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = signal_lm.chat(motion(64))
    first = conversation.ask(TEMPLATE.question[0])
    words = "what is the person doing, and which one is it, " * 4
    for number in range(12):
        assert conversation.ask(f"{number}: {words}?", choices=["up", "down"]).text in ("up", "down")
    texts = ["".join(part for part in turn.parts if isinstance(part, str)) for turn in conversation.turns]
    assert TEMPLATE.question[0] in texts[1]
    assert texts[2] == first.text
    assert not any(text.startswith("0: ") for text in texts)
    assert texts[-2].startswith("11: ")
    assert "oldest questions behind the first are left out" in caplog.text
    with pytest.raises(PromptError, match="reads at most"):
        conversation.ask(words * 9, choices=["up", "down"])
    again = signal_lm.chat(motion(64))
    again.turns = list(conversation.turns[:-2])
    repeated = [chat.ask("Is it so?", choices=["up", "down"]).probabilities for chat in (conversation, again)]
    assert all(set(found) == {"up", "down"} for found in repeated)


def test_an_empty_question_is_refused(signal_lm: SignalLM) -> None:
    with pytest.raises(PromptError, match="empty"):
        signal_lm.chat(motion(64)).ask("  ")
