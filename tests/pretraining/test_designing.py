"""What suits the recordings that an encoder is built for, and what is said about it."""

import numpy as np
import pytest
from walking import SENSORS, as_table, recordings

from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.designing import EncoderChoice, design_for
from sig2lm.pretraining.windows import WindowDataset


def lying_far_apart(distance: float) -> WindowDataset:
    """Windows with deviations of about one, each at a level of its own."""
    levels = distance * np.random.default_rng(0).normal(size=(12, len(SENSORS.channels), 1))
    windows = [(window + level).astype(np.float32) for window, level in zip(recordings(12), levels, strict=True)]
    return WindowDataset(as_table(windows, ["s1", "s2"] * 6, ["a.csv"] * 12, [0.0] * 12), "motion")


def test_scaling_that_would_hide_the_signal_is_noticed() -> None:
    near, said = design_for(lying_far_apart(1.0), EncoderChoice(normalisation="dataset"))
    assert (near.normalisation, len(said)) == ("dataset", 1)
    far = lying_far_apart(1000.0)
    asked, said = design_for(far, EncoderChoice(normalisation="dataset"))
    assert asked.normalisation == "dataset"
    assert "--normalisation recording would show it" in said[1]


def test_where_nothing_is_asked_for_windows_are_centred_and_it_is_said() -> None:
    chosen, said = design_for(lying_far_apart(1000.0), EncoderChoice())
    assert chosen.normalisation == "recording"
    assert "changes by a few hundredths of the data set's deviation" in said[1]
    usual, said = design_for(lying_far_apart(1.0), EncoderChoice())
    assert (usual.normalisation, len(said)) == ("dataset", 1)


@pytest.mark.parametrize("size", ["width", "depth", "heads"])
def test_sizes_beyond_all_memory_are_refused(size: str) -> None:
    with pytest.raises(Sig2LMError, match="of at most 65,536, found 100,000,000"):
        design_for(lying_far_apart(1.0), EncoderChoice(**{size: 10**20}))
