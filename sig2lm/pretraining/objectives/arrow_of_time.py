"""Arrow of time: tell whether a window runs forwards or backwards.

From video (Wei et al. 2018, doi 10.1109/CVPR.2018.00840); for movement it is one of the three tasks of harnet (Yuan et
al. 2024, doi 10.1038/s41746-024-01062-3). A foot strikes at once and swings slowly; a heart contracts fast and fills
slowly; a signal that looks the same from both sides teaches nothing.
"""

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.augmentations import TimeReversal
from sig2lm.pretraining.objectives.transform import ToldDistortions


class ArrowOfTime(ToldDistortions):
    """Binary cross-entropy of telling whether time was reversed, as it is in half of the windows.

    Parameters
    ----------
    encoder
        The encoder to train.
    """

    def __init__(self, encoder: SignalEncoder) -> None:
        super().__init__(encoder, {"time_reversal": TimeReversal()}, probability=0.5)
