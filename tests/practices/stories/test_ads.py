"""Advertisements: chosen by us under the policy, and the advertiser hears of nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.ads import (
    BORN,
    ENOUGH,
    WOMEN,
    advertiser,
    approved,
    booked,
    crowd,
    exactly,
    review,
)
from practices.conftest import House
from practices.programmes import text_of
from practices.test_day_counts import keep
from practices.test_report_pages import browser_of
from upheld.core.ids import PersonId
from upheld.practices.ads import campaigns, page_reading
from upheld.practices.ads.campaigns import Campaign

WHY = "Why this ad"
PROFILE = {"gender": "female", "interests": "gardening", "born": BORN}


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exactly(monkeypatch)


def _targeted(house: House, size: int = ENOUGH - 1) -> tuple[PersonId, Campaign]:
    """Ann, in a group that is just large enough, and what is meant for that group."""
    ann = house.customer(**PROFILE)
    crowd(house, size)
    return ann, approved(house, WOMEN)


def test_somebody_sees_what_is_meant_for_their_group_and_reads_why(house: House) -> None:
    """With what its advertiser may suppose, which is the group and nothing more; it is entered."""
    ann, its = _targeted(house)
    browser = house.signed_in(ann)
    page = browser.get("/me").text
    assert WHY in page
    assert "&lt;b&gt;spades" in page
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    acts = {each.action: each.clauses for each in entries}
    assert acts["show-ad"] == ("targeted-ads",)
    assert acts["use"] == ("customising",)
    why = text_of(browser.get(f"/me/ads/{its.campaign_id}").text)
    assert "Gender: women" in why
    assert "A group has at least fifty people" in why
    assert "to customise the advertising and the content you see" in why
    assert "An advertiser may then suppose that people who see or click" in why
    assert "you accept that its advertiser may suppose so, and nothing more" in why
    assert "learn nothing about you from us" in why


def test_somebody_sees_what_is_meant_for_who_looked_at_such_pages(house: House) -> None:
    """By visits of a browser that is theirs, as long as it is; who looked at others sees none."""
    ann, ben = house.customer(), house.customer("ben@marked.example")
    people = [ann, *crowd(house, ENOUGH)]
    for each in people:
        browser_of(house, each, each.encode())
    browser_of(house, ben, b"his")
    keep(house, *(("/help/lamps", "192.0.2.7", each.encode()) for each in people))
    keep(house, ("/articles/1", "192.0.2.7", b"his"))
    its = booked(house, advertiser(house), {"page-category": ["help"]})
    page_reading.make(house.provider.gate.gate, page_reading.pages_by(house.provider))
    assert review(house, its).state == campaigns.APPROVED
    assert WHY in house.signed_in(ann).get("/me").text
    assert WHY not in house.signed_in(ben).get("/me").text
    why = text_of(house.signed_in(ann).get(f"/me/ads/{its.campaign_id}").text)
    assert "Looked at pages of ours: help" in why


def test_who_opted_out_sees_only_what_is_meant_for_anybody(house: House) -> None:
    """The choice holds at once."""
    ann, _ = _targeted(house)
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    house.do(lambda t: t.record(ann, "opt-out", fact="advertising-opt-out", by_whom="customer"))
    assert WHY not in browser.get("/me").text
    assert "We do not choose advertisements" in browser.get("/me/ads").text
    party = advertiser(house, "Oak Shop")
    approved(house, party=party)
    house.clock.moved += timedelta(minutes=2)
    assert WHY in browser.get("/me").text


def test_a_group_below_the_policys_number_is_refused_without_a_number(house: House) -> None:
    """One person fewer, and the campaign does not run."""
    ann, its = _targeted(house, ENOUGH - 2)
    assert (its.state, its.reason) == (campaigns.REFUSED, campaigns.TOO_SMALL)
    assert WHY not in house.signed_in(ann).get("/me").text


def test_a_browser_that_sends_the_signal_is_shown_nothing_by_profile(house: House) -> None:
    """From the very page on that it asks for."""
    ann, _ = _targeted(house)
    browser = house.signed_in(ann)
    assert WHY not in browser.get("/me", headers={"sec-gpc": "1"}).text
