"""Which patches are hidden, and what stands in their place."""

import torch
from torch import Tensor

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.objectives.distributed import uniform


def hide(mask: Tensor, groups: int, mask_ratio: float, group_ratio: float) -> Tensor:
    """Draw which observed patches (B, P) are hidden.

    Hidden time steps hide all channel groups at once, else a sensor would be copied from its neighbour; some of the
    other patches are hidden alone, so that sensors learn of each other.
    """
    batch, count = mask.shape
    noise = uniform(batch, count // groups, 1, device=mask.device)
    whole = (noise < mask_ratio).expand(-1, -1, groups).reshape(batch, count)
    alone = uniform(batch, count, device=mask.device) < (group_ratio if groups > 1 else 0.0)
    return (whole | alone) & mask


def put_tokens(encoder: SignalEncoder, patches: Tensor, hidden: Tensor, token: Tensor) -> Tensor:
    """Replace hidden (B, P) patches (B, P, E) by a learned token (E,) that says which channel group it stands for."""
    groups = len(encoder.config.channel_groups)
    tokens = token + encoder.group_embedding.repeat(patches.shape[1] // groups, 1)
    return torch.where(hidden[..., None], tokens, patches)
