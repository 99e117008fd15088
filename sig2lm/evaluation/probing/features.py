"""What an encoder makes of windows: one vector each, mean and maximum of its observed patches."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sig2lm.encoder.batching import stack_values
from sig2lm.encoder.compatibility import check_patches
from sig2lm.encoder.pooling import mean_and_maximum
from sig2lm.encoder.protocol import PatchEncoder
from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.augmentations import Augmentation
from sig2lm.pretraining.windows import WindowDataset

Features = NDArray[np.float64]
_BATCH = 256


@torch.no_grad()
def window_features(
    encoder: PatchEncoder,
    windows: WindowDataset,
    rows: Sequence[int] | None = None,
    augmentation: Augmentation | None = None,
    generator: torch.Generator | None = None,
) -> Features:
    """Encode windows, without a gradient.

    Parameters
    ----------
    encoder
        It is put into evaluation mode.
    rows
        Which windows; all by default.
    augmentation, generator
        Applied to each window before, on the encoder's device.

    Returns
    -------
    ndarray
        (N, 2 E) float64; zeros for a window without any observed patch.

    Raises
    ------
    CheckpointError
        If the encoder gives something that is no finite number.
    """
    chosen = list(range(len(windows))) if rows is None else [int(row) for row in rows]
    device = device_of(encoder)
    encoder.eval()
    found = [np.zeros((0, 2 * encoder.width))]
    for start in range(0, len(chosen), _BATCH):
        stacked = stack_values(windows.__getitems__(chosen[start : start + _BATCH]))
        values, mask = (x.to(device) for x in stacked)
        if augmentation is not None:
            values, mask = augmentation(values, mask, generator)
        found.append(mean_and_maximum(*encoder(values, mask)).double().cpu().numpy())
    features = np.concatenate(found)
    check_patches(features, windows.name)
    return features


def device_of(encoder: PatchEncoder) -> torch.device:
    """Where an encoder is; one without parameters is on the CPU."""
    return next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))


def untrained(encoder: PatchEncoder, seed: int) -> SignalEncoder | None:
    """Return an encoder of the same architecture, normalisation and device, with new random weights.

    None where the architecture is of another library, which says how its weights begin.
    """
    if not isinstance(encoder, SignalEncoder):
        return None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SignalEncoder(encoder.config).to(device_of(encoder)).eval()
