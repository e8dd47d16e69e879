"""Signing in and out, getting in again, sessions: as a browser without scripts does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.mail import link, waiting
from practices.without import without
from upheld.database.statements import row
from upheld.practice.endpoints import cookie_name
from upheld.web import passwords

NEW = "another four plain words"
RIGHT = {"email": "Ann@marked.example", "password": PASSWORD}
BAD = ("", "x" * 5_000, "<script>alert(1)</script>", "🚀", "\u202eabc مرحبا", "a\x00b")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


def test_a_customer_signs_in_where_they_wanted_to_go_and_out_again(house: House) -> None:
    """The right password leads to the page that was asked for; after leaving, it asks again."""
    house.customer()
    browser = house.browser()
    answer = send(browser, "/sign-in?destination=accountmenu", RIGHT)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    home = browser.get("/me")
    assert home.status_code == 200
    assert "Hello, Ann Marked" in home.text
    assert home.headers["cache-control"] == "no-store"
    assert send(browser, "/sign-out", {}, "/me").headers["location"] == "/sign-in?said=left"
    assert "You are signed out" in browser.get("/sign-in?said=left").text
    assert browser.get("/me").headers["location"] == "/sign-in?destination=accountmenu"


@pytest.mark.parametrize(
    "destination", ["//evil.example", "https://evil.example", "/me", "x", "🚀"]
)
def test_a_sign_in_leads_nowhere_but_to_the_list(house: House, destination: str) -> None:
    """A destination that is not on the list is as if none was named."""
    house.customer()
    answer = house.browser().post("/sign-in", params={"destination": destination}, data=RIGHT)
    assert answer.headers["location"] == "/me"


def test_whoever_is_not_there_is_told_and_costs_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password and an address of nobody: the same page, as many hashes, as many entries."""
    house.customer()
    send(house.browser(), "/sign-in", {"email": "nobody@x.example", "password": NEW})
    fits, tried = passwords.fits, []

    def counted(stored_hash: str, password: str) -> bool:
        tried.append(password)
        return fits(stored_hash, password)

    monkeypatch.setattr(passwords, "fits", counted)

    def count() -> int:
        return int(
            (
                house.do(
                    lambda transaction: row(transaction.connection, "SELECT count(*) FROM entry")
                )
                or (0,)
            )[0]
        )

    pages, added = [], []
    for email in ("ann@marked.example", "who@marked.example"):
        before = count()
        answer = house.browser().post("/sign-in", data={"email": email, "password": NEW})
        added.append(count() - before)
        pages.append((answer.status_code, answer.text.replace(email, "")))
    assert pages[0] == pages[1]
    assert added == [1, 1]
    assert tried == [NEW, NEW]


def test_after_five_wrong_passwords_even_the_right_one_waits(house: House) -> None:
    """An address is locked for a while, whether it has an account or not, and then open again."""
    house.customer()
    for email in ("ann@marked.example", "who@marked.example"):
        value = [
            house.browser().post("/sign-in", data={"email": email, "password": NEW}).status_code
            for _ in range(6)
        ]
        assert value == [403] * 5 + [429]
    assert house.browser().post("/sign-in", data=RIGHT).status_code == 429
    house.clock.moved = timedelta(minutes=3)
    assert house.browser().post("/sign-in", data=RIGHT).status_code == 303


@pytest.mark.parametrize("bad", BAD)
def test_no_answer_breaks_a_form(house: House, bad: str) -> None:
    """Nothing that somebody types is more than a wrong answer."""
    for path, value in (
        ("/sign-in", {"email": bad, "password": PASSWORD}),
        ("/recover", {"email": bad}),
        ("/sign-in", {"email": "ann@marked.example", "password": bad}),
    ):
        answer = house.browser().post(path, data=value)
        assert answer.status_code in (403, 422), path
        assert "<script>" not in answer.text
    assert house.browser().post("/sign-in", files={"email": ("x", b"y")}).status_code == 422


def test_a_session_that_was_planted_is_worth_nothing(house: House) -> None:
    """An id that we did not make is nobody's; signing in makes another and ends the one before."""
    person = house.customer()
    browser = house.browser()
    name = cookie_name(house.provider, "customer")
    browser.cookies.set(name, "planted", domain="testserver.local", path="/")
    assert browser.get("/me").status_code == 303
    browser.post("/sign-in", data=RIGHT)
    assert browser.cookies[name] != "planted"
    before = browser.cookies[name]
    browser.post("/sign-in", data=RIGHT)
    thief = house.browser()
    thief.cookies.set(name, before)
    assert thief.get("/me").status_code == 303
    assert browser.get("/me").status_code == 200
    assert person


