"""What a customer reads in a browser of a hold: what it keeps of what was told as deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upheld
from browser.test_agreements import Visitor
from browser.test_visits import checked
from browsing import served
from empty import empty_database
from practices.conftest import House, houses
from practices.orders import desk_of
from practices.test_silence_over import HEADING, HELD_FOR, SILENT, drop_name, order, pass_days
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.practices.rights import erasure

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[House, str]]:
    """A running provider, and its address."""
    with contextmanager(houses)(empty_database(tmp_path), tmp_path) as opening:
        house = opening(upheld.load(sample_policy()))
        with served(house.app) as address:
            yield house, address


def test_what_a_hold_keeps_is_read_on_the_page_of_what_we_hold_and_on_the_certificate(
    chromium: Browser, site: tuple[House, str]
) -> None:
    """Once its silence is over: hidden until it is asked for, and by kind once all is erased."""
    house = site[0]
    ann = house.customer()
    order(house, desk_of(house), ann, silent=SILENT, days=HELD_FOR)
    drop_name(house, ann)
    mine = Visitor(chromium, site, "customer", ann)
    assert HEADING not in mine.at("/me/privacy")
    mine.page.context.close()
    pass_days(house, SILENT + 1)
    mine = Visitor(chromium, site, "customer", ann)
    text = mine.at("/me/privacy")
    assert HEADING in text
    assert "Ann Marked" not in text
    mine.page.get_by_role("link", name="Show what it is").click()
    assert "Ann Marked" in mine.page.locator("#on-hold").inner_text()
    checked(mine, chromium, "/me/privacy?show=on-hold")
    asked = house.do(lambda t: erasure.request(t, ann))
    assert not isinstance(asked, Refused)
    erase(house.provider.gate.gate, [ann])
    text = mine.at(f"/erased/{asked[1]}")
    assert "and whatever there is of transactions" in text
    checked(mine, chromium, f"/erased/{asked[1]}")
    mine.page.context.close()
