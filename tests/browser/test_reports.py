"""A client spends a privacy budget to its end, and reads what was paid for: without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.test_agreements import Visitor
from browsing import follow
from practices.ads import crowd
from practices.conftest import House
from upheld.practice import parties

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def fill(visitor: Visitor, split: str) -> str:
    """Ask how many people there are by something, at the dearest; what the page says then."""
    visitor.at("/reports")
    for name, value in {"template": "customers", "split": split, "points": "500"}.items():
        visitor.page.locator(f"[name={name}]").select_option(value)
    return visitor.press("See what it costs")


def test_a_client_spends_a_budget_to_its_end(chromium: Browser, site: tuple[House, str]) -> None:
    """Each price is shown before; then no is all that is said, also to another client and to us."""
    house = site[0]
    crowd(house, 90)
    clients = []
    for name in ("Oak Figures", "Elm Figures"):
        with house.provider.gate.gate.together() as transaction:
            party = parties.add(transaction, name, "report-client").party
        user = house.staff(kind="agent", sign_in=party, party=party)
        clients.append(Visitor(chromium, site, "agent", user))
    oak, elm = clients
    for at, split in enumerate(("gender", "age-range", "interests", "occupation")):
        price = fill(oak, split)
        assert "0.5" in price
        assert f"{1.5 - at * 0.5:g}" in price  # what is left then
        text = oak.press("Make the report")
        assert ("women" in text) == (split == "gender")
    follow(oak.page.get_by_role("link", name="How it was made, signed by us"))
    assert "epsilon: 0.5, taken from profile" in oak.page.content()
    for each in (oak, elm):
        refused = fill(each, "zip")
        assert "The privacy budget for this is spent" in refused
        assert "Oak" not in refused
    assert "women" in read_again(elm)
    for each in clients:
        each.page.context.close()


def read_again(visitor: Visitor) -> str:
    """What was asked before is read for nothing."""
    fill(visitor, "gender")
    return visitor.page.inner_text("main")
