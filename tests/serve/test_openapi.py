"""Whatever the OpenAPI page allows or forbids, the server answers as the page says."""

import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_every_request_is_answered_as_the_page_says(client: TestClient, kind: str) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    mode = schemathesis.GenerationMode(kind)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 8
    strategies = [one.as_strategy(generation_mode=mode) for one in operations]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.one_of(strategies))
    def check(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent = {
            name: sent[name]
            for name in ("method", "url", "headers", "params", "json", "data", "files")
            if sent.get(name)
        }
        answer = client.request(**sent)
        documented = case.operation.definition.raw["responses"]
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in documented, (case.operation.label, answer.status_code, answer.text)
        if answer.status_code >= 400 and answer.status_code != 405:
            assert set(answer.json()) == {"error"}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()
