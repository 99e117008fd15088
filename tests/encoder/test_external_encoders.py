"""Encoders of other libraries: tiny models of the real libraries behind one protocol."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from external_models import MODELS, TOGETHER, build_model, patchtst
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from sig2lm.encoder import PatchEncoder, SignalEncoder, encoder_fingerprint, load_any_encoder, stack_values
from sig2lm.encoder.external import LIBRARIES
from sig2lm.encoder.external.alignment import fill_gaps, observed_lengths, stretch, to_the_end
from sig2lm.encoder.loading import split_source
from sig2lm.errors import CheckpointError, Sig2LMError, SignalError
from sig2lm.signals import Contract

CONTRACT = Contract(("x", "y", "z"), ("m/s^2",) * 3, 50.0)
ONE = Contract(("y",), ("m/s^2",), 50.0)


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {}


@pytest.fixture(params=MODELS)
def spec(request: pytest.FixtureRequest, specs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """How to name each model; built once."""
    name = request.param
    if name not in specs:
        specs[name] = build_model(name, tmp_path_factory.mktemp("models") / name)
    return specs[name]


def recordings() -> list[NDArray[np.float32]]:
    """Of 50 and 64 samples, with a few missing, with a long gap, with a missing channel, and with nothing at all."""
    rng = np.random.default_rng(0)
    short, whole = (rng.normal(3.0, 2.0, (3, count)).astype(np.float32) for count in (50, 64))
    short[0, 10:13] = np.nan
    short[1, 20:41] = np.nan
    lacking, nothing = short.copy(), np.full((3, 30), np.nan, dtype=np.float32)
    lacking[2] = np.nan
    lacking[:, -3:] = np.nan
    return [short, whole, lacking, nothing]


@torch.no_grad()
def test_a_row_is_the_same_alone_and_padded(spec: str) -> None:
    encoder = load_any_encoder(spec, CONTRACT)
    signals = recordings()
    patches, mask = encoder(*stack_values(signals))
    assert patches.shape == (4, encoder.num_patches(64), encoder.width)
    assert patches.isfinite().all()
    assert not patches[~mask].any()
    for row, values in enumerate(signals):
        alone, alone_mask = encoder(*stack_values([values]))
        count = encoder.num_patches(values.shape[1])
        assert alone.shape[1] == count
        assert torch.equal(alone_mask[0], mask[row, :count])
        assert not mask[row, count:].any()
        torch.testing.assert_close(alone[0], patches[row, :count], atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_missing_samples_are_masked_whatever_stands_there(spec: str) -> None:
    encoder = load_any_encoder(spec, CONTRACT)
    values, sample_mask = stack_values(recordings())
    patches, mask = encoder(values, sample_mask)
    other, other_mask = encoder(torch.where(sample_mask, values, 1e6), sample_mask)
    assert torch.equal(mask, other_mask)
    assert torch.equal(patches, other)
    by_channel = mask.unflatten(1, (-1, 3))
    assert by_channel[1].all()  # all observed
    assert not by_channel[2, :, 2].any()  # a missing channel
    assert by_channel[2, :, 0].any()
    assert not mask[3].any()
    changed, _ = encoder(torch.where(sample_mask, -values.sin(), values), sample_mask)
    assert (changed - patches).abs().amax() > 1e-3


@torch.no_grad()
def test_patches_stand_by_time_and_then_by_channel(spec: str, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["spec"] in TOGETHER:
        pytest.skip("this model reads channels together")
    values = stack_values(recordings()[:2])
    patches, mask = load_any_encoder(spec, CONTRACT)(*values)
    alone, alone_mask = load_any_encoder(spec, ONE)(*(x[:, 1:2] for x in values))
    assert torch.equal(mask[:, 1::3], alone_mask)
    torch.testing.assert_close(patches[:, 1::3], alone, atol=2e-5, rtol=1e-4)


def test_weights_come_from_the_folder_and_learn(spec: str) -> None:
    encoder = load_any_encoder(spec, CONTRACT)
    assert isinstance(encoder, nn.Module)
    assert not encoder.training
    assert encoder_fingerprint(encoder) == encoder_fingerprint(load_any_encoder(spec, CONTRACT))
    assert encoder_fingerprint(encoder) != encoder_fingerprint(
        load_any_encoder(spec, Contract(("a", "b", "c"), ("m/s^2",) * 3, 50.0))
    )
    names = {name: tensor.data_ptr() for name, tensor in encoder.state_dict().items() if tensor.numel()}
    assert len(set(names.values())) == len(names)  # safetensors holds no tensor twice
    encoder.requires_grad_(True)
    patches, _ = encoder(*stack_values(recordings()))
    patches.square().sum().backward()
    gradients = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_signals_that_are_too_long_are_refused(spec: str) -> None:
    encoder = load_any_encoder(spec, CONTRACT)
    if spec.startswith("mantis:"):
        assert encoder.num_patches(10_000) == encoder.num_patches(7)
        return
    with pytest.raises(SignalError, match=r"reads at most (64|128); cut it into windows"):
        encoder.num_patches(129)


def test_a_masking_model_reads_whole_signals(tmp_path: Path) -> None:
    """The random mask of pretraining would make two readings differ."""
    encoder = load_any_encoder(build_model("pretrained", tmp_path / "model"), CONTRACT)
    values = stack_values(recordings())
    assert torch.equal(encoder(*values)[0], encoder(*values)[0])


def test_a_model_that_mixes_channels_needs_as_many(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"reads 3 channels together, but the signal has 1 \(y\)"):
        load_any_encoder(build_model("mixing", tmp_path / "model"), ONE)


def test_what_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder here and which the hub did not give"):
        load_any_encoder("transformers:nobody/nothing", CONTRACT)
    with pytest.raises(CheckpointError, match=f"library among sig2lm, {', '.join(LIBRARIES)}, found 'momment:x'"):
        load_any_encoder("momment:x", CONTRACT)
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="pickles are not read"):
        load_any_encoder(f"transformers:{pickled}", CONTRACT)


def test_damaged_and_other_models_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    spec = patchtst(folder)
    tensors = load_file(folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    save_file(dict(list(tensors.items())[1:]), folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="1 are missing"):
        load_any_encoder(spec, CONTRACT)
    (folder / "model.safetensors").write_bytes(whole[:200])
    with pytest.raises(CheckpointError, match="does not load") as caught:
        load_any_encoder(spec, CONTRACT)
    assert "\n" not in str(caught.value)
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, "model_type": "bert"}))
    with pytest.raises(CheckpointError, match="found bert; wrap it"):
        load_any_encoder(spec, CONTRACT)
    shutil.rmtree(folder)
    with pytest.raises(CheckpointError, match="no folder here"):
        load_any_encoder(spec, CONTRACT)


@pytest.mark.parametrize(
    ("library", "module", "install"),
    [
        ("moment", "momentfm", "pip install --no-deps momentfm"),
        ("chronos", "chronos", r"pip install 'sig2lm\[chronos\]'"),
        ("mantis", "mantis", r"pip install 'sig2lm\[mantis\]'"),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_to_install(library: str, module: str, install: str) -> None:
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    with pytest.raises(Sig2LMError, match=install):
        load_any_encoder(f"{library}:nobody/nothing", CONTRACT)


class Own(nn.Module):
    """A module of a user's own: the mean of each second."""

    contract = CONTRACT
    width = 3

    def num_patches(self, num_samples: int) -> int:
        return num_samples // 50

    def forward(self, values: torch.Tensor, sample_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count = self.num_patches(values.shape[-1])
        cut = (values * sample_mask)[..., : count * 50].unflatten(-1, (count, 50))
        mask = sample_mask[..., : count * 50].unflatten(-1, (count, 50)).any(-1).any(1)
        return cut.mean(-1).transpose(1, 2), mask


def test_a_module_of_ones_own_meets_the_protocol() -> None:
    own = Own()
    assert load_any_encoder(own, ONE) is own
    assert isinstance(own, PatchEncoder)
    assert encoder_fingerprint(own) == encoder_fingerprint(Own())
    with pytest.raises(CheckpointError, match="found Linear without contract, width, num_patches"):
        load_any_encoder(nn.Linear(2, 2), ONE)  # type: ignore[arg-type]


def test_a_folder_with_a_colon_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "moment:x").mkdir()
    assert split_source(tmp_path / "moment:x") == (None, str(tmp_path / "moment:x"))
    assert issubclass(SignalEncoder, nn.Module)


