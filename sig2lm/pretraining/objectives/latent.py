"""Latent prediction: from what is seen of a signal, predict what a momentum teacher makes of the hidden rest.

The teacher reads the whole signal, and targets are its normalised latents, as in data2vec (Baevski et al. 2022, arXiv
2202.03555). The encoder reads the seen patches only, and a small predictor with learned tokens in the gaps does the
rest, as in I-JEPA (Assran et al. 2023, arXiv 2301.08243): so the encoder never meets a mask token. What differs:
targets are the teacher's last layer alone, each feature normalised over the batch's patches, so that a teacher that
calls all patches alike teaches nothing; and hidden patches are drawn as for ``masked``, not as a few large blocks.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from sig2lm.encoder.signal_encoder import SignalEncoder
from sig2lm.pretraining.objectives.distributed import process_mean
from sig2lm.pretraining.objectives.heads import PatchLayers
from sig2lm.pretraining.objectives.masking import hide, put_tokens
from sig2lm.pretraining.objectives.objective import Objective
from sig2lm.pretraining.objectives.teacher import Teacher


class LatentPrediction(Objective):
    """Smooth L1 distance between predicted and taught latents of hidden patches.

    Parameters
    ----------
    encoder
        The encoder to train.
    mask_ratio, group_ratio
        As of ``masked``: shares of time steps hidden in all groups, and of other patches hidden alone.
    momentum
        Of the teacher.
    predictor_depth
        Layers of the predictor.
    """

    def __init__(
        self,
        encoder: SignalEncoder,
        mask_ratio: float = 0.5,
        group_ratio: float = 0.2,
        momentum: float = 0.996,
        predictor_depth: int = 2,
    ) -> None:
        super().__init__(encoder)
        self.mask_ratio, self.group_ratio = mask_ratio, group_ratio
        width = encoder.width
        self.mask_token = nn.Parameter(0.02 * torch.randn(width))
        self.predictor = PatchLayers(encoder, predictor_depth)
        self.head = nn.Linear(width, width)
        self.teacher = Teacher(encoder, momentum)

    def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
        """Return the loss, a scalar, for (B, C, T) values and their mask."""
        encoder = self.encoder
        taught, mask = self.teacher(values, sample_mask)
        hidden = hide(mask, len(encoder.config.channel_groups), self.mask_ratio, self.group_ratio)
        context = encoder.encode(encoder.tokens(values, sample_mask, hidden), mask & ~hidden)
        predicted = self.head(self.predictor(put_tokens(encoder, context, hidden, self.mask_token), mask))
        distance = smooth_l1_loss(predicted, standardised(taught, mask), reduction="none").mean(-1)
        return (distance * hidden).sum() / process_mean(hidden.sum()).clamp(min=1)

    def after_step(self) -> None:
        """Let the teacher follow."""
        self.teacher.follow(self.encoder)


def standardised(patches: Tensor, mask: Tensor) -> Tensor:
    """Scale each feature of patches (B, P, E) to mean 0 and deviation 1 over those inside ``mask`` of all processes."""
    seen = mask[..., None].to(patches.dtype)
    count = process_mean(seen.sum()).clamp(min=1.0)
    centred = (patches - process_mean((patches * seen).sum((0, 1))) / count) * seen
    variance = process_mean(centred.square().sum((0, 1))) / count
    return centred / (variance + 1e-4).sqrt()
