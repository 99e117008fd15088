"""Free text is exact greedy decoding, whatever an LM's own settings say; options are honoured or refused by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import build_lm
from torch import Tensor

from sig2lm.errors import PromptError
from sig2lm.lm import Context, FrozenLM

ROWS = torch.randint(6, 400, (3, 12), generator=torch.Generator().manual_seed(0))
NEW = 8


def read(lm: FrozenLM, ids: Tensor) -> Context:
    return lm.read(lm.embed(ids), torch.ones_like(ids), ids)


@torch.no_grad()
def greedy(lm: FrozenLM, ids: list[int]) -> list[int]:
    """Everything is read again for each token, by the bare LM and without a cache."""
    text: list[int] = []
    while len(text) < NEW:
        token = int(lm.model(input_ids=torch.tensor([[*ids, *text]]), use_cache=False).logits[0, -1].argmax())
        if token in lm.dialogue.stop_ids:
            break
        text.append(token)
    return text


def test_an_lm_s_own_settings_do_not_change_what_is_written(tmp_path: Path) -> None:
    plain = build_lm()
    plain.model.save_pretrained(tmp_path)
    plain.dialogue.tokenizer.save_pretrained(tmp_path)
    expected = [greedy(plain, ids) for ids in ROWS.tolist()]
    lm = FrozenLM.from_pretrained(tmp_path, device="cpu", dtype="float32")
    lm.model.config.use_cache = False
    own = {"num_beams": 4, "num_return_sequences": 2, "return_dict_in_generate": True, "use_cache": False}
    own |= {"cache_implementation": "static", "do_sample": True, "temperature": 9.0, "max_length": 3}
    for name, value in own.items():
        setattr(lm.model.generation_config, name, value)
    assert lm.generate(read(lm, ROWS), max_new_tokens=NEW) == expected
    assert list(lm.stream(read(lm, ROWS[:1]), max_new_tokens=NEW)) == expected[0]


@pytest.mark.parametrize(
    "options", [{"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 2}, {"suppress_tokens": [7, 8]}], ids=str
)
def test_options_mean_what_they_mean_in_transformers(options: dict[str, Any]) -> None:
    lm = build_lm()
    ids = ROWS[:1]
    whole = lm.model.generate(ids, do_sample=False, max_new_tokens=NEW, pad_token_id=1, **options)[0, ids.shape[1] :]
    expected = [token for token in whole.tolist() if token not in lm.dialogue.stop_ids]
    assert lm.generate(read(lm, ids), max_new_tokens=NEW, **options) == [expected]


def test_sampling_from_one_token_is_greedy_and_draws_are_of_the_seed() -> None:
    lm = build_lm()
    context = read(lm, ROWS)
    assert lm.generate(context, max_new_tokens=NEW, do_sample=True, top_k=1) == lm.generate(context, max_new_tokens=NEW)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(lm.generate(context, max_new_tokens=NEW, do_sample=True, temperature=2.0))
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"num_beams": 2}, "expected no num_beams"),
        ({"num_return_sequences": 2}, "expected no num_return_sequences"),
        ({"return_dict_in_generate": True}, "expected no return_dict_in_generate"),
        ({"cache_implementation": "static"}, "expected no cache_implementation"),
        ({"use_cache": False}, "expected no use_cache"),
        ({"max_length": 9}, "use max_new_tokens"),
        ({"beams": 2}, "found 'beams'; there are max_new_tokens"),
        ({"max_new_tokens": 0}, "at least 1, found 0"),
        ({"max_new_tokens": float("inf")}, "expected options of generation"),
        ({"do_sample": True, "temperature": -1.0}, "expected options of generation"),
        ({"do_sample": True, "top_p": 7.0}, "expected options of generation"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_by_name(options: dict[str, Any], told: str) -> None:
    lm = build_lm()
    with pytest.raises(PromptError, match=told) as caught:
        lm.generate(read(lm, ROWS), **options)
    assert "\n" not in str(caught.value)
    lm.generate(read(lm, ROWS), max_new_tokens=1, num_beams=1, use_cache=True, max_length=None)
