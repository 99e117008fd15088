"""Pretraining from a table with each objective: pairs, reproducibility, refusals, and how a diverged one ends."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from walking import IDS, SMALL, VARIANTS, as_table, build_table, recordings

from sig2lm.datasets import Table
from sig2lm.encoder import SignalEncoder, stack_values
from sig2lm.encoder.pooling import mean_patch
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.pretraining import PretrainSettings, pretrain_encoder
from sig2lm.pretraining.objectives import OBJECTIVES
from sig2lm.pretraining.pretrain import DivergedError
from sig2lm.pretraining.windows import PairedWindows, WindowDataset
from sig2lm.signals import Contract


def test_pairs_are_other_windows_of_the_subject_or_neighbours_in_the_recording() -> None:
    windows = WindowDataset(build_table(), "motion")
    subject, start = windows.column("subject"), windows.column("start")
    torch.manual_seed(0)
    by_subject, by_time = PairedWindows(windows, "subject"), PairedWindows(windows, "time")
    drawn = set()
    for _ in range(5):
        for row in range(len(windows)):
            other = by_subject.partner(row)
            assert other != row
            assert subject[other] == subject[row]
            drawn.add((row, other))
            other = by_time.partner(row)
            assert subject[other] == subject[row]
            assert abs(start[other] - start[row]) == pytest.approx(1.28)
        by_subject.draw()
        by_time.draw()
    assert len(drawn) > 2 * len(windows)
    batch = by_subject.collate(by_subject.__getitems__([3, 20]))
    assert batch["rows"][::2].tolist() == [3, 20]
    assert batch["subject"].tolist() == [0, 0, 2, 2]
    np.testing.assert_array_equal(batch["values"][2].numpy(), windows[20])


def tilted(seed: int) -> list[np.ndarray]:
    """WindowDataset of two people in turn; the second one's gyroscope is off by three times its own spread."""
    rng = np.random.default_rng(seed)
    windows = recordings(512, 32, seed)
    for number, window in enumerate(windows):
        window[2] += number % 2 + rng.normal(0, 0.3)
    return windows


def leakage(encoder: SignalEncoder, known: list[np.ndarray], others: list[np.ndarray]) -> float:
    """How often the nearest of the known windows is of the same person."""
    with torch.no_grad():
        near = torch.cdist(*(mean_patch(*encoder(*stack_values(windows))) for windows in (others, known))).argmin(1)
    return (near % 2 == torch.arange(len(near)) % 2).float().mean().item()


