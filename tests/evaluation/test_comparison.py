"""The comparison: every method asks the same rows, numbers fit the LM and can be read back, the run stays as it was."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import DatasetDict
from tiny import build_lm

from sig2lm.datasets import Table, load_table
from sig2lm.errors import Sig2LMError
from sig2lm.evaluation.asking import ask_rows
from sig2lm.evaluation.comparison import ComparisonSettings, compare
from sig2lm.evaluation.comparison.numbers import NumberWriter, shown
from sig2lm.evaluation.comparison.texts import TextExamples, TextPromptSpec, draw_shots
from sig2lm.evaluation.predictions import predictions_of
from sig2lm.metrics import scores
from sig2lm.model.signal_lm import SignalLM
from sig2lm.pages.comparison import to_html
from sig2lm.pretraining.fine_tuning import FineTuneSettings
from sig2lm.signals import Signal
from sig2lm.templates.task import Question, Task
from sig2lm.templates.template import load_template
from sig2lm.tokenization import build_serializer

QUICK = FineTuneSettings(epochs=1)
SETTINGS = ComparisonSettings(questions=20, training_rows=24, tuned_tokens=3, context=300, fine_tuning=QUICK)


@pytest.fixture(scope="module")
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


@cache
def fitted(path: Path) -> NumberWriter:
    """Numbers as the tiny LM's tokenizer reads them best, found once for all tests."""
    return NumberWriter.fit(load_table(path), build_lm().dialogue.tokenizer)


def paraphrase(model: SignalLM, table: Table, room: int) -> TextPromptSpec:
    task = Task.from_template(load_template("stress").as_text(["daily"]))
    return TextPromptSpec(task, fitted(table.path), model.lm.dialogue, room)


def longest_question(model: SignalLM, table: Table, room: int = 10_000) -> int:
    """Tokens of the longest question that stands alone, of some training rows."""
    examples = TextExamples(table, "train", paraphrase(model, table, room))
    return max(len(examples[row].prompt.input_ids) for row in range(24))


@pytest.mark.slow
def test_a_text_alone_in_its_batch_is_read_too(model: SignalLM, days: Table) -> None:
    """All of it but its last token is a beginning that all rows share."""
    put = paraphrase(model, days, 300)
    examples, question = TextExamples(days, "test", put, held_out=True), Question(put.task, "", put.task.labels)
    together, alone = (ask_rows(model, examples, question, size) for size in (len(examples), len(examples) - 1))
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.slow
def test_every_rung_asks_the_same_rows_and_the_run_stays_as_it_was(model: SignalLM, days: Table) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = model.ask(days.signals(days.data["test"].with_format("numpy")[0])).probabilities
    compared = compare(model, days, settings=SETTINGS, training={"seconds": 7.0})
    report, frame = compared.report, compared.frame()
    after = model.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert model.ask(days.signals(days.data["test"].with_format("numpy")[0])).probabilities == pytest.approx(asked)
    assert [entry["method"] for entry in report["methods"]] == [1, 2, 3, 4, 5]
    assert {sum(map(sum, entry["confusion"]["matrix"])) for entry in (*report["methods"], *report["baselines"])} == {20}
    assert len({str(np.sum(entry["confusion"]["matrix"], axis=1)) for entry in report["methods"]}) == 1
    zero, few, tuned, bridge, lora = report["methods"]
    assert zero["trained_parameters"] == few["trained_parameters"] == 0
    assert tuned["trained_parameters"] == 3 * model.lm.width
    assert bridge["trained_parameters"] < lora["trained_parameters"]
    assert bridge["training_seconds"] == 7.0 < lora["training_seconds"]
    assert bridge["tokens_per_question"] < zero["tokens_per_question"] < few["tokens_per_question"] <= 300
    assert set(report["controls"]) == {"shuffled", "zeroed", "text_only"}
    assert len(report["windows"]) == 12
    assert all(window["truth"] != window["answer"] for window in report["mistakes"])
    assert "prompt tuning" in to_html(report)
    for entry in (*report["methods"], *report["baselines"]):
        rows = frame[frame["method"] == entry["name"]]
        assert predictions_of(rows).labels == model.tasks[0].labels
        assert scores(predictions_of(rows)) == {name: entry[name] for name in ("accuracy", "macro_f1", "auroc")}


