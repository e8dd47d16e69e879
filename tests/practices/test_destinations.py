"""After signing in, or entering the password again, everybody comes to what they asked for."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import PASSWORD, TOKEN, House, send
from practices.test_households import invitation_link
from upheld.practice import destinations
from upheld.practices.rights import requests
from upheld.web.date_fields import divided

RIGHT = {"email": "ann@marked.example", "password": PASSWORD}
CORRECT = "/me/privacy/correct?field=birth-date"
ELSEWHERE = (
    "//evil.example/me",
    "https://evil.example/me",
    "/\\evil.example",
    "/me/../staff",
    "/me//evil.example",
    "/me/%2e%2e/staff",
    "/me\r\nset-cookie: x=y",
    "/me?x=\u202e",
    "/me#x",
    "/staff",  # of others
    "/agent",
    "/privacy",  # anybody's, and no page of an account
    "/sign-in/again",  # leads round in a circle
    "/me/services/end",  # only a form is sent there
    "/me/nothing",
    "/me?" + "x" * 600,
    "javascript:alert(1)",
    "me",
    "",
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about addresses; one kind of database is enough for them."""
    return empty_database(tmp_path)


def destination(location: str) -> str:
    """Where an address leads on."""
    return parse_qs(urlsplit(location).query).get("destination", [""])[0]


def stale(house: House) -> TestClient:
    """The browser of a customer who gave their password a while ago."""
    browser = house.signed_in(house.customer())
    house.clock.moved += timedelta(minutes=6)
    return browser


@pytest.mark.parametrize(
    "path",
    [
        "/me/privacy/received?month=2026-02&which=staff",
        "/me/privacy/correct?field=phone",
        "/me/privacy/erase/phone",
        "/me/usage?from=2025-06&to=2026-03",
        "/me/privacy/choices",
    ],
)
def test_a_sign_in_leads_to_the_page_with_its_query(house: House, path: str) -> None:
    """The page that was asked for, not the nearest one with a name."""
    house.customer()
    browser = house.browser()
    asks = browser.get(path).headers["location"]
    assert asks.startswith("/sign-in?destination=")
    form = browser.get(asks).text
    (action,) = re.findall(r'<form method="post" action="(/sign-in\?[^"]*)"', form)
    answer = browser.post(action.replace("&amp;", "&"), data=RIGHT)
    assert answer.headers["location"] == path


def test_the_password_question_leads_back_to_the_page(house: House) -> None:
    """With its query, so that the same value is corrected that one chose."""
    browser = stale(house)
    asks = browser.get(CORRECT).headers["location"]
    assert asks.startswith("/sign-in/again?")
    answer = send(browser, asks, {"password": PASSWORD}, asks)
    assert answer.headers["location"] == CORRECT
    assert browser.get(CORRECT).status_code == 200


@pytest.mark.parametrize("wish", ELSEWHERE)
def test_no_address_leads_anywhere_but_to_an_own_page(house: House, wish: str) -> None:
    """Other origins, other roles, circles, forms and what is not there: as if none was named."""
    house.customer()
    answer = house.browser().post("/sign-in", params={"destination": wish}, data=RIGHT)
    assert answer.headers["location"] == "/me"
    browser = stale(house)
    token = TOKEN.search(browser.get("/sign-in/again").text)
    assert token
    data = {"password": PASSWORD, "_token": token[1]}
    again = browser.post("/sign-in/again", params={"destination": wish}, data=data)
    assert again.headers["location"] == "/me"


def test_no_desk_is_led_to_the_page_of_another(house: House) -> None:
    """Each kind of visitor is led to pages of their own kind alone."""
    pages = {"customer": "/me/balance", "staff": "/staff/debts", "agent": "/agent"}
    for kind in pages:
        for other, path in pages.items():
            allowed = destinations.own_page(house.provider, kind, path)
            assert allowed == (path if kind == other else "")


