"""Every architecture: one promise of masks and lengths, one file format, one way to choose it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sig2lm.encoder import SignalEncoder, load_encoder, save_encoder, stack_values
from sig2lm.encoder.architectures import (
    ARCHITECTURES,
    SIZES,
    Size,
    default_architecture,
    default_patch_size,
    design,
    read_config,
)
from sig2lm.encoder.convolution import strides_of
from sig2lm.errors import CheckpointError, Sig2LMError
from sig2lm.signals import Contract

TWO_SENSORS = Contract(("ax", "ay", "gx", "gy"), ("m/s^2", "m/s^2", "rad/s", "rad/s"), 50.0)
ECG = Contract(("ecg",), ("mV",), 300.0)
NARROW = Size(16, 3, 2)


def build(architecture: str, seed: int = 0, **scaling: Any) -> SignalEncoder:
    """An encoder of patches of 8 samples whose every weight counts."""
    torch.manual_seed(seed)
    span = {} if architecture == "resnet1d" else {"attention_span": 16}
    encoder = SignalEncoder(design(TWO_SENSORS, architecture, NARROW, 8, {**span, **scaling})).double().eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return encoder


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=10)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.integers(0, 1000),
    st.sampled_from(["dataset", "centred", "instance", "recording"]),
    st.booleans(),
)
@torch.no_grad()
def test_a_signal_is_encoded_alike_alone_and_beside_a_longer_one_whatever_lies_under_the_mask(
    architecture: str, first: int, second: int, seed: int, normalisation: str, statistics: bool
) -> None:
    """Also beyond the attention span of 16 patches of 8 samples."""
    encoder = build(architecture, seed, normalisation=normalisation, statistics=statistics)
    signals = [torch.randn(4, length) for length in (first, second)]
    signals[0][torch.rand(4, first) < 0.2] = math.nan
    signals[1][2:] = math.nan  # a whole sensor
    values, mask = stack_values([signal.numpy() for signal in signals])
    patches, patch_mask = encoder(values.double(), mask)
    for row, signal in enumerate(signals):
        values, mask = stack_values([signal.numpy()])
        alone, alone_mask = encoder(values.double().masked_fill(~mask, 1e6), mask)
        count = encoder.num_patches(signal.shape[1])
        assert alone.shape == (1, count, 16)
        torch.testing.assert_close(patches[row, :count], alone[0], atol=1e-9, rtol=1e-9)
        assert torch.equal(patch_mask[row, :count], alone_mask[0])
        assert not patch_mask[row, count:].any()
    assert not patches[1, 1::2].any()


@torch.no_grad()
@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_level_of_a_channel_reaches_the_patches_unless_normalisation_takes_it_away(
    architecture: str, statistics: bool
) -> None:
    values, mask = torch.randn(1, 4, 64, dtype=torch.float64), torch.ones(1, 4, 64, dtype=torch.bool)
    for normalisation, heard in {"dataset": True, "recording": True, "centred": False, "instance": False}.items():
        encoder = build(architecture, normalisation=normalisation, statistics=statistics)
        moved = (encoder(values + 3.0, mask)[0] - encoder(values, mask)[0]).abs().max()
        assert (moved > 1e-3) == heard, normalisation
    encoder = build(architecture, normalisation="recording", statistics=statistics)
    assert (encoder(2.0 * values, mask)[0] - encoder(values, mask)[0]).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_patches_are_read_as_missing(architecture: str) -> None:
    encoder = build(architecture, statistics=True)
    values, mask = torch.randn(1, 4, 61, dtype=torch.float64), torch.ones(1, 4, 61, dtype=torch.bool)
    hidden = torch.zeros(1, encoder.num_patches(61), dtype=torch.bool)
    hidden[0, [3, 14]] = True  # of the second sensor samples 8 to 15, of the first the last five
    changed = values.clone()
    changed[0, 2:, 8:16] += 5.0
    changed[0, :2, 56:] -= 5.0
    torch.testing.assert_close(encoder.tokens(changed, mask, hidden), encoder.tokens(values, mask, hidden))
    assert not torch.allclose(encoder.tokens(changed, mask), encoder.tokens(values, mask))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_encoder_on_disk_names_its_architecture(architecture: str, tmp_path: Path) -> None:
    encoder = build(architecture, normalisation="recording", mean=(0.0,) * 4, std=(1.0,) * 4).float()
    save_encoder(encoder, tmp_path / "encoder")
    assert json.loads((tmp_path / "encoder" / "config.json").read_text())["architecture"] == architecture
    loaded = load_encoder(tmp_path / "encoder")
    assert loaded.config == encoder.config
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), encoder.parameters(), strict=True))


def test_a_config_without_an_architecture_is_of_before_there_were_several() -> None:
    config = design(TWO_SENSORS, "patch_transformer", NARROW, 8)
    older = {key: value for key, value in config.to_dict().items() if key != "architecture"}
    assert read_config(older) == config
    with pytest.raises(CheckpointError, match="patch_transformer, conv_transformer, resnet1d, found 'mamba'"):
        read_config({**older, "architecture": "mamba"})
    with pytest.raises(CheckpointError, match="colour"):
        read_config({**older, "colour": "red"})


def test_patches_follow_the_sampling_rate_and_not_the_window() -> None:
    sizes = [default_patch_size(Contract(("x",), ("mV",), rate), 9000) for rate in (20.0, 50.0, 100.0, 300.0, 500.0)]
    assert sizes == [4, 8, 16, 64, 128]
    assert default_patch_size(ECG, 9000, token_rate=10.0) == 32
    assert default_patch_size(Contract(("rr",), ("ms",), None), 60) == 7
    assert default_patch_size(Contract(("eda",), ("uS",), 4.0), 240) == 30
    for contract, rate in ((ECG, 0.0), (ECG, 301.0), (Contract(("rr",), ("ms",), None), 1.0)):
        with pytest.raises(Sig2LMError, match="token rate"):
            default_patch_size(contract, 60, rate)
    assert [math.prod(strides_of(total)) for total in range(1, 130)] == list(range(1, 130))
    assert default_architecture(Contract(("steps",), ("count",), None, 86400.0)) == "patch_transformer"


def test_sizes_grow_and_what_does_not_exist_is_refused() -> None:
    def weights(architecture: str, size: str) -> int:
        encoder = SignalEncoder(design(ECG, architecture, SIZES[size], 64))
        return sum(parameter.numel() for parameter in encoder.parameters())

    for architecture in ARCHITECTURES:
        counts = [weights(architecture, size) for size in SIZES]
        assert counts == sorted(set(counts))
    with pytest.raises(Sig2LMError, match="architecture is 'mamba', but there are patch_transformer"):
        design(ECG, "mamba", NARROW, 8)
    with pytest.raises(Sig2LMError, match="found 20"):
        design(ECG, "conv_transformer", Size(20, 1, 3), 8)
