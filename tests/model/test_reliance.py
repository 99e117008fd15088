"""An answer that would be the same for other recordings says so, wherever it is given."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import build_lm

from sig2lm.datasets import Table
from sig2lm.model.calibration import Calibration
from sig2lm.model.reliance import RelianceRule
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals.annotation_rows import row_file

FREE = "Tell me about it."


@pytest.fixture
def model(run: Path) -> SignalLM:
    return SignalLM.from_pretrained(run, lm=build_lm())


def test_the_threshold_tells_right_labels_from_what_no_recording_can_answer() -> None:
    rng = np.random.default_rng(0)
    right, unanswerable = rng.normal(3, 1, 200), rng.normal(0, 0.3, 100)
    rule = RelianceRule.from_changes(right, unanswerable)
    assert rule is not None
    assert 0.4 < rule.threshold < 1.5
    assert rule.right == np.mean(right >= rule.threshold) > 0.95
    assert rule.unanswerable == np.mean(unanswerable < rule.threshold) > 0.95
    useless = RelianceRule.from_changes(unanswerable, right)
    assert useless is not None
    assert useless.threshold >= 0
    assert RelianceRule.from_changes(np.zeros(0), right) is None


def test_training_chooses_a_threshold_and_a_run_keeps_it(model: SignalLM) -> None:
    rule = model.calibrations[0].reliance
    assert rule is not None
    assert 0 <= rule.unanswerable <= 1
    paraphrases = model.tasks[0].template.question
    again = Calibration.from_tensors(model.calibrations[0].tensors(paraphrases), paraphrases)
    assert again.reliance == rule
    tensors = {name: one for name, one in model.calibrations[0].tensors(paraphrases).items() if name != "reliance"}
    assert Calibration.from_tensors(tensors, paraphrases).reliance is None  # runs of before


def test_an_answer_that_no_recording_changes_does_not_rely_on_the_signal(model: SignalLM, days: Table) -> None:
    model.calibrations[0] = replace(model.calibrations[0], reliance=RelianceRule(1e-3, 1.0, 1.0))
    week = days.signals(days.data["test"].with_format("numpy")[0])
    assert model.ask(week, "Is it so?", ["yes", "no"]).reliance is not None
    for parameter in model.branch("daily").adapter.parameters():
        torch.nn.init.zeros_(parameter)  # so that every recording is read alike
    for question, choices in ((FREE, None), ("Is it so?", ["yes", "no"])):
        answer = model.ask(week, question, choices, **({} if choices else {"max_new_tokens": 4}))
        assert answer.relies_on_signal is False
        assert answer.reliance is not None
        assert answer.reliance.change == pytest.approx(0, abs=1e-4)
    chat = model.chat(week)
    assert chat.ask(FREE, max_new_tokens=4).relies_on_signal is False
    assert chat.ask("And now?", ["yes", "no"]).relies_on_signal is False


def test_labels_are_put_beside_what_is_known_of_training_recordings(model: SignalLM, days: Table) -> None:
    weeks = [days.signals(row) for row in days.data["test"].with_format("numpy").select(range(4))]
    together = model.ask_many(weeks)
    usual = dict(zip(model.tasks[0].labels, model.calibrations[0].answers.mean(axis=0).tolist(), strict=True))
    for week, answer in zip(weeks, together, strict=True):
        assert answer.reliance is not None
        assert answer.confidence is not None
        own, mean = answer.confidence, usual[answer.label or ""]
        assert answer.reliance.change == pytest.approx(np.log(own / (1 - own)) - np.log(mean / (1 - mean)))
        assert model.ask(week).relies_on_signal == answer.relies_on_signal
    assert model.ask_many(weeks, FREE, max_new_tokens=2)[0].relies_on_signal is None  # would take as long again
    model.calibrations.clear()
    assert model.ask(weeks[0]).relies_on_signal is None


def test_a_window_says_whether_its_answer_relies_on_it(model: SignalLM, days: Table, tmp_path: Path) -> None:
    weeks = [days.signals(row)["daily"] for row in days.data["test"].with_format("numpy").select(range(3))]
    long = replace(weeks[0], values=np.concatenate([week.values for week in weeks], axis=1))
    for asked in ({}, {"question": "Is it so?", "choices": ["yes", "no"]}):
        rows = list(model.annotate(long, window=weeks[0].num_samples, **asked))
        expected = [model.ask(week, **asked).relies_on_signal for week in weeks]
        assert [row.relies_on_signal for row in rows] == expected
        assert None not in expected
    with row_file(tmp_path / "rows.csv", ("yes", "no")) as write:
        for row in rows:
            write(row)
    written = (tmp_path / "rows.csv").read_text().splitlines()
    assert [line.rpartition(",")[2] for line in written] == [
        "relies_on_signal",
        *("yes" if e else "no" for e in expected),
    ]
    (free,) = model.annotate(weeks[0], FREE, max_new_tokens=2)
    assert free.relies_on_signal is None


def test_the_api_says_so(model: SignalLM, days: Table) -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="needs sig2lm[serve]")
    from sig2lm.serve.app import create_app
    from sig2lm.serve.settings import ServeSettings

    week = days.signals(days.data["test"].with_format("numpy")[0])["daily"]
    sent = {"values": [[None if np.isnan(x) else float(x) for x in row] for row in week.values]}
    sent |= {"channels": list(week.channels), "units": list(week.units), "period": week.period}

    def ask(client: Any, text: str, **more: Any) -> Any:
        content = [{"type": "signal", "signal": sent}, {"type": "text", "text": text}]
        body = {"model": "run", "messages": [{"role": "user", "content": content}], "max_tokens": 3, **more}
        reply = client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()["sig2lm"]["relies_on_signal"]

    label = model.tasks[0].template.question[0]
    with testclient.TestClient(create_app(model, ServeSettings(name="run"))) as client:
        assert ask(client, label) == model.ask(week).relies_on_signal
        assert ask(client, FREE) is None
        assert ask(client, FREE, reliance=True) == model.ask(week, FREE, max_new_tokens=3).relies_on_signal
        assert ask(client, "So?", choices=["yes", "no"], reliance=True) is not None
