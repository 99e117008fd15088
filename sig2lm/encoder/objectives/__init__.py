"""Self-supervised objectives: each turns an encoder and a batch of signals into a loss.

An objective is a module around an encoder whose ``forward(values, sample_mask)`` returns a scalar loss; what it needs
besides the encoder (heads, mask tokens) is its own and is thrown away after pretraining. A new one is a file here and a
line in ``OBJECTIVES``.
"""

from sig2lm.encoder.objectives.masked import MaskedPatches

OBJECTIVES = {"masked": MaskedPatches}

__all__ = ["OBJECTIVES", "MaskedPatches"]
