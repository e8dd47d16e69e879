"""An analyst's extract from the question to its end, and what customers read that was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upheld
from browser.test_agreements import Visitor
from browser.test_visits import checked
from browsing import follow, served
from empty import empty_database
from practices.ads import crowd
from practices.conftest import House, houses
from practices.test_reports import used
from upheld.demo import sample_policy
from upheld.practices.extracts import crosstabs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PEOPLE = 52
MONTHS = ("2026-01", "2026-02")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[House, str]]:
    """A running provider of people who used a service in two months, and its address."""
    with contextmanager(houses)(empty_database(tmp_path), tmp_path) as opening:
        house = opening(upheld.load(sample_policy()))
        for at, each in enumerate(crowd(house, PEOPLE - 1)):  # and Ann
            used(house, each, 5, MONTHS[0])
            if at % 2:
                used(house, each, 60, MONTHS[1])
        with served(house.app) as address:
            yield house, address


@pytest.fixture
def visitors(chromium: Browser, site: tuple[House, str]) -> Iterator[list[Visitor]]:
    """The browsers of an analyst, of a manager and of a customer who used much last month."""
    house = site[0]
    ann = house.customer()
    used(house, ann, 700, MONTHS[1])
    result = [
        Visitor(chromium, site, "staff", house.staff("analyst", sign_in="ivy")),
        Visitor(chromium, site, "staff", house.staff("manager", sign_in="max")),
        Visitor(chromium, site, "customer", ann),
    ]
    yield result
    for each in result:
        each.page.context.close()


def test_an_extract_is_asked_for_approved_read_counted_and_ended(
    chromium: Browser, visitors: list[Visitor]
) -> None:
    """Its analyst waits for somebody else's yes, and nobody reads it once it has ended."""
    ivy, max_, _ = visitors
    ivy.at("/staff/extracts")
    for name, value in (
        *(("purpose", "service-improvement"), ("month", MONTHS[0]), ("months", "1")),
        *(("one_in", "1"), ("days", "7")),
    ):
        ivy.page.locator(f"[name={name}]").select_option(value)
    for word in ("usage", "transaction"):
        ivy.page.locator(f"[name=columns][value={word}]").check()
    ivy.page.locator("[name=reason]").fill("Who uses little?")
    assert "It waits for a yes" in ivy.press("Ask for it")
    path = ivy.page.url.removeprefix(ivy.address).split("?")[0]
    assert "Who uses little?" in max_.at(path)
    max_.page.locator("[name=verdict]").select_option("approve")
    assert "read by analysts alone" in max_.press("Send your answer")
    ivy.at(path)
    follow(ivy.page.get_by_role("link", name="Open its rows"))
    assert ivy.page.locator("tbody tr").count() == PEOPLE
    ivy.at(path)
    follow(ivy.page.get_by_role("link", name="Cross-tabulate its people"))
    for name, value in (("down", "0"), ("across", "1")):
        ivy.page.locator(f"[name={name}]").select_option(value)
    assert f"{PEOPLE} people" in ivy.press("Count them")
    cells = ivy.page.locator(f"td[data-label='{crosstabs.NOT_KNOWN}']").all_inner_texts()
    assert cells == [str(PEOPLE - 1), "1"]
    for page in ("/staff/extracts", path, f"{path}/rows", f"{path}/counts?down=0&across=1"):
        checked(ivy, chromium, page)
    ivy.at(path)
    assert "It has ended" in ivy.press("End it now")
    assert "It has ended" in ivy.at(f"{path}/rows")


def test_what_is_written_for_a_group_is_chosen_until_its_reader_turns_that_off(
    chromium: Browser, visitors: list[Visitor]
) -> None:
    """They read why and by which clause; once they object they read what everybody reads."""
    _, max_, ann = visitors
    for title, band in (("For everybody", ""), ("For those who watch a lot", "5")):
        max_.at("/staff/articles")
        max_.page.locator("[name=title]").fill(title)
        max_.page.locator("[name=text]").fill("A text.\n\nAnd its end.")
        if band:
            max_.page.locator(f"[name=usage][value='{band}']").check()
        assert title in max_.press("Show it")
    checked(max_, chromium, "/staff/articles")
    text = ann.at("/me/articles")
    assert "For those who watch a lot" in text
    checked(ann, chromium, "/me/articles")
    follow(ann.page.get_by_role("link", name="For those who watch a lot", exact=True))
    assert "500 gigabytes or more" in ann.page.inner_text("main")
    assert "customising" in ann.page.inner_text("main")
    follow(ann.page.get_by_role("link", name="Turn off articles"))
    ann.page.locator("[name=purpose]").select_option("personalisation")
    ann.page.locator("main form[action$='object'] button").first.click()
    ann.page.wait_for_load_state()
    text = ann.at("/me/articles")
    assert "For everybody" in text
    assert "For those who watch a lot" not in text
