"""The API as clients see it: OpenAI's own client, uploads, and everything that is refused."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tiny import build_lm, motion

from sig2lm.datasets import Table
from sig2lm.model.signal_lm import SignalLM
from sig2lm.serve.app import create_app
from sig2lm.serve.settings import ServeSettings
from sig2lm.serve.store import KeptSignal, SignalStore
from sig2lm.signals import Signal, save_signal


def numbers(signal: Signal, **further: Any) -> dict[str, Any]:
    return {"values": signal.values.tolist(), "sampling_rate": signal.sampling_rate, **further}


def user(text: str, *signals: Any) -> dict[str, Any]:
    return {"role": "user", "content": [*({"type": "signal"} | one for one in signals), {"type": "text", "text": text}]}


def ask(client: TestClient, *messages: dict[str, Any], **further: Any) -> Any:
    return client.post("/v1/chat/completions", json={"model": "tiny", "messages": list(messages), **further})


def upload(client: TestClient, signal: Signal, **headers: str) -> str:
    sent = client.post("/v1/signals", json=numbers(signal), headers=headers)
    assert sent.status_code == 200, sent.text
    return str(sent.json()["id"])


def test_openai_s_client_is_answered_as_a_python_caller_is(client: TestClient, model: SignalLM) -> None:
    openai = pytest.importorskip("openai")
    signal, other = motion(seed=1), motion(90, seed=2)
    api = openai.OpenAI(api_key="none", base_url="http://testserver/v1", http_client=client)
    assert [one.id for one in api.models.list()] == ["tiny"]
    closed = api.chat.completions.create(
        model="tiny", messages=[user("Which one?", {"signal": numbers(signal)})], temperature=0.5
    )
    expected = model.ask(signal, "Which one?")
    assert closed.choices[0].message.content == expected.text
    details = closed.model_extra["sig2lm"]
    assert details["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    assert "no use for temperature" in details["notes"][0]

    chat = model.chat(signal)
    first = chat.ask("Why?", max_new_tokens=9).text
    chat.add(other)
    messages: list[Any] = [user("Why?", {"signal_id": upload(client, signal)})]
    said = api.chat.completions.create(model="tiny", messages=messages, max_tokens=9)
    assert (said.choices[0].message.content, said.choices[0].finish_reason) == (first, "length")
    messages += [{"role": "assistant", "content": first}, user("And this?", {"signal": numbers(other)})]
    pieces = list(
        api.chat.completions.create(
            model="tiny", messages=messages, max_tokens=9, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == chat.ask("And this?", max_new_tokens=9).text
    assert pieces[-1].usage.completion_tokens == 9
    with pytest.raises(openai.UnprocessableEntityError, match="expected a recording in the first message"):
        api.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "Hello"}])


REFUSED: list[tuple[int, dict[str, Any], str]] = [
    (404, {"model": "other"}, "expected the model 'tiny'"),
    (422, {"messages": []}, "messages: List should have at least 1 item"),
    (422, {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]}, "messages.0.content"),
    (422, {"messages": [{"role": "system", "content": "Be brief."}]}, "the template writes it"),
    (422, {"messages": [{"role": "assistant", "content": "Hello"}]}, "in turn"),
    (422, {"messages": [user("?", {})]}, "either 'signal' or 'signal_id'"),
    (404, {"messages": [user("?", {"signal_id": "sig-1"})]}, "expected the id of an uploaded signal"),
    (422, {"temprature": 1}, "temprature: Extra inputs are not permitted"),
    (422, {"n": 2}, "n: Input should be 1"),
    (422, {"max_tokens": 65}, "max_tokens of at most 64"),
    (422, {"choices": ["up", "UP"]}, "must differ by more than case"),
    (422, {"facts": {"age": "67"}}, "unknown fact 'age'"),
]
BAD_SIGNALS: list[tuple[dict[str, Any], str]] = [
    ({"values": [[1.0, 2.0], [1.0]]}, "as many samples in each channel"),
    ({"values": [[1.0] * 64] * 2}, "expected an array of shape (3, samples)"),
    ({"values": [[]] * 3}, "values are empty"),
    ({"values": [[1.0, 2.0]] * 3, "sampling_rate": None}, "does not state its sampling rate"),
    ({"values": [[1e300] * 64] * 3}, "beyond float32"),
    ({"values": [[1.0, 2.0] * 64] * 3, "sampling_rate": -1.0}, "must be positive"),
    ({"values": [[1.0, 2.0] * 1000] * 3}, "at most 64 patches"),
    ({"values": [[1.0, 2.0] * 64] * 3, "units": ["s"] * 3}, "the two measure different things"),
    ({"values": [[5.0] * 64] * 3}, "correct that, or pass believe"),
    ({"values": [[1.0, 2.0] * 64] * 3, "name": "ecg"}, "unknown signal 'ecg'"),
    ({"values": [["a"] * 64] * 3}, "Input should be a valid number"),
]


def check_failure(answer: Any, status: int, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert message in answer.json()["error"]["message"]
    assert "\n" not in answer.json()["error"]["message"]


@pytest.mark.parametrize(("status", "change", "message"), REFUSED)
def test_requests_that_are_refused(client: TestClient, status: int, change: dict[str, Any], message: str) -> None:
    body = {"model": "tiny", "messages": [user("Why?", {"signal": numbers(motion())})], **change}
    check_failure(client.post("/v1/chat/completions", json=body), status, message)


@pytest.mark.parametrize(("change", "message"), BAD_SIGNALS)
def test_signals_that_are_refused(client: TestClient, change: dict[str, Any], message: str) -> None:
    payload = {"sampling_rate": 50.0, **change}
    check_failure(client.post("/v1/signals", json=payload), 422, message)
    check_failure(ask(client, user("Why?", {"signal": payload})), 422, message)


def test_bodies_that_are_none(client: TestClient) -> None:
    as_json = {"content-type": "application/json"}
    for path in ("/v1/signals", "/v1/chat/completions"):
        for content in (b"", b"{", b"[" * 50_000, b'{"model": "\\ud800"}', b"\xff\xfe", b'{"values": [[NaN, 1e999]]}'):
            answer = client.post(path, content=content, headers=as_json)
            assert answer.status_code in (400, 422), (content[:20], answer.text)
            assert answer.json()["error"]["message"]
    check_failure(client.post("/v1/signals", content=b"x", headers={"content-type": "text/csv"}), 422, "found text/csv")
    check_failure(client.get("/nowhere"), 404, "Not Found")


@pytest.mark.parametrize("path", ["/v1/signals", "/v1/chat/completions"])
def test_large_bodies_are_refused_by_their_head_and_while_they_grow(client: TestClient, path: str) -> None:
    kind = (b"content-type", b"application/json")
    announced, none = sent_raw(client.app, path, [kind, (b"content-length", str(2 << 30).encode())])
    grown, some = sent_raw(client.app, path, [kind])
    assert (none, some) == (0, 5)
    for answer in (announced, grown):
        assert [message.get("status") for message in answer] == [413, None]
        assert b"at most 0.25 MB" in answer[1]["body"]


def sent_raw(app: Any, path: str, headers: list[tuple[bytes, bytes]]) -> tuple[list[Any], int]:
    """Send a body without an end; return what the app answers, and how many times 64 KiB it read."""
    read, answer = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    async def send(message: Any) -> None:
        answer.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [(b"host", b"localhost"), *headers], "http_version": "1.1", "scheme": "http", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    return answer, read


def test_files_of_any_name_are_read_and_none_stays(
    client: TestClient, model: SignalLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    signal = motion(seed=3)
    save_signal(signal, tmp_path / "walk.npz")
    content = (tmp_path / "walk.npz").read_bytes()
    for name in ("walk.npz", "../../../etc/cron.d/x.npz", "C:\\Windows\\x.npz", "<img src=x onerror=alert(1)>.npz"):
        sent = client.post("/v1/signals", files={"file": (name, content)})
        assert sent.status_code == 200, (name, sent.text)
        answer = ask(client, user("Which one?", {"signal_id": sent.json()["id"]}))
        assert answer.json()["sig2lm"]["probabilities"] == pytest.approx(
            model.ask(signal, "Which one?").probabilities, abs=1e-5
        )
    table = "<b>x</b>,acc_y,acc_z\n" + "\n".join(",".join(map(str, row)) for row in signal.values.T.tolist())
    stated = {"sampling_rate": "50", "units": "m/s^2", "channels": "acc_x=<b>x</b>,acc_y,acc_z"}
    assert client.post("/v1/signals", files={"file": ("a.csv", table)}, data=stated).status_code == 200
    check_failure(client.post("/v1/signals", files={"file": ("a.csv", table)}), 422, "<b>x</b>")
    check_failure(client.post("/v1/signals", files={"file": ("a.png", b"\x89PNG\r\n")}), 422, "'a.png'")
    check_failure(client.post("/v1/signals", files={"file": ("a.npz", content[:99])}), 422, "'a.npz'")
    check_failure(client.post("/v1/signals", files={"file": ("a.npz", content)}, data={"x": "1"}), 422, "unknown field")
    two = [("file", ("a.npz", content)), ("file", ("b/a.npz", content))]
    check_failure(client.post("/v1/signals", files=two), 422, "two called 'a.npz'")
    lone = [("file", ("r.hea", b"r 1 50 64\n../../secret.dat 16 200/m/s^2\n")), ("file", ("x.dat", b"\0" * 128))]
    check_failure(client.post("/v1/signals", files=lone), 422, "not a whole WFDB record")
    assert list(scratch.iterdir()) == []


def test_keys_open_the_gate_and_part_their_owners(model: SignalLM) -> None:
    with TestClient(create_app(model, ServeSettings("tiny", keys=("first", "second")))) as client:
        first, second = ({"authorization": f"Bearer {key}"} for key in ("first", "second"))
        assert client.get("/health").json() == {"status": "ok", "model": "tiny"}
        for headers in ({}, {"authorization": "Bearer third"}, {"authorization": "Basic first"}):
            for path in ("/v1/models", "/metrics", "/openapi.json"):
                check_failure(client.get(path, headers=headers), 401, "Authorization: Bearer KEY")
        id = upload(client, motion(), **first)
        assert client.get(f"/v1/signals/{id}", headers=first).json()["prefilled"]
        check_failure(client.get(f"/v1/signals/{id}", headers=second), 404, "which is not kept")
        check_failure(client.delete(f"/v1/signals/{id}", headers=second), 404, "which is not kept")
        assert client.delete(f"/v1/signals/{id}", headers=first).json()["deleted"]
        check_failure(client.get(f"/v1/signals/{id}", headers=first), 404, "which is not kept")


def test_pages_from_elsewhere_do_not_reach_a_local_server(client: TestClient) -> None:
    check_failure(client.get("/v1/models", headers={"host": "rebound.example"}), 403, "127.0.0.1")
    page = client.get("/openapi.json").text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/docs").status_code == 404


def test_a_thousand_recordings_stay_within_their_room() -> None:
    store = SignalStore(megabytes=1)
    kept = [KeptSignal("motion", motion(seed=seed % 5), None, ()) for seed in range(1000)]  # type: ignore[arg-type]
    for one in kept:
        store.add(one)
        store.get(kept[0].id, 0)
    assert len({one.id for one in kept}) == 1000
    assert store.num_bytes <= 1 << 20
    assert 100 < len(store) < 300
    assert store.get(kept[-1].id, 0) is kept[-1]


def test_everything_is_counted(client: TestClient) -> None:
    client.get("/health")
    text = client.get("/metrics").text
    assert 'sig2lm_requests_total{route="/health",status="200"}' in text
    assert "sig2lm_questions_under_way 0.0" in text
    assert json.loads(client.get("/v1/models/tiny").text)["signals"]["motion"]["sampling_rate"] == 50


def test_a_coverage_adds_the_set_of_labels_that_python_promises(run: Path, days: Table) -> None:
    trained = SignalLM.from_pretrained(run, lm=build_lm())
    signal = days.signals(days.data["test"].with_format("numpy")[0])["daily"]
    expected = trained.ask(signal, coverage=0.95, believe=True)
    assert expected.label_set is not None
    question = trained.tasks[0].template.question[0]
    values = [[None if value != value else value for value in row] for row in signal.values.tolist()]
    first = user(question, {"signal": {"values": values, "period": signal.period, "believe": True}})
    with TestClient(create_app(trained, ServeSettings("tiny"))) as client:
        said = ask(client, first, coverage=0.95).json()["sig2lm"]
        assert said["label_set"] == list(expected.label_set)
        assert ask(client, first).json()["sig2lm"]["label_set"] is None
        later = [first, {"role": "assistant", "content": "no"}, {"role": "user", "content": question}]
        free = [{**first, "content": [first["content"][0], {"type": "text", "text": "Why?"}]}]
        for messages, message in (
            (later, "for the first question of a conversation only"),
            (free, "a question that all labels may answer"),
        ):
            refused = ask(client, *messages, coverage=0.95)
            assert refused.status_code == 422
            assert message in refused.json()["error"]["message"]


def test_a_coverage_that_is_none_or_cannot_be_promised_is_refused(client: TestClient) -> None:
    question = user("Which one?", {"signal": numbers(motion())})
    assert "no validation people" in ask(client, question, coverage=0.9).json()["error"]["message"]
    assert ask(client, question, coverage=1.5).status_code == 422
