"""Any causal LM: the same answer alone and in a padded batch, with the prefix cache and without it."""

import pytest
import torch
from tiny import build_tokenizer
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Phi3Config,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from sig2lm.lm import Context, EncodedPrompt, FrozenLM
from sig2lm.model.examples import Example, collate

IDS = {"vocab_size": 420, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.2}
SIZE = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 128}
LLAMA = {**IDS, **SIZE, "num_key_value_heads": 2, "intermediate_size": 64}
# Windows of 16 are shorter than the prompts below, so that sliding attention really slides.
ARCHITECTURES: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**LLAMA),
    "qwen2": Qwen2Config(**LLAMA),
    "qwen3": Qwen3Config(**LLAMA, head_dim=8),
    "mistral": MistralConfig(**LLAMA, sliding_window=16),
    "gpt2": GPT2Config(**IDS, n_embd=32, n_layer=4, n_head=4, n_positions=128),
    "gpt_neox": GPTNeoXConfig(**IDS, **SIZE, intermediate_size=64),
    "gpt_neo": GPTNeoConfig(
        **IDS,
        hidden_size=32,
        num_layers=4,
        num_heads=4,
        attention_types=[[["global", "local"], 2]],
        window_size=16,
        max_position_embeddings=128,
    ),
    "gemma2": Gemma2Config(**LLAMA, head_dim=8, sliding_window=16),
    "gemma3": Gemma3TextConfig(**LLAMA, head_dim=8, sliding_window=16),
    "phi3": Phi3Config(**LLAMA),
    "opt": OPTConfig(
        vocab_size=420,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
        init_std=0.2,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        word_embed_proj_dim=16,
        max_position_embeddings=128,
    ),
}
# These three keep parts of attention in float32 whatever the weights are, so float64 says no more there.
TOLERANCE = {"gpt_neo": 1e-4, "gemma2": 1e-4}


def build(name: str) -> FrozenLM:
    torch.manual_seed(0)
    dtype = torch.float32 if name in TOLERANCE else torch.float64
    return FrozenLM(AutoModelForCausalLM.from_config(ARCHITECTURES[name], dtype=dtype), build_tokenizer(), name)


def prompts(lengths: tuple[int, ...], prefix: int = 6) -> list[Example]:
    """Examples that share their first tokens and are all text."""
    generator = torch.Generator().manual_seed(1)
    start = tuple(torch.randint(6, 400, (prefix,), generator=generator).tolist())
    tails = (tuple(torch.randint(6, 400, (length,), generator=generator).tolist()) for length in lengths)
    return [Example(EncodedPrompt(start + tail, ()), {}) for tail in tails]


def read(lm: FrozenLM, examples: list[Example], shared: bool) -> tuple[torch.Tensor, Context]:
    """Logits of the last two positions, and the context; with the shared beginning prefilled apart or not."""
    if shared:
        batch = collate(examples, lm.dialogue.placeholder, lm.attention_window)
        ids, mask, start = batch["input_ids"], batch["attention_mask"], batch["prefix_ids"]
    else:
        longest = max(len(example.prompt.input_ids) for example in examples)
        rows = [list(example.prompt.input_ids) for example in examples]
        ids = torch.tensor([[lm.dialogue.placeholder] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        start = torch.zeros(0, dtype=torch.long)
    prefix = lm.prefill(lm.embed(start[None]), torch.ones(1, len(start), dtype=torch.long)) if len(start) else None
    logits = lm(lm.embed(ids), mask, prefix=prefix, num_logits=2)
    whole = torch.cat([start.expand(len(ids), -1), ids], 1)
    whole_mask = torch.cat([torch.ones_like(start).expand(len(ids), -1), mask], 1)
    return logits, Context(whole, whole_mask, lm.prefill(lm.embed(whole[:, :-1]), whole_mask[:, :-1]))


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("lengths", [(4, 7, 5), (5, 22, 13)], ids=["short", "past the window"])
@torch.no_grad()
def test_alone_padded_and_prefilled_agree(name: str, lengths: tuple[int, ...]) -> None:
    lm = build(name)
    examples = prompts(lengths)
    tolerance = TOLERANCE.get(name, 1e-10)
    batched, _ = read(lm, examples, shared=False)
    prefilled, _ = read(lm, examples, shared=True)
    for row, example in enumerate(examples):
        alone, _ = read(lm, [example], shared=False)
        assert alone.std() > 0.01
        torch.testing.assert_close(batched[row], alone[0], atol=tolerance, rtol=tolerance)
        torch.testing.assert_close(prefilled[row], alone[0], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", ARCHITECTURES)
@torch.no_grad()
def test_scores_and_texts_do_not_depend_on_batch_mates(name: str) -> None:
    lm = build(name)
    examples = prompts((5, 22, 13))
    choices = [(10, 11, 12), (20,), (10, 30)]
    _, context = read(lm, examples, shared=False)
    scores, texts = lm.score(context, choices), lm.generate(context, max_new_tokens=12)
    for row, example in enumerate(examples):
        _, alone = read(lm, [example], shared=False)
        torch.testing.assert_close(lm.score(alone, choices)[0], scores[row], atol=1e-4, rtol=1e-4)
        assert lm.generate(alone, max_new_tokens=12)[0] == texts[row]


@pytest.mark.parametrize("name", ARCHITECTURES)
@torch.no_grad()
def test_score_is_the_sum_of_token_log_probabilities(name: str) -> None:
    lm = build(name)
    example = prompts((9,))[0]
    _, context = read(lm, [example], shared=False)
    ids = torch.tensor([[*example.prompt.input_ids, 10, 11, 12]])
    log_probs = lm(lm.embed(ids), torch.ones_like(ids), num_logits=4)[0].double().log_softmax(-1)
    expected = log_probs[0, 10] + log_probs[1, 11] + log_probs[2, 12]
    torch.testing.assert_close(lm.score(context, [(10, 11, 12)])[0, 0], expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_soft_prompts_start_at_the_norm_that_the_lm_embeds_with(name: str) -> None:
    lm = build(name)
    rows = lm.embed(torch.arange(420)).float().norm(dim=-1)
    assert lm.embedding_norm == pytest.approx(float(rows.mean()), rel=1e-4)
