"""Progress in a log: one line a minute at most, with figures and the time left."""

import pytest

from sig2lm import progress as module
from sig2lm.progress import Progress


def test_a_log_has_a_line_a_minute_with_loss_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    with Progress("training", total=60, done=10) as progress:
        for step in range(50):
            progress.advance(loss=1 / (step + 1))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("training: ")
    assert "of 60 steps, loss " in lines[0]
    assert lines[0].endswith("left")
    assert 50 * 10 / 60 / 2 < len(lines) <= 1 + 50 * 20 / 60
