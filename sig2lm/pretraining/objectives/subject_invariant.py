"""Unlearning who it is: an adversary beside any objective.

A classifier predicts the subject from the encoder's mean patch, and the encoder learns to mislead it (Cheng et al.
2020, arXiv 2007.04871). What differs: instead of two optimisers in turn, the gradient is reversed between classifier
and encoder (Ganin et al. 2016, arXiv 1505.07818), so that one loss and one step train both. The classifier learns
faster than the encoder and sees each feature at the same size: a slower one, or one that small features escape, is
misled while the subject stays as plain to others as it was.
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sig2lm.encoder.pooling import mean_patch
from sig2lm.pretraining.objectives.distributed import gathered
from sig2lm.pretraining.objectives.objective import Objective


class SubjectInvariant(Objective):
    """An objective's loss, plus the adversary's cross-entropy.

    Parameters
    ----------
    objective
        What else the encoder learns.
    subjects
        How many there are.
    weight
        Of the reversed gradient, against the objective's.
    """

    def __init__(self, objective: Objective, subjects: int, weight: float = 1.0) -> None:
        super().__init__(objective.encoder)
        self.objective, self.weight = objective, weight
        self.pairs, self.smallest_batch = objective.pairs, max(2, objective.smallest_batch)
        self.needs = ("subject",)
        width = objective.encoder.width
        self.adversary = nn.Sequential(
            nn.BatchNorm1d(width, affine=False),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, subjects),
        )

    def forward(self, values: Tensor, sample_mask: Tensor, subject: Tensor) -> Tensor:
        """Return the loss, a scalar; ``subject`` (B,) int64 says whose windows they are."""
        loss: Tensor = self.objective(values, sample_mask, **dict.fromkeys(self.objective.needs, subject))
        known = gathered(mean_patch(*self.encoder(values, sample_mask)))
        return loss + cross_entropy(self.adversary(reverse_gradient(known, self.weight)), gathered(subject))

    def quick_parameters(self) -> list[nn.Parameter]:
        """The adversary's."""
        return list(self.adversary.parameters())

    def after_step(self) -> None:
        """Let the objective do what it does."""
        self.objective.after_step()


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    """``x`` itself, whose gradient arrives with the other sign, times ``weight``."""
    return x.detach() - weight * (x - x.detach())
