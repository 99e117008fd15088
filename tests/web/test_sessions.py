"""What an open page holds: its window, its conversation, its uploads; none of it is anybody else's."""

from pathlib import Path

import numpy as np
import pytest
from page_checks import Page
from tiny import build_signal_lm, motion

from sig2lm.errors import ArgumentError, PromptError, Sig2LMError, SignalError
from sig2lm.model.signal_lm import SignalLM
from sig2lm.signals import Contract, Signal, save_signal
from sig2lm.signals.simulation import TASKS
from sig2lm.tokenization import pocket_tokenizer
from sig2lm.web import markup
from sig2lm.web.conversation import Conversation, Exchange
from sig2lm.web.numbers_as_text import framed_report
from sig2lm.web.recordings import Recording, Slot, default_window, examples, read_upload, simulated
from sig2lm.web.sessions import Sessions
from sig2lm.web.spans import Span, checked_span
from sig2lm.web.stated import read_options
from sig2lm.web.suggestions import suggestions
from sig2lm.web.viewing import follow

HOSTILE = '"><img src=x onerror=alert(1)> ${alert(2)} {{value}}'


@pytest.fixture(scope="module")
def model() -> SignalLM:
    return build_signal_lm()


@pytest.fixture
def sessions(model):
    found = Sessions(model, time_limit=30.0, idle=1000.0, most=20)
    yield found
    found.close()


def walk(samples: int = 640, title: str = "walk.csv") -> Slot:
    slot = Slot()
    signal = motion(samples)
    contract = Contract(signal.channels, signal.units, signal.sampling_rate, window=2.0)
    slot.place({"motion": Recording(signal, title)}, {"motion": contract})
    return slot


def test_a_new_recording_is_seen_whole_and_asked_about_in_the_window_of_its_encoder():
    slot = walk()
    rate = slot.first.signal.sampling_rate
    assert slot.view == slot.first.whole == Span(0.0, 640 / rate)
    assert slot.window == Span(0.0, 2.0)
    (cut,) = slot.signals().values()
    np.testing.assert_array_equal(cut.values, slot.first.signal.values[:, : round(2 * rate)])


def test_a_window_is_counted_in_the_rows_of_a_recording_without_a_rate():
    week = Recording(Signal(np.arange(28.0)[None], None, ("steps",), ("count",), period=86_400.0), "days")
    assert week.clock == "days"
    assert default_window(week, Contract(("steps",), ("count",), None, 86_400.0, window=7.0)) == Span(0.0, 7.0)
    assert week.cut(Span(7.0, 14.0)).values[0].tolist() == list(range(7, 14))
    beats = Recording(Signal(np.arange(90.0)[None] + 800, None, ("rr",), ("ms",)), "beats")
    assert beats.cut(Span(30.0, 90.0)).num_samples == 60
    # An ECG for an encoder of intervals is counted in another way, so that all of it is taken.
    ecg = Recording(Signal(np.zeros((1, 900)), 90.0, ("ecg",), ("mV",)), "ecg")
    assert default_window(ecg, Contract(("rr",), ("ms",), None, window=60.0)) == ecg.whole


def test_messages_of_the_browser_move_the_view_and_never_out_of_the_recording():
    slot = walk()
    whole = slot.first.whole
    follow(slot, {"action": "in", "at": 1.0})
    assert slot.view.end == whole.end
    assert slot.view.length == whole.length / 2
    follow(slot, {"action": "right"})
    assert slot.view.end == whole.end
    follow(slot, {"action": "pan", "by": -0.5})
    assert slot.view.start == pytest.approx(whole.length / 4)
    follow(slot, {"action": "choose", "from": 0.75, "to": 0.25})
    assert slot.window == slot.view.part(0.25, 0.75)
    for _ in range(40):
        follow(slot, {"action": "in"})
    assert slot.view.length >= 4 * slot.first.step
    follow(slot, {"action": "all"})
    assert slot.view == whole


@pytest.mark.parametrize(
    "message",
    [{}, {"action": "choose"}, {"action": "in", "at": "x"}, {"action": "pan", "by": float("nan")}, {"action": ["in"]}],
)
def test_messages_that_make_no_sense_do_no_harm(message):
    slot = walk()
    follow(slot, message)
    assert slot.view.length > 0
    assert slot.window == Span(0.0, 2.0)


def test_a_window_outside_of_the_recording_is_refused():
    whole = Span(0.0, 10.0)
    assert checked_span(None, 4.0, whole) == Span(0.0, 4.0)
    for start, end in ((4.0, 4.0), (5.0, 2.0), (-1.0, 3.0), (0.0, 10.5), (float("nan"), 2.0), (0, 10**400)):
        with pytest.raises(ArgumentError, match=r"expected a window within 0 to 10, found"):
            checked_span(start, end, whole)


