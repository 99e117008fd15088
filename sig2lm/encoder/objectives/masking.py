"""Which patches are hidden, and what stands in their place."""

import torch
from torch import Tensor

from sig2lm.encoder.objectives.processes import uniform
from sig2lm.encoder.patch_transformer import SignalEncoder


def hide(mask: Tensor, modalities: int, mask_ratio: float, modality_ratio: float) -> Tensor:
    """Draw which observed patches (B, P) are hidden.

    Hidden time steps hide all modalities at once, else a sensor would be copied from its neighbour; some of the other
    patches are hidden alone, so that sensors learn of each other.
    """
    batch, count = mask.shape
    noise = uniform(batch, count // modalities, 1, device=mask.device)
    whole = (noise < mask_ratio).expand(-1, -1, modalities).reshape(batch, count)
    alone = uniform(batch, count, device=mask.device) < (modality_ratio if modalities > 1 else 0.0)
    return (whole | alone) & mask


def put_tokens(encoder: SignalEncoder, patches: Tensor, hidden: Tensor, token: Tensor) -> Tensor:
    """Replace hidden (B, P) patches (B, P, E) by a learned token (E,) that says which modality it stands for."""
    modalities = len(encoder.config.modalities)
    tokens = token + encoder.modality.repeat(patches.shape[1] // modalities, 1)
    return torch.where(hidden[..., None], tokens, patches)
