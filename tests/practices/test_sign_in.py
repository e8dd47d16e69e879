"""Signing in and out, as a browser without scripts does it."""

from __future__ import annotations

from practices.conftest import PASSWORD, House, send


def test_a_customer_signs_in_where_they_wanted_to_go_and_out_again(house: House) -> None:
    """The right password leads to the page that was asked for; after leaving, it asks again."""
    house.customer()
    browser = house.browser()
    answer = send(browser, "/sign-in?destination=accountmenu",
                  {"email": "Ann@marked.example", "password": PASSWORD})  # fmt: skip
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    home = browser.get("/me")
    assert home.status_code == 200
    assert "Hello, Ann Marked" in home.text
    assert home.headers["cache-control"] == "no-store"
    assert send(browser, "/sign-out", {}, "/me").status_code == 303
    assert browser.get("/me").headers["location"] == "/sign-in?destination=accountmenu"
