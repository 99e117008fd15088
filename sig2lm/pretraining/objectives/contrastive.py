"""Contrastive learning: windows that belong together lie closer than the others of the batch.

NT-Xent (SimCLR, Chen et al. 2020, arXiv 2002.05709) between augmented windows. What belongs together:

- ``augmentation``: two augmentations of one window;
- ``subject``: windows of one person, as CLOCS (Kiyasseh et al. 2021, arXiv 2005.13249), MICLe (Azizi et al. 2021, arXiv
  2101.05224) and Abbaspourazad et al. (2024, arXiv 2312.05409); all windows of a person in the batch are positives,
  each with the same weight (Khosla et al. 2020, arXiv 2004.11362);
- ``time``: neighbours in a recording, as TNC (Tonekaboni et al. 2021, arXiv 2106.00750), whose test of how far a
  neighbourhood reaches and whose weights for distant windows are left out.

With a momentum encoder the windows are compared with what a slow copy makes of the others (MoCo, He et al. 2020, arXiv
1911.05722), those of the batch without a queue (MoCo v3, Chen et al. 2021, arXiv 2104.02057).
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.augmentations import Augmentation
from sig2lm.pretraining.objectives.distributed import gathered
from sig2lm.pretraining.objectives.heads import Embedder, projector
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.pretraining.objectives.teacher import Teacher
from sig2lm.pretraining.objectives.views import Positives, TwoViews


class Contrastive(Objective):
    """NT-Xent between two views of each window, or of a pair of windows.

    Parameters
    ----------
    encoder
        The encoder to train.
    positives
        What belongs together.
    momentum_encoder
        Whether a momentum teacher makes the keys.
    temperature
        Of the softmax over similarities.
    projection
        Width of the embeddings that are compared.
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
        momentum_encoder: bool = False,
        temperature: float = 0.1,
        projection: int = 128,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(encoder)
        self.views = TwoViews(encoder.contract, positives, augmentation)
        self.pairs = self.views.pairs
        self.needs = ("subject",) if positives == "subject" else ()
        self.temperature = temperature
        self.embedder = Embedder(encoder, projector(encoder.width, projection))
        self.teacher = Teacher(self.embedder) if momentum_encoder else None

    def forward(self, values: Tensor, sample_mask: Tensor, subject: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar; ``subject`` (B,) says whose windows they are, for positives by subject."""
        values, sample_mask = self.views(values, sample_mask)
        queries = self.embedder(values, sample_mask)
        keys = queries if self.teacher is None else self.teacher(values, sample_mask)
        if subject is None:
            row = torch.arange(len(queries), device=values.device)
            positive = row[:, None] ^ 1 == row
        else:
            whose = gathered(subject)
            positive = (whose[:, None] == whose).fill_diagonal_(False)
        return nt_xent(queries, keys, positive, self.temperature)

    def after_step(self) -> None:
        """Let the teacher follow."""
        if self.teacher is not None:
            self.teacher.follow(self.embedder)


def nt_xent(queries: Tensor, keys: Tensor, positive: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of finding a positive key among all keys but one's own.

    Parameters
    ----------
    queries, keys
        (N, D); row n of both comes of the same view of the same window. Lengths are normalised here.
    positive
        (N, N) bool: which keys belong to a query; its own is not among them. Several share the weight of one.
    temperature
        Cosine similarities are divided by it.
    """
    similarity = normalize(queries, dim=1) @ normalize(keys, dim=1).T / temperature
    own = torch.eye(len(queries), dtype=torch.bool, device=queries.device)
    log_probability = similarity.masked_fill(own, -torch.inf).log_softmax(dim=1)
    found = log_probability.masked_fill(~positive, 0.0).sum(1) / positive.sum(1).clamp(min=1)
    return -found.mean()
