"""Several continuations as one tree of tokens, so that what they share is read once.

"walking", "walking upstairs" and "walking downstairs" share their first token. The tree's nodes stand in one row behind
the prompt; each sees the prompt, its ancestors and itself (tree attention: Miao et al. 2024, doi
10.1145/3620666.3651335). The last token of a continuation is predicted, never read, so it needs no node.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


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