def test_a_conversation_goes_on_with_a_second_recording_and_begins_again_with_another_window(model):
    conversation = Conversation(model, time_limit=30.0)
    slots = [walk(), Slot()]
    last = list(conversation.ask(slots, "Say more.", max_new_tokens=4))[-1]
    assert last.seconds is not None
    assert last.about == "walk.csv, 0 to 2 s"
    slots[1] = walk(title="run.csv")
    (*_, last) = conversation.ask(slots, model.tasks[0].template.question[0])
    assert last.about == "with run.csv, 0 to 2 s"
    assert last.ranked[0][0] == last.text or last.ranked[0][0] in last.text
    assert sum(share for _, share in last.ranked) == pytest.approx(1.0)
    assert len(conversation._chat.turns) > 4  # what was said before is still known
    slots[0].window = Span(1.0, 3.0)
    (*_, last) = conversation.ask(slots, "And now?", ["yes", "no"])
    assert last.about == "walk.csv, 1 to 3 s; beside it, run.csv, 0 to 2 s"
    assert len(conversation.exchanges) == 3
    assert len([turn for turn in conversation._chat.turns if turn.role == "user"]) == 1


def test_nothing_is_left_of_a_question_that_cannot_be_answered(model):
    conversation = Conversation(model, time_limit=30.0)
    with pytest.raises(SignalError, match=r"^expected a recording, found none"):
        list(conversation.ask([Slot(), Slot()], "What is it?"))
    with pytest.raises(PromptError, match=r"^expected a question, found an empty one"):
        list(conversation.ask([walk()], " "))
    with pytest.raises(PromptError, match=r"^expected two or more different choices"):
        list(conversation.ask([walk()], "Which?", ["one"]))
    assert conversation.exchanges == []


def test_an_answer_ends_when_its_time_is_over_when_it_is_stopped_and_when_nobody_listens(model):
    hurried = Conversation(model, time_limit=0.0)
    (*_, last) = hurried.ask([walk()], "Tell.", max_new_tokens=400)
    assert last.stopped == "stopped after 0 s"
    assert last.text
    assert hurried._chat.turns == []
    conversation = Conversation(model, time_limit=30.0)
    answer = conversation.ask([walk()], "Tell.", max_new_tokens=400)
    next(exchange for exchange in answer if exchange.text)
    conversation.stop()
    assert list(answer)[-1].stopped == "stopped"
    answer = conversation.ask([walk()], "Tell.", max_new_tokens=400)
    next(exchange for exchange in answer if exchange.text)
    answer.close()
    assert conversation.exchanges[-1].stopped == "stopped"
    assert conversation._chat.turns == []
    assert list(conversation.ask([walk()], "Tell.", max_new_tokens=2))[-1].seconds is not None


def test_what_an_answer_rests_on_is_shaded_where_it_lies_and_goes_with_the_window(model):
    conversation = Conversation(model, time_limit=30.0)
    slots = [walk(), Slot()]
    with pytest.raises(PromptError, match=r"^expected an answer to explain, found none"):
        conversation.explain(slots)
    slots[0].choose(Span(4.0, 6.0))
    list(conversation.ask(slots, model.tasks[0].template.question[0]))
    explained = conversation.explain(slots).evidence
    shades = slots[0].shades["motion"]
    assert (shades.edges[0], shades.edges[-1]) == (4.0, pytest.approx(6.0))
    assert np.nanmax(np.abs(shades.strength)) == 1.0
    assert explained.shaded
    assert explained.text in markup.conversation(conversation.exchanges)
    (exchange,) = conversation.exchanges
    for relies in (None, True, False):
        exchange.relies_on_signal = relies
        assert ("does not rely on the signal" in markup.conversation([exchange])) == (relies is False)
    plain = markup.plot(walk())
    assert markup.plot(slots[0]).count("<path") > plain.count("<path")
    follow(slots[0], {"action": "in", "at": 0.0})  # 0 to 6.4 s
    follow(slots[0], {"action": "in", "at": 0.0})  # 0 to 3.2 s: nothing of it is in view
    assert markup.plot(slots[0]).count("<path") <= plain.count("<path") + 2
    slots[0].choose(Span(0.0, 2.0))
    assert slots[0].shades == {}


