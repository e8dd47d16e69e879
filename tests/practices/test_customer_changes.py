"""What changed in the policy is shown to a customer once, before they go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from gate.versions import IMPROVING, NARROWER, WIDER, post, version
from practices.bills import overdue
from practices.conftest import PASSWORD, TOKEN, House, send
from upheld.core.ids import PersonId
from upheld.practice.events import PAYMENT_RECEIVED
from upheld.practices.rights import closure
from upheld.practices.versions import customer_looks

CHANGES = "/me/changes"
USES = ("/me", "/me/services", "/me/services/order?plan=phone", "/me/usage", "/me/household")
FREE = (
    "/me/balance",
    "/me/payment",
    "/me/privacy",
    "/me/privacy/choices",
    "/me/privacy/requests",
    "/me/privacy/policy",
    "/me/close",
    "/me/help",
    "/me/messages",
    "/me/security",
    "/me/acceptance",
    "/privacy",
)
SENTENCE = "use your interests for improving services"


def _widen(house: House, name: str = "two", *changes: tuple[str, str]) -> None:
    post(house.provider.gate.gate, version(name, *(changes or (WIDER,))))


def _first_uses(house: House, person: PersonId) -> list[str]:
    records, _ = house.do(lambda transaction: transaction.records_of([person], ["first-use"]))
    return [each.how for each in records]


def _go_on(browser: TestClient, page: str = CHANGES) -> str:
    """Press the button of the page; where it leads."""
    shown = browser.get(page).text
    token, number = TOKEN.search(shown), shown.split('name="number" value="')[1].split('"')[0]
    assert token
    answer = browser.post(page, data={"_token": token[1], "number": number})
    assert answer.status_code == 303
    return answer.headers["location"]


def test_the_changes_stand_between_signing_in_and_the_account_once(house: House) -> None:
    """They say in words what differs; going on is the first use, and they are not shown again."""
    person = house.customer()
    _widen(house)
    browser = house.browser()
    answer = browser.post("/sign-in", data={"email": "ann@marked.example", "password": PASSWORD})
    assert answer.headers["location"] == "/me"
    first = browser.get("/me")
    assert first.status_code == 303
    assert first.headers["location"].startswith(CHANGES)
    page = browser.get(first.headers["location"]).text
    assert SENTENCE in page
    assert "<ins>" in page
    assert 'href="/me/close"' in page
    assert 'href="/me/close"' in browser.get("/me/versions").text
    assert _first_uses(house, person) == []
    assert _go_on(browser) == "/me"
    assert _first_uses(house, person) == ["changes"]
    assert browser.get("/me").status_code == 200
    assert house.signed_in(person).get("/me").status_code == 200
    assert browser.get(CHANGES).headers["location"] == "/me"


def test_only_pages_of_services_wait_for_it(house: House) -> None:
    """Nobody is kept from paying, closing the account, a right, help or signing out."""
    person = house.customer()
    overdue(house, person)
    _widen(house)
    browser = house.signed_in(person)
    for path in USES:
        answer = browser.get(path)
        assert answer.headers.get("location", "").startswith(CHANGES), path
        assert browser.head(path).headers.get("location", "").startswith(CHANGES), path
    for path in FREE:
        answer = browser.get(path)
        assert answer.status_code in {200, 303}, path
        assert not answer.headers.get("location", "").startswith(CHANGES), path
    assert send(browser, "/sign-out", {}, "/me/privacy").status_code == 303
    assert _first_uses(house, person) == []


def test_going_on_leads_to_the_page_that_was_wanted(house: House) -> None:
    """With its query; and never to a page that is not ours."""
    browser = house.signed_in(house.customer())
    _widen(house)
    there = browser.get("/me/services/order?plan=phone").headers["location"]
    assert _go_on(browser, there) == "/me/services/order?plan=phone"
    _widen(house, "three", NARROWER)
    for foreign in ("https://other.example/", "//other.example", CHANGES, "/staff"):
        assert _go_on(browser, f"{CHANGES}?destination={foreign}") == "/me"
        _widen(house, f"after {len(foreign)}", (IMPROVING, f"{IMPROVING}, offers"))


def test_what_is_posted_while_somebody_reads_is_shown_too(house: House) -> None:
    """The form says which version it is about; going on from an older one is no use of a newer."""
    person = house.customer()
    _widen(house)
    browser = house.signed_in(person)
    token = TOKEN.search(browser.get(CHANGES).text)
    assert token
    _widen(house, "three", NARROWER)
    for number in ("2", "1", "0", "-1", "x", "99", "3 "):
        answer = browser.post(CHANGES, data={"_token": token[1], "number": number})
        assert answer.headers["location"] == CHANGES, number
    assert _first_uses(house, person) == []
    page = browser.get(CHANGES).text
    assert "2 versions were posted" in page
    assert "messages between you and us" in page
    _go_on(browser)
    assert _first_uses(house, person) == ["changes"]


def test_twenty_windows_at_once_are_one_use(house: House) -> None:
    """Each leads on, and one record is kept."""
    person = house.customer()
    _widen(house)

    def go_on(_: int) -> bool:
        return house.do(lambda transaction: customer_looks.note_look(transaction, person, 2))

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(go_on, range(20)))
    assert _first_uses(house, person) == ["changes"]


def test_a_payment_is_a_use_but_shows_nothing(house: House) -> None:
    """Whoever paid before they looked is shown the changes all the same, and has one record."""
    person = house.customer()
    _widen(house)
    house.do(
        lambda transaction: house.provider.events.announce(transaction, PAYMENT_RECEIVED, person)
    )
    assert _first_uses(house, person) == ["payment"]
    browser = house.signed_in(person)
    assert browser.get("/me").headers["location"].startswith(CHANGES)
    _go_on(browser)
    assert _first_uses(house, person) == ["payment"]
    assert browser.get("/me").status_code == 200


def test_whoever_is_new_or_has_left_is_shown_nothing(house: House) -> None:
    """The first came to the version in force, the other uses nothing any more."""
    left = house.customer()
    house.do(lambda transaction: closure.close(transaction, house.provider.events, left))
    _widen(house)
    new = house.customer("new@marked.example")
    for person in (left, new):
        browser = house.signed_in(person)
        assert browser.get("/me").status_code == 200
        assert browser.get(CHANGES).headers["location"] == "/me"


@pytest.mark.parametrize("headers", [{"origin": "https://other.example"}, {}])
def test_nobody_else_goes_on_for_a_customer(house: House, headers: dict[str, str]) -> None:
    """Neither a foreign page nor a form without its token, nor a HEAD request."""
    person = house.customer()
    _widen(house)
    browser = house.signed_in(person)
    browser.headers.pop("sec-fetch-site")
    assert browser.post(CHANGES, data={"number": "2"}, headers=headers).status_code == 403
    browser.head(CHANGES)
    assert _first_uses(house, person) == []
