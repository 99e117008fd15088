"""Dialogue to tokens: with a chat template and without, for tokenizers that lack this or that."""

import datetime
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import build_tokenizer

from sig2lm.errors import PromptError
from sig2lm.lm import DialogueTokenizer
from sig2lm.templates.turns import SignalPlace, Turn

PLACE = SignalPlace("motion")
TURNS = (Turn("system", ("Answer briefly.",)), Turn("user", ("Movement: ", PLACE, "\nWhat is it?")))


def test_a_chat_template_frames_the_turns_and_leaves_room_for_the_signal() -> None:
    dialogue = DialogueTokenizer(build_tokenizer())
    prompt = dialogue.encode(TURNS, {PLACE: 3})
    ((place, start, count),) = prompt.places
    assert (place, count) == (PLACE, 3)
    text = dialogue.tokenizer.decode
    assert text(prompt.input_ids[:start]) == "<|bos|><|system|>Answer briefly.<|end|><|user|>Movement: "
    assert set(prompt.input_ids[start : start + 3]) == {dialogue.placeholder}
    assert text(prompt.input_ids[start + 3 :]) == "\nWhat is it?<|end|><|assistant|>"
    assert dialogue.encode_answer("up")[-1] == dialogue.tokenizer.convert_tokens_to_ids("<|end|>")
    assert prompt.num_static == start
    assert prompt.keys[start] == (PLACE, 0)


def test_a_long_text_is_encoded_without_transformers_own_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)  # where caplog listens
    tokenizer = build_tokenizer()
    tokenizer.model_max_length = 4
    dialogue = DialogueTokenizer(tokenizer)
    assert len(dialogue.encode((Turn("user", ("one two three four five",)),), {}).input_ids) > 4
    assert not caplog.records
    tokenizer("one two three four five")
    assert "longer than the specified maximum" in caplog.text


def test_without_a_chat_template_the_dialogue_is_plain_text() -> None:
    dialogue = DialogueTokenizer(build_tokenizer(chat=False))
    again = (*TURNS, Turn("assistant", ("up",)), Turn("user", ("Which one?",)))
    text = dialogue.tokenizer.decode(dialogue.encode(again, {PLACE: 0}).input_ids)
    assert text == "Answer briefly.\n\nMovement: \nWhat is it?\nAnswer: up\n\nWhich one?\nAnswer:"
    assert dialogue.decode(dialogue.encode_answer("up")) == "up"


def test_a_template_without_a_system_role_gets_the_text_in_the_first_turn() -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + str(tokenizer.chat_template)
    )
    dialogue = DialogueTokenizer(tokenizer)
    text = dialogue.tokenizer.decode(dialogue.encode(TURNS, {PLACE: 1}).input_ids)
    assert text.startswith("<|bos|><|user|>Answer briefly.\n\nMovement: ")


def test_a_tokenizer_without_special_tokens_still_ends_answers_and_pads() -> None:
    dialogue = DialogueTokenizer(build_tokenizer(chat=False, special=False))
    assert dialogue.end_of_answer == dialogue.tokenizer("\n")["input_ids"][-1]
    assert dialogue.placeholder == dialogue.end_of_answer
    assert DialogueTokenizer(build_tokenizer(chat=False, special=False), [7, 8]).end_of_answer == 7


def test_the_end_of_an_answer_is_the_template_s_own_and_eos_stops_too() -> None:
    """As in Gemma, whose turns end with a token that is not eos."""
    tokenizer = build_tokenizer()
    tokenizer.eos_token = "<|bos|>"
    dialogue = DialogueTokenizer(tokenizer, [5])
    assert dialogue.end_of_answer == tokenizer.convert_tokens_to_ids("<|end|>")
    assert set(dialogue.stop_ids) == {0, 5, dialogue.end_of_answer}


@pytest.mark.parametrize("chat", [True, False])
@given(text=st.text(max_size=40))
def test_whatever_is_asked_stays_text(chat: bool, text: str) -> None:
    dialogue = DialogueTokenizer(TOKENIZERS[chat])
    turns = (TURNS[0], Turn("user", ("Movement: ", PLACE, "\n", text)))
    prompt = dialogue.encode(turns, {PLACE: 2})
    assert len(prompt.places) == 1
    assert text in dialogue.tokenizer.decode(prompt.input_ids, skip_special_tokens=False)
    special = set(dialogue.tokenizer.all_special_ids) - {dialogue.placeholder}
    without = dialogue.encode(TURNS, {PLACE: 2}).input_ids
    assert sum(i in special for i in prompt.input_ids) == sum(i in special for i in without)