def upload(folder: Path, content: bytes, name: str = "walk.npz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_uploads_are_deleted_with_the_session_and_equal_ones_with_the_last(sessions, tmp_path):
    shared = upload(tmp_path / "hash", b"equal")
    (first,) = sessions.take("one", 0, [shared])
    (second,) = sessions.take("two", 0, [str(shared)])
    assert first != second
    assert first.read_bytes() == second.read_bytes() == b"equal"
    sessions.end("one")
    assert not first.exists()
    assert second.exists()
    assert shared.exists()
    sessions.end("two")
    assert not second.exists()
    assert not shared.exists()
    assert len(sessions) == 0


def test_another_upload_takes_the_place_of_the_one_before(sessions, tmp_path):
    (first,) = sessions.take("one", 0, [upload(tmp_path / "a", b"1")])
    (other,) = sessions.take("one", 1, [upload(tmp_path / "b", b"2")])
    (later,) = sessions.take("one", 0, [upload(tmp_path / "c", b"3")])
    assert not first.exists()
    assert other.exists()
    assert later.exists()


def test_an_upload_that_is_gone_is_said(sessions, tmp_path):
    with pytest.raises(Sig2LMError, match=r"^'gone.csv' cannot be stored .* upload it again$"):
        sessions.take("one", 0, [tmp_path / "gone.csv"])


def test_a_thousand_sessions_make_no_more_than_there_may_be(model, tmp_path):
    sessions = Sessions(model, time_limit=1.0, idle=1000.0, most=20)
    for number in range(1000):
        sessions.get(f"page {number}").slots[0] = walk(64)
    assert len(sessions) == 20
    assert len(list(sessions.folder.iterdir())) == 20
    assert sessions.get("page 999").slots[0].recordings
    assert not sessions.get("page 0").slots[0].recordings
    sessions.close()
    assert not sessions.folder.exists()


def test_a_session_that_nobody_uses_ends_and_others_never_see_it(model, tmp_path):
    sessions = Sessions(model, time_limit=1.0, idle=0.0, most=20)
    sessions.get("one").slots[0] = walk()
    (taken,) = sessions.take("one", 0, [upload(tmp_path / "a", b"1")])
    assert not sessions.get("two").slots[0].recordings
    assert not taken.exists()
    assert len(sessions) == 1
    sessions.close()


def test_an_upload_is_read_as_recorded_and_errors_name_the_file_alone(model, tmp_path):
    encoder = model.branch("motion").encoder
    signal = motion(200)
    file = tmp_path / "walk.npz"
    save_signal(signal, file)
    read = read_upload([file], "motion", encoder, read_options([""] * 5), believe=False)
    np.testing.assert_array_equal(read.signal.values, signal.values)
    broken = upload(tmp_path / "x", b"\x00\x01not a table", "holiday.csv")
    with pytest.raises(SignalError) as caught:
        read_upload([broken], "motion", encoder, read_options([""] * 5), believe=False)
    assert "holiday.csv" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(SignalError, match=r"found 2 files; drop one recording at a time$"):
        read_upload([file, broken], "motion", encoder, read_options([""] * 5), believe=False)


def test_examples_are_those_that_the_run_can_read():
    for name, task in TASKS.items():
        assert {one[0] for one in examples(task.signals).values()} == {name}
        for label in task.labels[:1]:
            (recording,) = simulated(name, label, seed=3).values()
            contract = next(iter(task.signals.values()))
            assert contract.conform(recording.cut(default_window(recording, contract)), "it").num_samples
    assert examples({"ecg": Contract(("ecg",), ("mV",), 100.0)}) == {}


def test_what_files_and_people_write_is_shown_as_text():
    signal = Signal(motion(64).values[:1], 50.0, (HOSTILE,), ("g",), notes=(HOSTILE,))
    slot = Slot()
    slot.place({HOSTILE: Recording(signal, HOSTILE)}, {HOSTILE: Contract((HOSTILE,), ("g",), 50.0)})
    exchange = Exchange(HOSTILE, about=HOSTILE, text=HOSTILE, ranked=[(HOSTILE, 0.7), ("b", 0.3)], stopped=HOSTILE)
    for shown in (
        markup.plot(slot),
        markup.conversation([exchange]),
        markup.line(HOSTILE),
        markup.questions([HOSTILE]),
    ):
        page = Page(shown)
        assert "img" not in page.tags
        assert "script" not in page.tags
        assert "onerror=alert(1)&gt;" in shown


def test_numbers_of_a_file_of_any_name_are_shown_as_a_tokenizer_reads_them():
    slot = walk(title=f"a.b {HOSTILE}.csv")
    slot.choose(Span(0.0, 0.2))
    frame = framed_report(slot, pocket_tokenizer())
    page = Page(frame)
    assert page.tags == ["iframe"]
    assert "onerror=alert(1)&amp;gt;" in frame  # escaped in the page, and again in the frame


def test_a_plot_is_as_wide_as_the_page_and_shows_the_window_where_it_is():
    slot = walk()
    slot.width = 390.0
    assert 'viewBox="0 0 390 ' in markup.plot(slot)
    assert "width:15.625%" in markup.plot(slot)  # two seconds of 12.8
    follow(slot, {"action": "in", "at": 1.0})
    assert 'class="window"' not in markup.plot(slot)  # it is out of view
    assert 'class="ground"' in markup.plot(slot)
    slot.width = 1e9
    assert 'viewBox="0 0 2000 ' in markup.plot(slot)


def test_suggestions_are_asked_in_the_words_of_the_run(model):
    task = model.tasks[0]
    first, *_ = suggestions(task)
    assert task.choices(first, None) == task.labels
    assert suggestions(task, begun=True) != suggestions(task)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["fast", "", "", "", ""], r"^Sampling rate in Hz \(--sampling-rate\) is 'fast', expected a number$"),
        (["-5", "", "", "", ""], "--sampling-rate"),
        (["", "x, x", "", "", ""], "--channels must differ"),
    ],
)
def test_what_is_stated_of_a_file_is_checked(texts, message):
    with pytest.raises(Sig2LMError, match=message):
        read_options(texts)
