"""Several continuations as one tree of tokens, so that what they share is read once.

"walking", "walking upstairs" and "walking downstairs" share their first token. The tree's nodes stand in one row behind
the prompt; each sees the prompt, its ancestors and itself (tree attention: Miao et al. 2024, doi
10.1145/3620666.3651335). The last token of a continuation is predicted, never read, so it needs no node.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from sig2lm.lm.cache import repeat_cache
from sig2lm.lm.runner import Runner


class TokenTree:
    """A prefix tree over continuations; node 0 is the last token of the prompt.

    Parameters
    ----------
    continuations
        n sequences of token ids, none empty.

    Attributes
    ----------
    tokens
        (Q - 1,) int64, the token of each node but node 0.
    depth
        (Q,) int64, how far each node stands behind node 0.
    visible
        (Q, Q) bool, row: which nodes a node sees, itself included.
    is_chain
        Whether no node has siblings, so that ordinary causal attention reads it.
    """

    def __init__(self, continuations: Sequence[Sequence[int]]) -> None:
        nodes: dict[tuple[int, ...], int] = {(): 0}
        self._steps = [self._walk(tuple(ids), nodes) for ids in continuations]
        paths = list(nodes)
        self.tokens = torch.tensor([path[-1] for path in paths[1:]], dtype=torch.long)
        self.depth = torch.tensor([len(path) for path in paths])
        self.is_chain = int(self.depth.max()) == len(self.tokens)
        self.visible = torch.tensor([[path[: len(other)] == other for other in paths] for path in paths])

    def scores(self, logits: Tensor) -> Tensor:
        """Sum the log-probabilities along each continuation: logits (B, Q, V) to (B, n) float64."""
        steps = torch.tensor([step for steps in self._steps for step in steps], device=logits.device)
        counts = [len(steps) for steps in self._steps]
        normaliser = logits.to(torch.promote_types(logits.dtype, torch.float32)).logsumexp(-1)
        log_probs = logits[:, steps[:, 0], steps[:, 1]].double() - normaliser[:, steps[:, 0]].double()
        parts = torch.split(log_probs, counts, dim=1)
        return torch.stack([part.sum(-1) for part in parts], dim=1)

    @staticmethod
    def _walk(ids: tuple[int, ...], nodes: dict[tuple[int, ...], int]) -> list[tuple[int, int]]:
        """Add a continuation; return (node, next token) for each of its steps."""
        return [(nodes.setdefault(ids[:at], len(nodes)), token) for at, token in enumerate(ids)]


def read_tree(run: Runner, last: Tensor, attention_mask: Tensor, cache: DynamicCache, tree: TokenTree) -> Tensor:
    """Logits (B, Q, V) behind each node of a tree that follows a prompt, whose cache is left as it was.

    Parameters
    ----------
    run
        The LM.
    last
        (B, 1) ids of the prompt's last token, which the cache does not hold.
    attention_mask
        (B, L) of the prompt, its last token included.
    cache
        Keys and values of L - 1 positions.
    tree
        What follows.
    """
    device = last.device
    tokens = tree.tokens.to(device).expand(len(last), -1)
    ids = torch.cat([last, tokens], dim=1)
    positions = attention_mask.sum(-1, keepdim=True) - 1 + tree.depth.to(device)
    vectors = run.model.get_input_embeddings()(ids)
    mask = torch.cat([attention_mask, torch.ones_like(tokens)], dim=1)
    if not tree.is_chain:
        mask = _tree_mask(attention_mask, tree, vectors.dtype)
    return run(vectors, mask, repeat_cache(cache, 1), num_logits=ids.shape[1], positions=positions, input_ids=ids)


def _tree_mask(attention_mask: Tensor, tree: TokenTree, dtype: torch.dtype) -> Tensor:
    """Additive mask (B, 1, Q, L - 1 + Q): the prompt's own mask, then which nodes see which."""
    count = len(tree.visible)
    prompt = attention_mask[:, None, None, :-1].bool().expand(-1, 1, count, -1)
    nodes = tree.visible.to(attention_mask.device).expand(len(attention_mask), 1, -1, -1)
    hidden = ~torch.cat([prompt, nodes], dim=-1)
    return hidden.to(dtype) * torch.finfo(dtype).min
