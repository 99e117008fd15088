"""VICReg: views of one window agree, features vary and say different things (Bardes et al. 2022, arXiv 2105.04906)."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0  # the paper's weights


def vicreg(views: Tensor) -> Tensor:
    """Return the loss of embeddings ``views`` (V, N, D): N >= 2 windows in V >= 2 views, means over (pairs of) them."""
    pairs = list(combinations(views, 2))
    invariance = sum((mse_loss(first, second) for first, second in pairs), views.new_zeros(())) / len(pairs)
    return INVARIANCE * invariance + VARIANCE * variance_loss(views) + COVARIANCE * covariance_loss(views)


def variance_loss(views: Tensor) -> Tensor:
    """Mean shortfall of each feature's deviation over the batch from 1; ``views`` (V, N, D)."""
    return torch.relu(1.0 - (views.var(dim=1) + 1e-4).sqrt()).mean()


def covariance_loss(views: Tensor) -> Tensor:
    """Sum of squared covariances between different features over D, mean over views; ``views`` (V, N, D)."""
    centred = views - views.mean(dim=1, keepdim=True)
    covariance = centred.transpose(1, 2) @ centred / (views.shape[1] - 1)
    diagonal = covariance.diagonal(dim1=1, dim2=2).square().sum()
    return (covariance.square().sum() - diagonal) / (views.shape[0] * views.shape[2])