@settings(max_examples=50)
@given(st.data())
def test_gaps_are_filled_as_numpy_interpolates(data: st.DataObject) -> None:
    observed = data.draw(st.lists(st.booleans(), min_size=1, max_size=20))
    values = np.asarray(data.draw(st.lists(st.floats(-9, 9, width=32), min_size=len(observed), max_size=len(observed))))
    mask = np.asarray(observed)
    at = np.arange(len(mask))
    expected = np.interp(at, at[mask], values[mask]) if mask.any() else np.zeros(len(mask))
    found = fill_gaps(torch.tensor(values)[None, None], torch.tensor(mask)[None, None])
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-6)


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 10), st.integers(1, 64))
def test_stretching_is_torch_interpolation_of_the_row_itself(length: int, padding: int, size: int) -> None:
    values = torch.randn(1, 2, length, generator=torch.Generator().manual_seed(length))
    padded = nn.functional.pad(values, (0, padding), value=99.0)
    expected = nn.functional.interpolate(values, size=size, mode="linear", align_corners=False)
    torch.testing.assert_close(stretch(padded, torch.tensor([length]), size), expected, atol=1e-5, rtol=1e-5)


def test_rows_move_to_the_end_by_what_was_observed_of_them() -> None:
    values = torch.tensor([[[1.0, 2.0, 3.0]], [[1.0, 9.0, 9.0]], [[9.0, 9.0, 9.0]]])
    lengths = observed_lengths(values < 9)
    assert lengths.tolist() == [3, 1, 0]
    assert to_the_end(values, lengths, 4)[:, 0].tolist() == [[0, 1, 2, 3], [0, 0, 0, 1], [0, 0, 0, 0]]
