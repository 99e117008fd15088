"""Learning without negatives: one view predicts what a momentum teacher makes of the other.

BYOL (Grill et al. 2020, arXiv 2006.07733), with the choice of views of ``contrastive``. Batch normalisation in
projector and predictor is the paper's and is kept: with layer normalisation the embeddings collapsed on small data. It
is over the batch of all processes.
"""

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.augmentations import Augmentation
from sig2lm.pretraining.objectives.heads import Embedder
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.pretraining.objectives.teacher import Teacher
from sig2lm.pretraining.objectives.views import Positives, TwoViews


class Byol(Objective):
    """Squared distance, between unit vectors, of a prediction and the teacher's embedding of the other view.

    Parameters
    ----------
    encoder
        The encoder to train.
    positives
        What belongs together, as of ``contrastive``.
    momentum
        Of the teacher.
    projection
        Width of the embeddings.
    augmentation
        Of both views; by default that of the contract's kind of signal.

    Raises
    ------
    Sig2LMError
        When ``positives`` is unknown.
    """

    smallest_batch = 2

    def __init__(
        self,
        encoder: SignalEncoder,
        positives: Positives = "augmentation",
        momentum: float = 0.996,
        projection: int = 128,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(encoder)
        self.views = TwoViews(encoder.contract, positives, augmentation)
        self.pairs = self.views.pairs
        self.embedder = Embedder(encoder, normalised_projector(encoder.width, projection))
        self.predictor = normalised_projector(projection, projection)
        self.teacher = Teacher(self.embedder, momentum)

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar in [0, 4], for (B, C, T) values and their mask."""
        values, sample_mask = self.views(values, sample_mask)
        predicted = self.predictor(self.embedder(values, sample_mask))
        taught = self.teacher(values, sample_mask)
        other = taught.view(-1, 2, taught.shape[-1]).flip(1).flatten(0, 1)
        return 2.0 - 2.0 * cosine_similarity(predicted, other, dim=1).mean()

    def after_step(self) -> None:
        """Let the teacher follow."""
        self.teacher.follow(self.embedder)


def normalised_projector(width: int, out: int) -> nn.Sequential:
    """A perceptron with one hidden layer of twice the width, normalised over the batch."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, out))
