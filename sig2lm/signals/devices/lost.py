"""Samples that a sensor counted and did not deliver."""

import numpy as np
import numpy.typing as npt

from sig2lm.signals.devices.text import Floats

_MOST = 0.5  # more lost than kept, and the counter counts something else


def put_lost(values: Floats, steps: npt.NDArray[np.int64]) -> tuple[Floats, tuple[str, ...]]:
    """Leave room for samples that a counter passed over.

    Parameters
    ----------
    values
        (C, T).
    steps
        (T - 1,) how far the counter went from each sample to the next, 1 where none was lost.

    Returns
    -------
    The values with NaN for lost samples, and what there is to say. A counter that goes back, or passes over more
    samples than it counts, is no counter: then values come as they are.
    """
    lost = int((steps - 1).sum()) if len(steps) else 0
    if lost == 0 or steps.min() < 1 or lost > _MOST * values.shape[1]:
        return values, ()
    grid = np.full((len(values), values.shape[1] + lost), np.nan)
    grid[:, np.r_[0, np.cumsum(steps)]] = values
    return grid, (f"{lost} samples were lost by the sensor and are missing",)
