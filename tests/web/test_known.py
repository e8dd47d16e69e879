"""The files at known addresses, and finding in the policy without scripts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

import upheld
from pages import POLICY, WORDS
from upheld.app.policy import policy_app
from upheld.core.clock import system_time
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.policy.load import Policy

PAGE = {"accept": "text/html"}


@pytest.fixture(name="client", scope="module")
def _client() -> TestClient:
    """Someone who asks a policy that says nothing of privacy signals."""
    return TestClient(policy_app(upheld.load_text(POLICY, vocabulary=WORDS)))


@pytest.fixture(name="sample", scope="module")
def _sample() -> Policy:
    return upheld.load(sample_policy())


def test_the_policy_says_whether_a_privacy_signal_counts(
    client: TestClient, sample: Policy
) -> None:
    """gpc.json is true where a clause owes it to heed the signal, and false once that is gone."""
    assert client.get("/.well-known/gpc.json").json() == {"gpc": False, "lastUpdate": "2026-11-01"}
    answer = TestClient(policy_app(sample)).get("/.well-known/gpc.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["gpc"] is True
    text, times = re.subn(r"must apply-privacy-signal[^\n`]*", "may serve", sample.program.source)
    assert times == 1
    without = TestClient(policy_app(upheld.load_text(text)))
    assert without.get("/.well-known/gpc.json").json()["gpc"] is False


def test_weaknesses_can_be_reported(client: TestClient, sample: Policy) -> None:
    """security.txt names a contact and an end within a year, once there is somebody to name."""
    assert client.get("/.well-known/security.txt").status_code == 404
    app = policy_app(sample, contact="mailto:security@example.org", url="https://example.org/")
    answer = TestClient(app).get("/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert lines["Contact"] == "mailto:security@example.org"
    assert lines["Canonical"] == "https://example.org/.well-known/security.txt"
    left = datetime.fromisoformat(lines["Expires"]) - system_time()
    assert timedelta(days=100) < left < timedelta(days=366)


@pytest.mark.parametrize("contact", ["security@example.org", "mailto:a@b\r\nX: y", "http://a.b"])
def test_a_contact_that_is_no_address_is_refused(sample: Policy, contact: str) -> None:
    """What would be no contact, or more than one line, is told before anything is served."""
    with pytest.raises(UpheldError, match="no address"):
        policy_app(sample, contact=contact)


def test_robots_and_icon(client: TestClient) -> None:
    """The policy may be indexed, questions may not; the icon is ours."""
    assert "Disallow: /privacy/ask" in client.get("/robots.txt").text
    icon = client.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert "set-cookie" not in icon.headers


def test_clauses_are_found_without_scripts(client: TestClient) -> None:
    """The form of the page leads to the clauses that hold every word, each with its address."""
    assert 'action="/privacy/find"' in client.get("/", headers=PAGE).text
    found = client.get("/privacy/find?q=Confidential+RECORDS", headers=PAGE).text
    assert "What our records hold about you is confidential" in found
    assert "See it in the policy" in found
    assert "No clause has this word" in client.get("/privacy/find?q=zebra", headers=PAGE).text
    assert "No clause has all of these" in client.get("/privacy/find?q=zebra+x", headers=PAGE).text
    assert "Say what you look for" in client.get("/privacy/find", headers=PAGE).text


def test_what_is_looked_for_is_shown_as_text(client: TestClient) -> None:
    """Markup in the words that are looked for stays text, and long words are cut."""
    page = client.get("/privacy/find", params={"q": '"><script>' + "x" * 10_000}).text
    assert "<script>" not in page.replace('<script src="/static/find.js" defer></script>', "")
    assert len(page) < 10_000
