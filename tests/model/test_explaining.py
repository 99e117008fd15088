"""What an answer rests on: the event of a recording is found, what is missing is hidden by the encoder's own mask."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from page_checks import assert_shown, assert_stands_alone
from tiny import TEMPLATE, build_signal_lm, motion
from typer.testing import CliRunner

from sig2lm import simulate
from sig2lm.cli import app
from sig2lm.errors import ArgumentError
from sig2lm.model.batches import collate
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Signal, save_signal

SAMPLES, EVENT = 64, 16  # 1.28 s, of which a bout of movement takes 0.32 s


def recording(rng: np.random.Generator, moving: bool) -> tuple[Signal, int]:
    """A sensor at rest, but for one bout of movement somewhere; and where that begins."""
    signal, start = motion(SAMPLES, int(rng.integers(1 << 30))), int(rng.integers(0, SAMPLES - EVENT + 1))
    signal.values[:] *= 0.1
    if moving:
        signal.values[:, start : start + EVENT] *= 30
    return signal, start


@pytest.fixture(scope="module")
def detector() -> SignalLM:
    """A model that learned to say "up" of recordings with a bout of movement and "down" of others."""
    torch.manual_seed(0)
    rng, model = np.random.default_rng(0), build_signal_lm()
    adapter = model.branch("motion").adapter
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=3e-3)
    prompter = model.prompter(model.tasks[0])
    for _ in range(120):
        examples = []
        for moving in rng.random(24) < 0.5:
            signal, _ = recording(rng, bool(moving))
            hidden = int(rng.integers(0, SAMPLES, ()))
            if rng.random() < 0.3:  # at rest, so that the label stays right
                at_rest = np.abs(signal.values).max(axis=0) < 0.6
                signal.values[:, hidden : hidden + 8][:, at_rest[hidden : hidden + 8]] = np.nan
            answer = "up" if moving else "down"
            examples.append(prompter.example(model.recordings(signal), TEMPLATE.question[0], answer))
        loss = model.train()(**collate(examples, model.lm.dialogue.placeholder, model.lm.sharing_limit))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.mark.slow
def test_the_event_of_a_recording_is_found(detector: SignalLM) -> None:
    rng, right, found = np.random.default_rng(1), 0, 0
    for _ in range(200):
        signal, start = recording(rng, True)
        answer = detector.explain(signal, choices=["up", "down"])
        assert answer.evidence is not None
        (evidence,) = answer.evidence.signals
        began, ended = (place * 50 for place in evidence.peak)
        right += answer.label == "up"
        found += began < start + EVENT and ended > start
    assert right >= 190
    assert found >= 190  # 95 %; a stretch drawn at random meets a bout of a quarter of the time in 0.36 of all cases


def logit(answer_probabilities: dict[str, float] | None, label: str | None) -> float:
    assert answer_probabilities is not None
    assert label is not None
    return float(np.log(answer_probabilities[label] / (1 - answer_probabilities[label])))


def test_a_part_is_hidden_as_missing_samples_and_the_same_answer_is_scored_again(signal_lm: SignalLM) -> None:
    signal = motion(64)
    signal.values[2, 48:] = np.nan
    answer = signal_lm.explain(signal, stretches=4)
    assert answer.evidence is not None
    (one,) = answer.evidence.signals
    assert (answer.label, answer.probabilities) == (signal_lm.ask(signal).label, answer.probabilities)
    assert answer.evidence.log_odds == pytest.approx(logit(answer.probabilities, answer.label), abs=1e-4)
    assert one.edges.tolist() == pytest.approx([0, 0.32, 0.64, 0.96, 1.28])
    parts = [(slice(None), slice(16, 32), one.by_time[1]), (slice(1, 2), slice(None), one.by_channel[1])]
    for channels, samples, change in [*parts, (slice(0, 1), slice(32, 48), one.by_cell[0, 2])]:
        hidden = motion(64)
        hidden.values[2, 48:] = np.nan
        hidden.values[channels, samples] = np.nan
        without = logit(signal_lm.ask(hidden).probabilities, answer.label)
        assert change == pytest.approx(answer.evidence.log_odds - without, abs=1e-3)
    assert np.isnan(one.by_cell[2, 3])  # nothing was there to be hidden
    assert np.isfinite(one.by_cell).sum() == 11
    assert len(one.nearest) == 4
    assert all(len(words) == 3 for words in one.nearest)


def test_free_text_has_evidence_too_and_several_recordings_have_their_own(signal_lm: SignalLM) -> None:
    answer = signal_lm.explain([motion(64), motion(32, 1)], "Tell me more.", stretches=2, max_new_tokens=4)
    assert answer.evidence is not None
    assert [(one.name, one.index) for one in answer.evidence.signals] == [("motion", 0), ("motion", 1)]
    assert answer.evidence.signals[1].edges[-1] == pytest.approx(0.64)
    assert np.isfinite(answer.evidence.log_odds)
    assert answer.evidence.change == answer.evidence.log_odds - answer.evidence.without_signal
    with pytest.raises(ArgumentError, match="stretches=0"):
        signal_lm.explain(motion(64), stretches=0)
    nothing = motion(64)
    nothing.values[:] = np.nan
    empty = signal_lm.explain(nothing, stretches=2).evidence
    assert empty is not None
    assert np.isnan(empty.signals[0].by_time).all()
    assert "NaN" not in json.dumps(empty.to_dict())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes of a simulated recording."""
    folder = tmp_path_factory.mktemp("explained")
    save_signal(simulate("har", "jogging")["motion"], folder / "run.npz")
    arguments = ["explain", "pocket-har", "--signal", str(folder / "run.npz"), "--stretches", "4"]
    outputs = ["--html", str(folder / "why.html"), "--json", str(folder / "why.json")]
    result = CliRunner().invoke(app, [*arguments, *outputs], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert lines[0] == "jogging"
    assert "as likely as without it" in lines[1]
    assert len(lines) == 3 + 1 + 6  # a line along time, and one for each channel
    return folder


def test_the_command_writes_a_page_and_json_of_the_same(page: Path) -> None:
    shown = assert_stands_alone((page / "why.html").read_text(encoding="utf-8"))
    assert shown.tags.count("svg") == 7
    content = json.loads((page / "why.json").read_text(encoding="utf-8"))
    assert content["question"] == "What is the person doing?"
    assert len(content["evidence"]["signals"][0]["by_cell"]) == 6


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_readable_in_a_browser(page: Path, tmp_path: Path, dark: bool) -> None:
    assert "gyro_z" in assert_shown((page / "why.html").read_text(encoding="utf-8"), tmp_path, 500, dark)


def test_a_peak_says_whether_it_speaks_for_the_answer_or_against_it() -> None:
    evidence = build_signal_lm().explain(motion(64), stretches=4).evidence
    assert evidence is not None
    (one,) = evidence.signals
    at = int(np.nanargmax(np.abs(one.by_time)))
    assert one.peak == (one.edges[at], one.edges[at + 1])
    assert one.peak_speaks == ("for" if one.by_time[at] > 0 else "against")
    assert replace(one, by_time=-one.by_time).peak_speaks != one.peak_speaks
