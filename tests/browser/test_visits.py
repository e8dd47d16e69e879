"""Visits in a browser: what is kept, a day that is counted, and one's own by day and page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upheld
from browser.test_agreements import Visitor
from browsing import follow, require_accessible, served
from empty import empty_database
from practices.conftest import House, houses
from practices.test_day_counts import tied
from upheld.demo import sample_policy
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.synthetic import Traffic, visits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
COOKIE = b"marked-cookie"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[House, str]]:
    """A running provider with two months of visits, and its address."""
    with contextmanager(houses)(empty_database(tmp_path), tmp_path) as opening:
        house = opening(upheld.load(sample_policy()))
        first = house.clock.today() - timedelta(days=60)
        traffic = Traffic(first, 61, 40, cookies=[COOKIE])
        Intake(house.provider.gate.gate).keep(visits(traffic))
        with served(house.app) as address:
            yield house, address


def checked(visitor: Visitor, chromium: Browser, path: str) -> None:
    """See a page again in a browser that runs scripts, as axe has to: it finds nothing wrong."""
    context = chromium.new_context(storage_state=visitor.page.context.storage_state())
    try:
        page = context.new_page()
        page.goto(visitor.address + path)
        require_accessible(page)
    finally:
        context.close()


@pytest.fixture
def desk_and_customer(chromium: Browser, site: tuple[House, str]) -> Iterator[list[Visitor]]:
    """The browsers of the privacy desk and of a customer whose cookie has visits."""
    house = site[0]
    ann = tied(house, "ann@marked.example", COOKIE)
    desk = Visitor(chromium, site, "staff", house.staff("privacy"))
    mine = Visitor(chromium, site, "customer", ann)
    yield [desk, mine]
    for each in (desk, mine):
        each.page.context.close()


def test_the_desk_sees_how_much_is_kept_counts_a_day_and_a_customer_sees_their_own(
    chromium: Browser, site: tuple[House, str], desk_and_customer: list[Visitor]
) -> None:
    """With charts by month, kind, source, clause and hour; the customer reads sentences by day."""
    desk, mine = desk_and_customer
    desk.at("/staff/visits")
    follow(desk.page.get_by_role("link", name="What was looked at on a day"))
    day = (site[0].clock.today() - timedelta(days=3)).isoformat()
    desk.page.get_by_label("Another day").fill(day)
    text = desk.press("Count it")
    assert "counted to improve our services" in text
    assert "By page" in text
    assert "You opened" in mine.at("/me/privacy/visits")
    checked(desk, chromium, "/staff/visits")
    checked(desk, chromium, f"/staff/visits/day?on={day}")
    checked(mine, chromium, "/me/privacy/visits")
    desk.at("/staff/holdings")
    assert desk.page.get_by_role("img", name="What we know of customers: by clause").is_visible()
    follow(desk.page.get_by_role("link", name="Counts of: visits"))
    assert desk.page.get_by_role("img", name="Visits: by month").is_visible()
    checked(desk, chromium, "/staff/holdings")
    checked(desk, chromium, "/staff/holdings?of=visits")
