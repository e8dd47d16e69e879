"""Licences of feeds in a browser: the desk's pages, and what a customer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.test_agreements import Visitor
from browser.test_visits import checked
from browsing import follow
from practices.conftest import House
from practices.test_feeds import SPRUCE
from practices.test_licences import WIDER, under_licence
from upheld.practice import parties
from upheld.practices.feeds.licence_desk import HERE, MINE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_a_licence_is_read_at_the_desk_and_by_a_customer(
    chromium: Browser, site: tuple[House, str]
) -> None:
    """Pages without scripts, in which axe finds nothing wrong."""
    house, _ = site
    party = house.do(lambda t: parties.add(t, SPRUCE, "business-partner")).party
    ann = under_licence(house, party)
    desk = Visitor(chromium, site, "staff", house.staff("privacy"))
    desk.at(HERE)
    desk.page.select_option("#f-party", party)
    desk.page.fill("#f-text", WIDER)
    assert "sell your occupation" in desk.press("Check and register it")
    assert "What Spruce Point lets us do" in desk.page.input_value("#f-text")
    for path in (HERE, f"{HERE}/1"):
        checked(desk, chromium, path)
    mine = Visitor(chromium, site, "customer", ann)
    mine.at("/me/privacy?show=all")
    follow(mine.page.get_by_role("link", name="Its licence"))
    assert mine.page.url == f"{desk.address}{MINE}/1"
    checked(mine, chromium, f"{MINE}/1")
    for each in (desk, mine):
        each.page.context.close()