TOKENIZERS = {True: build_tokenizer(), False: build_tokenizer(chat=False)}


def written(template: str, turns: tuple[Turn, ...] = TURNS) -> str:
    """A dialogue with one virtual token, as text, under another chat template."""
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    return str(tokenizer.decode(DialogueTokenizer(tokenizer).encode(turns, {PLACE: 1}).input_ids))


BODY = "{% for m in messages %}<|{{ m.role }}|>{{ CONTENT }}<|end|>{% endfor %}<|assistant|>"
PLAIN = BODY.replace("CONTENT", "m.content")
EXPECTED = "<|system|>Answer briefly.<|end|><|user|>Movement: <|pad|>\nWhat is it?<|end|><|assistant|>"


def test_templates_that_are_particular_are_given_what_they_want() -> None:
    assert written(PLAIN) == EXPECTED
    parts = BODY.replace("CONTENT", "m.content[0].text if m.content is not string else raise_exception('parts only')")
    assert written(parts) == EXPECTED
    assert written(BODY.replace("CONTENT", "m.content[0]['text']")) == EXPECTED
    demanding = "{% if messages[0].role != 'system' %}{{ raise_exception('a system turn first') }}{% endif %}" + PLAIN
    assert written(demanding, TURNS[1:]).startswith("<|system|>You are a helpful assistant.<|end|><|user|>Movement")
    repeating = "{{ messages[0].content }} {{ messages[0].content }}" + PLAIN
    assert written(repeating) == "Answer briefly. Answer briefly." + EXPECTED
    with pytest.raises(PromptError, match="signal twice"):
        written("{{ messages[-1].content }}" + PLAIN)
    with pytest.raises(PromptError, match=r"cannot write .*: it leaves out the user turn"):
        written("{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% endif %}{% endfor %}!")


def test_the_answer_stands_behind_a_block_of_thinking() -> None:
    assert written(PLAIN + "{{ '<think>\n' }}").endswith("<|assistant|><think>\n\n</think>\n\n")
    assert written(PLAIN + "{{ '<think>\n\n</think>\n\n' }}").endswith("<|assistant|><think>\n\n</think>\n\n")


def test_the_date_in_a_template_is_the_run_s_and_not_today_s() -> None:
    tokenizer = build_tokenizer()
    assert not DialogueTokenizer(tokenizer).writes_date
    now = "{% if strftime_now is defined %}{% set now = strftime_now('%d %b %Y') %}{% endif %}{{ now + '.' }}"
    tokenizer.chat_template = now + PLAIN
    date = datetime.date(2025, 3, 1)
    dialogue = DialogueTokenizer(tokenizer, date=date)
    assert dialogue.writes_date
    assert tokenizer.decode(dialogue.encode(TURNS, {PLACE: 1}).input_ids).startswith("01 Mar 2025.<|system|>")
    assert DialogueTokenizer(tokenizer).date == datetime.date.today()


def test_ids_that_the_lm_has_no_row_for_are_no_padding_and_are_refused_in_text() -> None:
    dialogue = DialogueTokenizer(build_tokenizer(), table_size=420)
    assert dialogue.placeholder == 1
    tokenizer = build_tokenizer(chat=False)
    tokenizer.add_special_tokens({"pad_token": "<|far|>"})
    assert DialogueTokenizer(tokenizer, table_size=tokenizer.pad_token_id).placeholder == 2
    with pytest.raises(PromptError, match="embeds 50 only"):
        DialogueTokenizer(tokenizer, table_size=50).encode((Turn("user", ("What is it?",)),), {})


def test_threads_encode_as_one_does() -> None:
    questions = [f"What is it <|end|> {number}?" for number in range(60)]

    def ask(dialogue: DialogueTokenizer, text: str) -> tuple[int, ...]:
        return dialogue.encode((*TURNS[:1], Turn("user", ("Movement: ", PLACE, text))), {PLACE: 2}).input_ids

    alone = [ask(DialogueTokenizer(build_tokenizer()), text) for text in questions]
    shared = DialogueTokenizer(build_tokenizer())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(partial(ask, shared), questions)) == alone
