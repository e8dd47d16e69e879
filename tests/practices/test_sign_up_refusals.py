"""Whoever is too young to sign up is refused, and nothing of them is kept."""

from __future__ import annotations

from datetime import timedelta

from practices.conftest import House
from practices.test_sign_up import GOOD, people_at, sign_up
from upheld.database.statements import row, rows


def test_a_child_is_refused_and_nothing_is_kept(house: House) -> None:
    """Under thirteen: a kind page, and an entry without person, date or age."""
    before = house.do(
        lambda transaction: row(transaction.connection, "SELECT count(*) FROM person")
    )
    answer = house.browser().post("/sign-up", data={"birth-date": "2020-01-02"})
    assert answer.status_code == 403
    assert "too young" in answer.text
    assert "No one under thirteen" in answer.text
    assert (
        house.do(lambda transaction: row(transaction.connection, "SELECT count(*) FROM person"))
        == before
    )
    ((person, body),) = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT person_id, body FROM entry ORDER BY number DESC LIMIT 1"
        )
    )
    assert person is None
    assert b"2020-" not in bytes(body)
    assert b'"children"' in bytes(body)


def test_the_form_itself_refuses_a_child_too(house: House) -> None:
    """Whoever leaves out the first page gets no further by it."""
    assert sign_up(house, {**GOOD, "birth-date": "2020-01-02"}).status_code == 403
    assert sign_up(house, {**GOOD, "birth-date": "2011-01-02"}).headers["location"] == (
        "/sign-up/guardian"
    )
    assert people_at(house) == []


def test_whoever_was_refused_cannot_try_another_date_at_once(house: House) -> None:
    """In the same browser, on any of the pages, for a day; in another one nothing is known."""
    browser = house.browser()
    adult = {"birth-date": "1988-03-04"}
    response = browser.post("/sign-up", data={"birth-date": "2020-01-02"})
    assert "for up to 24 hours" in response.text

    assert browser.post("/sign-up", data=adult).status_code == 403
    assert browser.post("/sign-up/form", data=GOOD).status_code == 403
    assert browser.post("/sign-up/continue", data={**adult, "code": "x"}).status_code == 403
    assert browser.get("/sign-up").status_code == 403
    assert house.browser().post("/sign-up", data=adult).status_code == 200
    house.clock.moved += timedelta(hours=25)
    assert browser.post("/sign-up", data=adult).status_code == 200


def test_a_mark_that_we_did_not_make_bars_nobody(house: House) -> None:
    """Nor does one whose time was changed."""
    for forged in ("2999010100.00", "", "x.y", "."):
        browser = house.browser()
        browser.cookies.set("upheld-not-yet", forged, path="/sign-up")
        assert browser.get("/sign-up").status_code == 200
