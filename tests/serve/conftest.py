"""A server around a tiny model, in this process."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from tiny import build_signal_lm

from sig2lm.model.signal_lm import SignalLM

if TYPE_CHECKING:
    from starlette.testclient import TestClient

# Modules that import what an extra brings cannot be collected without it; one that says so stands in for them.
collect_ignore = [] if find_spec("fastapi") else ["test_api.py", "test_engine.py", "test_openapi.py", "test_server.py"]


@pytest.fixture(scope="session")
def model() -> SignalLM:
    return build_signal_lm()


@pytest.fixture(scope="session")
def client(model: SignalLM) -> "Iterator[TestClient]":
    from starlette.testclient import TestClient

    from sig2lm.serve.app import create_app
    from sig2lm.serve.settings import ServeSettings

    settings = ServeSettings("tiny", max_megabytes=0.25, max_new_tokens=64, max_patches=64)
    with TestClient(create_app(model, settings)) as client:
        yield client
