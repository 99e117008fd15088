"""The words of an LM's vocabulary that stand nearest to a vector."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sig2lm.lm.frozen import FrozenLM

_ROWS = 16_384  # of the embedding table that are compared at once


@torch.no_grad()
def nearest_tokens(lm: FrozenLM, vectors: Tensor, count: int = 3) -> list[tuple[str, ...]]:
    """Return for each of (K, D) vectors the ``count`` tokens of the greatest cosine similarity, as text.

    As prompt tuning looks at what a soft prompt has become (Lester et al. 2021, arXiv:2104.08691, section 7).
    """
    table = lm.model.get_input_embeddings().num_embeddings
    wanted = normalize(vectors.float(), dim=-1)
    best = wanted.new_zeros(len(wanted), 0)
    ids = torch.zeros(len(wanted), 0, dtype=torch.long, device=wanted.device)
    for start in range(0, table, _ROWS):
        rows = torch.arange(start, min(start + _ROWS, table), device=lm.device)
        found = wanted @ normalize(lm.embed(rows).float(), dim=-1).T
        best, ids = torch.cat([best, found], dim=1), torch.cat([ids, rows.expand(len(wanted), -1)], dim=1)
        best, places = best.topk(min(count, best.shape[1]), dim=1)
        ids = ids.gather(1, places)
    return [tuple(lm.dialogue.tokenizer.decode([token]).strip() for token in row) for row in ids.tolist()]
