"""Masked-patch pretraining: the loss is about hidden samples, it falls, labels are not read, files are checked."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import build_encoder

from sig2lm.cli.pretrain_encoder import pretrain_encoder as pretrain_command
from sig2lm.datasets import Table, load_table
from sig2lm.encoder import encoder_fingerprint, load_encoder, save_encoder, stack_values
from sig2lm.errors import CheckpointError, DatasetError, Sig2LMError
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.objectives import OBJECTIVES, MaskedPatches
from sig2lm.pretraining.objectives.masking import hide
from sig2lm.pretraining.windows import WindowDataset, channel_statistics

SMALL = PretrainSettings("masked", epochs=3, batch_size=64, width=32, depth=2, heads=2)


@pytest.fixture(scope="module")
def table(simulated: Path) -> Table:
    return load_table(simulated / "data" / "stress")


def test_statistics_are_those_of_the_observed_samples(table: Table) -> None:
    windows = WindowDataset(table, "daily")
    together = np.concatenate([windows[index] for index in range(len(windows))], axis=1).astype(np.float64)
    found = channel_statistics(windows)
    np.testing.assert_allclose(found.mean, np.nanmean(together, axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.std, np.nanstd(together, axis=1), rtol=1e-6)
    within = [
        window - np.nanmean(window, axis=1, keepdims=True) for window in (windows[i] for i in range(len(windows)))
    ]
    np.testing.assert_allclose(found.within, np.nanstd(np.concatenate(within, axis=1), axis=1), rtol=1e-4)
    assert (found.typical, found.constant, found.still_within) == (7, (), ())


def test_pretraining_lowers_the_loss_is_seeded_and_reads_no_label(table: Table) -> None:
    encoder, provenance = pretrain_encoder(table, SMALL)
    assert provenance["loss"][-1] < 0.97 * provenance["loss"][0]
    relabelled = table.data["train"].remove_columns("label").add_column("label", ["?"] * len(table.data["train"]))
    blind = Table({"train": relabelled}, table.info, table.path)
    again, _ = pretrain_encoder(blind, SMALL)
    assert encoder_fingerprint(again) == encoder_fingerprint(encoder)


def test_the_loss_is_about_hidden_observed_samples_only() -> None:
    encoder = build_encoder()
    objective = MaskedPatches(encoder, mask_ratio=0.5)
    values, mask = stack_values([np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)])
    torch.manual_seed(1)
    loss = objective(values, mask)
    torch.manual_seed(1)
    hidden = hide(encoder.patch_mask(mask), 1, 0.5, 0.0)
    assert 0 < hidden.sum() < hidden.numel()
    seen = values.clone()
    for patch in torch.where(hidden[0])[0].tolist():
        mask[:, :, 8 * patch : 8 * patch + 4] = False
        seen[:, :, 8 * patch : 8 * patch + 4] = 1e3
    torch.manual_seed(1)
    assert objective(seen, mask).item() < 10.0 * loss.item()


def test_an_encoder_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    encoder = build_encoder()
    save_encoder(encoder, tmp_path / "encoder", {"by": "a test"})
    loaded = load_encoder(tmp_path / "encoder")
    assert encoder_fingerprint(loaded) == encoder_fingerprint(encoder)
    assert sorted(path.name for path in (tmp_path / "encoder").iterdir()) == [
        "config.json",
        "encoder.safetensors",
        "train.json",
    ]
    with pytest.raises(Sig2LMError, match="exists"):
        save_encoder(encoder, tmp_path / "encoder")


def test_damaged_and_foreign_encoders_are_refused(tmp_path: Path) -> None:
    save_encoder(build_encoder(), tmp_path / "encoder")
    weights = tmp_path / "encoder" / "encoder.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        load_encoder(tmp_path / "encoder")
    weights.write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="damaged"):
        load_encoder(tmp_path / "encoder")
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"found no encoder\.safetensors"):
        load_encoder(tmp_path / "encoder")
    (tmp_path / "encoder" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match="something else"):
        load_encoder(tmp_path / "encoder")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_encoder(tmp_path / "nowhere")


def test_unknown_objective_and_signal_are_refused_before_training(table: Table) -> None:
    with pytest.raises(Sig2LMError, match="masked"):
        pretrain_encoder(table, PretrainSettings(objective="guessing"))
    with pytest.raises(DatasetError, match="daily"):
        pretrain_encoder(table, SMALL, signal="ecg")


def test_an_encoder_of_some_channels_reads_these_alone(table: Table) -> None:
    contract = table.info.signals["daily"]
    chosen = (contract.channels[2], contract.channels[0])
    encoder, provenance = pretrain_encoder(table, replace(SMALL, epochs=1, channels=chosen))
    assert encoder.contract.channels == chosen
    assert encoder.contract.units == (contract.units[2], contract.units[0])
    both = channel_statistics(WindowDataset(table, "daily"))
    assert encoder.config.mean == pytest.approx((both.mean[2], both.mean[0]))
    assert provenance["settings"]["channels"] == chosen
    with pytest.raises(DatasetError, match=r"expected channels among .* found ecg; change --channels"):
        pretrain_encoder(table, replace(SMALL, channels=(chosen[0], "ecg")))


@pytest.mark.slow
def test_a_diverged_pretraining_leaves_its_last_good_encoder(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    wild = {"batch_size": len(table.data["train"]), "epochs": 40, "learning_rate": 1e25}
    with pytest.raises(Sig2LMError, match=r"at step 3 .*; '.*encoder' holds the encoder as it was after epoch 1"):
        pretrain_command(data=table.path, out=out, width=16, depth=1, **wild)
    assert all(weights.isfinite().all() for weights in load_encoder(out).parameters())
    assert "step 3" in json.loads((out / "train.json").read_text())["diverged"]


VARIANTS = [
    *(name for name in OBJECTIVES if name != "byol"),
    "contrastive --positives subject",
    "contrastive --momentum-encoder",
    "masked --architecture conv_transformer",
    "latent --architecture resnet1d",
    "byol --learning-rate 1e-4 --subject-invariant 0.5",  # its batch normalisation magnifies rounding as it learns
]


def in_processes(table: Table, folder: Path, processes: int) -> tuple[list[list[float]], str]:
    """The losses of each variant, as `accelerate launch` starts them on several devices; on CPUs torchrun does."""
    rows = len(table.data["train"])
    batch = max(size for size in range(2, 129, 2) if rows % size == 0)  # an incomplete batch would be filled up
    outs = [folder / f"{processes}-{number}" for number in range(len(VARIANTS))]
    sizes = ["--epochs", "3", "--width", "16", "--depth", "2", "--batch-size", str(batch // processes)]
    shared = ["pretrain-encoder", "--data", str(table.path), *sizes]
    commands = [
        [*shared, "--out", str(out), "--objective", *variant.split()]
        for out, variant in zip(outs, VARIANTS, strict=True)
    ]
    listed = folder / f"{processes}.json"
    listed.write_text(json.dumps(commands))
    script = Path(__file__).parents[1] / "several_commands.py"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(script), str(listed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return [json.loads((out / "train.json").read_text())["loss"] for out in outs], done.stdout


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(table: Table, tmp_path: Path) -> None:
    (alone, _), (together, said) = (in_processes(table, tmp_path, processes) for processes in (1, 2))
    assert said.count("loss") == len(VARIANTS)  # one of the two speaks
    assert {len(losses) for losses in alone} == {3}
    differing = [
        variant
        for variant, one, two in zip(VARIANTS, alone, together, strict=True)
        if not np.allclose(two, one, rtol=1e-4, atol=0)
    ]
    assert not differing
