"""An advertiser learns numbers and no more, and a customer turns it off: without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upheld
from browser.test_agreements import Visitor
from browsing import follow, served
from empty import empty_database
from practices.ads import ENOUGH, advertiser, crowd, exactly, png
from practices.conftest import House, houses
from upheld.demo import sample_policy
from upheld.practice import parties
from upheld.practices.ads import ad_reports, campaigns, counts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload

pytestmark = pytest.mark.browser
YOUNG, AREA = "2005-02-01", "98225"
WOMEN = ("women", "18 to 24")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, str]]:
    """A running provider that is served, and its address; numbers have no noise."""
    exactly(monkeypatch)
    with contextmanager(houses)(empty_database(tmp_path), tmp_path) as opening:
        house = opening(upheld.load(sample_policy()))
        with served(house.app) as address:
            yield house, address


def book(pia: Visitor, house: House, area: str) -> str:
    """Book a campaign for young women of an area; what the page says then."""
    pia.at("/advertiser")
    page, today = pia.page, house.clock.today()
    words = {"title": "Oak chairs", "text": "Built to order.", "views_max": "1000", "cents": "9.50"}
    for name, value in {**words, "address": "https://shop.example/oak", "zip": area}.items():
        page.locator(f"[name={name}]").fill(value)
    for name, day in {"first": today, "last": today + timedelta(days=30)}.items():
        for part in ("day", "month", "year"):
            page.locator(f"[name={name}-{part}]").fill(str(getattr(day, part)))
    chairs: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": png(300, 200)}
    page.locator("[name=picture]").set_input_files(files=[chairs])
    page.locator("[name=alternative]").fill("Two chairs of oak")
    page.locator("[name=category]").select_option("garden")
    page.locator("[name=paid_by]").select_option("views")
    for label in WOMEN:
        page.get_by_label(label, exact=True).check()
    return pia.press("Send it for review")


def answer(max_: Visitor, house: House) -> str:
    """Approve the newest campaign; what the page says then."""
    its = house.do(lambda t: campaigns.every(t.tables))[0]
    max_.at(f"/staff/ads/{its.campaign_id}")
    max_.page.locator("[name=verdict]").select_option("approve")
    max_.page.locator("[name=reason]").fill("Fine")
    return max_.press("Send your answer")


def test_an_advertiser_learns_only_counts_and_a_customer_turns_it_off(
    chromium: Browser, site: tuple[House, str]
) -> None:
    """Narrowed to a street it is refused, by size, also to whoever is a trusted partner."""
    house = site[0]
    party = advertiser(house)
    ann = house.customer(gender="female", born=YOUNG, zip=AREA)
    crowd(house, ENOUGH, born=YOUNG, area=AREA)
    agent = house.staff(kind="agent", sign_in="pia", party=party)
    pia = Visitor(chromium, site, "agent", agent)
    max_ = Visitor(chromium, site, "staff", house.staff("manager", sign_in="max"))
    browser = Visitor(chromium, site, "customer", ann)

    assert "It waits for our review" in book(pia, house, "982")
    assert "This campaign is approved" in answer(max_, house)
    assert "Oak chairs" in browser.at("/me")
    follow(browser.page.get_by_role("link", name="Why this ad, and where it leads"))
    why = browser.page.inner_text("main")
    assert "Gender: women" in why
    assert "Age: 18 to 24" in why
    assert "Zip code: begins with 982" in why
    assert "We tell Pine Shop nothing about you" in why
    (its,) = house.do(lambda t: campaigns.every(t.tables))
    house.do(lambda t: counts.add(t, its, views=1_234))

    pia.page.locator("[name=zip]").fill("98225")
    assert pia.page.locator("[name=zip]").input_value() == "982"  # no street can be said
    book(pia, house, "001")
    assert "Refused: Too few people would see it" in answer(max_, house)
    house.do(lambda t: parties.add(t, "Pine Shop", "trusted-partner"))
    book(pia, house, "001")
    assert "Refused: Too few people would see it" in answer(max_, house)
    text = pia.at("/advertiser")
    assert text.count("Refused: Too few people would see it") == 2

    follow(browser.page.get_by_role("link", name="Turn off advertisements", exact=False))
    follow(browser.page.locator("#advertising button"))
    assert "Oak chairs" not in browser.at("/me")
    house.clock.moved += timedelta(days=1)
    ad_reports.make_all(house.provider.gate.gate)
    later = Visitor(chromium, site, "agent", agent)
    assert "1,230" in later.at("/advertiser")
    assert "Ann" not in later.page.content()
    for each in (pia, max_, browser, later):
        each.page.context.close()


def test_a_picture_is_seen_and_what_is_hidden_comes_back_when_it_is_asked_for(
    chromium: Browser, site: tuple[House, str]
) -> None:
    """The picture comes from our own pages, and hiding outlasts a session."""
    house = site[0]
    agent = house.staff(kind="agent", sign_in="pia", party=advertiser(house))
    ann = house.customer(gender="female", born=YOUNG, zip=AREA)
    crowd(house, ENOUGH, born=YOUNG, area=AREA)
    pia = Visitor(chromium, site, "agent", agent)
    max_ = Visitor(chromium, site, "staff", house.staff("manager", sign_in="max"))
    book(pia, house, "982")
    assert "This campaign is approved" in answer(max_, house)
    browser = Visitor(chromium, site, "customer", ann)
    assert "Oak chairs" in browser.at("/me")
    picture = browser.page.get_by_alt_text("Two chairs of oak")
    assert picture.evaluate("each => [each.naturalWidth, each.naturalHeight]") == [300, 200]
    follow(browser.page.get_by_role("link", name="Why this ad, and where it leads"))
    follow(browser.page.get_by_role("button", name="Hide this ad"))
    later = Visitor(chromium, site, "customer", ann)
    assert "Oak chairs" not in later.at("/me")
    assert "1 of our advertisements" in later.at("/me/ads")
    follow(later.page.get_by_role("button", name="Let me see them again"))
    assert "Oak chairs" in later.at("/me")
    for each in (pia, max_, browser, later):
        each.page.context.close()
