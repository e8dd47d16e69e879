"""The service does what its OpenAPI document says, whatever a machine makes up to send."""

from __future__ import annotations

from functools import cache
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from sizes import size
from upheld.api.http import ENDPOINTS, METADATA
from upheld.api.openapi import description
from upheld.api.service import Service, ServiceSettings
from upheld.app.policy import policy_app
from upheld.demo import sample_policy

# No schema tells which tokens were handed out, nor what a batch takes from its top.
BEYOND_A_SCHEMA: list[Any] = [positive_data_acceptance]
CASES = size("made-up requests an operation", short=25, long=80)
schema = schemathesis.openapi.from_dict(description())


@cache
def service() -> Service:
    """A service that nobody changes, made by whichever process runs these tests."""
    return Service(sample_policy(), policy_app, ServiceSettings(rate=1e9))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """What is asked as the document describes."""
    await service()(scope, receive, send)


schema.app = app


@schema.parametrize()
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_sent_is_answered_as_described(case: schemathesis.Case[Any]) -> None:
    """Good and bad requests get the statuses, types and bodies that the document promises."""
    case.call_and_validate(excluded_checks=BEYOND_A_SCHEMA)


def test_the_document_names_every_endpoint(client: TestClient) -> None:
    """What is served and what is described are the same addresses, at the address of the socket."""
    found = client.get("/api").json()
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == {*ENDPOINTS, METADATA}
    answer = client.get(METADATA).json()
    base = answer["policy_decision_point"]
    assert found["servers"] == [{"url": base}]
    assert answer["access_evaluation_endpoint"] == base + "/access/v1/evaluation"
    assert answer["search_action_endpoint"] == base + "/access/v1/search/action"
    assert client.head(METADATA).status_code == 200
    assert client.head(METADATA).content == b""
    host = client.get(METADATA, headers={"host": "evil.example"}).json()
    assert "evil" not in host["policy_decision_point"]


def test_a_set_address_stands_in_the_metadata() -> None:
    """Where the address is set, as behind a proxy, the metadata has it exactly."""
    service = Service(sample_policy(), policy_app, ServiceSettings(url="https://pdp.example/"))
    found = TestClient(service, base_url="https://pdp.example").get(METADATA).json()
    assert found["policy_decision_point"] == "https://pdp.example"
    assert found["access_evaluations_endpoint"] == "https://pdp.example/access/v1/evaluations"