def test_numbers_are_cut_by_whole_samples_until_they_fit(model: SignalLM, days: Table) -> None:
    roomy = TextExamples(days, "test", paraphrase(model, days, 10_000))
    longest = max(len(roomy[row].prompt.input_ids) for row in range(8))
    assert set(roomy.shares.values()) == {1.0}
    tight = TextExamples(days, "test", paraphrase(model, days, longest - 20))
    for row in range(8):
        example = tight[row]
        assert len(example.prompt.input_ids) <= longest - 20
        text = model.lm.dialogue.tokenizer.decode(example.prompt.input_ids)
        whole = model.lm.dialogue.tokenizer.decode(roomy[row].prompt.input_ids)
        kept = tight.paraphrase.writer.write(days.signals(tight.rows[row]), tight.shares[row])["daily_numbers"]
        assert kept in text
        assert kept in whole
    assert min(tight.shares.values()) < 1.0


def test_of_a_sampled_signal_the_whole_window_is_shown_and_of_events_the_first() -> None:
    values = np.arange(100, dtype=np.float32)[None]
    writer = NumberWriter({name: build_serializer("plain", values.astype(np.float64)) for name in ("acc", "rr")})
    signals = {"acc": Signal(values, 50.0, ("x",), ("m/s^2",)), "rr": Signal(values, None, ("rr",), ("ms",))}
    written = writer.write(signals, share=0.3)
    numbers = {name: [int(word) for word in re.findall(r"\d+", text)] for name, text in written.items()}
    assert numbers == {"acc_numbers": list(range(0, 100, 4)), "rr_numbers": list(range(30))}
    assert shown(signals, 0.3) == (25 + 30) / 200
    assert shown(signals, 1.0) == 1.0


def test_as_many_examples_as_fit_stand_before_the_question(model: SignalLM, days: Table) -> None:
    one = longest_question(model, days)
    for room, count in ((100 * one, 8), (6 * one, 4), (int(3.3 * one), 2), (int(1.9 * one), 2)):
        shots = draw_shots(days, paraphrase(model, days, room))
        assert shots.count == count
        assert (shots.share < 1.0) == (room < 3 * one)
        examples = TextExamples(days, "test", paraphrase(model, days, room), shots)
        assert all(len(examples[row].prompt.input_ids) <= room for row in range(8))
    answers = [
        turn.parts[0] for turn in draw_shots(days, paraphrase(model, days, 6 * one)).turns if turn.role != "user"
    ]
    assert sorted(answers) == ["calm", "calm", "stressed", "stressed"]


def test_where_not_even_the_question_fits_examples_are_no_more_than_one_of_each_label(
    model: SignalLM, days: Table
) -> None:
    words = longest_question(model, days, room=1)
    assert draw_shots(days, paraphrase(model, days, words + 8)).count == 0
    room = int(0.8 * longest_question(model, days))
    shots = draw_shots(days, paraphrase(model, days, room))
    assert shots.count <= 2
    examples = TextExamples(days, "test", paraphrase(model, days, room), shots)
    assert all(len(examples[row].prompt.input_ids) <= room for row in range(8))


def test_examples_come_from_training_subjects_only(model: SignalLM, days: Table) -> None:
    marked = days.data["test"].map(lambda row: {"daily": [12345.0] * len(row["daily"])})
    table = replace(days, data=DatasetDict({**days.data, "test": marked}))
    shots = draw_shots(table, paraphrase(model, table, 4000))
    assert not any("12345" in str(part) for turn in shots.turns for part in turn.parts)


def test_a_run_with_lora_layers_has_no_ladder(run: Path, days: Table) -> None:
    model = SignalLM.from_pretrained(run, lm=build_lm())
    model.lm.add_lora(2)
    with pytest.raises(Sig2LMError, match="without LoRA"):
        compare(model, days, settings=SETTINGS)
