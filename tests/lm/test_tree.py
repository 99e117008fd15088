"""A tree of continuations: what is shared is one node, siblings do not see each other, the context stays as it was."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import build_lm

from sig2lm.errors import PromptError
from sig2lm.lm import Context, FrozenLM
from sig2lm.lm.tree import TokenTree

CONTINUATIONS = [(10, 11, 2), (10, 12, 2), (10, 2), (13, 2)]


def context_of(lm: FrozenLM, ids: list[int]) -> Context:
    tokens = torch.tensor([ids])
    mask = torch.ones_like(tokens)
    return lm.read(lm.embed(tokens), mask, tokens)


def test_shared_beginnings_are_one_node_and_last_tokens_none() -> None:
    tree = TokenTree(CONTINUATIONS)
    assert tree.tokens.tolist() == [10, 11, 12, 13]
    assert tree.depth.tolist() == [0, 1, 2, 2, 1]
    assert tree.visible.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 0, 0, 0, 1],
    ]
    assert not tree.is_chain
    assert TokenTree([(10, 11, 2), (10, 2)]).is_chain


@given(st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=4), min_size=1, max_size=6))
@torch.no_grad()
def test_together_scores_are_those_of_each_alone(continuations: list[list[int]]) -> None:
    context = context_of(LM, [20, 21, 22, 23])
    together = LM.score(context, continuations)
    for number, ids in enumerate(continuations):
        torch.testing.assert_close(LM.score(context, [ids])[0, 0], together[0, number], atol=1e-9, rtol=1e-9)


@torch.no_grad()
def test_scoring_leaves_the_context_as_it_was() -> None:
    context = context_of(LM, [20, 21, 22, 23])
    first = LM.score(context, CONTINUATIONS)
    text = LM.generate(context, max_new_tokens=5)
    assert context.cache.get_seq_length() == 3
    assert torch.equal(LM.score(context, CONTINUATIONS), first)
    assert LM.generate(context, max_new_tokens=5) == text


@torch.no_grad()
def test_a_tree_may_hold_more_tokens_than_there_are_positions_left() -> None:
    """The prompt leaves two positions, as many as the deepest choice needs; the tree has four tokens."""
    assert LM.max_length == 512
    context = context_of(LM, [20 + number % 7 for number in range(510)])
    together = LM.score(context, CONTINUATIONS)
    alone = torch.cat([LM.score(context, [ids]) for ids in CONTINUATIONS], dim=1)
    torch.testing.assert_close(together, alone, atol=1e-9, rtol=1e-9)
    with pytest.raises(PromptError, match="takes 513 tokens"):
        LM.score(context, [(10, 11, 12, 2), (13, 2)])


LM = build_lm(dtype=torch.float64)
