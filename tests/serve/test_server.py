"""The server as a process: what it says when it cannot begin, and how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tiny import motion

from sig2lm import SignalLM, simulate
from sig2lm.cli import main
from sig2lm.ports import listening
from sig2lm.serve.app import create_app
from sig2lm.serve.settings import ServeSettings

HERE = Path(__file__).parents[2]


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["sig2lm", "serve", *arguments])
    monkeypatch.delenv("SIG2LM_API_KEY", raising=False)
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    return said.err


def test_a_server_that_cannot_begin_says_why_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert "address already in use" in refused(monkeypatch, capsys, "pocket-har", "--port", port)
    assert "SIG2LM_API_KEY" in refused(monkeypatch, capsys, "pocket-har", "--host", "0.0.0.0")
    assert "nowhere" in refused(monkeypatch, capsys, str(tmp_path / "nowhere"), "--port", "0")


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sig2lm", "serve", "pocket-har", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"serving pocket-har at (http://127\.0\.0\.1:\d+/v1); Ctrl\+C ends it\n", line)
        assert found, (line, process.poll())
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_clients_at_once_then_a_signal_that_lets_them_finish() -> None:
    openai = pytest.importorskip("openai")
    model = SignalLM.from_pretrained("pocket-har")
    labels = ("walking", "jogging", "sitting", "standing")
    recordings = [simulate("har", labels[seed % 4], seed=seed)["motion"] for seed in range(12)]
    with serving() as (process, address):
        api = openai.OpenAI(api_key="none", base_url=address, max_retries=0)

        def ask(recording: Any) -> str:
            part = {"values": recording.values.tolist(), "sampling_rate": recording.sampling_rate}
            content = [{"type": "signal", "signal": part}, {"type": "text", "text": "How does the person move?"}]
            said = api.chat.completions.create(model="pocket-har", messages=[{"role": "user", "content": content}])
            return str(said.choices[0].message.content)

        with ThreadPoolExecutor(12) as clients:
            first = list(clients.map(ask, recordings))
            pending = [clients.submit(ask, recording) for recording in recordings]
            while not any(one.done() for one in pending):
                time.sleep(0.005)
            process.send_signal(signal.SIGTERM)
            answered = [one.result() for one in pending if one.exception() is None]
        assert first == [model.ask(one, "How does the person move?").text for one in recordings]
        assert answered
        assert set(answered) <= set(first)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_client_that_leaves_ends_its_text(model: SignalLM) -> None:
    openai = pytest.importorskip("openai")
    app = create_app(model, ServeSettings("tiny", max_new_tokens=400))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    with listening("127.0.0.1", 0) as found:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([found])))
        thread.start()
        address = f"http://127.0.0.1:{found.getsockname()[1]}/v1"
        api = openai.OpenAI(api_key="none", base_url=address, max_retries=0)
        signal_part = {"values": motion().values.tolist(), "sampling_rate": 50}
        content = [{"type": "signal", "signal": signal_part}, {"type": "text", "text": "Why?"}]
        with api.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": content}], stream=True, max_tokens=400
        ) as stream:
            next(iter(stream))
        leave_at_once(found.getsockname()[:2], content)
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()
    text = app.state.service.metrics.text().decode()
    assert "sig2lm_questions_under_way 0.0" in text
    written = next(line for line in text.splitlines() if line.startswith("sig2lm_generated_tokens_total"))
    assert float(written.split()[-1]) < 700


def leave_at_once(address: Any, content: list[Any]) -> None:
    """Ask without a stream and hang up before the answer."""
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 400})
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(address) as one:
        one.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.3)
