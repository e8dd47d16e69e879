"""The whole provider under policies that are not the sample's: what its pages say is theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

import upheld
from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.mail import link
from practices.others import POLICIES, policy
from upheld.app.provider import needs_of, told_off
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.practice.admission import admission
from upheld.practice.needs import find_switched_off
from upheld.practices.accounts.registration_form import TYPED, registration_form

HREF = re.compile(r'href="(/[^"#?]*)')
CLAUSE = re.compile(r'href="/privacy#([^"]+)"')
# What only the sample's policy says; no page may say it of another.
OF_THE_SAMPLE = ("eighteen", "thirteen", "two years", "Larch Valley Internet")
NOT_SEEN = ("/privacy/", "/static", "/policy", "/me/privacy/received/")  # receipts come later
OWN = {"_who", "_ask"}  # parts of the policy's page itself
BORN = {"club": "1980-05-06", "shop": "", "paper": "1990-05-06"}
EMAIL = "ida@marked.example"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is asked here is what pages say; one kind of database is enough."""
    return empty_database(tmp_path)


@pytest.fixture(params=POLICIES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the policies."""
    return str(request.param)


@pytest.fixture
def other(open_house: Callable[[upheld.Policy], House], name: str) -> House:
    """A provider under one of the policies."""
    return open_house(policy(name))


def true_of(house: House, answer: httpx2.Response) -> None:
    """Links to clauses lead to some, and nothing is said that only the sample's policy says."""
    ids = {clause.id for clause in house.policy.program.clauses}
    where = str(answer.url)
    assert [each for each in CLAUSE.findall(answer.text) if each not in ids | OWN] == [], where
    assert [each for each in OF_THE_SAMPLE if each in answer.text] == [], where


def sign_up(house: House, name: str) -> TestClient:
    """The browser of somebody who signed up, confirmed their address and signed in."""
    form = registration_form(house.policy)
    values: dict[str, Any] = {
        "name": "Ida Marked",
        "email": EMAIL,
        "credentials": PASSWORD,
        "birth-date": BORN[name],
        "interests": ["films"],
        "accept": "yes",
    }
    browser = house.browser()
    data = {word: value for word, value in values.items() if word in form.names | {"accept"}}
    answer = browser.post("/sign-up/form", data=data)
    assert answer.headers.get("location") == "/sign-up/sent", answer.text
    assert browser.post(link(house, "accounts/verify")).status_code == 303
    entered = send(browser, "/sign-in", {"email": EMAIL, "password": PASSWORD})
    assert entered.headers["location"] == "/me"
    return browser


def test_somebody_signs_up_and_every_page_of_theirs_is_true(other: House, name: str) -> None:
    """By the form, the message and the sign-in; then each page that links lead to."""
    browser = sign_up(other, name)
    result: dict[str, int] = {}
    ahead = [
        "/me",
        "/me/services",
        "/me/balance",
        "/me/payment",
        "/me/family",
        "/me/messages",
        "/me/privacy/choices",
    ]
    while ahead:
        path = ahead.pop()
        if path in result or path.startswith(NOT_SEEN):
            continue
        answer = browser.get(path)
        result[path] = answer.status_code
        true_of(other, answer)
        ahead += HREF.findall(answer.text)
    assert {path for path, status in result.items() if status not in (200, 303, 403)} == set()
    assert result["/me"] == result["/me/privacy"] == 200


def test_what_everybody_sees_is_true_too(other: House) -> None:
    """Signing up, signing in, asking for a password or a guardian, before anybody is known."""
    browser = other.browser()
    for path in (
        "/",
        "/sign-up",
        "/sign-in",
        "/recover",
        "/sign-up/guardian",
        "/sign-up/continue",
        "/terms",
        "/sign-up/sent",
        "/staff/sign-in",
        "/agent/sign-in",
    ):
        answer = browser.get(path)
        assert answer.status_code in (200, 303), path
        true_of(other, answer)


@pytest.mark.parametrize(
    ("name", "born", "says"),
    [
        ("club", "1990-05-06", "from the age of 40 on"),
        ("club", "2016-05-06", "from the age of 40 on"),
        ("paper", "2022-05-06", "from the age of 8 on"),
        ("paper", "1920-05-06", "It depends on your age"),
    ],
)
def test_a_refusal_is_worded_from_the_clauses(other: House, born: str, says: str) -> None:
    """Nobody is too young where the policy says otherwise, and the clause itself is quoted."""
    browser = other.browser()
    answer = browser.post("/sign-up", data={"birth-date": born})
    assert answer.status_code == 403
    true_of(other, answer)
    assert says in answer.text
    assert ("too young" in answer.text) == ("from the age" in says)
    (clause,) = admission(other.policy).refusing_clauses
    assert f'href="/privacy#{clause}"' in answer.text
    assert "24 hours" in browser.get("/sign-up").text  # it hung on age: no other date at once


def test_a_guardian_is_asked_where_a_policy_has_them_and_nowhere_else(
    other: House, name: str
) -> None:
    """Eleven years old: a reader of the paper, too young for the club; the shop does not ask."""
    browser = other.browser()
    answer = browser.post("/sign-up", data={"birth-date": "2015-01-02"})
    assert answer.status_code == {"paper": 303, "club": 403, "shop": 200}[name]
    page = browser.get("/sign-up/guardian")
    assert page.status_code == (200 if name == "paper" else 303)


def test_where_no_age_matters_none_is_asked_and_no_browser_is_marked(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """The form comes at once, without a birth date; a mark from before holds nobody back."""
    club, shop = open_house(policy("club")), open_house(policy("shop"))
    refused = club.browser()
    refused.post("/sign-up", data={"birth-date": "1990-05-06"})
    browser = shop.browser()
    browser.cookies = refused.cookies
    answer = browser.get("/sign-up")
    assert answer.status_code == 200
    assert 'name="email"' in answer.text
    assert "birth-date" not in answer.text


def test_what_the_program_writes_itself_stands_on_no_form(name: str) -> None:
    """Though the shop may collect everything, nobody types a balance, a message or a card."""
    form = registration_form(policy(name), derived=frozenset({"zip"}))
    assert form.names & (WRITTEN_BY_PROGRAM.keys() - TYPED) == set()
    assert "zip" not in registration_form(policy("shop"), derived=frozenset({"zip"})).names
    assert form.works


def test_a_refusal_that_hangs_on_no_age_marks_nobody(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """Nobody new is served: it is said at once, by what is missing, and no birth date is asked."""
    text = POLICIES["shop"].replace("may serve\n", "may serve when has-service\n")
    house = open_house(upheld.load_text(text))
    browser = house.browser()
    answer = browser.get("/sign-up")
    assert answer.status_code == 503
    assert "you have a service with us" in answer.text
    assert "birth" not in answer.text
    assert browser.cookies.get("upheld-not-yet") is None
    assert browser.post("/sign-up/form", data={"accept": "yes"}).status_code == 503


def test_what_may_not_be_asked_is_named(open_house: Callable[[upheld.Policy], House]) -> None:
    """A club that hangs on an age and may not ask for it says so, and asks for nothing."""
    text = POLICIES["club"].replace("email, birth-date, credentials", "email, credentials", 1)
    answer = open_house(upheld.load_text(text)).browser().get("/sign-up")
    assert answer.status_code == 503
    assert "(birth date)" in answer.text
    assert "<form" not in answer.text.partition("<main")[2]


def test_start_says_what_the_policy_switches_off(sample: upheld.Policy) -> None:
    """A line each, with the clause that denies it; nothing for the sample, which does all."""
    assert told_off(sample) == ""
    off = {(each.practice, each.what) for each in find_switched_off(policy("club"), needs_of())}
    assert ("billing", "ordering services") in off
    assert ("guardians", "asking a parent or guardian") in off
    assert ("accounts", "signing up") not in off
    value = told_off(
        upheld.load_text(
            POLICIES["club"] + "\nNo bills. {#free}\n\n```rule\nmay not use for billing\n```\n"
        )
    )
    assert "switched off by the policy: billing: making invoices: denied by #free\n" in value
    nobody = upheld.load_text(POLICIES["shop"].replace("may serve\n", "may not serve\n"))
    assert "accounts: signing up: nobody who is new here may be served\n" in told_off(nobody)
