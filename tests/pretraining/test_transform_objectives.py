"""Objectives that ask what was done to a signal: arrow of time, and which distortions."""

import math
from collections.abc import Callable

import pytest
import torch

from sig2lm.encoder import PatchTransformerConfig, SignalEncoder
from sig2lm.errors import Sig2LMError
from sig2lm.pretraining.objectives.arrow_of_time import ArrowOfTime
from sig2lm.pretraining.objectives.transform import ToldDistortions, Transformations
from sig2lm.signals import Contract

MOTION = Contract(("acc_x", "acc_y", "acc_z"), ("m/s^2",) * 3, 50.0, window=1.28)
RR = Contract(("rr",), ("ms",), None, window=60.0)
DAILY = Contract(("steps", "sleep"), ("count", "minute"), None, 86400.0, 7.0)
OBJECTIVES = [ArrowOfTime, Transformations]


def tiny(contract: Contract = MOTION, patch: int = 8, normalisation: str = "dataset") -> SignalEncoder:
    torch.manual_seed(0)
    mean, std = ((1.0, 0.0, 3.0), (0.6, 1.0, 1.0)) if contract is MOTION else ((), ())
    return SignalEncoder(
        PatchTransformerConfig(contract, patch, patch, 16, 2, 2, normalisation=normalisation, mean=mean, std=std)
    )


def sawtooth(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Teeth that rise slowly and fall at once, at a random phase, on one axis; gravity on another."""
    phase = torch.rand(rows, 1, generator=generator)
    teeth = (torch.arange(64) / 16 + phase) % 1.0
    values = torch.stack([2 * teeth, torch.zeros_like(teeth), torch.full_like(teeth, 3.0)], dim=1)
    return values, torch.rand(values.shape, generator=generator) > 0.05


def train(objective: ToldDistortions, steps: int) -> tuple[float, float]:
    """Mean loss of the first ten and of the last ten steps."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(objective.parameters(), 3e-3)
    losses = []
    for _ in range(steps):
        loss = objective(*sawtooth(64, generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def test_the_arrow_of_time_is_learnt_from_teeth_that_fall_at_once() -> None:
    first, last = train(ArrowOfTime(tiny()), 80)
    assert first > 0.5
    assert last < 0.1


def test_nothing_is_learnt_from_a_signal_that_looks_the_same_from_both_sides() -> None:
    objective = ArrowOfTime(tiny())
    values = torch.cos(2 * math.pi * (torch.arange(64) - 31.5) / 16).repeat(64, 3, 1)
    mask = torch.ones_like(values, dtype=torch.bool)
    optimiser = torch.optim.AdamW(objective.parameters(), 1e-3)
    losses = []
    for _ in range(60):
        loss = objective(values, mask)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses) > 0.6, "direction leaked: there is nothing in the signal that tells it"


@pytest.mark.slow
def test_distortions_are_learnt() -> None:
    first, last = train(Transformations(tiny(), ("channel_shuffle", "negation", "jitter")), 100)
    assert first > 0.5
    assert last < 0.15


@pytest.mark.parametrize("build", OBJECTIVES)
@pytest.mark.parametrize("contract", [MOTION, RR, DAILY], ids=["motion", "rr", "daily"])
def test_the_loss_is_a_finite_scalar_and_its_gradient_reaches_every_parameter(
    build: Callable[[SignalEncoder], ToldDistortions], contract: Contract
) -> None:
    objective = build(tiny(contract, patch=2))
    values = torch.randn(32, len(contract.channels), 8).masked_fill(torch.rand(32, 1, 8) < 0.3, math.nan)
    mask = ~values.isnan()
    mask[0] = False
    loss = objective(values.nan_to_num(nan=1e30), mask)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert objective.encoder.embed[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("build", OBJECTIVES)
def test_windows_without_a_sample_do_not_count(build: Callable[[SignalEncoder], ToldDistortions]) -> None:
    objective = build(tiny())
    values = torch.randn(4, 3, 64)
    mask = torch.zeros_like(values, dtype=torch.bool)
    assert objective(values, mask).item() == 0.0
    mask[2] = True
    loss = objective(values, mask)
    applied = torch.zeros(4, len(objective.distortions), dtype=torch.bool)
    assert loss.item() > 0.2, "one window's loss, not a quarter of it"
    assert not objective.distort(values, mask, applied)[1][[0, 1, 3]].any()


def test_what_is_said_to_be_applied_is_applied() -> None:
    objective = Transformations(tiny(), ("negation", "time_reversal"))
    values = torch.randn(4, 3, 64)
    mask = torch.rand(values.shape) > 0.2
    mask[..., -1] = True
    clean = values * mask
    applied = torch.tensor([[False, False], [True, False], [False, True], [True, True]])
    distorted, distorted_mask = objective.distort(values, mask, applied)
    torch.testing.assert_close(distorted[0], values[0])
    torch.testing.assert_close(distorted[1], -clean[1])
    torch.testing.assert_close(distorted[2], clean[2].flip(-1))
    torch.testing.assert_close(distorted[3], -clean[3].flip(-1))
    assert torch.equal(distorted_mask[2], mask[2].flip(-1))


def test_the_same_seed_gives_the_same_loss_and_leaves_the_global_numbers_in_step() -> None:
    values, mask = sawtooth(16, torch.Generator().manual_seed(1))
    losses, after = [], []
    for rows in (slice(0, 16), slice(0, 16)):
        objective = Transformations(tiny())
        torch.manual_seed(3)
        losses.append(objective(values[rows], mask[rows]).item())
        after.append(torch.rand(1).item())
    assert losses[0] == losses[1]
    torch.manual_seed(3)
    torch.rand(16, len(objective.distortions))
    assert after[0] == torch.rand(1).item()


def test_distortions_suit_the_signals() -> None:
    motion = [
        "rotation",
        "channel_shuffle",
        "negation",
        "scaling",
        "time_reversal",
        "permutation",
        "time_warp",
        "jitter",
    ]
    assert list(Transformations(tiny(MOTION)).distortions) == motion
    assert list(Transformations(tiny(RR)).distortions) == ["scaling", "time_reversal", "permutation", "dropped_beats"]
    assert list(Transformations(tiny(DAILY)).distortions) == ["scaling", "time_reversal", "permutation", "jitter"]
    assert "scaling" not in Transformations(tiny(MOTION, normalisation="instance")).distortions


@pytest.mark.parametrize(
    ("distortions", "probability", "message"),
    [
        (("mixup",), 0.5, "time_reversal.*found mixup"),
        ((), 0.5, "found none"),
        (("dropped_beats",), 0.5, "dropped_beats needs a series of RR intervals"),
        (None, 1.0, "probability.*found 1"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_training(
    distortions: tuple[str, ...] | None, probability: float, message: str
) -> None:
    with pytest.raises(Sig2LMError, match=message):
        Transformations(tiny(), distortions, probability)
