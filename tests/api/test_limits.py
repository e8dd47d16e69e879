"""Who may ask, and how much: token files, loopback, rates and sizes."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from questions import EVALUATION, EVALUATIONS, SEARCH, SHARE, decision
from upheld.api.http import BODY_MAX, Access
from upheld.api.limits import Buckets
from upheld.api.service import Service, ServiceSettings
from upheld.api.tokens import read_tokens
from upheld.app.policy import policy_app
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy

SECRET = "s" * 32
OTHER = "o" * 40


def token_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    """A token file of this mode."""
    path = tmp_path / "tokens"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def service(**settings: object) -> Service:
    """A service over the sample policy with settings of its own."""
    return Service(sample_policy(), policy_app, ServiceSettings(**settings))  # type: ignore[arg-type] # each test names its own


def test_a_bucket_fills_at_its_rate_and_no_further() -> None:
    """A caller gets its burst, then its rate, and never saves more than its burst."""
    now = [0.0]
    buckets = Buckets(2, 4, lambda: now[0])
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    now[0] = 1000
    assert buckets.take("a", 4) == 0
    assert buckets.take("a", 99) == 2  # a cost above the burst is one burst
    now[0] = 0  # a clock that goes back gives nothing
    assert buckets.take("a") > 0


def test_the_table_of_callers_is_bounded() -> None:
    """Whoever was not seen for longest is forgotten."""
    buckets = Buckets(1, 1, lambda: 0.0, callers=3)
    for name in "abcd":
        buckets.take(name)
    assert list(buckets.levels) == ["b", "c", "d"]


def test_too_many_questions_are_told_when_to_come_back() -> None:
    """A caller beyond its rate gets 429 with Retry-After; a batch costs as many as it holds."""
    client = TestClient(service(rate=10))
    batch = {**SHARE, "evaluations": [{}] * 15}
    assert client.post(EVALUATIONS, json=batch).status_code == 200
    refused = client.post(EVALUATIONS, json=batch)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert decision(client, SHARE) is True
    assert client.post(SEARCH + "action", json=SHARE).status_code == 429


def test_a_body_beyond_the_limit_is_not_read() -> None:
    """A body above 1 MiB is refused, whether its length was said or not."""
    client = TestClient(service())
    headers = {"content-type": "application/json"}
    big = b'{"x": "' + b"y" * 10_000_000 + b'"}'
    assert client.post(EVALUATION, content=big, headers=headers).status_code == 413

    def parts() -> object:
        for _ in range(20):
            yield b" " * (BODY_MAX // 10)

    sent = client.post(EVALUATION, content=parts(), headers=headers)  # type: ignore[arg-type] # an iterator of bytes
    assert sent.status_code == 413


def test_a_body_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that sends a head and then nothing is told so after a while."""
    monkeypatch.setattr("upheld.api.http.BODY_SECONDS", 0.05)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits for a minute")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": EVALUATION,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 5),
    }
    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        apart.submit(lambda: asyncio.run(service()(scope, receive, send))).result()
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("host", "header", "status"),
    [
        ("127.0.0.1", None, 200),
        ("127.8.9.1", None, 200),
        ("::1", None, 200),
        ("::ffff:127.0.0.1", None, 200),
        ("192.0.2.1", None, 403),
        ("2001:db8::1", None, 403),
        ("127.0.0.1.example", None, 403),
        ("127.0.0.1", "x-forwarded-for", 403),
        ("127.0.0.1", "forwarded", 403),
        ("127.0.0.1", "via", 403),
    ],
)
def test_without_a_token_file_only_this_machine_may_ask(
    host: str, header: str | None, status: int
) -> None:
    """Callers from elsewhere are refused, those that come through a proxy too."""
    client = TestClient(service(), client=(host, 5000))
    headers = {header: "192.0.2.7"} if header else {}
    assert client.post(EVALUATION, json=SHARE, headers=headers).status_code == status
    assert client.get("/metrics", headers=headers).status_code == status
    assert client.get("/privacy", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {SECRET}", 200),
        (f"bearer {OTHER}", 200),
        (f"Bearer {SECRET}x", 401),
        (f"Basic {SECRET}", 401),
        ("Bearer", 401),
        ("", 401),
        (SECRET, 401),
        (f"Bearer {SECRET} {SECRET}", 401),
        ("Bearer " + "x" * 5000, 401),
        ("Bearer café", 401),
    ],
)
def test_with_a_token_file_every_caller_shows_a_token(
    tmp_path: Path, authorization: str, status: int
) -> None:
    """Whoever shows a secret of the file may ask, from anywhere; nobody else may."""
    digest = hashlib.sha256(OTHER.encode()).hexdigest()
    path = token_file(tmp_path, f"# who\n\nshop {SECRET}\npartner.one sha256:{digest}\n")
    client = TestClient(service(token_file=path), client=("192.0.2.1", 5000))
    answer = client.post(
        EVALUATION, json=SHARE, headers={b"authorization": authorization.encode("latin-1")}
    )
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"shop {SECRET}", 0o644, "others"),
        (f"shop {SECRET}", 0o620, "others"),
        ("", 0o600, "nobody"),
        ("# nothing", 0o600, "nobody"),
        ("shop", 0o600, "line 1"),
        ("\nshop short", 0o600, "too short in line 2"),
        (f"a b {SECRET}", 0o600, "line 1"),
        (f"sh/op {SECRET}", 0o600, "line 1"),
        (f"a {SECRET}\nb {SECRET}", 0o600, "twice"),
        (f"a {SECRET}\na {OTHER}", 0o600, "twice"),
        ("x" * 1_100_000, 0o600, "large"),
    ],
)
def test_a_wrong_token_file_is_answered(tmp_path: Path, text: str, mode: int, said: str) -> None:
    """A token file that others can read, or that is wrong, stops the start and says why."""
    with pytest.raises(UpheldError, match=said) as caught:
        read_tokens(token_file(tmp_path, text, mode))
    assert caught.value.code == "token-file"
    assert SECRET not in str(caught.value)


def test_a_token_file_that_is_none_is_answered(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text are answered."""
    binary = token_file(tmp_path, "")
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path, binary):
        with pytest.raises(UpheldError, match="token file"):
            read_tokens(path)


def test_callers_are_limited_one_by_one(tmp_path: Path) -> None:
    """One caller's questions leave another's bucket full."""
    path = token_file(tmp_path, f"a {SECRET}\nb {OTHER}")
    access = Access(read_tokens(path), Buckets(1, 1, lambda: 0.0))
    assert [access.charge(name, 1) > 0 for name in ("a", "a", "b")] == [False, True, False]
