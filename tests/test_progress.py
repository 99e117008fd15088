"""Progress: a line a minute in a log, one bar on a terminal, nothing on standard output."""

import io

import pytest

from sig2lm import progress
from sig2lm.progress import Progress


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_has_a_line_a_minute_with_loss_and_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("training", 1000) as shown:
        for _ in range(300):
            clock.now += 1.0
            shown.advance(loss=0.25)
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 5
    assert lines[0] == "training: 60 of 1,000 steps, loss 0.25, 16 min left"
    assert said.out == ""


def test_what_has_no_known_end_counts(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("preparing", None, unit="windows") as shown:
        clock.now = 61.0
        shown.advance(70)
    assert capsys.readouterr().err == "preparing: 70 windows\n"


def test_only_the_outermost_shows(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("outer", 2) as outer:
        with Progress("inner", 2) as inner:
            clock.now = 61.0
            inner.advance()
        outer.advance()
    with Progress("next", 2) as following:
        clock.now = 200.0
        following.advance()
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["outer", "next"]


def test_a_terminal_has_one_bar_which_goes_when_something_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(KeyboardInterrupt), Progress("training", 10) as shown, Progress("asking", 5):  # noqa: PT012
        shown.advance(4, loss=0.5)
        raise KeyboardInterrupt
    assert "training" in terminal.getvalue()
    assert "asking" not in terminal.getvalue()
    assert Progress._shown is None