def test_a_new_password_ends_a_stolen_session(house: House) -> None:
    """The password is asked for again, changed, told by a message; other browsers are out."""
    person = house.customer()
    thief, browser = house.signed_in(person), house.signed_in(person)
    browser.cookies.set("x", "y")
    house.clock.moved = timedelta(minutes=6)
    asks = browser.get("/me/security/password")
    assert asks.headers["location"] == "/sign-in/again?destination=password"
    wrong = send(browser, "/sign-in/again?destination=password", {"password": NEW})
    assert wrong.status_code == 403
    right = send(browser, "/sign-in/again?destination=password", {"password": PASSWORD})
    assert right.headers["location"] == "/me/security/password"
    assert send(browser, "/me/security/password", {"password": "short"}).status_code == 422
    response = send(browser, "/me/security/password", {"password": NEW})
    assert response.headers["location"] == "/me/security?said=changed"
    assert browser.get("/me").status_code == 200
    assert thief.get("/me").status_code == 303
    assert [template for _, template in waiting(house)] == ["accounts/changed"]
    assert house.browser().post("/sign-in", data=RIGHT).status_code == 403
    assert house.browser().post("/sign-in", data={**RIGHT, "password": NEW}).status_code == 303


def test_sessions_are_listed_and_ended(house: House) -> None:
    """One other, or all others; never somebody else's."""
    person, stranger = house.customer(), house.customer("eve@marked.example")
    one, two, eve = (house.signed_in(who) for who in (person, person, stranger))
    page = two.get("/me/security")
    assert "In 2 browsers" in page.text
    key = re.search(r'name="session" value="([0-9a-f]{64})"', page.text)
    assert key
    send(eve, "/me/security/end", {"session": key[1]}, "/me/security")
    assert one.get("/me").status_code == 200
    send(two, "/me/security/end", {"session": key[1]}, "/me/security")
    assert one.get("/me").status_code == 303
    three = house.signed_in(person)
    send(two, "/me/security/end", {"session": "others"}, "/me/security")
    assert three.get("/me").status_code == 303
    assert two.get("/me/security").status_code == 200


def test_forms_carry_the_token_of_their_own_session(house: House) -> None:
    """Without a token, with another's, or with that of a session that ended: refused."""
    person = house.customer()
    browser, other = house.signed_in(person), house.signed_in(house.customer("eve@x.example"))
    for path in (
        "/me/security/end",
        "/me/household",
        "/me/household/end",
        "/sign-out",
        "/me/security/password",
        "/sign-in/again",
        "/me/acceptance",
    ):
        assert browser.post(path, data={}).status_code == 403, path
        foreign = re.search(r'name="_token" value="([0-9a-f]+)"', other.get("/me").text)
        assert foreign
        assert browser.post(path, data={"_token": foreign[1]}).status_code == 403, path
    mine = re.search(r'name="_token" value="([0-9a-f]+)"', browser.get("/me").text)
    assert mine
    data = {"_token": mine[1]}
    assert browser.post("/sign-out", data=data).status_code == 303
    again = house.signed_in(person)
    assert again.post("/sign-out", data=data).status_code == 403


def test_getting_in_again_by_a_link(house: House) -> None:
    """A link, once, within half an hour; every session ends, and a message says so."""
    person = house.customer()
    stolen = house.signed_in(person)
    browser = house.browser()
    assert browser.post("/recover", data=RIGHT).headers["location"] == "/recover/sent"
    path = link(house, "accounts/recover")
    assert browser.get(path).status_code == 200
    assert browser.post(path, data={"password": "password123"}).status_code == 422
    assert browser.post(path, data={"password": NEW}).headers["location"] == "/sign-in?said=changed"
    assert browser.post(path, data={"password": NEW}).status_code == 410
    assert stolen.get("/me").status_code == 303
    assert browser.post("/sign-in", data={**RIGHT, "password": NEW}).status_code == 303
    assert [t for _, t in waiting(house)] == ["accounts/changed"]


def test_a_link_to_get_in_again_is_over_after_half_an_hour(house: House) -> None:
    """Later it neither shows the form nor takes one."""
    house.customer()
    house.browser().post("/recover", data=RIGHT)
    path = link(house, "accounts/recover")
    house.clock.moved = timedelta(minutes=31)
    assert house.browser().get(path).status_code == 410
    assert house.browser().post(path, data={"password": NEW}).status_code == 410


def test_recovery_tells_nobody_who_has_an_account(house: House) -> None:
    """An address of nobody gets the same answer; no message waits for it."""
    house.customer()
    answers = [
        house.browser().post("/recover", data={"email": each})
        for each in ("ann@marked.example", "who@marked.example")
    ]
    assert answers[0].content == answers[1].content
    assert {each.headers["location"] for each in answers} == {"/recover/sent"}
    assert len(waiting(house)) == 1


def test_programs_find_where_to_change_a_password(house: House) -> None:
    """The well-known address leads to the page of security."""
    answer = house.browser().get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (302, "/me/security")


def _not_in(house: House) -> bool:
    house.customer()
    return house.browser().post("/sign-in", data=RIGHT).status_code == 403


RESTS_ON: dict[str, Callable[[House], bool]] = {"fraud-use": _not_in, "service": _not_in}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_without_its_clause_nobody_comes_in(open_house: Callable[..., House], clause: str) -> None:
    """Take the clause away, and the right password is of no use."""
    assert RESTS_ON[clause](open_house(without(clause)))
