"""Signals of several lengths as one padded batch with a mask."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sig2lm.errors import SignalError
from sig2lm.schema import LARGEST


def stack_values(signals: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Stack signals (C, T_i) into values (B, C, T) and sample_mask (B, C, T).

    NaN and padding become zeros that the mask calls missing.

    Raises
    ------
    SignalError
        If a value is infinite, or so large that no encoder can read it.
    """
    longest = max(values.shape[1] for values in signals)
    stacked = np.full((len(signals), signals[0].shape[0], longest), np.nan, dtype=np.float32)
    for row, values in enumerate(signals):
        stacked[row, :, : values.shape[1]] = values
    tensor = torch.from_numpy(stacked)
    mask = ~tensor.isnan()
    tensor = tensor.masked_fill_(~mask, 0.0)
    if (largest := float(tensor.abs().amax() if tensor.numel() else 0.0)) > LARGEST:
        raise SignalError(
            f"a value of {largest:.3g} is beyond what an encoder can read (up to {LARGEST:g}); the recording or the "
            "table is damaged: read or prepare it again"
        )
    return tensor, mask
