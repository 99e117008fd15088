"""Self-supervised objectives: what they hide, compare and teach; that they learn."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from walking import IDS, SENSORS, VARIANTS, recordings

from sig2lm.encoder import SignalEncoder, build_encoder, stack_values
from sig2lm.encoder.architectures import ARCHITECTURES, Size, design
from sig2lm.pretraining.objectives import OBJECTIVES, build_objective
from sig2lm.pretraining.objectives.contrastive import nt_xent
from sig2lm.pretraining.objectives.cross_modal import quantile_loss
from sig2lm.pretraining.objectives.latent import standardised
from sig2lm.pretraining.objectives.teacher import Teacher
from sig2lm.pretraining.objectives.vicreg import covariance_loss, variance_loss, vicreg
from sig2lm.signals import Contract

CASES = [
    *((name, options, "patch_transformer") for name, options in VARIANTS),
    *((name, {}, architecture) for architecture in ("conv_transformer", "resnet1d") for name in OBJECTIVES),
]
CASE_IDS = [*IDS, *(f"{name} {architecture}" for name, _, architecture in CASES[len(IDS) :])]


def build(contract: Contract = SENSORS, architecture: str = "patch_transformer") -> SignalEncoder:
    torch.manual_seed(0)
    return build_encoder(design(contract, architecture, Size(16, 2, 2), 8))


def ragged(count: int = 12) -> list[np.ndarray]:
    """Recordings of different lengths with samples, and once a whole sensor, missing."""
    rng = np.random.default_rng(5)
    windows = [window[:, : int(rng.integers(20, 65))] for window in recordings(count)]
    for window in windows:
        window[rng.random(window.shape) < 0.2] = np.nan
    windows[0][2] = np.nan
    windows[1][:] = np.nan
    return windows


def people() -> tuple[Tensor, Tensor]:
    """Four windows, two pairs, of each of six people, alike but for noise."""
    rng = np.random.default_rng(1)
    return stack_values([w + rng.normal(0, 0.05, w.shape).astype(np.float32) for w in recordings(6) for _ in range(4)])


def needed(objective: Any, rows: int) -> dict[str, Tensor]:
    return dict.fromkeys(objective.needs, torch.arange(rows) // 4)


def has_fallen(losses: list[float]) -> bool:
    return len(losses) >= 15 and float(np.mean(losses[-5:])) < 0.97 * losses[0]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_gradients_reach_every_weight_of_the_encoder_and_the_loss_falls(name: str, options: dict[str, Any]) -> None:
    encoder = build()
    objective = build_objective(name, encoder, options)
    values, mask = people()
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in objective.parameters() if p.requires_grad], 3e-3)
    losses: list[float] = []
    while len(losses) < 60 and not has_fallen(losses):
        loss = objective(values, mask, **needed(objective, len(values)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step()
        losses.append(loss.item())
    reached = {weight for weight, p in encoder.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    unread = {"embed.1.weight", "embed.1.bias"} if "target" in options else set()
    assert reached == set(dict(encoder.named_parameters())) - unread
    assert has_fallen(losses)


@pytest.mark.parametrize(("name", "options", "architecture"), CASES, ids=CASE_IDS)
def test_missing_samples_and_different_lengths_give_a_finite_loss(
    name: str, options: dict[str, Any], architecture: str
) -> None:
    objective = build_objective(name, build(architecture=architecture), options)
    values, mask = stack_values(ragged())
    loss = objective(values, mask, **needed(objective, len(values)))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in objective.parameters() if p.grad is not None)
    unread = {"embed.1.weight", "embed.1.bias"} if "target" in options else set()
    weights = dict(objective.encoder.named_parameters())
    assert {weight for weight, p in weights.items() if p.grad is not None and p.grad.abs().sum() > 0} == (
        set(weights) - unread
    )
    values[~mask] = 1e6  # what stands where nothing was observed is never read
    torch.manual_seed(3)
    first = build_objective(name, build(architecture=architecture), options)(
        values, mask, **needed(objective, len(values))
    )
    torch.manual_seed(3)
    again = build_objective(name, build(architecture=architecture), options)(
        values * mask, mask, **needed(objective, len(values))
    )
    assert torch.equal(first, again)


def test_a_teacher_gets_no_gradient_stays_in_evaluation_and_moves_towards_its_student() -> None:
    encoder = build()
    objective = build_objective("latent", encoder).train()
    teacher = objective.teacher
    values, mask = stack_values(recordings())
    objective(values, mask).backward()
    assert not teacher.copy.training
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 1.0
    before = [p.clone() for p in teacher.copy.parameters()]
    objective.after_step()
    for old, now in zip(before, teacher.copy.parameters(), strict=True):
        torch.testing.assert_close(now - old, torch.full_like(old, 0.9))  # momentum 1/10 at the first step
    slow = Teacher(encoder, momentum=0.996)
    slow.steps += 10_000
    before = [p.clone() for p in slow.copy.parameters()]
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 1.0
    slow.follow(encoder)
    torch.testing.assert_close(next(slow.copy.parameters()) - before[0], torch.full_like(before[0], 0.004))


def test_nt_xent_is_the_sum_of_the_paper() -> None:
    z = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 2.0], [-3.0, 0.0]], dtype=torch.float64)
    unit = z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True)
    expected = []
    for i, j in ((0, 1), (1, 0), (2, 3), (3, 2)):
        others = [math.exp(unit[i] @ unit[k] / 0.5) for k in range(4) if k != i]
        expected.append(-math.log(math.exp(unit[i] @ unit[j] / 0.5) / sum(others)))
    row = torch.arange(4)
    assert nt_xent(z, z, row[:, None] ^ 1 == row, 0.5).item() == pytest.approx(np.mean(expected), rel=1e-9)


def test_several_positives_share_the_weight_of_one() -> None:
    torch.manual_seed(0)
    z = torch.randn(6, 4, dtype=torch.float64)
    whose = torch.tensor([0, 0, 0, 0, 1, 1])
    positive = (whose[:, None] == whose).fill_diagonal_(False)
    single = []
    for partner in range(1, 4):
        chosen = positive.clone()
        chosen[0] = False
        chosen[0, partner] = True
        single.append(nt_xent(z, z, chosen, 0.2))
    torch.testing.assert_close(nt_xent(z, z, positive, 0.2), torch.stack(single).mean())


def test_vicreg_is_its_three_terms() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 8, 3, dtype=torch.float64).unbind()
    apart = ((first - second) ** 2).mean().item()
    shortfall, covariance = [], []
    for view in (first.numpy(), second.numpy()):
        shortfall.append(np.maximum(0, 1 - np.sqrt(view.var(0, ddof=1) + 1e-4)).mean())
        matrix = np.cov(view.T)
        covariance.append((matrix**2).sum() / 3 - (np.diag(matrix) ** 2).sum() / 3)
    views = torch.stack([first, second])
    assert variance_loss(views).item() == pytest.approx(np.mean(shortfall))
    assert covariance_loss(views).item() == pytest.approx(np.mean(covariance))
    assert vicreg(views).item() == pytest.approx(25 * apart + 25 * np.mean(shortfall) + np.mean(covariance))
    assert variance_loss(torch.zeros(2, 8, 3)).item() == pytest.approx(0.99)


def test_the_quantile_loss_is_least_at_the_quantile() -> None:
    target = torch.arange(101.0)
    for quantile in (0.05, 0.5, 0.9):
        guesses = torch.arange(101.0)
        losses = [quantile_loss(g.expand(101, 1), target, torch.tensor([quantile])).mean() for g in guesses]
        assert guesses[int(torch.stack(losses).argmin())].item() == pytest.approx(100 * quantile, abs=1.0)


def test_spatial_masking_hides_whole_modalities_and_never_all() -> None:
    contract = Contract(("a", "b", "c", "d"), ("m/s^2", "rad/s", "mV", "degC"), 50.0)
    objective = build_objective("crossl", build(contract))
    mask = torch.ones(200, 6, 4, dtype=torch.bool)
    mask[:50, :, 3] = False  # a sensor that is not there
    mask[50:60, :, 1:] = False  # one sensor alone
    torch.manual_seed(0)
    hidden = [view.view(200, 6, 4) for view in objective.hide(mask.flatten(1))]
    for view in hidden:
        assert torch.equal(view, view[:, :1].expand_as(view))
        left = (mask & ~view)[:, 0].sum(1)
        assert left.min() == 1
        assert (left[60:] == 3).any()
        assert not view[50:60].any()
        assert not (view & ~mask).any()
    two = build_objective("crossl", build()).hide(torch.ones(20, 12, dtype=torch.bool))
    assert torch.equal(two[0], ~two[1])  # of two sensors, each view keeps one


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_encoding_alone_is_encoding_with_the_other_sensors_missing(architecture: str) -> None:
    encoder = build(architecture=architecture).double().eval()
    values, mask = stack_values(ragged()[2:])
    alone = encoder.encode_alone(encoder.tokens(values.double(), mask), encoder.patch_mask(mask))
    for number, group in enumerate(encoder.config.channel_groups):
        only = torch.zeros_like(mask)
        only[:, list(group)] = mask[:, list(group)]
        patches, _ = encoder(values.double(), only)
        torch.testing.assert_close(alone[:, number::2], patches[:, number::2])


def test_cross_modal_hides_its_target_from_the_encoder() -> None:
    objective = build_objective("cross_modal", build(), {"target": "gx"})
    values, mask = stack_values(recordings())
    predicted, hidden = objective.hide(torch.ones(12, 16, dtype=torch.bool))
    assert predicted[:, 1::2].all()
    assert not predicted[:, ::2].any()
    assert torch.equal(predicted, hidden)
    changed = values.clone()
    changed[:, 2] *= -1.0
    seen: list[Tensor] = []
    objective.encoder.norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    objective(values, mask), objective(changed, mask)
    assert torch.equal(seen[0], seen[1])


def test_targets_of_latent_prediction_are_normalised_over_observed_patches() -> None:
    torch.manual_seed(0)
    patches, mask = 3.0 + 2.0 * torch.randn(4, 8, 5), torch.rand(4, 8) < 0.7
    patches[~mask] = 1e3
    scaled = standardised(patches, mask)
    torch.testing.assert_close(scaled[mask].mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled[mask].std(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)
    assert not scaled[~mask].any()
