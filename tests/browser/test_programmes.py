"""Programmes in a browser, without scripts: joined, run, left, and a minor's by a guardian."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from browsing import follow
from practices.conftest import House
from practices.programmes import deliver, programme, run
from practices.test_guardians import KID, family
from upheld.practice.endpoints import cookie_name
from upheld.practices.programmes.programmes import Programme

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from starlette.testclient import TestClient

pytestmark = pytest.mark.browser
WARNING = "We cannot warrant that the other company has a privacy policy"


@contextmanager
def visit(chromium: Browser, site: tuple[House, str], whose: TestClient) -> Iterator[Page]:
    """A browser on a phone, without scripts, of somebody who is signed in."""
    house, address = site
    name = cookie_name(house.provider, "customer")
    with chromium.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    ) as context:
        context.add_cookies([{"name": name, "value": whose.cookies[name], "url": address}])
        page = context.new_page()
        page.goto(f"{address}/me/programmes")
        yield page


def send(house: House, its: Programme) -> list[str]:
    """Run a programme and deliver what waits; the addresses of whom its company got."""
    run(house, its)
    return [each["email"] for each in deliver(house, its)]


def test_a_programme_is_joined_run_left_and_run_again(
    chromium: Browser, site: tuple[House, str]
) -> None:
    """Nothing goes before the box is ticked and nothing after leaving; a minor waits for a yes."""
    house = site[0]
    guardian, _, minor = family(house)
    its = programme(house)
    with visit(chromium, site, house.signed_in(house.customer())) as page:
        follow(page.get_by_role("link", name="Letters"))
        assert WARNING in page.inner_text("main")
        paragraphs = [each.bounding_box() for each in page.locator("blockquote.agree p").all()]
        assert len(paragraphs) > 1
        for one, after in pairwise(paragraphs):  # none begins in the line where another ends
            assert one
            assert after
            assert one["y"] + one["height"] <= after["y"]
        box = page.get_by_role("checkbox")
        assert not box.is_checked()
        follow(page.get_by_role("button", name="Join this programme"))
        assert page.title().startswith("Error")
        assert send(house, its) == []
        box.check()
        follow(page.get_by_role("button", name="Join this programme"))
        assert send(house, its) == ["ann@marked.example"]
        page.reload()
        assert "It was sent" in page.inner_text("main")
        follow(page.get_by_role("button", name="Leave this programme"))
        assert send(house, its) == []
    with visit(chromium, site, minor) as page:
        follow(page.get_by_role("link", name="Letters"))
        page.get_by_role("checkbox").check()
        follow(page.get_by_role("button", name="Join this programme"))
        assert "It waits for your guardian's yes" in page.inner_text("main")
        assert send(house, its) == []
    with visit(chromium, site, house.signed_in(guardian)) as page:
        follow(page.locator("a[href^='/me/programmes/requests/']"))
        assert WARNING in page.inner_text("main")
        page.get_by_role("checkbox").check()
        follow(page.get_by_role("button", name="Say yes"))
        assert send(house, its) == [KID]
        page.goto(f"{site[1]}/me/programmes")
        follow(page.locator("a[href^='/me/programmes/requests/']"))
        follow(page.get_by_role("button", name="Take them out"))
        assert send(house, its) == []
