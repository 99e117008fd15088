"""Signals of several lengths as one padded batch with a mask."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def stack_values(signals: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Stack signals (C, T_i) into values (B, C, T) and sample_mask (B, C, T).

    NaN and padding become zeros that the mask calls missing.
    """
    longest = max(values.shape[1] for values in signals)
    stacked = np.full((len(signals), signals[0].shape[0], longest), np.nan, dtype=np.float32)
    for row, values in enumerate(signals):
        stacked[row, :, : values.shape[1]] = values
    tensor = torch.from_numpy(stacked)
    mask = ~tensor.isnan()
    return tensor.nan_to_num_(nan=0.0), mask
