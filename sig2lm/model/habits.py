"""Closed answers that are no labels: what the LM would say of any recording is taken out.

Of a claim that no training was about ("sitting", where all others were) an LM says "no" with some habit. Recordings are
still in the right order by how likely it finds "yes", and the point of decision is wrong. Such a question has no right
answers to be calibrated on, as those for labels have (:mod:`sig2lm.model.calibration`); but a run keeps some training
recordings, as many of each label as can be. So the question is asked about these, and the likelihood of each choice is
divided by its mean over them (batch calibration: Zhou et al. 2023, arXiv:2309.17249, here with recordings from before
instead of the batch, so that no answer depends on another). The answer then says what is likelier *than for others*.

Contextual calibration (Zhao et al. 2021, arXiv:2102.09690) divides by the answers to a prompt without content. Training
never showed the LM a prompt without a signal, and its answers to one say less about those with one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

Array = NDArray[np.float64]

ASKED = 12
"""Recordings of a run that a question is asked about."""
_LEAST = 0.1  # what is hardly ever said may be known to be wrong: "no" to whether the person swims stays likely


def habit(scores: Array) -> Array:
    """Return what is to be taken from the score of each choice, nats, from scores (N, M) for recordings at random.

    Examples
    --------
    >>> said = np.log([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1]])  # "no" or "yes"
    >>> (said - habit(said)).argmax(axis=1)
    array([0, 1, 0])
    """
    mean = logsumexp(log_softmax(scores, axis=1), axis=0) - np.log(len(scores))
    return np.asarray(np.maximum(mean, np.log(_LEAST)))


def spread(rows: Sequence[object], count: int = ASKED) -> range:
    """Return the numbers of at most ``count`` rows, evenly over all: kept recordings stand label by label.

    Examples
    --------
    >>> list(spread("aabbcc", 3))
    [0, 2, 4]
    """
    return range(0, len(rows), -(-len(rows) // count) or 1)