@pytest.mark.slow
def test_an_adversary_makes_the_encoder_forget_the_subject() -> None:
    windows, others = tilted(0), tilted(100)
    table = as_table(windows, ["even", "odd"] * 256, ["."] * 512, [0.0] * 512)
    settings = replace(SMALL, epochs=60, batch_size=64)
    told = {
        weight: leakage(pretrain_encoder(table, replace(settings, subject_invariant=weight))[0], windows, others)
        for weight in (0.0, 1.0)
    }
    assert told[0.0] > 0.85
    assert told[1.0] < 0.7


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_every_objective_pretrains_from_a_table_reproducibly(name: str, options: dict[str, Any]) -> None:
    settings = replace(SMALL, objective=name, options=options, batch_size=31)  # 32 windows: one would be left over
    encoder, provenance = pretrain_encoder(build_table(), settings)
    again, _ = pretrain_encoder(build_table(), settings)
    assert len(provenance["loss"]) == 2
    assert np.isfinite(provenance["loss"]).all()
    for first, second in zip(encoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


def test_positives_are_neighbours_in_time_unless_no_window_has_any() -> None:
    windows = recordings(8)
    whole = as_table(windows, ["a"] * 4 + ["b"] * 4, ["x"] * 8, [float(place) for place in range(8)])
    alone = as_table(windows, ["a"] * 4 + ["b"] * 4, [str(place) for place in range(8)], [0.0] * 8)
    for table, expected in ((whole, "time"), (alone, "augmentation")):
        for name in ("contrastive", "byol"):
            _, provenance = pretrain_encoder(table, replace(SMALL, objective=name, epochs=1))
            assert provenance["settings"]["options"] == {"positives": expected}
    _, provenance = pretrain_encoder(whole, replace(SMALL, objective="contrastive", options={"positives": "subject"}))
    assert provenance["settings"]["options"] == {"positives": "subject"}
    assert PretrainSettings().objective == "contrastive"


ONE_UNIT = Contract(("ax", "ay"), ("m/s^2", "m/s^2"), 50.0, None, 1.28)


@pytest.mark.parametrize(
    ("table", "changes", "told"),
    [
        ({"subjects": 1}, {"objective": "contrastive", "options": {"positives": "subject"}}, r"several subjects.*one"),
        ({"subjects": 1}, {"subject_invariant": 1.0}, r"several subjects.*subject_invariant.*one"),
        ({"windows": 1}, {"objective": "byol", "options": {"positives": "subject"}}, "several windows of a subject"),
        ({"windows": 1}, {"objective": "byol", "options": {"positives": "time"}}, "at different starts"),
        ({"contract": ONE_UNIT}, {"objective": "crossl"}, r"two channel groups.*ax, ay in m/s\^2"),
        ({"contract": ONE_UNIT}, {"objective": "cross_modal"}, "two channel groups"),
        ({}, {"objective": "cross_modal", "options": {"target": "heart"}}, r"ax, ay, gx, found 'heart'"),
        ({}, {"patch_size": 65}, r"a patch \(65 samples\).*has 64"),
        ({}, {"objective": "contrastive", "batch_size": 1}, r"at least 2 windows for 'contrastive', found 1"),
        ({}, {"objective": "crossl", "batch_size": 1}, "at least 2 windows"),
        ({}, {"objective": "byol", "batch_size": 1}, "at least 2 windows"),
        ({}, {"options": {"positives": "time"}}, r"'masked' among mask_ratio, group_ratio, found positives"),
        ({}, {"objective": "contrastive", "options": {"positives": "luck"}}, "augmentation, subject, time"),
        ({}, {"objective": "crossl", "options": {"latent_mask": "luck"}}, "random, spatial"),
        ({}, {"objective": "luck"}, "masked, latent, contrastive"),
    ],
)
def test_data_that_does_not_suit_is_refused_before_training(
    table: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(Sig2LMError, match=told) as raised:
        pretrain_encoder(build_table(**table), replace(SMALL, **changes))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("normalisation", "values"), [("dataset", 9.81), ("centred", None)])
def test_channels_that_never_change_are_named(normalisation: str, values: float | None) -> None:
    table = build_table()

    def still(row: dict[str, Any], number: int) -> dict[str, Any]:
        signal = np.asarray(row["motion"], dtype=np.float32).reshape(3, -1)
        signal[1] = float(number) if values is None else values
        return {"motion": signal.ravel()}

    frozen = Table({"train": table.data["train"].map(still, with_indices=True)}, table.info, table.path)
    with pytest.raises(DatasetError, match=r"channels that change, but ay never does"):
        pretrain_encoder(frozen, replace(SMALL, normalisation=normalisation))


def test_a_loss_that_is_not_finite_ends_with_step_rows_and_the_last_good_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Breaking(OBJECTIVES["masked"]):
        calls = 0

        def forward(self, values: Tensor, sample_mask: Tensor) -> Tensor:
            self.calls += 1
            return super().forward(values, sample_mask) * (math.nan if self.calls == 4 else 1.0)

    monkeypatch.setitem(OBJECTIVES, "breaking", Breaking)
    kept, _ = pretrain_encoder(build_table(), replace(SMALL, epochs=3))
    told = r"found nan at step 4 \(rows (\d+, ){15}\d+ of the train split\)"
    with pytest.raises(DivergedError, match=told) as raised:
        pretrain_encoder(build_table(), replace(SMALL, objective="breaking", epochs=3))
    error = raised.value
    assert error.epochs == 1
    assert error.provenance["data"]["windows"] == 32
    assert not error.encoder.training
    assert any(not torch.equal(a, b) for a, b in zip(error.encoder.parameters(), kept.parameters(), strict=True))
    assert all(p.isfinite().all() for p in error.encoder.parameters())


def test_a_signal_that_scaling_would_hide_is_noticed_and_its_level_handed_on() -> None:
    table = build_table()

    def drifting(row: dict[str, Any], number: int) -> dict[str, Any]:
        signal = np.asarray(row["motion"], dtype=np.float32).reshape(3, -1)
        signal[2] += 200.0 * (number % 8)  # temperature, say: hardly anything changes in a window
        return {"motion": signal.ravel()}

    moved = Table({"train": table.data["train"].map(drifting, with_indices=True)}, table.info, table.path)
    for wanted, chosen, told in ((None, "recording", "handed on beside it"), ("dataset", "dataset", "would show it")):
        lines: list[str] = []
        encoder, provenance = pretrain_encoder(moved, replace(SMALL, normalisation=wanted, epochs=1), say=lines.append)
        assert encoder.config.normalisation == chosen
        assert any("gx (0.00" in line and told in line for line in lines)
        assert lines[-1].startswith("32 windows, 1 epochs of batches of 16: 2 steps, which is few")
        assert provenance["notes"] == lines[:-1]
    untouched: list[str] = []
    assert pretrain_encoder(table, replace(SMALL, epochs=1), say=untouched.append)[0].config.normalisation == "dataset"
    assert len(untouched) == 2


def test_one_short_recording_does_not_stop_pretraining() -> None:
    windows = recordings(8)
    windows[3] = windows[3][:, :1]
    table = as_table(windows, ["a"] * 4 + ["b"] * 4, ["x"] * 8, [float(place) for place in range(8)])
    _, provenance = pretrain_encoder(table, replace(SMALL, epochs=1))
    assert np.isfinite(provenance["loss"]).all()
