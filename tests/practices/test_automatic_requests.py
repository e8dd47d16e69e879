"""Requests without a task at the desk: what the program does about them, when, and what bars it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from practices.bills import owing
from practices.conftest import House, send
from practices.without import without
from upheld.core.ids import PersonId
from upheld.practices.rights import erasure, requests

LIST = "/staff/requests"


def desk(house: House, role: str = "privacy") -> TestClient:
    """Somebody of our staff with a role, signed in."""
    return house.signed_in(house.staff(role, sign_in=role), "staff")


def the_request(house: House, person: PersonId) -> requests.RightsRequest:
    """The only request of a person."""
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    return request


def asks_to_be_erased(house: House, *, owes: bool = False) -> tuple[PersonId, str]:
    """A customer who asks to be erased: their id, and the address of the request at the desk."""
    person = house.customer(occupation="baker")
    if owes:
        house.do(lambda transaction: owing(transaction, person))
    house.do(lambda transaction: erasure.request(transaction, person))
    return person, f"{LIST}/{the_request(house, person).request_id}"


def test_an_erasure_says_when_it_is_carried_out_and_what_is_due(house: House) -> None:
    """The list leads to it; it says what was asked, the days, and nothing of whose it is."""
    _, path = asks_to_be_erased(house)
    staff = desk(house)
    assert path in staff.get(LIST).text
    answer = staff.get(path)
    assert answer.headers["cache-control"] == "no-store"
    page = answer.text
    assert "<h1>Erase what we hold</h1>" in page
    assert re.search(r"Asked on .+, <span>due on ", page)
    assert "The customer can take it back. If they do not, we erase it automatically from" in page
    assert "Nothing: our policy lets us answer it." in page
    assert "Nothing: no clause keeps any of it." in page
    assert "/privacy#erasure" in page
    assert not re.search(r"\bAnn\b|\bbaker\b|marked\.example", page)
    assert "<form" not in page.partition("<main")[2].partition("</main")[0]


def test_an_erasure_that_can_be_carried_out_says_since_when(house: House) -> None:
    """Once its days are over the next run of the job does it; late ones are marked."""
    _, path = asks_to_be_erased(house)
    house.clock.moved = timedelta(days=4)
    staff = house.signed_in(house.staff("manager", sign_in="may"), "staff")
    assert "It can be carried out since" in staff.get(path).text
    house.clock.moved = timedelta(days=31)
    staff = house.signed_in(house.staff("accounts", sign_in="ada"), "staff")
    assert '<span class="late">was due on' in staff.get(path).text


def test_what_stays_of_an_erasure_is_named_by_clause_alone(house: House) -> None:
    """Of whoever owes, the clause that keeps it stands there, and no reason and no amount."""
    person, path = asks_to_be_erased(house, owes=True)
    staff = desk(house)
    page = staff.get(path).text
    assert "Some of what we hold is kept, by these clauses." in page
    assert "/privacy#erasure" in page.partition("What stays even so")[2]
    assert "What we promise" not in page  # the same clause, quoted once
    assert "not settled yet" not in page
    assert "45.90" not in page
    house.clock.moved = timedelta(days=4)
    (job,) = [each for each in house.provider.jobs if each.name == "erasures"]
    assert job.run(house.provider.gate.gate) == 1
    assert the_request(house, person).state == requests.FULFILLED
    staff = house.signed_in(house.staff("privacy", sign_in="pat"), "staff")
    assert "This request is answered since" in staff.get(path).text
    assert path not in staff.get(LIST).text


def test_an_erasure_that_was_taken_back_says_who_did(house: House) -> None:
    """It is no longer in the list, and its own page says that the customer took it back."""
    person, path = asks_to_be_erased(house)
    request = the_request(house, person)
    house.do(lambda transaction: requests.revoke(transaction, request))
    staff = desk(house)
    assert path not in staff.get(LIST).text
    assert "This request is taken back by the customer since" in staff.get(path).text


def test_a_copy_that_the_policy_does_not_let_us_give_waits_and_says_so(
    open_house: Callable[..., House],
) -> None:
    """Without the clause that shares a copy, the request is seen to wait, and on what."""
    house = open_house(without("own-view"))
    person = house.customer()
    answer = send(house.signed_in(person), "/me/privacy/export", {})
    assert answer.status_code == 403
    path = f"{LIST}/{the_request(house, person).request_id}"
    staff = desk(house)
    assert "We try again when the customer asks again." in staff.get(LIST).text
    page = staff.get(path).text
    assert "The customer makes the copy themselves, under My privacy" in page
    assert "No clause of our policy allows it now." in page
    assert "/privacy#access" in page


@pytest.mark.parametrize("role", ["support", "billing"])
def test_whoever_may_not_see_the_list_sees_no_request(house: House, role: str) -> None:
    """For other roles, for customers and for nobody in particular it is not there."""
    person, path = asks_to_be_erased(house)
    staff = desk(house, role)
    assert [staff.get(path).status_code, staff.head(path).status_code] == [404, 404]
    for browser in (house.browser(), house.signed_in(person)):
        assert browser.get(path, follow_redirects=False).headers["location"].startswith("/staff/")
    worker = desk(house)
    for what in ("change", "write", "refuse", "uphold"):
        assert send(worker, f"{path}/{what}", {"text": "x"}, LIST).status_code == 404
    assert the_request(house, person).state == requests.IN_PROGRESS
