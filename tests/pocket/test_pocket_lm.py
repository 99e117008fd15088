"""The shipped pocket LM: it loads offline, is small, gives every string back and answers."""

import json
import re
from pathlib import Path

import pytest
import torch
from build_pocket_lm import encode
from exam_pocket_lm import EXAM_SEED, Examinee, closed_items, follow_up_item, score, share
from hypothesis import given, settings
from hypothesis import strategies as st
from pocket_lm_text import TASKS
from pocket_lm_text.grammar import Document, Message
from transformers import AutoTokenizer

FOLDER = Path(__file__).parents[2] / "sig2lm" / "pocket" / "lm"
TOKENIZER = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
PIECES = st.sampled_from(
    [
        "<|end|>",
        "<|user|>",
        "<|bos|>",
        "<0x41>",
        "</s>",
        "▁",
        " ",
        "  ",
        "\n",
        "\t",
        "812",
        "m/s²",
        "é",
        "🙂",
        "walking",
    ]
)
STRINGS = st.text() | st.lists(PIECES | st.text(max_size=4)).map("".join)


@pytest.fixture(scope="module")
def examinee() -> Examinee:
    return Examinee(FOLDER)


def test_sizes(examinee):
    files = [file for file in FOLDER.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 10_000_000
    assert examinee.model.num_parameters() <= 5_000_000
    assert examinee.model.config.max_position_embeddings >= 1024
    assert examinee.model.config.tie_word_embeddings
    assert type(examinee.model).__name__ == "LlamaForCausalLM"
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".jinja", ".md", ".py"}


def test_files_name_no_place_on_a_machine():
    for file in FOLDER.glob("*.json"):
        assert not re.search(r'"_name_or_path"|/(?:tmp|home|root|work)/', file.read_text(encoding="utf-8")), file.name


def test_generation_stops_at_the_end_of_an_answer(examinee):
    config = json.loads((FOLDER / "generation_config.json").read_text(encoding="utf-8"))
    assert config["eos_token_id"] == TOKENIZER.convert_tokens_to_ids("<|end|>")
    assert config["pad_token_id"] == TOKENIZER.pad_token_id
    message = Message("user", ("Movement of the body: The person is sitting.\nWhat is the person doing?",))
    assert examinee.generate([message]) == "sitting"


@given(STRINGS)
@settings(max_examples=200)
def test_every_string_comes_back(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text
    apart = TOKENIZER.encode(text, split_special_tokens=True)
    assert TOKENIZER.decode(apart, skip_special_tokens=True) == text
    assert not set(apart) & set(TOKENIZER.all_special_ids)


@given(st.integers(0, 10**12), st.integers(0, 9))
def test_digits_stand_alone(value, decimals):
    text = f"{value:,} {value / 10**decimals:.{decimals}f} ms"
    tokens = [TOKENIZER.decode([token]) for token in TOKENIZER.encode(text)]
    assert all(len(token) == 1 for token in tokens if re.search(r"\d", token))


def test_no_token_holds_two_digits():
    tokens = [TOKENIZER.decode([index]) for index in range(len(TOKENIZER))]
    assert not [token for token in tokens if re.search(r"\d.*\d", token)]
    assert 2000 <= len(TOKENIZER) <= 3000


def test_chat_template():
    messages = [
        {"role": "system", "content": " A "},
        {"role": "user", "content": "B\n"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "  D"},
    ]
    text = TOKENIZER.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "<|bos|><|system|> A <|end|><|user|>B\n<|end|><|assistant|>c<|end|><|user|>  D<|end|><|assistant|>"
    with pytest.raises(Exception, match="Expected role"):
        TOKENIZER.apply_chat_template([{"role": "tool", "content": ""}], tokenize=False)


def test_training_encodes_as_the_chat_template_does():
    messages = (Message("system", ("Answer.",)), Message("user", ("Beats: 812 640",)), Message("assistant", ("AF",)))
    content = [{"role": message.role, "content": message.text} for message in messages]
    row = encode(Document(messages), TOKENIZER)
    assert row.ids == TOKENIZER.apply_chat_template(content, return_dict=False)
    assert [weight for weight in row.weights if weight == 1.0] == [1.0] * (len(TOKENIZER.encode("AF")) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_sample_of_the_exam(examinee, task):
    results = score(examinee, closed_items(task, 40, EXAM_SEED + 1))
    assert share([right for right, _ in results]) >= 0.9


def test_follow_up_questions(examinee):
    items = [item for task in TASKS.values() for item in closed_items(task, 6, EXAM_SEED + 1, follow_up_item)]
    assert share([right for right, _ in score(examinee, items)]) >= 0.8


def test_without_a_description_it_can_only_guess(examinee):
    items = closed_items(TASKS["har"], 18, EXAM_SEED + 1, described=False)
    assert share([right for right, _ in score(examinee, items)]) <= 0.4


def test_likelihood_does_not_depend_on_the_batch(examinee):
    prompts = [examinee.prompt([Message("user", ("Still or moving?" * n,))]) for n in (1, 9)]
    pairs = [(prompt, examinee.answer_ids("still")) for prompt in prompts]
    together = examinee.log_likelihoods(pairs)
    alone = [examinee.log_likelihoods([pair])[0] for pair in pairs]
    assert torch.allclose(torch.tensor([x for x, _ in together]), torch.tensor([x for x, _ in alone]), atol=1e-4)
