"""Well-formed questions that tests of the API take apart."""

from __future__ import annotations

import copy
from typing import Any

from starlette.testclient import TestClient

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
SEARCH = "/access/v1/search/"
PROVEN = {"confidentiality-agreement": True, "publicly-available": False}
SHARE: dict[str, Any] = {
    "subject": {"type": "party", "id": "trusted-partner"},
    "action": {"name": "share"},
    "resource": {"type": "data", "id": "email"},
    "context": {"purpose": "offers", "occasion": "other", "facts": PROVEN},
}
SERVE: dict[str, Any] = {
    "subject": {"type": "party", "id": "provider"},
    "action": {"name": "serve"},
    "resource": {"type": "service", "id": "any"},
}


def changed(question: dict[str, Any], path: str, value: object = ...) -> dict[str, Any]:
    """A copy with the member at a dotted path set, or taken away."""
    found = copy.deepcopy(question)
    *above, last = path.split(".")
    inner = found
    for name in above:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return found


def decision(client: TestClient, question: dict[str, Any]) -> bool:
    """The decision on one question."""
    answer = client.post(EVALUATION, json=question)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["decision"])
