"""Versions of the policy on their pages: each as it was in force, and what the next one changed."""

from __future__ import annotations

from hashlib import sha256
from xml.etree import ElementTree as ET

import pytest

from gate.versions import IMPROVING, WIDER, post, version
from practices.conftest import House

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(name="versions")
def _versions(house: House) -> House:
    """A provider whose policy had three versions."""
    gate = house.provider.gate.gate
    post(gate, version("two", WIDER))
    words = ("to provide and improve our services;", "to provide & \\<improve> our services;")
    post(gate, version("three", words))
    return house


def test_each_version_stands_at_an_address_of_its_own(versions: House) -> None:
    """Its bytes are those that were in force, and its page says since when and until when."""
    browser, gate = versions.browser(), versions.provider.gate.gate
    page = browser.get("/privacy/versions").text
    with gate.together() as transaction:
        editions = transaction.editions.all()
        sources = [transaction.editions.policy(each.digest).program.source for each in editions]
    assert [each.version for each in editions] == ["2026-11-01", "two", "three"]
    for each, source in zip(editions, sources, strict=True):
        assert each.digest in page
        file = browser.get(f"/privacy/versions/{each.number}/policy.md")
        assert sha256(file.content).digest() == sha256(source.encode()).digest()
        assert each.digest in browser.get(f"/privacy/versions/{each.number}").text
    assert "and not any more" in browser.get("/privacy/versions/2").text
    assert "and not any more" not in browser.get("/privacy/versions/3").text


def test_a_version_says_what_the_next_one_changed(versions: House) -> None:
    """In words side by side, and in effect; of the one in force there is nothing to say."""
    browser = versions.browser()
    first = browser.get("/privacy/versions/1").text
    assert 'id="what-changed"' in first
    assert 'class="allowed"' in first
    second = browser.get("/privacy/versions/2").text
    assert "&lt;improve&gt;" in second
    assert "<improve>" not in second
    assert 'id="what-changed"' not in browser.get("/privacy/versions/3").text
    assert IMPROVING in browser.get("/privacy/versions/1/policy.md").text


def test_the_feed_has_every_version_the_latest_first(versions: House) -> None:
    """It is well-formed Atom, with a digest for each."""
    feed = versions.browser().get("/privacy/versions.atom")
    assert feed.headers["content-type"].startswith("application/atom+xml")
    tree = ET.fromstring(feed.content)  # noqa: S314 - our own page
    titles = [each.findtext(f"{ATOM}title") for each in tree.iter(f"{ATOM}entry")]
    assert titles == ["Version three", "Version two", "Version 2026-11-01"]
    assert len({each.text for each in tree.iter(f"{ATOM}id")}) == 3


def test_what_is_no_version_is_not_there(versions: House) -> None:
    """A number that was never posted, and what is no number, are pages that do not exist."""
    browser = versions.browser()
    for number in ("0", "4", "-1", "1.5", "²", "999999999999999999999", "x"):
        assert browser.get(f"/privacy/versions/{number}").status_code == 404, number
        assert browser.get(f"/privacy/versions/{number}/policy.md").status_code == 404, number


def test_a_provider_without_another_version_says_so(house: House) -> None:
    """The list and the feed are there before anything was posted."""
    browser = house.browser()
    assert "No other version was posted yet." in browser.get("/privacy/versions").text
    ET.fromstring(browser.get("/privacy/versions.atom").content)  # noqa: S314 - our own page


def test_what_was_done_is_explained_by_the_version_that_decided_it(house: House) -> None:
    """A clause that the policy does not have any more is linked where its version is read."""
    gate = house.provider.gate.gate
    gate.take_first_version()
    person = house.customer()
    gate.use(person, ["messages"], purpose="service-improvement")
    page = house.signed_in(person).get("/me/privacy/received?clause=improving").text
    assert 'href="/privacy#improving"' in page
    post(gate, version("two", ("{#improving}", "{#bettering}")))
    page = house.signed_in(person).get("/me/privacy/received?clause=improving").text
    assert 'href="/privacy/versions/1#improving"' in page
    assert 'href="/privacy#improving"' not in page
    assert 'id="improving"' in house.browser().get("/privacy/versions/1").text
    assert 'id="improving"' not in house.browser().get("/privacy/versions/2").text
