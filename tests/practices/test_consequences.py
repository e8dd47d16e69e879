"""Before and after what matters: a page that asks and never acts, and a banner of one's own."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from practices.bills import order
from practices.conftest import House, send


def test_an_order_is_asked_about_with_its_price_and_done_once_confirmed(house: House) -> None:
    """The page says what begins, what ends and what it costs; only its form orders."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    page, again = (browser.get("/me/services/order?plan=dsl-50").text for _ in range(2))
    assert page == again  # a GET never acts
    assert "<h1>Order DSL 50?</h1>" in page
    assert "DSL 10 ends today; DSL 50 takes its place." in page
    assert "$39.90" in page
    assert "$52.40" in page  # all of them then
    assert "The bill comes to you." in page
    assert "for $42.40 a month" in browser.get("/me/services").text
    values = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
    answer = browser.post("/me/services", data=values)
    assert answer.status_code == 303
    shown = browser.get(answer.headers["location"]).text
    assert "for $52.40 a month" in shown
    assert "You ordered DSL 50 for $39.90 a month." in shown
    assert re.search(r"Reference [0-9A-F]{8}\.", shown)
    assert 'href="/me/services/end/dsl"' in shown


def test_an_end_is_asked_about_and_can_be_undone(house: House) -> None:
    """The page says what is over; the banner after it leads to the order that undoes it."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    path = "/me/services/end/phone"
    page = browser.get(path).text
    assert "<h1>End Phone?</h1>" in page
    assert "$29.90" in page
    assert "You have 2 services" in browser.get("/me/services").text
    answer = send(browser, "/me/services/end", {"service": "phone"}, path)
    shown = browser.get(answer.headers["location"]).text
    assert "You ended Phone." in shown
    assert "/me/services/order?plan=phone" in shown
    assert "You have 1 service " in shown
    again = send(browser, "/me/services/end", {"service": "phone"}, "/me/services/order?plan=phone")
    assert again.headers["location"] == "/me/services"  # nothing was done, nothing is told
    assert browser.get(path).status_code == 404


def test_a_price_that_changed_is_asked_about_again(house: House) -> None:
    """An order at another price than that of today orders nothing, and shows today's."""
    browser = house.signed_in(house.customer())
    page = "/me/services/order?plan=phone"
    answer = send(browser, "/me/services", {"plan": "phone", "cents": "1"}, page)
    assert answer.status_code == 200
    assert "<h1>Order Phone?</h1>" in answer.text
    assert "no service at the moment" in browser.get("/me/services").text


@pytest.mark.parametrize("plan", ["", "nothing", "<script>", "dsl-10"])
def test_what_cannot_be_ordered_is_not_asked_about(house: House, plan: str) -> None:
    """A plan that does not exist, or that somebody has already, gets the form with the reason."""
    person = house.customer()
    order(house, person, "dsl-10")
    answer = house.signed_in(person).get("/me/services/order", params={"plan": plan})
    assert answer.status_code == 422
    assert "<script>" not in answer.text


def test_a_banner_is_its_sessions_own_for_a_few_minutes(house: House) -> None:
    """Nobody else's session, no changed word and no later hour shows it."""
    person, other = house.customer(), house.customer("ben@marked.example")
    browser = house.signed_in(person)
    answer = send(browser, "/me/services", {"plan": "phone"}, "/me/services/order?plan=phone")
    path = answer.headers["location"]
    word = parse_qs(urlsplit(path).query)["done"][0]
    assert "You ordered" in browser.get(path).text
    assert "You ordered" not in house.signed_in(other).get(path).text
    assert "You ordered" not in house.signed_in(person).get(path).text
    for bad in (word[:-4], word[::-1], "x", "ä", "=" * 5):
        answer = browser.get("/me/services", params={"done": bad})
        assert answer.status_code == 200
        assert "You ordered" not in answer.text
    house.clock.moved += timedelta(minutes=11)
    assert "You ordered" not in browser.get(path).text
