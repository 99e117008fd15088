"""Two views of what belongs together: the beginning of contrastive learning and of BYOL."""

from typing import Literal, get_args

from torch import Tensor

from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.augmentations import Augmentation, default_pipeline
from sig2lm.pretraining.objectives.distributed import BatchNoise
from sig2lm.pretraining.objectives.objective import Pairs
from sig2lm.signals import Contract

Positives = Literal["augmentation", "subject", "time"]


class TwoViews:
    """Makes rows 2n and 2n + 1 two views of one thing, both augmented.

    Parameters
    ----------
    contract
        Of the signal, which decides the augmentation.
    positives
        ``augmentation`` doubles each window; for ``subject`` and ``time`` the batch holds pairs of windows already.
    augmentation
        By default that of the contract's kind of signal, see ``default_pipeline``.

    Raises
    ------
    Sig2LMError
        When ``positives`` is unknown.
    """

    def __init__(self, contract: Contract, positives: Positives, augmentation: Augmentation | None = None) -> None:
        if positives not in get_args(Positives):
            raise Sig2LMError(f"positives is '{positives}', but there are {', '.join(get_args(Positives))}; choose one")
        self.pairs: Pairs | None = None if positives == "augmentation" else positives
        self.augmentation = augmentation or default_pipeline(contract)
        self._noise = BatchNoise()

    def __call__(self, values: Tensor, sample_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return values (2B, C, T) and their mask, of B windows or of B pairs."""
        if self.pairs is None:
            values, sample_mask = values.repeat_interleave(2, dim=0), sample_mask.repeat_interleave(2, dim=0)
        return self.augmentation(values, sample_mask, self._noise.rows(len(values), values.device))