def test_staff_come_to_the_task_that_they_asked_for(house: House) -> None:
    """A link in a message to staff leads to its task after the sign-in."""
    user, code = house.enrolled("support")
    browser = house.browser()
    path = f"/staff/tasks/{'0' * 32}"
    asks = browser.get(path).headers["location"]
    assert (asks.partition("?")[0], destination(asks)) == ("/staff/sign-in", path)
    form = {
        "sign-in": "sam",
        "password": PASSWORD,
        "code": code.at(house.clock.now()),
    }
    assert browser.post(asks, data=form).headers["location"] == path
    assert user


def test_a_form_that_met_the_password_question_is_not_lost(house: House) -> None:
    """The browser sends it along, the right password brings it back, and one press sends it."""
    person = house.customer(born="1990-02-22")
    browser = house.signed_in(person)
    token = TOKEN.search(browser.get(CORRECT).text)
    assert token
    house.clock.moved += timedelta(minutes=6)
    text = 'It is "the 23rd" <b>& not</b>\nthe 22nd.'
    typed = {**divided("value", "1990-02-23"), "text": text, "password-like": "secret"}
    answer = browser.post(CORRECT, data={"_token": token[1], **typed})
    assert answer.status_code == 307
    asks = browser.post(answer.headers["location"], data={"_token": token[1], **typed})
    assert asks.status_code == 200
    assert "What you filled in is not lost." in asks.text
    assert "secret" not in asks.text
    assert "<b>" not in asks.text
    wrong = {**typed, "password": "wrong", "_token": token[1]}
    assert browser.post(answer.headers["location"], data=wrong).status_code == 403
    right = {**typed, "password": PASSWORD, "_token": token[1]}
    page = browser.post(answer.headers["location"], data=right)
    assert page.status_code == 200
    assert PASSWORD not in page.text
    fresh = TOKEN.search(page.text)
    assert fresh
    assert fresh[1] != token[1]
    hidden = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page.text))
    assert hidden.keys() == {"_token", "value-day", "value-month", "value-year", "text"}
    sent = browser.post(CORRECT, data={**typed, "_token": fresh[1]})
    mine = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    assert [each.about for each in mine] == ["birth-date"]
    assert sent.headers["location"] == f"/me/privacy/requests/{mine[0].request_id}"


def test_a_form_that_may_not_be_carried_leads_back_to_its_page(house: House) -> None:
    """A new password is typed again: it stands in no page, not even for a moment."""
    browser = house.signed_in(house.customer())
    token = TOKEN.search(browser.get("/me/security/password").text)
    assert token
    house.clock.moved += timedelta(minutes=6)
    data = {"_token": token[1], "password": "another four plain words"}
    answer = browser.post("/me/security/password", data=data)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in/again?destination=password"


def test_a_form_of_a_session_that_ended_leads_to_its_page_by_a_sign_in(house: House) -> None:
    """The page that refuses it has the way on: sign in, and one is at the form again."""
    browser = house.signed_in(house.customer())
    house.clock.moved += timedelta(minutes=40)
    answer = browser.post("/me/privacy/choices/offers/out", data={})
    assert answer.status_code == 403
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    (path,) = re.findall(r'class="button" href="(/sign-in[^"]*)"', main)
    signed_in = browser.post(path.replace("&amp;", "&"), data=RIGHT)
    assert signed_in.headers["location"] == "/me/privacy/choices"


def test_nothing_is_carried_from_another_page(house: House) -> None:
    """A form that comes from elsewhere or without the token is refused before it is repeated."""
    browser = stale(house)
    where = "/sign-in/again?destination=/me/privacy/correct"
    data = {"value": "x", "text": "y"}
    assert browser.post(where, data=data).status_code == 403
    token = TOKEN.search(browser.get("/sign-in/again").text)
    assert token
    elsewhere = {"sec-fetch-site": "cross-site"}
    answer = browser.post(where, data={**data, "_token": token[1]}, headers=elsewhere)
    assert answer.status_code == 403


def test_whoever_is_invited_comes_back_to_the_invitation(house: House) -> None:
    """An invitation that is opened after the session ended is there again after the sign-in."""
    holder, guest = house.customer(), house.customer("ben@marked.example")
    path = urlsplit(invitation_link(house, holder)).path
    browser = house.signed_in(guest)
    house.clock.moved += timedelta(minutes=40)
    asks = browser.get(path).headers["location"]
    assert destination(asks) == path
