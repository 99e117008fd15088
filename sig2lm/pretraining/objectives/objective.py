"""What every self-supervised objective is, and what it can ask of pretraining.

Shapes: B batch, C channels, T samples, P patches, M groups, E encoder width.
"""

from typing import Literal

from torch import nn

from sig2lm.encoder.signal_encoder import SignalEncoder

Pairs = Literal["subject", "time"]


class Objective(nn.Module):
    """A loss around an encoder: ``forward(values, sample_mask)`` returns a scalar.

    ``values`` (B, C, T) float are in the contract's units, anything finite where ``sample_mask`` (B, C, T) is False.
    What an objective has besides the encoder (heads, teachers, mask tokens) is thrown away after pretraining.

    Attributes
    ----------
    pairs
        Where set, rows 2n and 2n + 1 of a batch are two windows of one ``subject``, or neighbours in ``time``.
    needs
        What ``forward`` takes by name besides: ``subject`` (B,) int64, whose window a row is.
    smallest_batch
        WindowDataset below which the loss means nothing; smaller last batches are left out.
    """

    pairs: Pairs | None = None
    needs: tuple[Literal["subject"], ...] = ()
    smallest_batch: int = 1

    def __init__(self, encoder: SignalEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def quick_parameters(self) -> list[nn.Parameter]:
        """Parameters that learn ten times as fast as the encoder: an adversary must keep up with it."""
        return []

    def after_step(self) -> None:
        """Do what follows a step of the optimiser; a teacher moves here."""
