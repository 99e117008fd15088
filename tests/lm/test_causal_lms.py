"""Any causal LM of transformers: the same answer alone, padded, behind a shared beginning, in a chain and in a tree.

What our own code computes is held against the bare LM on bare token ids, one row at a time and without a cache.
"""

import sys
import warnings
from pathlib import Path

import pytest
import torch
from tiny import build_tokenizer
from torch import Tensor

from sig2lm.errors import CheckpointError
from sig2lm.lm import Context, EncodedPrompt, FrozenLM
from sig2lm.lm.capabilities import measure
from sig2lm.lm.runner import Runner
from sig2lm.model.batches import collate
from sig2lm.model.examples import Example

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from tiny_lms import FAMILIES, build_tiny

# In the default suite: plain, sliding, local, ALiBi, recurrent, hybrid, offset positions, both directions.
KINDS = ("llama", "gemma3_text", "gpt_neo", "bloom", "mamba", "lfm2", "opt", "bert")
CHOICES = [(10, 11, 12), (20,), (10, 30)]
TOLERANCE = 2e-4


def prompts(lengths: tuple[int, ...], prefix: int = 6) -> list[Example]:
    """Examples that share their first tokens and are all text."""
    generator = torch.Generator().manual_seed(1)
    start = tuple(torch.randint(6, 400, (prefix,), generator=generator).tolist())
    tails = (tuple(torch.randint(6, 400, (length,), generator=generator).tolist()) for length in lengths)
    return [Example(EncodedPrompt(start + tail, ()), {}) for tail in tails]


def bare(lm: FrozenLM, ids: tuple[int, ...]) -> Tensor:
    """Logits (L, V) of the LM itself for one row."""
    options = {"use_cache": False} if "use_cache" in lm._run.takes else {}
    return lm.model(input_ids=torch.tensor([ids]), **options).logits[0]


def bare_text(lm: FrozenLM, ids: tuple[int, ...], length: int) -> list[int]:
    """Greedy decoding without a cache."""
    text: list[int] = []
    while len(text) < length and not {*text} & {*lm.dialogue.stop_ids}:
        text.append(int(bare(lm, (*ids, *text))[-1].argmax()))
    return [token for token in text if token not in lm.dialogue.stop_ids]


def read(lm: FrozenLM, examples: list[Example]) -> tuple[Tensor, Context]:
    """Logits of the last two positions, and the context, as the bridge reads a batch."""
    batch = collate(examples, lm.dialogue.placeholder, lm.sharing_limit)
    ids, mask, start = batch["input_ids"], batch["attention_mask"], batch["prefix_ids"][None]
    prefix, past = (
        lm.prefill(lm.embed(start), torch.ones_like(start), start) if start.numel() else None for _ in range(2)
    )
    logits = lm(lm.embed(ids), mask, input_ids=ids, prefix=prefix, num_logits=2)
    if past is not None:
        past.batch_repeat_interleave(len(ids))
    rows = len(ids)
    whole = torch.cat([start.expand(rows, -1), ids], dim=1)
    whole_mask = torch.cat([torch.ones_like(start).expand(rows, -1), mask], dim=1)
    return logits, lm.read(lm.embed(ids), whole_mask, whole, past)


@torch.no_grad()
def check_family(lm: FrozenLM, lengths: tuple[int, ...]) -> None:
    examples = prompts(lengths)
    rows = [example.prompt.input_ids for example in examples]
    logits, context = read(lm, examples)
    scores = lm.score(context, CHOICES)
    for row, ids in enumerate(rows):
        alone = bare(lm, ids)
        assert alone.std() > 0.01
        close = {"atol": TOLERANCE * float(alone.std()), "rtol": TOLERANCE}
        torch.testing.assert_close(logits[row], alone[-2:], **close)
        for number, choice in enumerate(CHOICES):
            log_probs = bare(lm, (*ids, *choice[:-1])).double().log_softmax(-1)[-len(choice) :]
            expected = sum(float(step[token]) for step, token in zip(log_probs, choice, strict=True))
            assert float(scores[row, number]) == pytest.approx(expected, abs=5 * close["atol"], rel=TOLERANCE)
    assert torch.equal(lm.score(context, CHOICES), scores)  # what was read has not changed
    assert lm.generate(context, max_new_tokens=6) == [bare_text(lm, ids, 6) for ids in rows]


def check_gradient(lm: FrozenLM) -> None:
    """The gradient that reaches a row's vectors is that of the row alone."""
    ids = torch.tensor([example.prompt.input_ids for example in prompts((5, 5))])
    mask = torch.ones_like(ids)
    mask[1, :3] = 0

    def gradient(rows: slice, columns: slice) -> Tensor:
        vectors = lm.embed(ids[rows, columns]).detach().requires_grad_()
        logits = lm(vectors, mask[rows, columns], input_ids=ids[rows, columns], num_logits=2)
        (found,) = torch.autograd.grad(logits.float().log_softmax(-1)[..., 7].sum(), vectors)
        return found

    together, alone = gradient(slice(None), slice(None)), gradient(slice(1, 2), slice(3, None))
    assert torch.isfinite(together).all()
    assert alone.abs().max() > 0
    torch.testing.assert_close(together[1:, 3:], alone, atol=1e-3 * float(alone.abs().max()), rtol=1e-3)


def check(family: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what families say of kernels that are not installed
        try:
            model = build_tiny(family)
        except Exception as error:
            pytest.skip(f"no tiny {family}: {str(error).splitlines()[0][:120]}")
        lm = FrozenLM(model, build_tokenizer(), family)
        if lm.capabilities.refusal:
            with pytest.raises(CheckpointError, match="expected a causal LM that takes soft prompts"):
                lm.check()
            return
        for lengths in ((4, 7, 5), (5, 34, 21)):  # short, and past every window and chunk
            check_family(lm.check(), lengths)
        check_gradient(lm)


@pytest.mark.parametrize("family", KINDS)
def test_each_kind_of_lm_agrees_with_itself(family: str) -> None:
    check(family)


@pytest.mark.slow
@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in KINDS])
def test_every_causal_lm_agrees_with_itself_or_is_refused(family: str) -> None:
    check(family)


def test_an_lm_whose_first_token_has_no_embedding_is_read_like_any_other() -> None:
    """A padding token of tied weights: its logit is the same whatever was read."""
    model = build_tiny("gemma3_text")
    with torch.no_grad():
        model.get_output_embeddings().weight[0] = 0.0
    found = measure(Runner(model))
    assert found.refusal is None
    assert found.prefix


def test_soft_prompts_start_at_the_norm_that_the_lm_embeds_with() -> None:
    for family in ("llama", "gemma3_text", "opt"):
        lm = FrozenLM(build_tiny(family), build_tokenizer(), family)
        rows = lm.embed(torch.arange(420)).float().norm(dim=-1)
        assert lm.embedding_norm == pytest.approx(float(rows.mean()), rel=1e-4)
