"""The files at known addresses, and finding in the policy without scripts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

import upheld
from pages import POLICY, WORDS
from upheld.app.policy import policy_app, policy_pages
from upheld.core.clock import system_time
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.policy.load import Policy
from upheld.practices.notices.find import ALSO, mark_matches, search_terms

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
    with pytest.raises(UpheldError, match="not an address"):
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
    assert "<mark>records</mark> hold about you is <mark>confidential</mark>" in found
    assert "See it in the policy" in found
    assert "No clause has this word" in client.get("/privacy/find?q=zebra", headers=PAGE).text
    assert "No clause has all of these" in client.get("/privacy/find?q=zebra+x", headers=PAGE).text
    assert "Say what you look for" in client.get("/privacy/find", headers=PAGE).text


@pytest.mark.parametrize(
    ("word", "where", "hit"),
    [
        ("email", "registration", "<mark>e-mail</mark>"),
        ("ads", "targeted-ads", "<mark>advertisements</mark>"),
        ("telephone", "registration", "<mark>phone</mark> number"),
        ("police", "legal-process", "<mark>court order</mark>"),
        ("kids", "children", "<mark>children</mark>"),
    ],
)
def test_the_words_that_people_use_find_what_the_policy_says(
    sample: Policy, word: str, where: str, hit: str
) -> None:
    """A word that the policy does not use finds the clauses that mean it, each with its hit."""
    page = TestClient(policy_app(sample)).get(f"/privacy/find?q={word}", headers=PAGE).text
    found = page.split('<section class="clause')[1:]
    assert any(f'id="{where}"' in each and hit in each for each in found)
    assert all("<mark>" in each for each in found)


def test_each_synonym_finds_something_in_the_sample(sample: Policy) -> None:
    """No word of the list of synonyms leads nowhere."""
    pages = policy_pages(sample)
    nothing = "No clause has"
    assert [word for word in ALSO if nothing in pages.find_page(word)] == []


def test_only_what_is_shown_is_marked() -> None:
    """Addresses and names inside of tags are left alone, whatever is looked for."""
    page = '<a href="/card" title="card">Card &amp; cards</a>'
    assert mark_matches(page, search_terms("card")) == (
        '<a href="/card" title="card"><mark>Card</mark> &amp; <mark>cards</mark></a>'
    )
    assert mark_matches(page, search_terms("&")) == page.replace("&amp;", "<mark>&amp;</mark>")
    assert mark_matches("<p>amp &amp; &lt;b&gt;</p>", search_terms("amp <b>")) == (
        "<p><mark>amp</mark> &amp; <mark>&lt;b&gt;</mark></p>"
    )


def test_a_whole_word_is_marked_and_no_clause_is_shown_without_a_mark(sample: Policy) -> None:
    """Whatever people call it, each clause that is found shows where, in its prose or its rules."""
    pages = policy_pages(sample)
    for word in ("email", "ads", "telephone", "police"):
        blocks = pages.find_page(word).split('<section class="clause')[1:]
        assert blocks, word
        assert all("<mark>" in block.split('<ul class="examples"')[0] for block in blocks), word
    assert mark_matches("your e-mail", search_terms("mail")) == "your <mark>e-mail</mark>"


def test_what_is_looked_for_is_shown_as_text(client: TestClient) -> None:
    """Markup in the words that are looked for stays text, and long words are cut."""
    page = client.get("/privacy/find", params={"q": '"><script>' + "x" * 10_000}).text
    assert "<script>" not in page.replace('<script src="/static/find.js" defer></script>', "")
    assert len(page) < 10_000


def test_a_word_of_the_policy_s_own_is_said_to_mean_all_of_it(sample: Policy) -> None:
    """A definition lists what a word means with "and": it means each, not one of them."""
    assert (
        "“account content” means your use of services, services and plans, passwords,"
        " privacy choices, messages between you and us and the content of your mail."
    ) in policy_pages(sample).policy_page()
