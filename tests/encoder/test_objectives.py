"""Self-supervised objectives: what they hide, compare and teach; that they train; what they refuse."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets as hf
import numpy as np
import pytest
import torch
from torch import Tensor

from sig2lm.datasets import Table, TableInfo
from sig2lm.datasets.table import COLUMNS
from sig2lm.encoder import EncoderConfig, PretrainSettings, SignalEncoder, pretrain_encoder, stack_values
from sig2lm.encoder.objectives import OBJECTIVES, build_objective
from sig2lm.encoder.objectives.contrastive import nt_xent
from sig2lm.encoder.objectives.cross_modal import quantile_loss
from sig2lm.encoder.objectives.crossl import encode_alone
from sig2lm.encoder.objectives.heads import pool
from sig2lm.encoder.objectives.latent import standardised
from sig2lm.encoder.objectives.teacher import Teacher
from sig2lm.encoder.objectives.vicreg import covariance_loss, variance_loss, vicreg
from sig2lm.encoder.pretrain import DivergedError
from sig2lm.encoder.windows import PairedWindows, Windows
from sig2lm.errors import DatasetError, Sig2LMError
from sig2lm.signals import Contract

SENSORS = Contract(("ax", "ay", "gx"), ("m/s^2", "m/s^2", "rad/s"), 50.0, None, 1.28)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in OBJECTIVES),
    ("contrastive", {"positives": "subject"}),
    ("contrastive", {"positives": "time", "momentum_encoder": True}),
    ("byol", {"positives": "subject"}),
    ("crossl", {"latent_mask": "random"}),
    ("cross_modal", {"target": "gx", "source_ratio": 0.3}),
]
IDS = [" ".join([name, *map(str, options.values())]) for name, options in VARIANTS]
SMALL = PretrainSettings("masked", epochs=2, batch_size=16, width=16, depth=1, heads=2, patch_size=8)


def build(contract: Contract = SENSORS, seed: int = 0) -> SignalEncoder:
    torch.manual_seed(seed)
    return SignalEncoder(EncoderConfig(contract, 8, 8, width=16, depth=2, heads=2))


def recordings(count: int = 12, samples: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Walking as two sensors see it: one rhythm, of a pace and strength of its own in each window."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 50.0
    found = []
    for _ in range(count):
        phase = 2 * np.pi * rng.uniform(1.0, 4.0) * time + rng.uniform(0, 6.28)
        strength = rng.uniform(0.5, 2.0)
        rows = [strength * np.cos(phase), strength * np.sin(phase) ** 3, 0.5 * strength * np.sin(phase)]
        found.append((np.stack(rows) + rng.normal(0, 0.05, (3, samples))).astype(np.float32))
    return found


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


def as_table(
    windows: list[np.ndarray], subject: list[str], source: list[str], start: list[float], contract: Contract = SENSORS
) -> Table:
    known = {"subject": subject, "source": source, "start": start}
    rows = {name: known.get(name, [None] * len(windows)) for name in COLUMNS}
    rows["motion"] = [values[: len(contract.channels)].ravel() for values in windows]
    schema = {name: hf.Value("float64" if name == "start" else "string") for name in COLUMNS}
    train = hf.Dataset.from_dict(rows, features=hf.Features({**schema, "motion": hf.List(hf.Value("float32"))}))
    info = TableInfo("toy", "har", (), {"motion": contract}, "", len(train), {}, "", "", "")
    return Table(hf.DatasetDict({"train": train}), info, Path("toy"))


def build_table(subjects: int = 4, windows: int = 8, contract: Contract = SENSORS) -> Table:
    """A table in memory: each subject has a recording of consecutive windows."""
    count = subjects * windows
    who = [f"s{number // windows}" for number in range(count)]
    starts = [1.28 * (number % windows) for number in range(count)]
    return as_table(recordings(count), who, [f"{name}.csv" for name in who], starts, contract)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_gradients_reach_every_weight_of_the_encoder_and_the_loss_falls(name: str, options: dict[str, Any]) -> None:
    encoder = build()
    objective = build_objective(name, encoder, options)
    values, mask = people()
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in objective.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(60):
        loss = objective(values, mask, **needed(objective, len(values)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step()
        losses.append(loss.item())
    reached = {weight for weight, p in encoder.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    unread = {"embed.1.weight", "embed.1.bias"} if "target" in options else set()
    assert reached == set(dict(encoder.named_parameters())) - unread
    assert np.mean(losses[-5:]) < 0.97 * np.mean(losses[:5])


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_missing_samples_and_different_lengths_give_a_finite_loss(name: str, options: dict[str, Any]) -> None:
    objective = build_objective(name, build(), options)
    values, mask = stack_values(ragged())
    loss = objective(values, mask, **needed(objective, len(values)))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in objective.parameters() if p.grad is not None)
    values[~mask] = 1e6  # what stands where nothing was observed is never read
    torch.manual_seed(3)
    first = build_objective(name, build(), options)(values, mask, **needed(objective, len(values)))
    torch.manual_seed(3)
    again = build_objective(name, build(), options)(values * mask, mask, **needed(objective, len(values)))
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


def test_encoding_alone_is_encoding_with_the_other_sensors_missing() -> None:
    encoder = build().double().eval()
    values, mask = stack_values(ragged()[2:])
    raw, observed = encoder.patchify(encoder.normalise(values.double(), mask), mask)
    alone = encode_alone(encoder, encoder.embed_patches(raw, observed), encoder.patch_mask(observed))
    for number, group in enumerate(encoder.config.modalities):
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


def test_pairs_are_other_windows_of_the_subject_or_neighbours_in_the_recording() -> None:
    windows = Windows(build_table(), "motion")
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
    """Windows of two people in turn; the second one's gyroscope is off by three times its own spread."""
    rng = np.random.default_rng(seed)
    windows = recordings(512, 32, seed)
    for number, window in enumerate(windows):
        window[2] += number % 2 + rng.normal(0, 0.3)
    return windows


def leakage(encoder: SignalEncoder, known: list[np.ndarray], others: list[np.ndarray]) -> float:
    """How often the nearest of the known windows is of the same person."""
    with torch.no_grad():
        near = torch.cdist(*(pool(*encoder(*stack_values(windows))) for windows in (others, known))).argmin(1)
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
        ({"contract": ONE_UNIT}, {"objective": "crossl"}, r"two modalities.*ax, ay in m/s\^2"),
        ({"contract": ONE_UNIT}, {"objective": "cross_modal"}, "two modalities"),
        ({}, {"objective": "cross_modal", "options": {"target": "heart"}}, r"ax, ay, gx, found 'heart'"),
        ({}, {"patch_size": 65}, r"a patch \(65 samples\).*has 64"),
        ({}, {"objective": "contrastive", "batch_size": 1}, r"at least 2 windows for 'contrastive', found 1"),
        ({}, {"objective": "crossl", "batch_size": 1}, "at least 2 windows"),
        ({}, {"objective": "byol", "batch_size": 1}, "at least 2 windows"),
        ({}, {"options": {"positives": "time"}}, r"'masked' among mask_ratio, modality_ratio, found positives"),
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
