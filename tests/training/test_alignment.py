"""Alignment: soft prompts move to the words of their rows; nothing else moves, and the same seed moves them alike."""

from pathlib import Path

import pytest
import torch
from tiny import build_lm

from sig2lm.datasets import Table
from sig2lm.lm import FrozenLM
from sig2lm.model.adapter import AdapterConfig
from sig2lm.model.signal_lm import SignalLM
from sig2lm.model.table_examples import TableExamples
from sig2lm.templates.template import load_template
from sig2lm.training.alignment import AlignmentSettings, Words, align
from sig2lm.training.train_adapter import build_model
from sig2lm.training.trainer import TrainSettings

SETTINGS = TrainSettings(AdapterConfig("resampler", num_virtual_tokens=3, hidden=16, depth=1, heads=2))


def built(simulated: Path, days: Table, lm: FrozenLM) -> tuple[SignalLM, TableExamples]:
    model = build_model([days], {"daily": simulated / "encoder"}, lm, [load_template("stress")], SETTINGS)
    encoders = {"daily": model.branch("daily").encoder}
    return model, TableExamples(days, "train", model.prompter(model.tasks[0]), encoders)


def test_soft_prompts_move_to_the_words_of_their_rows_and_nothing_else_moves(simulated: Path, days: Table) -> None:
    settings, found = AlignmentSettings(steps=40, max_epochs=100, batch_size=32, learning_rate=3e-3), []
    for _ in range(2):
        lm = build_lm()
        model, examples = built(simulated, days, lm)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items() if ".adapter." not in name}
        drawn = torch.get_rng_state()
        record = align(model, [examples], [examples], settings)
        assert torch.equal(torch.get_rng_state(), drawn)
        assert record is not None
        assert record["loss"][-1] < 0.5 * record["loss"][0]
        assert record["explained"]["daily"] < 1
        assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
        found.append(model.trained_tensors())
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


def test_words_fill_the_virtual_tokens_with_the_label(simulated: Path, days: Table) -> None:
    _, examples = built(simulated, days, build_lm())
    words = Words(examples)
    label = examples.prompter.dialogue.encode_words(examples.row_labels[0])
    assert words.ids(0, 2 * len(label)) == [*label, *label]


@pytest.mark.parametrize("settings", [AlignmentSettings(steps=0), AlignmentSettings(batch_size=10**6, max_epochs=1)])
def test_without_steps_nothing_is_aligned(simulated: Path, days: Table, settings: AlignmentSettings) -> None:
    model, examples = built(simulated, days, build_lm())
    assert align(model, [examples], [], settings) is None
