"""A server around a tiny model, in this process."""

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient
from tiny import build_signal_lm

from sig2lm.model.signal_lm import SignalLM
from sig2lm.serve.app import create_app
from sig2lm.serve.settings import ServeSettings

SETTINGS = ServeSettings("tiny", max_megabytes=0.25, max_new_tokens=64, max_patches=64)


@pytest.fixture(scope="session")
def model() -> SignalLM:
    return build_signal_lm()


@pytest.fixture(scope="session")
def client(model: SignalLM) -> Iterator[TestClient]:
    with TestClient(create_app(model, SETTINGS)) as client:
        yield client
