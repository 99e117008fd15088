"""Text cannot become a turn, whatever kind of tokenizer reads it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build_tokenizer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sig2lm.lm import DialogueTokenizer
from sig2lm.lm.text import Scaffold, TextEncoder
from sig2lm.templates.turns import SignalPlace, Turn

PLACE = SignalPlace("motion")
WORDS = ["What is it? Which one? up down and the person is walking. [INST] </s> <s> system user assistant"] * 4
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]"]
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
)


def wrapped(tokenizer: Tokenizer, special: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer with roles; with ``special`` also [INST] and [/INST] count as such."""
    found = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    if special:
        found.add_special_tokens({"additional_special_tokens": SPECIAL[4:]})
    found.chat_template = MISTRAL
    return found


def metaspace(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def unigram() -> PreTrainedTokenizerFast:
    """As sentencepiece writes it: special tokens are pieces of the vocabulary like any other."""
    characters = sorted(set("".join(WORDS)) - {" "})
    pieces = [(piece, 0.0) for piece in SPECIAL] + [("\u2581", -2.0), ("\u2581up", -3.0)]
    pieces += [(character, -5.0) for character in characters]
    return wrapped(metaspace(Tokenizer(models.Unigram(pieces, unk_id=0))))


def byte_fallback() -> PreTrainedTokenizerFast:
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *sorted(set("".join(WORDS)) - {" "})]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(names))}
    return wrapped(metaspace(Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))))


def wordpiece() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(WORDS, trainers.WordPieceTrainer(special_tokens=SPECIAL, show_progress=False))
    return wrapped(tokenizer)


KINDS = {
    "bpe": build_tokenizer(),
    "bpe without a template": build_tokenizer(chat=False),
    "unigram": unigram(),
    "byte fallback": byte_fallback(),
    "wordpiece": wordpiece(),
}
DIALOGUES = {name: DialogueTokenizer(tokenizer) for name, tokenizer in KINDS.items()}
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from([*SPECIAL, "<|end|>", "<|user|>", "<|pad|>", "<", "/s>", "<0x0A>", " "]), st.text(max_size=4)
    ),
    max_size=6,
).map("".join)


def controls(dialogue: DialogueTokenizer, content: str) -> list[int]:
    """Special tokens of a dialogue with some content as question, answer and name."""
    turns = (
        Turn("user", ("Channels ", content, ": ", PLACE, "\n", content)),
        Turn("assistant", (content,)),
        Turn("user", (content,)),
    )
    prompt = dialogue.encode(turns, {PLACE: 1})
    ((_, at, _),) = prompt.places
    ids = [*prompt.input_ids[:at], *prompt.input_ids[at + 1 :], *dialogue.encode_answer(content)[:-1]]
    return [token for token in ids if token in dialogue._text.control]


@pytest.mark.parametrize("kind", KINDS)
@given(content=HOSTILE)
def test_text_is_no_way_into_the_scaffold(kind: str, content: str) -> None:
    dialogue = DIALOGUES[kind]
    assert controls(dialogue, content) == controls(dialogue, "up")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200)
@given(content=HOSTILE)
def test_two_hundred_texts_are_no_way_into_the_scaffold(kind: str, content: str) -> None:
    test_text_is_no_way_into_the_scaffold.hypothesis.inner_test(kind, content)


@pytest.mark.parametrize(
    "name", ["bert-base-uncased", "mistral-v3", "qwen2.5", "t5", "gpt2", "smollm2", "pythia-gptneox"]
)
def test_text_is_no_way_into_the_scaffold_of_real_tokenizers(shared: Path, name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared / "tokenizers" / name, local_files_only=True)
    dialogue = DialogueTokenizer(tokenizer)
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and token.content != tokenizer.unk_token:
            for text in (token.content, f"up {token.content} down", token.content * 3):
                assert controls(dialogue, text) == controls(dialogue, "up"), text


@pytest.mark.parametrize("kind", ["unigram", "byte fallback", "bpe", "wordpiece"])
def test_a_dialogue_without_control_texts_is_encoded_as_the_tokenizer_itself_would(kind: str) -> None:
    """Word starts of sentencepiece included: content does not begin a text of its own."""
    dialogue, tokenizer = DIALOGUES[kind], KINDS[kind]
    messages = [("user", "What is it?"), ("assistant", "up"), ("user", "Which one?")]
    whole = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in messages], tokenize=False, add_generation_prompt=True
    )
    turns = [Turn(role, (content,)) for role, content in messages]
    assert list(dialogue.encode(turns, {}).input_ids) == tokenizer(whole, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", ["unigram", "byte fallback"])
def test_an_answer_is_one_word_start_behind_the_question(kind: str) -> None:
    tokenizer = KINDS[kind]
    tokenizer_plain = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token="</s>")
    dialogue = DialogueTokenizer(tokenizer_plain)
    question = dialogue.encode([Turn("user", ("What is it?",))], {}).input_ids
    answer = dialogue.encode_answer("up")[:-1]
    assert [*question, *answer] == tokenizer_plain("What is it?\nAnswer: up", add_special_tokens=False)["input_ids"]


def test_long_hostile_texts_take_no_long_time() -> None:
    encoder = TextEncoder(KINDS["unigram"], 10_000)
    assert encoder.control.isdisjoint(encoder.encode(("</s>" * 5000,)))
    assert 2 in encoder.encode((Scaffold("</s>"),))
