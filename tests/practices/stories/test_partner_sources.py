"""What partners of the register tell us: visits to their pages, and what customers bought there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.conftest import House
from practices.test_beacon import HOST, PAGE, partner_key, recorder_of, tell
from practices.test_collection import entries_of
from practices.test_feeds import email_of
from practices.test_partner_transactions import HERE, row, take
from practices.test_visit_pages import record_visits, signed_in_visits
from upheld.core.errors import UpheldError
from upheld.practice import parties


def test_a_page_of_a_partner_tells_of_visits_with_the_cookie_that_we_set(house: House) -> None:
    """The customer reads of it beside their own visits; each batch has an entry."""
    recorder = record_visits(house)
    _, browser = signed_in_visits(house, recorder, "ann@marked.example")
    its = partner_key(house)
    house.clock.moved += timedelta(seconds=1)  # pages of one second are in no order
    tell(browser, its.key, PAGE)
    assert recorder_of(house).keep() == 1
    assert f"{HOST}/offers/*" in browser.get("/me/privacy/visits").text
    of_page = [each for each in entries_of(house) if each.occasion == "partner-visit"]
    assert of_page
    assert all("record" in each.duties for each in of_page)


def test_what_a_customer_bought_from_a_partner_is_kept_while_it_is_on_the_register(
    house: House,
) -> None:
    """It stands on the customer's page; nothing comes in once the partner is gone."""
    role = house.do(lambda t: parties.add(t, "Spruce Point", "business-partner"))
    ann, email = email_of(house, "ann")
    _, reasons = take(house, row(email))
    assert reasons == {}
    assert "A marked boat" in house.signed_in(ann).get(HERE).text
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    (entry,) = [each for each in entries if each.source == "business-partner spruce-point"]
    assert "record" in entry.duties
    house.do(lambda t: parties.end(t, role.party))
    with pytest.raises(UpheldError):
        take(house, row(email, "A2"), digest="d2")
