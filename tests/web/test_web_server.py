"""What the server answers, without a browser."""

import asyncio
import re
import warnings

import pytest
from tiny import build_signal_lm

from sig2lm.errors import Sig2LMError
from sig2lm.ports import listening
from sig2lm.tokenization import pocket_tokenizer
from sig2lm.web.sessions import Sessions


def test_a_port_is_taken_by_one_server():
    with listening("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
        with pytest.raises(Sig2LMError, match=rf"127\.0\.0\.1:{port} cannot be used .*; choose another with --port"):
            listening("127.0.0.1", port).__enter__()
    with pytest.raises(Sig2LMError, match=r"^expected a free port"):
        listening("192.0.2.1", 0).__enter__()


@pytest.mark.parametrize("host", ["\u202eabc", "a" * 300, "a..b", "no\x00host"])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(Sig2LMError, match="cannot be used"):
        listening(host, 0).__enter__()


@pytest.mark.slow
def never_read():
    raise AssertionError("a byte of it was read")
    yield b""


@pytest.mark.slow
def test_it_serves_its_own_page_and_no_uploaded_file():
    pytest.importorskip("gradio", reason="needs the extra 'web'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Gradio and what it uses are not ours
        from fastapi import FastAPI
        from starlette.testclient import TestClient

        from sig2lm.web.server import Limits, build_app

        sessions = Sessions(build_signal_lm(), time_limit=1.0, idle=60.0, most=5)
        limits = Limits(megabytes=0.01)
        tokenizers = {"pocket": pocket_tokenizer()}

        async def make() -> FastAPI:  # in a loop that is closed again: without one, Gradio leaves its own open
            return build_app(sessions.model, "tiny", sessions, tokenizers, limits, "127.0.0.1")

        app = asyncio.run(make())
        with TestClient(app, base_url="http://127.0.0.1") as client:
            page = client.get("/")
            assert page.status_code == 200
            assert "default-src 'self'" in page.headers["content-security-policy"]
            loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', page.text)
            assert loaded
            assert not [url for url in loaded if re.match(r"https?://|//", url)]
            assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400
            small = client.post("/gradio_api/upload", files={"files": ("../../up.csv", b"1,2\n" * 100)})
            (path,) = small.json()
            assert path.startswith(str(sessions.folder))
            assert path.endswith("up.csv")
            assert client.get(f"/gradio_api/file={path}").status_code == 404
            large = client.post("/gradio_api/upload", files={"files": ("large.csv", b"1,2\n" * 10_000)})
            assert large.status_code == 413
            announced = {"content-length": str(2 << 30), "content-type": "multipart/form-data; boundary=x"}
            huge = client.post("/gradio_api/upload", content=never_read(), headers=announced)
            assert (huge.status_code, huge.text) == (413, "too large")
        sessions.close()
        assert not sessions.folder.exists()
