"""LMs for which padding or a shared state would change the answer: rows of one length are read together, whole.

Recurrent and hybrid LMs carry a state through every position, padding included, and change it in place. Here hidden
positions are taken out of each row, rows that are equally long form a group, and whatever follows a prompt starts from
a copy of its state, or from the beginning where an LM cannot go on from one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from sig2lm.lm.cache import Context, copy_state
from sig2lm.lm.generation import Reading
from sig2lm.lm.runner import Runner
from sig2lm.lm.tree import TokenTree, read_tree


@dataclass(frozen=True)
class Group:
    """Rows of one length.

    Attributes
    ----------
    rows
        (b,) which rows of the batch.
    vectors
        (b, l, D), without hidden positions.
    input_ids
        (b, l) likewise.
    """

    rows: Tensor
    vectors: Tensor
    input_ids: Tensor

    @property
    def mask(self) -> Tensor:
        """(b, l) ones."""
        return torch.ones_like(self.input_ids)


def groups(inputs_embeds: Tensor, attention_mask: Tensor, input_ids: Tensor) -> Iterator[Group]:
    """Take hidden positions out of a batch and gather rows that are then equally long."""
    lengths = attention_mask.sum(-1)
    for length in sorted(set(lengths.tolist())):
        rows = (lengths == length).nonzero()[:, 0]
        seen = attention_mask[rows].bool()
        ids = input_ids[rows][seen].reshape(len(rows), length)
        yield Group(rows, inputs_embeds[rows][seen].reshape(len(rows), length, -1), ids)


def read_rows(run: Runner, inputs_embeds: Tensor, attention_mask: Tensor, input_ids: Tensor, num_logits: int) -> Tensor:
    """Logits (B, num_logits, V) of the last positions; zero where a row has none."""
    logits: Tensor | None = None
    for group in groups(inputs_embeds, attention_mask, input_ids):
        count = min(num_logits, group.vectors.shape[1])
        found = run(group.vectors, num_logits=count, input_ids=group.input_ids)
        if logits is None:
            logits = found.new_zeros(len(inputs_embeds), num_logits, found.shape[-1])
        logits[group.rows, num_logits - count :] = found
    assert logits is not None
    return logits


def score_rows(run: Runner, context: Context, continuations: Sequence[Sequence[int]], continues: bool) -> Tensor:
    """Log-likelihood (B, n) of each continuation, in float64.

    Parameters
    ----------
    continues
        Whether the LM can go on from a state that it has reached; else it reads the prompt again for each.
    """
    assert context.inputs_embeds is not None
    scores = torch.zeros(len(context.input_ids), len(continuations), dtype=torch.float64, device=run.model.device)
    for group in groups(context.inputs_embeds, context.attention_mask, context.input_ids):
        cache = _state(run, group) if continues else None
        for number, ids in enumerate(continuations):
            tree = TokenTree([ids])
            if cache is not None:
                logits = read_tree(run, group.input_ids[:, -1:], group.mask, copy_state(cache), tree)
            else:
                tokens = tree.tokens.to(group.input_ids.device).expand(len(group.rows), -1)
                vectors = torch.cat([group.vectors, run.model.get_input_embeddings()(tokens)], dim=1)
                whole = torch.cat([group.input_ids, tokens], dim=1)
                logits = run(vectors, num_logits=len(ids), input_ids=whole)
            scores[group.rows, number] = tree.scores(logits)[:, 0]
    return scores


def readings(run: Runner, context: Context, steps: bool) -> Iterator[tuple[Tensor, Reading]]:
    """Yield rows of one length, ready to be continued.

    Parameters
    ----------
    steps
        Whether the LM can go on token by token from a state that it has reached.
    """
    assert context.inputs_embeds is not None
    for group in groups(context.inputs_embeds, context.attention_mask, context.input_ids):
        if not steps:
            yield group.rows, Reading(run, group.input_ids, group.mask, None, group.vectors)
            continue
        yield group.rows, Reading(run, group.input_ids, group.mask, _state(run, group))


def _state(run: Runner, group: Group) -> DynamicCache:
    """What the LM keeps of all positions but the last."""
    cache = run.empty_cache()
    if group.vectors.shape[1] > 1:
        run(group.vectors[:, :-1], group.mask[:, :-1], cache, num_logits=1, input_ids=group.input_ids[:, :-1])
    return cache
