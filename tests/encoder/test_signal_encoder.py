"""Scaling, patches and attention: what the promises of every architecture rest on (see test_architectures)."""

import numpy as np
import pytest
import torch

from sig2lm.encoder import PatchTransformerConfig, SignalEncoder, stack_values
from sig2lm.encoder.attention import BlockAttention, rotary_angles
from sig2lm.errors import SignalError
from sig2lm.signals import Contract

TWO_SENSORS = Contract(("ax", "ay", "gx", "gy"), ("m/s^2", "m/s^2", "rad/s", "rad/s"), 50.0)


@torch.no_grad()
@pytest.mark.parametrize("normalisation", ["dataset", "instance"])
def test_normalisation_removes_what_it_says(normalisation: str) -> None:
    contract = Contract(("a",), ("mV",), 100.0)
    config = PatchTransformerConfig(contract, 8, 8, 16, 1, 2, normalisation=normalisation, mean=(3.0,), std=(2.0,))
    encoder = SignalEncoder(config)
    values = 3.0 + 2.0 * torch.randn(2, 1, 4096)
    mask = torch.rand(2, 1, 4096) > 0.3
    scaled = encoder.normalise(values, mask)
    observed = scaled[mask]
    assert observed.mean().abs() < 0.05
    assert (observed.std() - 1.0).abs() < 0.05
    assert not scaled[~mask].any()
    if normalisation == "instance":
        torch.testing.assert_close(encoder.normalise(10.0 * values + 7.0, mask), scaled, atol=1e-3, rtol=1e-3)


def test_patches_are_ordered_by_time_and_hold_one_channel_group_each() -> None:
    encoder = SignalEncoder(PatchTransformerConfig(TWO_SENSORS, 4, 4, width=16, depth=1, heads=2))
    assert encoder.config.channel_groups == ((0, 1), (2, 3))
    values = torch.arange(4 * 8.0).view(1, 4, 8)
    raw = encoder.patchify(values)
    assert raw[0][0, 1].tolist() == [4.0, 5.0, 6.0, 7.0, 12.0, 13.0, 14.0, 15.0]
    assert raw[1][0, 0].tolist() == [16.0, 17.0, 18.0, 19.0, 24.0, 25.0, 26.0, 27.0]
    assert encoder.patch_mask(values > 0).shape == (1, 4)


def test_empty_and_too_long_signals_are_refused_with_both_numbers() -> None:
    encoder = SignalEncoder(PatchTransformerConfig(TWO_SENSORS, 8, 8, 16, 1, 2, max_positions=10))
    with pytest.raises(SignalError, match="no sample"):
        encoder.num_patches(0)
    assert [encoder.num_patches(samples) for samples in (1, 8, 9, 80)] == [2, 2, 4, 20]
    with pytest.raises(SignalError, match=r"81 samples.*at most 80"):
        encoder.num_patches(81)


@torch.no_grad()
def test_attention_is_full_up_to_its_span_and_beyond_it_between_neighbouring_blocks() -> None:
    torch.manual_seed(0)
    wide, narrow = (BlockAttention(16, 2, span).double() for span in (64, 16))
    narrow.load_state_dict(wide.state_dict())
    x = torch.randn(1, 44, 16, dtype=torch.float64)
    mask = torch.ones(1, 44, dtype=torch.bool)
    angles = rotary_angles(torch.arange(44), 8).double()
    torch.testing.assert_close(narrow(x[:, :16], mask[:, :16], angles[:16]), wide(x[:, :16], mask[:, :16], angles[:16]))
    only_first = torch.arange(44)[None] < 16  # as padded beside a longer signal
    torch.testing.assert_close(narrow(x, only_first, angles)[:, :16], wide(x[:, :16], mask[:, :16], angles[:16]))
    changed = x.clone()
    changed[:, 43] += 1.0
    local = (narrow(changed, mask, angles) - narrow(x, mask, angles)).abs().amax(-1)[0]
    assert local[:32].max() == 0.0  # 43 lies in the block from 40 on, whose neighbour begins at 32
    assert local[32:].min() > 0.0


@pytest.mark.parametrize("value", [2.4e38, -1e30, np.inf])
def test_a_value_that_no_encoder_can_square_is_refused(value):
    damaged = np.array([[1.0, value, np.nan]], np.float32)
    with pytest.raises(SignalError, match="beyond what an encoder can read"):
        stack_values([np.zeros((1, 3), np.float32), damaged])
