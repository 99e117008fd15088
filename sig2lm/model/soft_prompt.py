"""Where soft prompts stand among token embeddings."""

import torch
from torch import Tensor

from sig2lm.errors import PromptError


def real_tokens(soft_prompt: Tensor, counts: Tensor) -> Tensor:
    """Mask (n, K): the first ``counts`` (n,) virtual tokens of each soft prompt (n, K, D); the rest is padding.

    Raises
    ------
    PromptError
        When the prompt has room for more or fewer virtual tokens than the adapter makes.
    """
    num_virtual_tokens = soft_prompt.shape[1]
    if int(counts.max()) != num_virtual_tokens:
        raise PromptError(
            f"expected room for {num_virtual_tokens} virtual tokens in the prompt, found {int(counts.max())}; "
            "encode the prompt with adapter.num_virtual_tokens"
        )
    return torch.arange(num_virtual_tokens, device=counts.device) < counts[:, None]


def scatter(target: Tensor, places: Tensor, source: Tensor) -> Tensor:
    """Put rows of ``source`` (n, ...) into ``target`` (B, L, ...) where ``places`` (B, L) is True, in order.

    Raises
    ------
    PromptError
        When there are more or fewer places than rows.
    """
    if int(places.sum()) != len(source):
        raise PromptError(
            f"expected places for {len(source)} virtual tokens, found {int(places.sum())}; "
            "encode the prompt with adapter.num_virtual_tokens"
        )
    mask = places.view(*places.shape, *[1] * (target.dim() - 2))
    return target.masked_scatter(mask, source.to(target.dtype))
