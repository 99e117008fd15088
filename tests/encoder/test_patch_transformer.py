"""The encoder: shapes, masks, lengths, and cost that grows with the recording and no faster."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build_encoder

from sig2lm.encoder import EncoderConfig, SignalEncoder, stack_values
from sig2lm.encoder.attention import BlockAttention, rotary_angles
from sig2lm.errors import CheckpointError, SignalError
from sig2lm.signals import Contract

TWO_SENSORS = Contract(("ax", "ay", "gx", "gy"), ("m/s^2", "m/s^2", "rad/s", "rad/s"), 50.0)


def encode(encoder: SignalEncoder, *signals: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return encoder(*stack_values([signal.numpy() for signal in signals]))


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 700), st.integers(8, 700), st.integers(0, 1000))
@torch.no_grad()
def test_a_signal_is_encoded_alike_alone_and_beside_a_longer_one(first: int, second: int, seed: int) -> None:
    """Also across the border of attention blocks (a span of 16 patches, patches of 8 samples)."""
    config = EncoderConfig(TWO_SENSORS, 8, 8, width=16, depth=3, heads=2, attention_span=16)
    torch.manual_seed(seed)
    encoder = SignalEncoder(config).double().eval()
    signals = [torch.randn(4, length) for length in (first, second)]
    signals[0][torch.rand(4, first) < 0.2] = math.nan
    values, mask = stack_values([signal.numpy() for signal in signals])
    patches, patch_mask = encoder(values.double(), mask)
    for row, signal in enumerate(signals):
        values, mask = stack_values([signal.numpy()])
        alone, alone_mask = encoder(values.double(), mask)
        count = encoder.num_patches(signal.shape[1])
        assert alone.shape == (1, count, 16)
        torch.testing.assert_close(patches[row, :count], alone[0], atol=1e-9, rtol=1e-9)
        assert torch.equal(patch_mask[row, :count], alone_mask[0])
        assert not patch_mask[row, count:].any()


def test_patches_are_ordered_by_time_and_hold_one_modality_each() -> None:
    encoder = SignalEncoder(EncoderConfig(TWO_SENSORS, 4, 4, width=16, depth=1, heads=2))
    assert encoder.config.channel_groups == ((0, 1), (2, 3))
    values = torch.arange(4 * 8.0).view(1, 4, 8)
    raw, observed = encoder.patchify(values, torch.ones_like(values, dtype=torch.bool))
    assert raw[0][0, 1].tolist() == [4.0, 5.0, 6.0, 7.0, 12.0, 13.0, 14.0, 15.0]
    assert raw[1][0, 0].tolist() == [16.0, 17.0, 18.0, 19.0, 24.0, 25.0, 26.0, 27.0]
    assert encoder.patch_mask(observed).shape == (1, 4)


@torch.no_grad()
def test_a_missing_sensor_is_masked_and_does_not_reach_the_others() -> None:
    encoder = SignalEncoder(EncoderConfig(TWO_SENSORS, 8, 8, width=16, depth=2, heads=2)).eval()
    signal = torch.randn(4, 32)
    signal[2:] = math.nan
    patches, mask = encode(encoder, signal)
    assert mask[0].tolist() == [True, False] * 4
    assert not patches[0, 1::2].any()
    values, sample_mask = stack_values([signal.numpy()])
    values[:, 2:] = 1e6  # what stands where nothing was observed is never read
    torch.testing.assert_close(encoder(values, sample_mask)[0], patches)


@torch.no_grad()
@pytest.mark.parametrize("normalisation", ["dataset", "instance"])
def test_normalisation_removes_what_it_says(normalisation: str) -> None:
    contract = Contract(("a",), ("mV",), 100.0)
    config = EncoderConfig(contract, 8, 8, 16, 1, 2, normalisation, (3.0,), (2.0,))
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


def test_too_short_and_too_long_signals_are_refused_with_both_numbers() -> None:
    encoder = SignalEncoder(EncoderConfig(TWO_SENSORS, 8, 8, 16, 1, 2, max_positions=10))
    with pytest.raises(SignalError, match=r"7 samples.* holds 8"):
        encoder.num_patches(7)
    assert encoder.num_patches(80) == 20
    with pytest.raises(SignalError, match=r"81 samples.*at most 80"):
        encoder.num_patches(81)


@torch.no_grad()
def test_block_attention_is_full_attention_within_half_a_span_and_local_beyond() -> None:
    torch.manual_seed(0)
    wide, narrow = (BlockAttention(16, 2, span, shifted=True).double() for span in (64, 16))
    narrow.load_state_dict(wide.state_dict())
    x = torch.randn(1, 30, 16, dtype=torch.float64)
    mask = torch.ones(1, 30, dtype=torch.bool)
    angles = rotary_angles(torch.arange(30), 8).double()
    torch.testing.assert_close(narrow(x[:, :8], mask[:, :8], angles[:8]), wide(x[:, :8], mask[:, :8], angles[:8]))
    changed = x.clone()
    changed[:, 29] += 1.0
    local = (narrow(changed, mask, angles) - narrow(x, mask, angles)).abs().amax(-1)[0]
    assert local[:24].max() == 0.0  # with a shift of 8 the last block begins at 24
    assert local[24:].min() > 0.0


def test_a_config_survives_json_and_foreign_keys_are_refused() -> None:
    config = build_encoder().config
    assert EncoderConfig.from_dict(config.to_dict()) == config
    with pytest.raises(CheckpointError, match="colour"):
        EncoderConfig.from_dict({**config.to_dict(), "colour": "red"})
