"""AuthZEN's messages: what is allowed, denied, to be proven, and malformed in each way."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from questions import EVALUATION, EVALUATIONS, PROVEN, SEARCH, SERVE, SHARE, changed, decision
from upheld.api.authzen import schema
from upheld.core.ids import PersonId
from upheld.policy.vocabulary import Fact

JSON = {"content-type": "application/json"}


def test_an_allowed_act_names_its_clause_and_its_duties(client: TestClient) -> None:
    """An allow is true, cites its clause and carries its duties as obligations."""
    found = client.post(EVALUATION, json=SHARE).json()
    assert found["decision"] is True
    assert found["context"]["upheld"]["clauses"] == ["trusted-partners"]
    obligations = found["context"]["obligations"]
    duties = {each["duty"] for each in found["context"]["upheld"]["duties"]}
    assert {each["properties"]["duty"] for each in obligations} == duties
    assert {each["type"] for each in obligations} == {"custom"}
    assert len({each["id"] for each in obligations}) == len(obligations)


def test_a_deny_is_an_answer_and_no_error(client: TestClient) -> None:
    """A deny is HTTP 200, false, with its reason for people."""
    answer = client.post(EVALUATION, json=changed(SHARE, "subject.id", "advertiser"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["decision"] is False
    assert answer.json()["context"]["reason_user"]["en"].startswith("no, by #")
    assert "access_request" not in answer.json()["context"]


def test_what_must_be_proven_comes_as_an_access_request(client: TestClient) -> None:
    """What depends on facts is a deny with the facts to prove, as sets and as a schema."""
    found = client.post(EVALUATION, json=SERVE).json()
    assert found["decision"] is False
    assert found["context"]["reason"] == "approval_required"
    request = found["context"]["access_request"]
    assert ["age >= 18"] in request["prove"]
    assert len(request["request_schema"]["anyOf"]) == len(request["prove"])
    assert decision(client, {**SERVE, "context": {"facts": {"age": 18}}}) is True


def test_the_schema_of_facts_says_what_each_literal_says() -> None:
    """Each kind of literal in what to prove has its JSON schema."""
    ways = (
        ("a", "not b"),
        ("n >= 1.5", "n < 3"),
        ("n = 2",),
        ("w is x",),
        ("not w is x", "not w is y"),
        ("n > 1/3",),
        ("n <= 18 months",),
    )
    facts = {"n": Fact("n", "number"), "w": Fact("w", "word", words=("x", "y", "z"))}
    properties = [each["properties"] for each in schema(ways, facts)["anyOf"]]
    assert properties == [
        {"a": {"const": True}, "b": {"const": False}},
        {"n": {"type": "number", "minimum": 1.5, "exclusiveMaximum": 3}},
        {"n": {"const": 2}},
        {"w": {"const": "x"}},
        {"w": {"not": {"enum": ["x", "y"]}}},
        {"n": {"description": "n > 1/3"}},
        {"n": {"description": "n <= 18 months"}},
    ]


MISSING = [
    "subject",
    "action",
    "resource",
    "subject.type",
    "subject.id",
    "action.name",
    "resource.type",
    "resource.id",
]
WRONG: list[tuple[str, object]] = [
    ("subject", "alice"),
    ("subject", None),
    ("subject", []),
    ("action", "share"),
    ("resource", 7),
    ("context", []),
    ("subject.type", 1),
    ("subject.id", None),
    ("subject.properties", "x"),
    ("action.name", 123),
    ("action.name", ["share"]),
    ("resource.type", {}),
    ("resource.id", True),
    ("resource.properties", []),
    ("resource.properties", {"data": "email"}),
    ("resource.properties", {"data": [1]}),
    ("resource.properties", {"data": []}),
    ("context.facts", []),
    ("context.purpose", 5),
    ("context.purpose", [5]),
    ("context.source", {}),
    ("subject.id", "x" * 201),
    ("resource.properties", {"data": ["email"] * 101}),
]


@pytest.mark.parametrize("path", MISSING)
@pytest.mark.parametrize("address", [EVALUATION, EVALUATIONS])
def test_a_missing_member_is_a_bad_request(client: TestClient, address: str, path: str) -> None:
    """Each required member is required, and the error says which as a JSON string."""
    answer = client.post(address, json=changed(SHARE, path))
    assert answer.status_code == 400
    assert isinstance(answer.json(), str)
    assert path.rpartition(".")[2] in answer.json()


@pytest.mark.parametrize(("path", "value"), WRONG)
@pytest.mark.parametrize("address", [EVALUATION, EVALUATIONS])
def test_a_member_of_the_wrong_type_is_a_bad_request(
    client: TestClient, address: str, path: str, value: object
) -> None:
    """A member of another JSON type, or beyond its limits, is refused."""
    assert client.post(address, json=changed(SHARE, path, value)).status_code == 400


BODIES = [
    b"",
    b"   ",
    b"{",
    b"[]",
    b'"x"',
    b"null",
    b"\xff\xfe",
    b'{"subject": "\xff"}',
    b"{}" * 2,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"subject": NaN}',
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize(
    "address", [EVALUATION, EVALUATIONS, SEARCH + "subject", SEARCH + "resource", SEARCH + "action"]
)
def test_a_body_that_is_no_json_object_is_a_bad_request(
    client: TestClient, address: str, body: bytes
) -> None:
    """Bodies that are empty, broken, deep, of other encodings or no object are refused."""
    answer = client.post(address, content=body, headers=JSON)
    assert answer.status_code == 400
    assert isinstance(answer.json(), str)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("text/plain", 400),
        ("", 400),
        ("application/json; charset=latin-1", 400),
        ("application/jsonp", 400),
        ("application/x-www-form-urlencoded", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_other_content_types_are_bad_requests(client: TestClient, kind: str, status: int) -> None:
    """Only JSON in UTF-8 is read."""
    headers = {"content-type": kind}
    assert client.post(EVALUATION, json=SHARE, headers=headers).status_code == status


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    """A body that would grow on reading is not read."""
    headers = {"content-encoding": "gzip", **JSON}
    assert client.post(EVALUATION, content=b"x", headers=headers).status_code == 400


def test_unknown_members_are_ignored(client: TestClient) -> None:
    """Members of later versions and of other parties change nothing."""
    question = {**SHARE, "futureField": {"nested": True}, "page": 7}
    question["subject"] = {**SHARE["subject"], "properties": {"department": "Sales"}, "more": 1}
    question["context"] = {**SHARE["context"], "time": "2026-11-24T03:00Z", "ip": [1]}
    assert client.post(EVALUATION, json=question).json()["decision"] is True


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("action.name", "read", "unknown-action"),
        ("subject.type", "user", "unknown-term"),
        ("subject.id", "alice", "unknown-term"),
        ("resource.id", "record-1", "unknown-term"),
        ("resource.type", "record", "wrong-dimension"),
        ("context.purpose", "x", "unknown-term"),
        ("context.place", "mars", "unknown-term"),
        ("context.facts", {"nonsense": True}, "unknown-fact"),
        ("context.facts", {"publicly-available": 3}, "wrong-type"),
        ("context.recipient", "court", "wrong-dimension"),
        ("context.data", "x", "wrong-dimension"),
        ("context.actor", "staff", "wrong-dimension"),
        ("context.purpose", [], "empty-list"),
    ],
)
def test_what_the_policy_has_no_word_for_is_a_deny_with_its_code(
    client: TestClient, path: str, value: object, code: str
) -> None:
    """A well-formed question in words that the policy does not have is denied, and says why."""
    found = client.post(EVALUATION, json=changed(SHARE, path, value)).json()
    assert found["decision"] is False
    assert found["context"]["reason"] == found["context"]["upheld"]["code"] == code


def test_a_subject_is_what_the_action_takes(client: TestClient) -> None:
    """The subject is the recipient, else the actor, else the provider, which says nothing."""
    view = {**SHARE, "action": {"name": "view"}, "context": {"purpose": "support"}}
    asked = client.post(EVALUATION, json=changed(view, "subject.id", "staff")).json()
    assert asked["context"]["upheld"]["outcome"] != "error"
    actor = changed(view, "context.actor", "staff")
    assert client.post(EVALUATION, json=actor).json()["context"]["reason"] == "wrong-dimension"
    other = client.post(EVALUATION, json=changed(SERVE, "subject.id", "court")).json()
    assert other["context"]["reason"] == "wrong-dimension"
    data = client.post(EVALUATION, json={**SERVE, "resource": SHARE["resource"]}).json()
    assert data["context"]["reason"] == "wrong-dimension"


def test_several_kinds_of_data_are_asked_about_together(client: TestClient) -> None:
    """A list of data stands with the id, never instead of it, and `any` is all data."""
    both = changed(SHARE, "resource.properties", {"data": ["email"]})
    assert decision(client, both) is True
    assert decision(client, changed(both, "resource.id", "any")) is True
    assert decision(client, changed(both, "resource.id", "password")) is False
    assert decision(client, changed(SHARE, "resource.id", "any")) is False
    assert decision(client, changed(SHARE, "subject.id", "any")) is False


@pytest.mark.parametrize("member", ["subject", "resource"])
def test_a_customer_is_refused(client: TestClient, member: PersonId) -> None:
    """Questions about a person are answered nowhere here, in a batch and a search neither."""
    person = {"type": "customer", "id": "c-1"}
    question = {**SHARE, member: person}
    for address in (EVALUATION, EVALUATIONS):
        assert client.post(address, json=question).status_code == 403
    shared = {member: person, "evaluations": [{}]}
    assert client.post(EVALUATIONS, json=shared).status_code == 403
    batch = client.post(EVALUATIONS, json={"evaluations": [question, SHARE]}).json()["evaluations"]
    assert [each["decision"] for each in batch] == [False, True]
    assert batch[0]["context"]["error"]["status"] == 403
    for of in ("subject", "resource", "action"):
        assert client.post(SEARCH + of, json=question).status_code == 403


def test_a_batch_takes_what_it_shares_from_its_top(client: TestClient) -> None:
    """A question of a batch replaces whole objects and leaves out what is shared."""
    questions: list[dict[str, Any]] = [
        {},
        {"subject": {"type": "party", "id": "advertiser"}},
        {"resource": {"id": "phone"}},
        {"context": {"purpose": "offers"}},
        {"resource": {"type": 5, "id": "email"}},
        {"action": "share"},
    ]
    answer = client.post(EVALUATIONS, json={**SHARE, "evaluations": questions})
    assert answer.status_code == 200
    found = answer.json()["evaluations"]
    assert [each["decision"] for each in found] == [True, False, True, False, False, False]
    assert found[3]["context"]["upheld"]["outcome"] != "error"  # without its facts
    assert found[4]["context"]["error"]["status"] == 400
    assert found[5]["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("semantic", "answers"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_batch_stops_where_its_semantic_says(
    client: TestClient, semantic: str, answers: list[bool]
) -> None:
    """All are decided, or those up to the first deny or permit."""
    asked = {
        **SHARE,
        "options": {"evaluations_semantic": semantic},
        "evaluations": [{}, {"subject": {"id": "advertiser"}}, {}],
    }
    found = client.post(EVALUATIONS, json=asked).json()["evaluations"]
    assert [each["decision"] for each in found] == answers


def test_a_batch_without_questions_is_one_question(client: TestClient) -> None:
    """An absent or empty list makes the batch a single question."""
    empty: list[dict[str, Any]] = [{}, {"evaluations": []}]
    for more in empty:
        assert client.post(EVALUATIONS, json={**SHARE, **more}).json()["decision"] is True


@pytest.mark.parametrize(
    "more",
    [
        {"evaluations": "x"},
        {"evaluations": [1]},
        {"evaluations": [{}] * 101},
        {"evaluations": {}},
        {"evaluations": [{}], "options": 1},
        {"evaluations": [{}], "options": {"evaluations_semantic": "some"}},
    ],
)
def test_a_malformed_batch_is_a_bad_request(client: TestClient, more: dict[str, Any]) -> None:
    """A batch that is no list, too long or of an unknown semantic is refused as a whole."""
    assert client.post(EVALUATIONS, json={**SHARE, **more}).status_code == 400


def searched(client: TestClient, of: str, question: dict[str, Any], limit: int) -> list[str]:
    """All results of a search, page by page."""
    found: list[str] = []
    page: dict[str, Any] = {"limit": limit}
    while True:
        answer = client.post(SEARCH + of, json={**question, "page": page})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["results"]) == body["page"]["count"] <= limit
        found += [each.get("id") or each["name"] for each in body["results"]]
        if not body["page"]["next_token"]:
            return found
        page = {"limit": limit, "token": body["page"]["next_token"]}


@pytest.mark.parametrize(
    ("of", "path"),
    [("subject", "subject.id"), ("resource", "resource.id"), ("action", "action.name")],
)
def test_a_search_finds_what_single_questions_allow(
    client: TestClient, of: str, path: str, service: Any
) -> None:
    """What a search finds, whatever its pages, is exactly what is allowed one by one."""
    tree = {"subject": "party", "resource": "data", "action": "action"}[of]
    words = service.live.now.policy.program.vocabulary.trees[tree]
    wanted = [word for word in words if decision(client, changed(SHARE, path, word))]
    assert wanted
    assert searched(client, of, SHARE, 100) == wanted
    assert searched(client, of, SHARE, 1) == wanted


def test_a_search_that_finds_nothing_is_empty(client: TestClient) -> None:
    """Types, words and actions that nobody knows find nothing, and are no error."""
    for of, path, value in (
        ("subject", "subject.type", "spaceship"),
        ("action", "subject.id", "x"),
        ("resource", "resource.type", "record"),
        ("subject", "action.name", "read"),
    ):
        answer = client.post(SEARCH + of, json=changed(SHARE, path, value))
        assert answer.status_code == 200
        assert answer.json() == {"results": [], "page": {"next_token": "", "count": 0}}
    service = {**SERVE, "context": {"facts": {"age": 20}}}
    assert searched(client, "subject", service, 5) == ["provider"]
    assert searched(client, "resource", service, 5) == ["any"]


@pytest.mark.parametrize(
    ("of", "path"),
    [
        ("subject", "action"),
        ("subject", "resource.id"),
        ("subject", "subject"),
        ("resource", "subject"),
        ("resource", "subject.id"),
        ("resource", "resource.type"),
        ("action", "resource"),
        ("action", "subject.id"),
    ],
)
def test_a_search_needs_what_it_does_not_look_for(client: TestClient, of: str, path: str) -> None:
    """Each required member of a search is required."""
    assert client.post(SEARCH + of, json=changed(SHARE, path)).status_code == 400


@pytest.mark.parametrize(
    "page",
    [
        1,
        {"limit": -1},
        {"limit": "1"},
        {"limit": 2**40},
        {"token": 1},
        {"token": "x"},
        {"token": "é"},
        {"token": "MS54"},
    ],
)
def test_a_malformed_page_is_a_bad_request(client: TestClient, page: object) -> None:
    """Limits are small numbers, and tokens are those that were handed out for this search."""
    assert client.post(SEARCH + "subject", json={**SHARE, "page": page}).status_code == 400


def test_a_token_of_another_search_is_refused(client: TestClient) -> None:
    """A token goes on with the search it was handed out for, and no other."""
    body = client.post(SEARCH + "action", json={**SERVE, "page": {"limit": 0}}).json()
    assert body["results"] == []
    page = {"token": body["page"]["next_token"]}
    assert client.post(SEARCH + "action", json={**SERVE, "page": page}).status_code == 200
    assert client.post(SEARCH + "action", json={**SHARE, "page": page}).status_code == 400
    assert client.post(SEARCH + "subject", json={**SHARE, "page": page}).status_code == 400


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ("abc-123", "abc-123"),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        ("a b", None),
        ("a\tb", None),
        ("caf\u00e9", None),
    ],
)
def test_the_request_id_comes_back(client: TestClient, sent: str, back: str | None) -> None:
    """A plain X-Request-ID comes back on answers and errors; anything else is dropped."""
    headers = {b"x-request-id": sent.encode("latin-1")}
    for question in (SHARE, {}):
        answer = client.post(EVALUATION, json=question, headers=headers)
        assert answer.headers.get("x-request-id") == back


def test_facts_of_the_caller_decide(client: TestClient) -> None:
    """Without its proofs an act is not allowed."""
    assert decision(client, changed(SHARE, "context.facts")) is False
    facts = {**PROVEN, "publicly-available": True}
    assert decision(client, changed(SHARE, "context.facts", facts)) is True


def test_facts_in_parts_are_bounded(client: TestClient) -> None:
    """A fact given in parts is answered, up to a number of parts in one message."""
    part = {"recipient": "trusted-partner", "holds": True}
    some = {"confidentiality-agreement": [part], "publicly-available": False}
    assert decision(client, changed(SHARE, "context.facts", some)) is True
    many = {"confidentiality-agreement": [part] * 101}
    question = changed(SHARE, "context.facts", many)
    for address in (EVALUATION, EVALUATIONS, SEARCH + "subject", SEARCH + "action"):
        assert client.post(address, json=question).status_code == 400
    shared = changed(SHARE, "context.facts", {"confidentiality-agreement": [part] * 60})
    batch = {**shared, "evaluations": [{}, {}]}
    assert client.post(EVALUATIONS, json=batch).status_code == 400
    apart = {**shared, "evaluations": [{"context": {}}, {"context": 7}, {}]}
    assert client.post(EVALUATIONS, json=apart).status_code == 200


def test_a_slow_search_hands_out_a_page(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that takes too long goes on by its token, one candidate at least a page."""
    wanted = searched(client, "subject", SHARE, 100)
    monkeypatch.setattr("upheld.api.authzen.SEARCH_SECONDS", 0.0)
    body = client.post(SEARCH + "subject", json=SHARE).json()
    assert body["page"]["next_token"]
    assert searched(client, "subject", SHARE, 100) == wanted


def test_only_post_asks(client: TestClient) -> None:
    """Another method is told which one to use."""
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"):
        answer = client.request(method, EVALUATION)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
