"""The service by bytes on a socket: TLS that stays, members that stand twice, hosts, heads."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from api.test_server import CLOSING, Running, request, said, started, stopped
from questions import SHARE
from upheld.api.doorway import is_ours
from upheld.demo import sample_policy

STRICT = b"strict-transport-security: max-age=31536000"


@pytest.fixture(scope="module")
def secure() -> Iterator[Running]:
    """A service that others reach over TLS, by a name."""
    found = started(sample_policy(), "--url", "https://policy.example")
    yield found
    stopped(found)


def test_a_browser_never_comes_back_without_tls(secure: Running) -> None:
    """Every answer of a service with an https address says so: pages, errors, answers."""
    for sent in (
        b"GET / HTTP/1.1\r\nhost: policy.example\r\nconnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nhost: policy.example\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
        request().replace(b"host: x", b"host: policy.example"),
    ):
        assert said(secure.port, sent).partition(b"\r\n\r\n")[0].lower().count(STRICT) == 1


def test_a_service_without_tls_asks_for_none() -> None:
    """Over plain http the header is left out, and so is any check of a name that nobody set."""
    running = started(sample_policy())
    found = said(running.port, b"GET / HTTP/1.1\r\n" + CLOSING)
    stopped(running)
    assert found.startswith(b"HTTP/1.1 200")
    assert b"strict-transport" not in found.lower()


@pytest.mark.parametrize(
    "body",
    [
        b'{"subject": {"type": "party", "id": "provider"}, ' + json.dumps(SHARE).encode()[1:],
        json.dumps(SHARE).encode()[:-1] + b', "context": {}}',
        json.dumps(SHARE).replace('"id":', '"id": "x", "id":', 1).encode(),
        json.dumps(SHARE)[:-1].encode() + b', "further": {"a": 1, "\\u0061": 2}}',
    ],
)
def test_a_member_that_stands_twice_is_refused(secure: Running, body: bytes) -> None:
    """What two readers would read in two ways is decided by neither."""
    sent = request(body=body).replace(b"host: x", b"host: policy.example")
    found = said(secure.port, sent)
    assert found.startswith(b"HTTP/1.1 400")
    assert b"twice" in found


@pytest.mark.parametrize(
    ("host", "url", "ours"),
    [
        ("policy.example", "https://policy.example", True),
        ("POLICY.example:443", "https://policy.example", True),
        ("localhost:1", "https://policy.example", True),
        ("[2001:db8::1]:80", "http://policy.example", True),
        ("192.0.2.1", "http://policy.example", True),
        ("evil.example", "https://policy.example", False),
        ("policy.example.evil.example", "https://policy.example", False),
        ("policy.example@evil.example", "https://policy.example", False),
        ("evil.example/policy.example", "https://policy.example", False),
        ("policy.example:x", "https://policy.example", False),
        ("", "https://policy.example", False),
        ("my-laptop.example:8765", "http://0.0.0.0:8765", True),
        ("my-laptop.example:8765", "http://127.0.0.1:8765", False),
    ],
)
def test_a_host_is_ours_by_name_or_by_a_number(host: str, url: str, *, ours: bool) -> None:
    """A name must be that of the address; a number cannot be led here by somebody else's name."""
    assert is_ours(host, url) is ours
